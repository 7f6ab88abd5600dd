"""Pairs as WebDataset shards, for training that reads from many machines or from a store of objects.

A shard is a tar file of pairs in random order; a pair is four members of one key: ``KEY.source.npy`` and
``KEY.target.npy`` (RGB counts), ``KEY.valid.npy`` (u8) and ``KEY.json``. `ShardDataset` and the webdataset library read
it front to back. ``shards.json`` beside the shards counts their pairs, so that any step is known without reading.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from torch.utils.data import IterableDataset, get_worker_info

from nirvis_capture.wording import counted
from nirvis_datasets.augment import drawn_cut, drawn_jitter, shown_part
from nirvis_datasets.augmentation import AS_STORED, Augmentation
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError, ExportRefused
from nirvis_datasets.pictures import OpenPictures
from nirvis_datasets.samples import Sample, floats, open_pictures, picture_name
from nirvis_datasets.selection import Limits, Selection, select
from nirvis_datasets.split import Subset
from nirvis_datasets.transforms import Counts, Cut, to_planes

INDEX_NAME = "shards.json"
_BUFFER = 64

Progress = Callable[[int, int], None]


class ShardIndex(BaseModel):
    """What ``shards.json`` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = "nirvis-shards"
    version: int = 1
    subset: Subset
    shards: dict[str, int]
    """Pairs of each shard, by its name."""


