"""Divide recordings into train, val and test so that no place and no recording is in two of them."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from nirvis_capture.profile import Mode
from nirvis_datasets.balance import balance
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import SplitError
from nirvis_datasets.table import read_table, write_table

Subset = Literal["train", "val", "test"]
SUBSETS: tuple[Subset, ...] = get_args(Subset)
DEFAULT_FRACTIONS = (0.6, 0.2, 0.2)
SPLITS_NAME = "splits.csv"

_NEEDED: dict[int, tuple[Subset, ...]] = {1: ("train",), 2: ("train", "test")}
"""Which sets a mode with so few places fills; with three or more, every set that has a fraction."""


class SplitRow(BaseModel):
    """One recording, as written in one line of ``splits.csv``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recording_id: str
    place: str = ""
    mode: Mode
    set: Subset


@dataclass(frozen=True)
class Split:
    """Which set each recording is in, ordered by recording."""

    rows: tuple[SplitRow, ...]
    left_out: tuple[str, ...] = ()
    """Recordings that can be in no set: without a complete pair, or under LED light, where there is no target."""

    def __getitem__(self, recording_id: str) -> Subset:
        return self.sets[recording_id]

    @property
    def sets(self) -> dict[str, Subset]:
        return {row.recording_id: row.set for row in self.rows}

    def recordings(self, subset: Subset) -> list[str]:
        return [row.recording_id for row in self.rows if row.set == subset]

    @classmethod
    def read(cls, csv: Path) -> Split:
        """Read a table, also one edited by hand. Raises `TableError`, and `SplitError` when a place is in two sets."""
        return cls.checked(read_table(csv, SplitRow, command=f"nirvis split {csv.parent}"))

    @classmethod
    def checked(cls, rows: Iterable[SplitRow]) -> Split:
        """A split of rows that were not drawn here. Raises `SplitError` when a place is in two sets."""
        ordered = tuple(sorted(rows, key=lambda row: row.recording_id))
        _refuse_leakage(ordered)
        return cls(ordered)

    def write(self, csv: Path) -> Path:
        return write_table(csv, SplitRow, self.rows)


def split(
    catalogue: Catalogue,
    seed: int = 0,
    fractions: Sequence[float] = DEFAULT_FRACTIONS,
    place_unknown_as: Literal["recording"] | None = None,
    keep: Split | None = None,
) -> Split:
    """Divide the recordings of a catalogue by place, each mode close to `fractions` of its pairs.

    The result depends on the recordings, their places, modes and numbers of pairs, and on the arguments; not on the
    order of rows, paths or files. Adding a recording may therefore move others, unless the former split is given as
    `keep`: then every place in it stays where it is, and only new places are drawn.

    A mode with one place fills train, with two train and test, with more every set. Counted are the pairs files of
    the catalogue, or its clips where it has no pairs files yet; pictures without partners are shared out likewise, as a
    mode of their own.

    fractions
        Of train, val and test; any scale.
    place_unknown_as
        ``"recording"``: a recording without a place counts as a place of its own.

    Raises `SplitError` for recordings without a place, and for a `keep` in which one place is in two sets.
    """
    shares = _shares(fractions)
    recordings, left_out = _recordings(catalogue)
    if not recordings and not left_out:
        raise SplitError(f"The catalogue of {catalogue.folder} lists no recording that could be divided.")
    units = _units(recordings, place_unknown_as)
    fixed = _fixed(units, keep)
    order = sorted((unit for unit in units if unit not in fixed), key=lambda unit: _draw(seed, unit))
    weights = {unit: _weights(members) for unit, members in units.items()}
    placed = balance(weights, order, shares, _needed(weights.values(), shares), fixed)
    rows = [
        SplitRow(recording_id=r.recording_id, place=r.place, mode=r.mode, set=placed[unit])
        for unit, members in units.items()
        for r in members
    ]
    return Split(tuple(sorted(rows, key=lambda row: row.recording_id)), left_out)


@dataclass(frozen=True)
class Count:
    """How much of one mode is in one set."""

    subset: Subset
    mode: Mode
    recordings: int
    places: int
    pairs: int
    frames: int
    """Pictures without a partner."""


def counts(divided: Split, catalogue: Catalogue) -> list[Count]:
    """One count for each set and mode that the split has, train first."""
    pairs = {r.recording_id: r.pairs for r in _recordings(catalogue)[0]}
    frames = {r.recording_id: r.frames for r in _recordings(catalogue)[0]}
    return [
        Count(
            subset,
            mode,
            recordings=len(rows),
            places=len({place_unit(row.recording_id, row.place) for row in rows}),
            pairs=sum(pairs.get(row.recording_id, 0) for row in rows),
            frames=sum(frames.get(row.recording_id, 0) for row in rows),
        )
        for subset in SUBSETS
        for mode in sorted({row.mode for row in divided.rows})
        if (rows := [row for row in divided.rows if (row.set, row.mode) == (subset, mode)])
    ]


