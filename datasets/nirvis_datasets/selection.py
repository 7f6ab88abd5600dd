"""Which pairs a dataset consists of: those of one set, as good as was asked for, counted through all files."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.profile import Mode
from nirvis_capture.wording import counted
from nirvis_datasets.catalogue import CATALOGUE_NAME, Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.frame_file import FramesFile, Side
from nirvis_datasets.split import SPLITS_NAME, Split, Subset
from nirvis_registration.pair_file import PairsFile

_File = TypeVar("_File", PairsFile, FramesFile)


@dataclass(frozen=True, slots=True)
class Limits:
    """How good a pair has to be, by the figures that registration wrote; None asks for nothing.

    A pair whose figure could not be measured does not keep a limit on it.
    """

    max_residual_px: float | None = None
    """Misregistration that is left, in pixels of the pair."""
    max_saturation: float | None = None
    """Share of saturated pixels, of the arm that has more of them."""
    min_sharpness: float | None = None
    """Of the less sharp picture."""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def __str__(self) -> str:
        asked = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name} = {value:g}" for name, value in asked if value is not None)

    def kept(self, table: NDArray[np.void]) -> NDArray[np.bool_]:
        """Which rows of the table of a pairs file keep all limits."""
        kept = np.ones(len(table), bool)
        if self.max_residual_px is not None:
            kept &= table["residual_px"] <= self.max_residual_px
        if self.max_saturation is not None:
            kept &= table["saturation"] <= self.max_saturation
        if self.min_sharpness is not None:
            kept &= table["sharpness"] >= self.min_sharpness
        return kept


class Selection:
    """Places in pairs files, numbered from 0 through all files.

    rows
        Of every entry, the indices of the pairs that are used.
    """

    def __init__(self, folder: Path, entries: tuple[Entry, ...], rows: list[NDArray[np.intp]]) -> None:
        self.folder = folder
        self.entries = entries
        self._rows = rows
        self._ends = list(accumulate(len(of_file) for of_file in rows))

    def __len__(self) -> int:
        return self._ends[-1]

    def locate(self, index: int) -> tuple[Entry, int]:
        """File and row of a place. Raises `IndexError`."""
        if not 0 <= index < len(self):
            raise IndexError(f"pair {index} of {len(self)}")
        file = bisect_right(self._ends, index)
        begin = self._ends[file - 1] if file else 0
        return self.entries[file], int(self._rows[file][index - begin])

    def elsewhere(self, recording_id: str, random: np.random.Generator) -> int:
        """A place drawn from all other recordings, or from this one where there is no other."""
        ends = np.cumsum(np.where(self._recordings != recording_id, self._counts, 0))
        if not ends[-1]:
            return int(random.integers(len(self)))
        drawn = int(random.integers(ends[-1]))
        file = int(np.searchsorted(ends, drawn, "right"))
        return self._ends[file] - int(ends[file]) + drawn

    @cached_property
    def _recordings(self) -> NDArray[np.str_]:
        return np.array([entry.recording_id for entry in self.entries])

    @cached_property
    def _counts(self) -> NDArray[np.intp]:
        return np.array([len(of_file) for of_file in self._rows])


def select(
    folder: Path,
    subset: Subset,
    side: Side | None = None,
    window: int = 1,
    stride: int = 1,
    limits: Limits | None = None,
    mode: Mode | None = None,
) -> Selection:
    """The pairs of a set, or the pictures of one side of it, that keep the limits; the first ones of windows.

    Pictures without a partner have no figures, and keep all limits. Files are opened only for windows and limits.
    Raises `DatasetError` when nothing is left.
    """
    limits = limits or Limits()
    entries = _entries(folder, subset, mode, side)
    rows = [
        _starts(folder, entry, window, stride, limits)
        if window > 1 or limits
        else np.arange(entry.pairs or entry.frames or 0)
        for entry in entries
    ]
    selection = Selection(folder, entries, rows)
    if len(selection):
        return selection
    keeps = f" that keep {limits}" if limits else ""
    if window > 1:
        raise DatasetError(
            f"No recording of set {subset} in {folder} has a run of {window} {side or 'pair'}s, {stride} apart,{keeps} "
            "without a gap. Ask for fewer, or record for longer."
        )
    raise DatasetError(f"No {side or 'pair'} of set {subset} in {folder} keeps {limits}. Allow more.")


def checked(folder: Path, entry: Entry) -> PairsFile:
    """Open a pairs file. Raises `DatasetError` when it is no longer the one that was catalogued."""
    return _unchanged(PairsFile.open(_found(folder, entry)), entry.pairs, "pairs")


def checked_frames(folder: Path, entry: Entry) -> FramesFile:
    """Open a file of frames. Raises like `checked`."""
    return _unchanged(FramesFile.open(_found(folder, entry)), entry.frames or 0, "frames")


def _found(folder: Path, entry: Entry) -> Path:
    path = folder / entry.path
    if not path.is_file():
        raise DatasetError(f"{path} is gone since the folder was catalogued. Bring the catalogue up to date.")
    return path


def _unchanged(file: _File, expected: int, things: str) -> _File:
    if len(file) != expected:
        file.close()
        raise DatasetError(
            f"{file.path} has {len(file)} {things}, the catalogue says {expected}: it changed since. Catalogue it anew."
        )
    return file


def _starts(folder: Path, entry: Entry, window: int, stride: int, limits: Limits) -> NDArray[np.intp]:
    if entry.kind == "frames":
        with checked_frames(folder, entry) as frames:
            return window_starts(frames.frame_index, np.ones(len(frames), bool), window, stride)
    with checked(folder, entry) as pairs:
        return window_starts(pairs.table["trigger_index"], limits.kept(pairs.table), window, stride, pairs.every)


def window_starts(
    index: NDArray[np.int64], kept: NDArray[np.bool_], window: int, stride: int = 1, every: int | None = None
) -> NDArray[np.intp]:
    """First rows of all windows without a gap.

    index
        Number of the exposure of each row, ``(N,)``. Single pictures all have the same, and follow nothing.
    kept
        Rows that a window may show, ``(N,)``.
    every
        What consecutive rows are apart; None takes the least that there is, as in sets thinned out by their authors.
    """
    count = len(index) - (window - 1) * stride
    if count <= 0:
        return np.empty(0, np.intp)
    gaps_before = np.concatenate([[0], np.cumsum(~follows(index, every))])
    starts = np.arange(count)
    good = gaps_before[starts] == gaps_before[starts + (window - 1) * stride]
    for offset in range(0, window * stride, stride):
        good &= kept[starts + offset]
    return np.flatnonzero(good)


def follows(index: NDArray[np.int64], every: int | None = None) -> NDArray[np.bool_]:
    """Whether each row but the first is the next exposure after the one before, ``(N - 1,)``; as in `window_starts`."""
    steps = np.diff(index)
    step = every or steps.min(initial=np.iinfo(np.int64).max, where=steps > 0)
    follow: NDArray[np.bool_] = (steps > 0) & (steps == step)
    return follow


def _entries(folder: Path, subset: Subset, mode: Mode | None = None, side: Side | None = None) -> tuple[Entry, ...]:
    """The pairs files of a set, and the files of frames of one side where one is given."""
    catalogue = Catalogue.read(folder / CATALOGUE_NAME)
    sets = Split.read(folder / SPLITS_NAME).sets
    frames = (e for e in catalogue.frames if side is not None and e.side == side)
    entries = tuple(e for e in (*catalogue.pairs, *frames) if sets.get(e.recording_id) == subset)
    entries = tuple(e for e in entries if e.pairs or e.frames)
    entries = tuple(e for e in entries if mode in (None, e.mode))
    if not entries:
        counts = ", ".join(f"{name} {list(sets.values()).count(name)}" for name in sorted(set(sets.values())))
        others = f" and {counted(len(catalogue.frames), 'file')} of frames" if catalogue.frames else ""
        raise DatasetError(
            f"{folder} has no {mode + ' ' if mode else ''}{side or 'pair'}s of set {subset}: the catalogue lists "
            f"{counted(len(catalogue.pairs), 'pairs file')}{others}, the split has recordings in {counts or 'no set'}. "
            f"Record more places, or split anew: nirvis split {folder}"
        )
    return entries