def write_shards(
    folder: Path,
    subset: Subset,
    out: Path,
    pairs_per_shard: int = 256,
    seed: int = 0,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> ShardIndex:
    """Write the pairs of one set of a catalogued folder, shuffled, into the folder `out`; equal calls give equal bytes.

    The index is written last, so that a folder with an index is whole. Raises `DatasetError`, `PairsFileError`; then no
    shard is left.
    """
    if (out / INDEX_NAME).exists():
        raise DatasetError(f"{out} holds shards already. Choose another folder, or delete it.")
    selection, files = select(folder, subset, limits=limits), open_pictures(folder, "rgb")
    order = np.random.default_rng(seed).permutation(len(selection)).tolist()
    index = ShardIndex(subset=subset, shards={})
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_tars(out, index, order, pairs_per_shard, selection, files, progress)
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


def _add_pair(tar: tarfile.TarFile, entry: Entry, row: int, files: OpenPictures) -> None:
    pictures = files.open(entry)
    whole = Cut(0, 0, *pictures.size)
    key = picture_name(entry, row).replace(".", "-")
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


class ShardDataset(IterableDataset[Sample]):
    """Endless pairs from shards, each read front to back; for ``DataLoader(batch_size=batch_size, num_workers=...)``.

    Every worker of every rank reads its own shards, dealt anew in every pass, through a small buffer that shuffles. All
    of it is a function of (seed, rank, ranks, number of workers, step): a run that is resumed with the same numbers at
    `start_step` goes on exactly as if it had never stopped.

    url
        Folder of shards: a path, or whatever fsspec opens (``s3://…``).
    batch_size
        Of one rank; has to be that of the loader.

    Raises `DatasetError` when there are no shards, or fewer than workers.
    """

    def __init__(
        self,
        url: str | Path,
        batch_size: int,
        augmentation: Augmentation = AS_STORED,
        *,
        seed: int = 0,
        start_step: int = 0,
        rank: int = 0,
        ranks: int = 1,
        buffer: int = _BUFFER,
    ) -> None:
        self.url = str(url).rstrip("/")
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.seed = seed
        self.start_step = start_step
        self.rank = rank
        self.ranks = ranks
        self.buffer = buffer
        self.index = _read_index(self.url)

    def __iter__(self) -> Iterator[Sample]:
        info = get_worker_info()
        workers, worker = (info.num_workers, info.id) if info is not None else (1, 0)
        # The loader takes batches from worker 0, 1, …: the step decides whose place a worker takes.
        place = (worker + self.start_step) % workers
        skipped = (self.start_step + worker) // workers * self.batch_size
        stream, streams = self.rank * workers + place, self.ranks * workers
        if streams > len(self.index.shards):
            raise DatasetError(
                f"{self.url} has {counted(len(self.index.shards), 'shard')} for {streams} workers of all ranks. "
                "Use fewer workers, or write smaller shards."
            )
        passing = 0
        while True:
            shards = self._shards(passing)[stream::streams]
            count = sum(self.index.shards[name] for name in shards)
            random = np.random.default_rng([self.seed, passing, stream, 1])
            order = buffered_order(count, self.buffer, random)
            if skipped < count:
                yield from self._samples(shards, order, skipped, [self.seed, passing, stream])
            skipped = max(0, skipped - count)
            passing += 1

    def _shards(self, passing: int) -> list[str]:
        names = sorted(self.index.shards)
        return [names[i] for i in np.random.default_rng([self.seed, passing]).permutation(len(names))]

    def _samples(self, shards: list[str], order: list[int], skipped: int, seed: list[int]) -> Iterator[Sample]:
        """The samples of one pass of one stream, from the place `skipped` of its order on."""
        not_wanted = set(order[:skipped])
        reading = self._pairs(shards, not_wanted)
        waiting: dict[int, dict[str, bytes]] = {}
        for at in order[skipped:]:
            while at not in waiting:
                number, members = next(reading)
                waiting[number] = members
            yield self._sample(waiting.pop(at), np.random.default_rng([*seed, at, 2]))

    def _pairs(self, shards: list[str], not_wanted: set[int]) -> Iterator[tuple[int, dict[str, bytes]]]:
        """Number within the stream and members of every wanted pair, as they lie."""
        number = 0
        for name in shards:
            end = number + self.index.shards[name]
            yield from read_shard(f"{self.url}/{name}", range(number, end), not_wanted)
            number = end

    def _sample(self, members: dict[str, bytes], random: np.random.Generator) -> Sample:
        source, target, valid = (np.load(io.BytesIO(members[f"{n}.npy"])) for n in ("source", "target", "valid"))
        about = json.loads(members["json"])
        size = source.shape[:2]
        cut = self._cut(random, size)
        jitter = drawn_jitter(self.augmentation.jitter, random) if self.augmentation.jitter else None

        def part(picture: Counts) -> Counts:
            return shown_part(self.augmentation, lambda cut: cut.of(picture), size, cut)

        name = members["key"].decode()
        return floats(
            Sample(
                source=to_planes(jitter(part(source)) if jitter else part(source), cut),
                target=to_planes(part(target), cut),
                valid=to_planes(part(valid.astype(bool))[..., None], cut),
                name=name,
                target_name=name,
                mode=about["mode"],
                recording_id=about["recording_id"],
            )
        )

    def _cut(self, random: np.random.Generator, stored: tuple[int, int]) -> Cut:
        size, crop = self.augmentation.resize or stored, self.augmentation.crop
        if crop is not None and crop > min(size):
            raise DatasetError(f"A crop of {crop}×{crop} px does not fit into {size[1]}×{size[0]} px of {self.url}.")
        return drawn_cut(self.augmentation, random, size)


def buffered_order(count: int, buffer: int, random: np.random.Generator) -> list[int]:
    """The order in which a buffer that is refilled from 0 … count - 1 gives them out, drawn at random."""
    waiting: list[int] = []
    order = []
    for number in range(count + buffer):
        if number < count:
            waiting.append(number)
        if waiting and (len(waiting) >= buffer or number >= count):
            drawn = int(random.integers(len(waiting)))
            waiting[drawn], waiting[-1] = waiting[-1], waiting[drawn]
            order.append(waiting.pop())
    return order


def read_shard(url: str, numbers: range, not_wanted: set[int]) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Members of the pairs of one shard by their suffix, and ``key``; passes over those that are not wanted.

    Raises `DatasetError` when the shard is damaged.
    """
    remaining = iter(numbers)
    number, key, members = -1, "", dict[str, bytes]()
    try:
        with fsspec.open(url, "rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                found, suffix = member.name.split(".", 1)
                if found != key:
                    if members:
                        yield number, members
                    number, key, members = next(remaining), found, {}
                if number not in not_wanted:
                    content = tar.extractfile(member)
                    members |= {"key": key.encode(), suffix: content.read() if content else b""}
            if members:
                yield number, members
    except (tarfile.TarError, OSError, EOFError, ValueError, StopIteration) as error:
        raise DatasetError(f"{url} is no whole shard ({' '.join(str(error).split())}). Write it anew.") from None
    if next(remaining, None) is not None:
        raise DatasetError(f"{url} has fewer pairs than {INDEX_NAME} says. Write it anew.")


def _read_index(url: str) -> ShardIndex:
    try:
        with fsspec.open(f"{url}/{INDEX_NAME}", "rb") as file:
            return ShardIndex.model_validate_json(file.read())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"{url} is no folder of shards ({reason}). Write them with write_shards.") from None


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