@dataclass(frozen=True)
class _Recording:
    recording_id: str
    place: str
    mode: Mode
    pairs: int
    frames: int


def _shares(fractions: Sequence[float]) -> dict[Subset, float]:
    within_range = all(0 <= fraction < math.inf for fraction in fractions)
    if len(fractions) != len(SUBSETS) or not within_range or fractions[0] == 0:
        raise SplitError(
            f"Fractions are three numbers for train, val and test, the first above 0, none below; "
            f"got {':'.join(f'{f:g}' for f in fractions)}. The default is 60:20:20."
        )
    return {subset: fraction / sum(fractions) for subset, fraction in zip(SUBSETS, fractions, strict=True)}


def _recordings(catalogue: Catalogue) -> tuple[list[_Recording], tuple[str, ...]]:
    parts: dict[str, list[Entry]] = defaultdict(list)
    for entry in (*catalogue.pairs, *catalogue.frames) or catalogue.clips:
        parts[entry.recording_id].append(entry)
    recordings = [_recording(parts[recording_id]) for recording_id in sorted(parts)]
    usable = [r for r in recordings if r.pairs + r.frames > 0]
    return usable, tuple(r.recording_id for r in recordings if r.pairs + r.frames == 0)


def _recording(parts: Sequence[Entry]) -> _Recording:
    for quality in ("place", "mode"):
        values = sorted({getattr(part, quality) for part in parts} - {""})
        if len(values) > 1:
            raise SplitError(
                f"Recording {parts[0].recording_id} has more than one {quality} in the catalogue "
                f"({', '.join(values)}): give all its rows the same one."
            )
    place = next((part.place for part in parts if part.place), "")
    pairs = sum(part.pairs for part in parts if part.light != "led_night")
    frames = sum(part.frames or 0 for part in parts)
    return _Recording(parts[0].recording_id, place, parts[0].mode, pairs, frames)


def _units(
    recordings: Iterable[_Recording], place_unknown_as: Literal["recording"] | None
) -> dict[str, list[_Recording]]:
    """What is never divided: the recordings of one place."""
    recordings = list(recordings)
    unknown = [r.recording_id for r in recordings if not r.place]
    if unknown and place_unknown_as is None:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise SplitError(
            f"No place is known for {shown}: one place could end up in two sets and the test would flatter. Write it "
            "into the column place of catalogue.csv, or let each count as a place of its own: "
            "--place-unknown-as recording"
        )
    units: dict[str, list[_Recording]] = defaultdict(list)
    for recording in recordings:
        units[place_unit(recording.recording_id, recording.place)].append(recording)
    return units


def place_unit(recording_id: str, place: str) -> str:
    """Spelling apart in case or spaces only, a place is the same place."""
    return f"place {' '.join(place.casefold().split())}" if place.strip() else f"recording {recording_id}"


def _weights(members: Iterable[_Recording]) -> Mapping[str, int]:
    pairs = Counter[str]()
    for member in members:
        if member.pairs:
            pairs[member.mode] += member.pairs
        if member.frames:
            pairs[f"{member.mode} unpaired"] += member.frames
    return pairs


def _draw(seed: int, unit: str) -> bytes:
    return hashlib.sha256(f"{seed}:{unit}".encode()).digest()


def _fixed(units: Mapping[str, Sequence[_Recording]], keep: Split | None) -> dict[str, Subset]:
    """Sets of the units that have a recording in the former split."""
    former = {} if keep is None else keep.sets
    fixed: dict[str, Subset] = {}
    for unit, members in units.items():
        sets = {former[m.recording_id] for m in members if m.recording_id in former}
        if len(sets) > 1:
            raise SplitError(f"{unit} is in {' and '.join(sorted(sets))} of the former split: split anew, without it.")
        if sets:
            fixed[unit] = sets.pop()
    return fixed


def _refuse_leakage(rows: Iterable[SplitRow]) -> None:
    seen: dict[str, SplitRow] = {}
    for row in rows:
        for key in (place_unit(row.recording_id, row.place), f"recording {row.recording_id}"):
            first = seen.setdefault(key, row)
            if first.set != row.set:
                raise SplitError(
                    f"{key} is in {first.set} (recording {first.recording_id}) and in {row.set} (recording "
                    f"{row.recording_id}): the test would flatter. Make the table anew with nirvis split."
                )


def _needed(weights: Iterable[Mapping[str, int]], shares: Mapping[Subset, float]) -> dict[str, list[Subset]]:
    """Which sets each mode has to fill, by its number of places."""
    places = Counter(mode for pairs_by_mode in weights for mode in pairs_by_mode)
    return {
        mode: [subset for subset in _NEEDED.get(count, SUBSETS) if shares[subset] > 0] for mode, count in places.items()
    }
