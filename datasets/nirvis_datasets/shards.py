"""Pairs as WebDataset shards, for training that reads from many machines or from a store of objects.

A shard is a tar file of pairs in random order; a pair is four members of one key: ``KEY.source.npy`` and
``KEY.target.npy`` (RGB counts), ``KEY.valid.npy`` (u8) and ``KEY.json``. `ShardDataset` and the webdataset library read
it front to back. ``shards.json`` beside the shards counts their pairs, so that any step is known without reading, and
says what a trained model has to know of the rigs that saw them.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from nirvis_capture.profile import Mode
from nirvis_datasets.entry import Entry, refuse_equal_stems, sha256_of
from nirvis_datasets.errors import DatasetError, ExportRefused
from nirvis_datasets.pictures import OpenPictures
from nirvis_datasets.samples import open_pictures, picture_name
from nirvis_datasets.selection import Limits, Selection, checked, select
from nirvis_datasets.split import Subset
from nirvis_datasets.transforms import Cut
from nirvis_registration.geometry import SourceGeometry

INDEX_NAME = "shards.json"
_PAIRS, _SHARDS = 256, 16

Progress = Callable[[int, int], None]


class ShardRig(BaseModel):
    """What saw the pairs, and how a raw frame became a source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    """TOML text of the hardware profile."""
    geometry: SourceGeometry


class ShardIndex(BaseModel):
    """What ``shards.json`` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = "nirvis-shards"
    version: int = 1
    subset: Subset
    shards: dict[str, int]
    """Pairs of each shard, by its name."""
    sha256: dict[str, str] = {}
    """Of the bytes of each shard."""
    rigs: dict[Mode, ShardRig] = {}
    """By mode, of the first recording of each."""

    @property
    def pairs(self) -> int:
        return sum(self.shards.values())


def write_shards(
    folder: Path,
    subset: Subset,
    out: Path,
    pairs_per_shard: int | None = None,
    seed: int = 0,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> ShardIndex:
    """Write the pairs of one set of a catalogued folder, shuffled, into the folder `out`; equal calls give equal bytes.

    pairs_per_shard
        By default 256, and fewer where that makes sixteen shards: every worker of every process reads its own.

    The index is written last, so that a folder with an index is whole. Raises `DatasetError`, `PairsFileError`; then no
    shard is left.
    """
    if (out / INDEX_NAME).exists():
        raise DatasetError(f"{out} holds shards already. Choose another folder, or delete it.")
    selection, files = select(folder, subset, limits=limits), open_pictures(folder, "rgb")
    refuse_equal_stems(selection.entries)
    order = np.random.default_rng(seed).permutation(len(selection)).tolist()
    index = ShardIndex(subset=subset, shards={}, sha256={}, rigs=_rigs(folder, selection.entries))
    try:
        out.mkdir(parents=True, exist_ok=True)
        at_once = pairs_per_shard or max(1, min(_PAIRS, len(selection) // _SHARDS))
        _write_tars(out, index, order, at_once, selection, files, progress)
        with _replacing(out / INDEX_NAME) as part:
            part.write_text(index.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except BaseException as error:
        for name in index.shards:
            (out / name).unlink()
        if isinstance(error, OSError):
            raise ExportRefused(f"{out} cannot be written: {error.strerror}. No shard was left there.") from None
        raise
    finally:
        files.close()
    return index


def _write_tars(
    out: Path,
    index: ShardIndex,
    order: list[int],
    pairs_per_shard: int,
    selection: Selection,
    files: OpenPictures,
    progress: Progress | None,
) -> None:
    """Write the shards, each into the index when it is whole."""
    for begin in range(0, len(order), pairs_per_shard):
        indices = order[begin : begin + pairs_per_shard]
        name = f"{index.subset}-{len(index.shards):06d}.tar"
        with _replacing(out / name) as part, tarfile.open(part, "w", format=tarfile.GNU_FORMAT) as tar:
            for done, at in enumerate(indices, start=begin + 1):
                _add_pair(tar, *selection.locate(at), files)
                if progress is not None:
                    progress(done, len(order))
        index.shards[name] = len(indices)
        index.sha256[name] = sha256_of(out / name)


def _rigs(folder: Path, entries: Iterable[Entry]) -> dict[Mode, ShardRig]:
    rigs: dict[Mode, ShardRig] = {}
    for entry in entries:
        if entry.mode not in rigs:
            with checked(folder, entry) as pairs:
                rigs[entry.mode] = ShardRig(profile=pairs.profile.text, geometry=pairs.geometry)
    return rigs


def _add_pair(tar: tarfile.TarFile, entry: Entry, row: int, files: OpenPictures) -> None:
    pictures = files.open(entry)
    whole = Cut(0, 0, *pictures.size)
    key = picture_name(entry, row)
    about = {"mode": entry.mode, "recording_id": entry.recording_id, "place": entry.place}
    for name, content in {
        "source.npy": _npy(pictures.source(row, whole)),
        "target.npy": _npy(pictures.target(row, whole)),
        "valid.npy": _npy(pictures.valid(whole).view(np.uint8)),
        "json": json.dumps(about).encode(),
    }.items():
        member = tarfile.TarInfo(f"{key}.{name}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))


def has_shards(url: str) -> bool:
    """Whether a folder, or whatever fsspec opens, holds shards. Raises `DatasetError` for a store that cannot be."""
    try:
        files, path = fsspec.core.url_to_fs(f"{url}/{INDEX_NAME}")
        return bool(files.exists(path))
    except (OSError, ImportError, ValueError) as error:
        raise DatasetError(f"{url} cannot be looked into: {' '.join(str(error).split())}.") from None


def read_index(url: str) -> ShardIndex:
    """What the folder says of its shards. Raises `DatasetError` where it holds none."""
    try:
        with fsspec.open(f"{url}/{INDEX_NAME}", "rb") as file:
            return ShardIndex.model_validate_json(file.read())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(
            f"{url} is no folder of shards ({reason}). Write them with: nirvis export-dataset --format shards"
        ) from None


def _npy(picture: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(picture), allow_pickle=False)
    return buffer.getvalue()


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Somewhere to write; it takes the name `path` after a clean end of the block."""
    part = path.with_name(path.name + ".part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
