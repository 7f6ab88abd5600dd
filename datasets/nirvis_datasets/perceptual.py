"""Pictures that look alike in two sets: the proof that a split has no leakage, whatever names and places say.

Each picture is hashed by the signs of its low frequencies against their median (pHash; Zauner 2010), 256 bits of the
luma at 64×64. Compression, brightness and small noise change a few bits, another scene about half of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from nirvis_datasets.split import Split
from nirvis_datasets.table import write_atomically
from nirvis_registration.pair_file import PairsFile

HASHES_NAME = ".perceptual.json"
"""Hashes by sha256 of the file, so that only new files are opened."""
BITS = 256
ALIKE_BITS = 26
"""Pictures with no more different bits are the same scene from the same place; unrelated ones differ in about 128."""
SAMPLES = 3
"""Pictures of each file that are compared: the first, the middle and the last."""
_SIDE = 16
_BLOCK = 4096
_FLAT_DN = 2.0
"""Deviation of the luma, of 255, below which a picture is black or blank and its hash noise."""

Progress = Callable[[int, int], None]
Hashes = dict[str, NDArray[np.uint8]]
"""Side → hashes ``(n, 32)``."""


@dataclass(frozen=True)
class Leak:
    """Two recordings in different sets that show the same picture."""

    first: str
    first_set: str
    second: str
    second_set: str
    bits: int

    def __str__(self) -> str:
        return (
            f"recording {self.first} ({self.first_set}) and recording {self.second} ({self.second_set}) show the same "
            f"picture ({self.bits} of {BITS} bits of its hash differ)"
        )


@dataclass(frozen=True)
class Comparison:
    """What comparing every set with every other gave."""

    compared: int
    """Files whose pictures were looked at."""
    leaks: tuple[Leak, ...]
    """The closest pair of pictures of each two recordings."""
    unread: tuple[str, ...] = ()
    """Files that could not be looked at."""


def perceptual_hash(picture: NDArray[Any]) -> NDArray[np.uint8] | None:
    """``(32,)`` bytes of a picture ``(H, W)`` or ``(H, W, 3)``, u8 or u16; None of one without any contrast."""
    luma = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() * 255 / np.iinfo(picture.dtype).max < _FLAT_DN:
        return None
    low = cv2.dct(small)[:_SIDE, :_SIDE].ravel()
    return np.packbits(low > np.median(low[1:]))


def find_leaks(catalogue: Catalogue, divided: Split, progress: Progress | None = None) -> Comparison:
    """Compare pictures of every set with those of the others, side by side; `progress` as in `find_alike`."""
    return find_alike(catalogue, divided.sets, progress)


def find_alike(catalogue: Catalogue, sets: Mapping[str, str], progress: Progress | None = None) -> Comparison:
    """Compare pictures of every group of recordings with those of the others, side by side.

    sets
        Recording → name of its group; what has none is left out.
    progress
        Called with (files looked at, files in all).
    """
    entries = [entry for entry in catalogue.entries if entry.recording_id in sets]
    if any(entry.kind != "clip" for entry in entries):
        entries = [entry for entry in entries if entry.kind != "clip"]
    hashed, unread = hash_files(catalogue, entries, progress)
    leaks: dict[tuple[str, str], Leak] = {}
    for side in ("source", "target"):
        rows = [(entry, hashed[entry.path][side]) for entry in entries if side in hashed.get(entry.path, {})]
        for leak in _leaks_of_side(rows, sets):
            key = (leak.first, leak.second)
            if key not in leaks or leak.bits < leaks[key].bits:
                leaks[key] = leak
    return Comparison(len(hashed), tuple(leaks[key] for key in sorted(leaks)), tuple(unread))


def hash_files(
    catalogue: Catalogue, entries: Sequence[Entry], progress: Progress | None = None
) -> tuple[dict[str, Hashes], list[str]]:
    """Hashes by path, and the paths that cannot be read; files that were hashed before are not opened."""
    known = _read_known(catalogue.folder)
    hashed: dict[str, Hashes] = {}
    unread: list[str] = []
    for done, entry in enumerate(entries, start=1):
        path = catalogue.path(entry)
        found = known.get(entry.sha256) or _hashed(path, entry)
        if found is None:
            unread.append(entry.path)
        else:
            hashed[entry.path] = known[entry.sha256] = found
        if progress is not None:
            progress(done, len(entries))
    kept = {entry.sha256 for entry in catalogue.entries}
    _write_known(catalogue.folder, {sha: hashes for sha, hashes in known.items() if sha in kept})
    return hashed, unread


def _hashed(path: Path, entry: Entry) -> Hashes | None:
    try:
        pictures = _pictures(path, entry)
    except (NirvisError, OSError):
        return None
    hashes = {side: [found for p in shown if (found := perceptual_hash(p)) is not None] for side, shown in pictures}
    return {side: np.stack(found) for side, found in hashes.items() if found}


def _pictures(path: Path, entry: Entry) -> list[tuple[str, list[NDArray[Any]]]]:
    """Some pictures of each side of a file."""
    if entry.kind == "frames":
        with FramesFile.open(path) as frames:
            return [(entry.side, [frames.frame(at) for at in _spread(len(frames))])]
    if entry.kind == "pairs":
        with PairsFile.open(path) as pairs:
            at = _spread(len(pairs))
            return [("source", [pairs.source(i) for i in at]), ("target", [pairs.target(i) for i in at])]
    with Clip.open(path) as clip:
        shown = [clip.pair(i) for i in _spread(len(clip))]
        return [("source", [nir for nir, _ in shown]), ("target", [vis for _, vis in shown])]


def _spread(n: int) -> list[int]:
    return sorted({round(at) for at in np.linspace(0, n - 1, SAMPLES)}) if n else []


def _leaks_of_side(rows: Sequence[tuple[Entry, NDArray[np.uint8]]], sets: Mapping[str, str]) -> Iterable[Leak]:
    if not rows:
        return
    owners = [entry.recording_id for entry, hashes in rows for _ in hashes]
    subset = np.array([sets[owner] for owner in owners])
    signs = np.unpackbits(np.concatenate([hashes for _, hashes in rows]), axis=1).astype(np.float32) * 2 - 1
    for begin in range(0, len(signs), _BLOCK):
        # The product of signs is BITS - 2 × differing bits: one matrix product compares a block with all that follow.
        bits = (BITS - signs[begin : begin + _BLOCK] @ signs[begin:].T) / 2
        alike = (bits <= ALIKE_BITS) & (subset[begin : begin + _BLOCK, None] != subset[None, begin:])
        for i, j in zip(*np.nonzero(alike), strict=True):
            first, second = sorted((begin + int(i), begin + int(j)), key=lambda at: owners[at])
            yield Leak(owners[first], subset[first], owners[second], subset[second], int(bits[i, j]))


def _read_known(folder: Path) -> dict[str, Hashes]:
    """Without readable hashes every file is looked at again, which is slow and right."""
    try:
        table = json.loads((folder / HASHES_NAME).read_text(encoding="utf-8"))
        return {
            sha: {side: np.array([list(bytes.fromhex(text)) for text in texts], np.uint8) for side, texts in of.items()}
            for sha, of in table.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_known(folder: Path, known: dict[str, Hashes]) -> None:
    table = {
        sha: {side: [row.tobytes().hex() for row in rows] for side, rows in of.items()} for sha, of in known.items()
    }
    write_atomically(folder / HASHES_NAME, json.dumps(table, indent=0, sort_keys=True) + "\n")
