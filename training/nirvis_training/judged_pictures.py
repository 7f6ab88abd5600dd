"""The pictures that a judgement looks at, one at a time and in their order: with a partner, or without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nirvis_capture.profile import parse_profile
from nirvis_datasets.entry import Entry
from nirvis_datasets.samples import open_pictures, picture_name
from nirvis_datasets.selection import Selection, checked, checked_frames, select, window_starts
from nirvis_datasets.split import Subset
from nirvis_datasets.transforms import Counts, Cut, in_unit_range, to_planes
from nirvis_training.material import fixed_indices


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One picture, RGB in [0, 1]."""

    name: str
    entry: Entry
    row: int
    rig: str
    source: Tensor
    """``(1, 3, H, W)``."""
    target: Tensor | None
    """As `source`; None without a partner."""
    valid: Tensor
    """``(1, 1, H, W)``, 1 where the target was seen, everywhere without one."""
    scored: bool
    """False where it only serves as the neighbour of another."""
    follows: bool
    """Whether it was exposed right after the picture before it in this order."""


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    """One file of the set."""

    entry: Entry
    rig: str
    rate_hz: float
    """Pictures per second where they follow each other."""
    follows: NDArray[np.bool_]
    """Of each picture: whether it is the next exposure after the one before it."""


@dataclass(frozen=True, slots=True)
class _Place:
    row: int
    scored: bool
    follows: bool


class JudgedPictures:
    """The sources of one set of a catalogued folder, recording by recording.

    per_clip
        Only so many of each file, evenly spaced, each with a neighbour in time; all when None.

    Raises `DatasetError` when the folder has none.
    """

    def __init__(self, folder: Path, subset: Subset, per_clip: int | None = None) -> None:
        self.folder = folder
        self.subset = subset
        self._files = open_pictures(folder, "rgb")
        entries = select(folder, subset, "source").entries
        self._recordings = [_described(folder, entry) for entry in entries]
        self._places = [_places(recording.follows, per_clip) for recording in self._recordings]

    def __len__(self) -> int:
        return sum(map(len, self._places))

    def __iter__(self) -> Iterator[Judged]:
        for recording, places in zip(self._recordings, self._places, strict=True):
            for place in places:
                yield self._read(recording, place)

    def again(self, entry: Entry, row: int) -> Judged:
        """One picture of the set, read once more."""
        (recording,) = (one for one in self._recordings if one.entry == entry)
        return self._read(recording, _Place(row, scored=True, follows=False))

    def openings(self, seconds: float) -> Iterator[tuple[Entry, float, Iterator[Judged]]]:
        """Of each recording: pictures per second, and those that follow each other from its first one on."""
        for recording in self._recordings:
            unbroken = takewhile(lambda row: recording.follows[row] or row == 0, range(len(recording.follows)))  # noqa: B023
            rows = list(unbroken)[: max(1, round(seconds * recording.rate_hz))]
            places = (_Place(row, scored=True, follows=row > 0) for row in rows)
            yield recording.entry, recording.rate_hz, (self._read(recording, place) for place in places)

    def _read(self, recording: _Recording, place: _Place) -> Judged:
        entry, rig = recording.entry, recording.rig
        pictures = self._files.open(entry)
        cut = Cut(0, 0, *pictures.size)
        paired = entry.kind == "pairs"
        return Judged(
            name=picture_name(entry, place.row),
            entry=entry,
            row=place.row,
            rig=rig,
            source=_tensor(pictures.source(place.row, cut), cut),
            target=_tensor(pictures.target(place.row, cut), cut) if paired else None,
            valid=_tensor(pictures.valid(cut)[..., None], cut),
            scored=place.scored,
            follows=place.follows,
        )


class ReferencePictures:
    """Visible pictures of one set, for distances between collections. Raises `DatasetError` when there are none."""

    def __init__(self, folder: Path, subset: Subset, per_clip: int | None = None) -> None:
        self._files = open_pictures(folder, "rgb")
        self._chosen = _spread(select(folder, subset, "target"), per_clip)
        entries = dict.fromkeys(entry for entry, _ in self._chosen)
        self._rigs = {entry.path: _described(folder, entry).rig for entry in entries}

    def __len__(self) -> int:
        return len(self._chosen)

    def __iter__(self) -> Iterator[tuple[Entry, str, Tensor]]:
        """Where each picture is from, its rig, and itself: RGB in [0, 1], ``(1, 3, H, W)``."""
        for entry, row in self._chosen:
            pictures = self._files.open(entry)
            cut = Cut(0, 0, *pictures.size)
            yield entry, self._rigs[entry.path], _tensor(pictures.target(row, cut), cut)


def _tensor(counts: Counts, cut: Cut) -> Tensor:
    return in_unit_range(to_planes(counts, cut))[None]


def _described(folder: Path, entry: Entry) -> _Recording:
    if entry.kind == "frames":
        with checked_frames(folder, entry) as frames:
            profile, index, every = parse_profile(frames.header.profile_text), frames.frame_index, None
    else:
        with checked(folder, entry) as pairs:
            profile, index, every = pairs.profile, pairs.table["trigger_index"], pairs.every
    follows = np.zeros(len(index), bool)
    follows[window_starts(index, ~follows, 2, every=every) + 1] = True
    steps = np.diff(index)
    step = every or min(steps[steps > 0], default=1)
    return _Recording(entry, profile.rig, profile.trigger.rate_hz / int(step), follows)


def _places(follows: NDArray[np.bool_], per_clip: int | None) -> list[_Place]:
    """Which pictures of a recording are looked at."""
    count = len(follows)
    scored = set(fixed_indices(count, per_clip or count))
    neighbours = {row + 1 if row + 1 < count and follows[row + 1] else row - int(follows[row]) for row in scored}
    rows = sorted(scored | neighbours)
    before = dict(zip(rows[1:], rows, strict=False))
    return [_Place(row, row in scored, before.get(row) == row - 1 and bool(follows[row])) for row in rows]


def _spread(selection: Selection, per_clip: int | None) -> list[tuple[Entry, int]]:
    """Up to so many places of each file."""
    places: dict[str, list[tuple[Entry, int]]] = {}
    for index in range(len(selection)):
        entry, row = selection.locate(index)
        places.setdefault(entry.path, []).append((entry, row))
    return [of[i] for of in places.values() for i in fixed_indices(len(of), per_clip or len(of))]
