"""Pictures that look alike in two sets: the proof that a split has no leakage, whatever names and places say.

All pictures that were looked at are compared with all of the other sets, block by block, so that memory does not grow
with the dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.perceptual import ALIKE_BITS, BITS, Progress, SideHashes, hash_files
from nirvis_datasets.split import Split

_BLOCK = 2048
"""Pictures of either side that are compared at once: 16 MB of products."""


@dataclass(frozen=True)
class Leak:
    """Two recordings in different sets that show the same picture."""

    first: str
    first_set: str
    first_picture: str
    """Where it lies: file, and number in it."""
    second: str
    second_set: str
    second_picture: str
    bits: int

    def __str__(self) -> str:
        return (
            f"recording {self.first} ({self.first_set}) and recording {self.second} ({self.second_set}) show the same "
            f"picture ({self.bits} of {BITS} bits of its hash differ): {self.first_picture} and {self.second_picture}"
        )


@dataclass(frozen=True)
class Comparison:
    """What comparing every set with every other gave."""

    compared: int
    """Files whose pictures were looked at."""
    pictures: int
    """Pictures that were looked at, of both sides."""
    leaks: tuple[Leak, ...]
    """The closest pair of pictures of each two recordings."""
    unread: tuple[str, ...] = ()
    """Files that could not be looked at."""


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
        files = [(entry, hashed[entry.path][side]) for entry in entries if side in hashed.get(entry.path, {})]
        for leak in _Side(files, sets).leaks():
            key = (leak.first, leak.second)
            if key not in leaks or leak.bits < leaks[key].bits:
                leaks[key] = leak
    pictures = sum(len(side.rows) for of_file in hashed.values() for side in of_file.values())
    return Comparison(len(hashed), pictures, tuple(leaks[key] for key in sorted(leaks)), tuple(unread))


class _Side:
    """All pictures of one side that were looked at, those of a set beside each other."""

    def __init__(self, files: Sequence[tuple[Entry, SideHashes]], sets: Mapping[str, str]) -> None:
        files = sorted(files, key=lambda file: sets[file[0].recording_id])
        self._entries = [entry for entry, _ in files]
        self._sets = sets
        self._hashes = np.concatenate([found.hashes for _, found in files] or [np.empty((0, BITS // 8), np.uint8)])
        self._rows = np.concatenate([found.rows for _, found in files] or [np.empty(0, np.int64)])
        self._file = np.repeat(np.arange(len(files)), [len(found.rows) for _, found in files])
        self._recording = _numbered([entry.recording_id for entry in self._entries])[self._file]
        self._set = _numbered([sets[entry.recording_id] for entry in self._entries])[self._file]

    def leaks(self) -> Iterator[Leak]:
        """The closest pictures of each two recordings of different sets."""
        closest: dict[tuple[int, int], tuple[int, int, int]] = {}
        for first, second in self._blocks():
            for bits, i, j in self._alike(first, second):
                key = (int(self._recording[i]), int(self._recording[j]))
                closest[key] = min(closest.get(key, (BITS, 0, 0)), (bits, i, j))
        for bits, *pictures in closest.values():
            one, other = sorted(pictures, key=lambda at: self._entries[self._file[at]].recording_id)
            yield Leak(*self._named(one), *self._named(other), bits)

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        """Every two blocks of pictures that have more than one set between them."""
        begins = range(0, len(self._hashes), _BLOCK)
        for begin in begins:
            first = slice(begin, begin + _BLOCK)
            for other in range(begin, len(self._hashes), _BLOCK):
                second = slice(other, other + _BLOCK)
                if self._set[first][0] != self._set[second][-1]:
                    yield first, second

    def _alike(self, first: slice, second: slice) -> Iterator[tuple[int, int, int]]:
        """(differing bits, picture, picture): of each two recordings in two blocks the closest."""
        # The product of signs is BITS - 2 × differing bits.
        products = _signs(self._hashes[first]) @ _signs(self._hashes[second]).T
        alike = (products >= BITS - 2 * ALIKE_BITS) & (self._set[first, None] != self._set[None, second])
        i, j = np.nonzero(alike)
        bits = (BITS - products[i, j].astype(np.int64)) // 2
        i, j = i + first.start, j + second.start
        by_closeness = np.argsort(bits, kind="stable")
        pairs = np.stack([self._recording[i], self._recording[j]], axis=1)[by_closeness]
        for at in by_closeness[np.unique(pairs, axis=0, return_index=True)[1]]:
            yield int(bits[at]), int(i[at]), int(j[at])

    def _named(self, at: int) -> tuple[str, str, str]:
        entry = self._entries[self._file[at]]
        return entry.recording_id, self._sets[entry.recording_id], f"{entry.path} picture {self._rows[at]}"


def _numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """Equal names, equal numbers."""
    return np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1].reshape(-1)


def _signs(hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """``(n, 32)`` bytes → ``(n, 256)`` of -1 and 1."""
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1
