"""What pictures look like, in 256 bits: perceptual hashes of a dataset's files, kept beside its catalogue.

Each picture is hashed by the signs of its low frequencies against their median (pHash; Zauner 2010), 256 bits of the
luma at 64×64. Compression, brightness and small noise change a few bits, another scene about half of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.clip import Clip
from nirvis_capture.errors import NirvisError
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.frame_file import FramesFile
from nirvis_datasets.selection import follows
from nirvis_datasets.table import write_atomically
from nirvis_registration.pair_file import PairsFile

HASHES_NAME = ".perceptual.json"
"""Hashes by sha256 of the file, so that only new files are opened."""
BITS = 256
ALIKE_BITS = 26
"""Pictures with no more different bits are the same scene from the same place; unrelated ones differ in about 128."""
STEP = 8
"""Of consecutive exposures one in so many is looked at, and those between wherever two of them are not alike."""
_SIDE = 16
_FLAT_DN = 2.0
"""Deviation of the luma, of 255, below which a picture is black or blank and its hash noise."""

Progress = Callable[[int, int], None]
Read = Callable[[int], NDArray[Any]]
"""The picture of a row."""


@dataclass(frozen=True, eq=False)
class SideHashes:
    """The pictures of one side of a file that were looked at, without those that have no contrast."""

    rows: NDArray[np.int64]
    """Their numbers in the file, ``(n,)``."""
    hashes: NDArray[np.uint8]
    """``(n, 32)``"""


Hashes = dict[str, SideHashes]
"""By side, ``source`` and ``target``."""


def perceptual_hash(picture: NDArray[Any]) -> NDArray[np.uint8] | None:
    """``(32,)`` bytes of a picture ``(H, W)`` or ``(H, W, 3)``, u8 or u16; None of one without any contrast."""
    luma = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() * 255 / np.iinfo(picture.dtype).max < _FLAT_DN:
        return None
    low = cv2.dct(small)[:_SIDE, :_SIDE].ravel()
    return np.packbits(low > np.median(low[1:]))


def differing_bits(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    """Of two hashes ``(32,)``."""
    return int(np.unpackbits(first ^ second).sum())


def hash_files(
    catalogue: Catalogue, entries: Sequence[Entry], progress: Progress | None = None
) -> tuple[dict[str, Hashes], list[str]]:
    """Hashes by path, and the paths that cannot be read; files that were hashed before are not opened."""
    known = _read_known(catalogue.folder)
    hashed: dict[str, Hashes] = {}
    unread: list[str] = []
    for done, entry in enumerate(entries, start=1):
        found = known.get(entry.sha256) or _hashed(catalogue.path(entry), entry)
        if found is None:
            unread.append(entry.path)
        else:
            hashed[entry.path] = known[entry.sha256] = found
        if progress is not None:
            progress(done, len(entries))
    kept = {entry.sha256 for entry in catalogue.entries}
    _write_known(catalogue.folder, {sha: hashes for sha, hashes in known.items() if sha in kept})
    return hashed, unread


def hash_side(read: Read, runs: Sequence[range]) -> SideHashes:
    """Look at one side of a file.

    Single pictures are all looked at. Of a video the first, the last and every `STEP`-th, and, where two of them are
    not alike, what lies between, halved until they are or nothing lies there: whatever is numbered like a video, and is
    none, is looked at picture by picture.

    runs
        Rows of consecutive exposures; a single picture is a run of one.
    """
    seen: dict[int, NDArray[np.uint8] | None] = {}

    def look(row: int) -> None:
        if row not in seen:
            seen[row] = perceptual_hash(read(row))

    for run in runs:
        wanted = [*run[:-1:STEP], run[-1]]
        for row in wanted:
            look(row)
        between = list(pairwise(wanted))
        while between:
            first, last = between.pop()
            middle = (first + last) // 2
            if middle > first and not _alike(seen[first], seen[last]):
                look(middle)
                between += [(first, middle), (middle, last)]
    rows = [row for row in sorted(seen) if seen[row] is not None]
    hashes = [found for row in rows if (found := seen[row]) is not None]
    return SideHashes(np.array(rows, np.int64), np.array(hashes, np.uint8).reshape(-1, BITS // 8))


def _alike(first: NDArray[np.uint8] | None, second: NDArray[np.uint8] | None) -> bool:
    if first is None or second is None:
        return first is second
    return differing_bits(first, second) <= ALIKE_BITS


def _hashed(path: Path, entry: Entry) -> Hashes | None:
    try:
        return _look_into(path, entry)
    except (NirvisError, OSError):
        return None


def _look_into(path: Path, entry: Entry) -> Hashes:
    if entry.kind == "frames":
        with FramesFile.open(path) as frames:
            return {entry.side: hash_side(frames.frame, _runs(frames.frame_index))}
    if entry.kind == "pairs":
        with PairsFile.open(path) as pairs:
            runs = _runs(pairs.table["trigger_index"], pairs.every)
            return {"source": hash_side(pairs.source, runs), "target": hash_side(pairs.target, runs)}
    with Clip.open(path) as clip:
        runs = [range(len(clip))] if len(clip) else []
        return {
            "source": hash_side(lambda row: clip.pair(row)[0], runs),
            "target": hash_side(lambda row: clip.pair(row)[1], runs),
        }


def _runs(index: NDArray[np.int64], every: int | None = None) -> list[range]:
    """Rows of consecutive exposures, by the number of the exposure of each row."""
    if not len(index):
        return []
    begins = [0, *(np.flatnonzero(~follows(index, every)) + 1).tolist(), len(index)]
    return [range(begin, end) for begin, end in pairwise(begins)]


def _read_known(folder: Path) -> dict[str, Hashes]:
    """Without readable hashes every file is looked at again, which is slow and right."""
    try:
        table = json.loads((folder / HASHES_NAME).read_text(encoding="utf-8"))
        return {sha: {side: _from_table(found) for side, found in of.items()} for sha, of in table.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def _from_table(found: Mapping[str, Any]) -> SideHashes:
    hashes = np.frombuffer(bytes.fromhex(found["hashes"]), np.uint8).reshape(len(found["rows"]), BITS // 8)
    return SideHashes(np.array(found["rows"], np.int64), hashes)


def _write_known(folder: Path, known: Mapping[str, Hashes]) -> None:
    table = {
        sha: {side: {"rows": found.rows.tolist(), "hashes": found.hashes.tobytes().hex()} for side, found in of.items()}
        for sha, of in known.items()
    }
    write_atomically(folder / HASHES_NAME, json.dumps(table, sort_keys=True) + "\n")
