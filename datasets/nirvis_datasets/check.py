"""Look a dataset over before days of training depend on it: what is there, what is wrong, what is odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import NirvisError
from nirvis_capture.wording import counted
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.external.depth import looks_like_bits
from nirvis_datasets.external.importer import LEFT_OUT_SUFFIX
from nirvis_datasets.frame_file import FramesFile
from nirvis_datasets.leakage import find_alike
from nirvis_datasets.quality_check import MAX_SHARE, FileQuality, median_residual_px, quality_warnings, share
from nirvis_datasets.split import SPLITS_NAME, SUBSETS, Split, place_unit
from nirvis_registration.pair_file import PairsFile

Level = Literal["error", "warning"]
Progress = Callable[[int, int], None]

MAX_IMBALANCE = 4.0
"""Times more pairs of one mode than of the other."""
_NEIGHBOURS = 8
_SHOWN = 4


@dataclass(frozen=True)
class Finding:
    """Something that is wrong (error) or odd (warning), in one line."""

    level: Level
    text: str


@dataclass
class Verdict:
    """What a check found."""

    catalogue: Catalogue
    findings: list[Finding] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)
    """(value, what it is), to print and to show."""
    sets: dict[str, str] = field(default_factory=dict)
    """Recording → set, where there is a split."""

    def add(self, level: Level, text: str) -> None:
        self.findings.append(Finding(level, text))

    def has(self, level: Level) -> bool:
        return any(finding.level == level for finding in self.findings)


@dataclass
class _Pictures:
    """What looking into the files of a dataset gave."""

    files: list[FileQuality] = field(default_factory=list)
    repeated: int = 0
    neighbours: int = 0
    shallow: list[str] = field(default_factory=list)
    """Files of 16 bit whose pictures have 8."""
    dark: dict[str, int] = field(default_factory=dict)
    """Files of 16 bit whose pictures do not reach a quarter of them: the number that would hold them."""


def check(folder: Path, progress: Progress | None = None) -> Verdict:
    """Check the clips, pairs and frames of a folder, and its split where it has one; only hashes are kept.

    progress
        Called with (files looked into, files in all).

    Raises `DatasetError` when there is nothing to check.
    """
    catalogue = Catalogue.build(folder)
    if not catalogue.entries and not catalogue.changes.broken:
        raise DatasetError(f"{folder} holds no clip, pairs or frames file to check. Public sets: nirvis import-dataset")
    verdict = Verdict(catalogue)
    _check_files(verdict)
    _check_left_out(verdict, folder)
    _check_kinds(verdict)
    _check_pictures(verdict, progress)
    _check_balance(verdict)
    _check_split(verdict, folder)
    _check_near_duplicates(verdict)
    return verdict


def _check_files(verdict: Verdict) -> None:
    changes = verdict.catalogue.changes
    for line in changes.broken:
        verdict.add("error", line)
    for path in changes.missing:
        verdict.add("error", f"{path} is in the catalogue and gone from the folder")
    for former, present in changes.moved:
        verdict.add("warning", f"{former} was moved to {present} since the folder was catalogued")
    for first, second in changes.copies:
        verdict.add("warning", changes.copy_text(first, second))
    for path in changes.linked:
        verdict.add("warning", changes.link_text(path))


def _check_left_out(verdict: Verdict, folder: Path) -> None:
    """Names that found no partner when the set was imported."""
    for path in sorted(folder.glob(f"*{LEFT_OUT_SUFFIX}")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if lines:
            verdict.add(
                "warning", f"left out when it was imported: {counted(len(lines), 'picture')}, the first {lines[0]}"
            )


def _check_kinds(verdict: Verdict) -> None:
    """Counts, sizes and bit depths."""
    catalogue = verdict.catalogue
    recordings = {entry.recording_id for entry in catalogue.entries}
    places = {entry.place for entry in catalogue.entries if entry.place}
    verdict.figures += [
        (str(len(catalogue.clips)), "clips"),
        (str(len(catalogue.pairs)), "pairs files"),
        (str(sum(entry.pairs for entry in catalogue.pairs)), "registered pairs"),
        (str(sum(entry.frames or 0 for entry in catalogue.frames)), "unpaired pictures"),
        (str(len(recordings)), "recordings"),
        (str(len(places)), "places"),
    ]
    pictures = (*catalogue.pairs, *catalogue.frames)
    sizes = Counter(f"{entry.width}×{entry.height}" for entry in pictures if entry.width)
    depths = Counter(f"{entry.bit_depth} bit" for entry in pictures if entry.bit_depth)
    for name, kinds in (("sizes", sizes), ("bit depths", depths)):
        if kinds:
            more = f" and {len(kinds) - _SHOWN} more" if len(kinds) > _SHOWN else ""
            common = kinds.most_common(_SHOWN)
            verdict.figures.append((", ".join(value for value, _ in common) + more, name))
        if len(kinds) > 1:
            shown = ", ".join(f"{value} in {counted(count, 'file')}" for value, count in common)
            verdict.add("warning", f"pictures have {len(kinds)} {name}: {shown}{more}")
    unknown = sorted({entry.recording_id for entry in catalogue.entries if not entry.place})
    if unknown:
        verdict.add("warning", f"no place is known for {counted(len(unknown), 'recording')}, the first {unknown[0]}")
    for entry in catalogue.entries:
        if not entry.pairs and not entry.frames:
            verdict.add("error", f"{entry.path} holds no complete pair")


def _check_pictures(verdict: Verdict, progress: Progress | None) -> None:
    pictures = _Pictures()
    entries = (*verdict.catalogue.pairs, *verdict.catalogue.frames)
    for done, entry in enumerate(entries, start=1):
        try:
            _look_into(verdict.catalogue.path(entry), entry, pictures)
        except NirvisError as error:
            verdict.add("error", str(error).splitlines()[0])
        if progress is not None:
            progress(done, len(entries))
    residual_px = median_residual_px(pictures.files)
    if residual_px is not None:
        verdict.figures.append((f"{residual_px:.2f} px", "median residual misalignment"))
    for line in quality_warnings(pictures.files):
        verdict.add("warning", line)
    if pictures.neighbours and pictures.repeated / pictures.neighbours > MAX_SHARE:
        verdict.add("warning", f"{share(pictures.repeated, pictures.neighbours)} of the frames repeat the one before")
    if pictures.dark:
        path, bits = next(iter(pictures.dark.items()))
        verdict.add(
            "warning",
            f"nearly black 16-bit pictures in {counted(len(pictures.dark), 'file')}, the first {path} "
            f"({bits} bits would do): "
            "if they were imported from fewer bits, import them again with --bits",
        )
    if pictures.shallow:
        verdict.add(
            "warning",
            f"pictures of 8 bit in {counted(len(pictures.shallow), 'file')} of 16, the first {pictures.shallow[0]}",
        )


def _look_into(path: Path, entry: Entry, pictures: _Pictures) -> None:
    if entry.kind == "frames":
        with FramesFile.open(path) as frames:
            _look_at([frames.frame(i) for i in range(min(len(frames), _NEIGHBOURS))], entry, pictures, imported=True)
        return
    with PairsFile.open(path) as pairs:
        figures = (pairs.table[column] for column in ("residual_px", "sharpness", "saturation"))
        pictures.files.append(FileQuality(entry.path, *figures))
        for read in (pairs.source, pairs.target):
            _look_at(
                [read(i) for i in range(min(len(pairs), _NEIGHBOURS))], entry, pictures, imported=pairs.every is None
            )


def _look_at(first: Sequence[NDArray[Any]], entry: Entry, pictures: _Pictures, imported: bool) -> None:
    """The first pictures of one side: are they repeated, and as deep as they say. Our own may be dark by night."""
    pictures.neighbours += max(len(first) - 1, 0)
    pictures.repeated += sum(np.array_equal(a, b) for a, b in pairwise(first))
    deep = [picture for picture in first if picture.dtype == np.uint16]
    if deep and entry.path not in pictures.shallow and not any((picture % 257).any() for picture in deep):
        pictures.shallow.append(entry.path)
    bits = looks_like_bits(max(int(picture.max()) for picture in deep)) if deep and imported else None
    if bits is not None:
        pictures.dark.setdefault(entry.path, bits)


def _check_balance(verdict: Verdict) -> None:
    """Night against day, by filter set and by light."""
    modes, lights = Counter[str](), Counter[str]()
    for entry in verdict.catalogue.pairs or verdict.catalogue.frames or verdict.catalogue.clips:
        amount = entry.pairs or entry.frames or 0
        modes[entry.mode] += amount
        lights[entry.light or "unknown"] += amount
    for name, kinds in (("mode", modes), ("light", lights)):
        verdict.figures.append((", ".join(f"{value} {count}" for value, count in kinds.most_common()), f"by {name}"))
    most, least = max(modes.values()), min(modes.values())
    if least * MAX_IMBALANCE < most:
        verdict.add("warning", f"modes are out of balance: {verdict.figures[-2][0]} pairs")


def _check_split(verdict: Verdict, folder: Path) -> None:
    if not (folder / SPLITS_NAME).exists():
        return
    try:
        divided = Split.read(folder / SPLITS_NAME)
    except DatasetError as error:
        verdict.add("error", str(error))
        return
    verdict.sets = {name: str(subset) for name, subset in divided.sets.items()}
    amount = Counter[str]()
    for entry in (*verdict.catalogue.pairs, *verdict.catalogue.frames) or verdict.catalogue.clips:
        amount[verdict.sets.get(entry.recording_id, "no set")] += entry.pairs or entry.frames or 0
    verdict.figures.append((", ".join(f"{s} {amount[s]}" for s in (*SUBSETS, "no set") if amount[s]), "by set"))
    if amount["no set"]:
        verdict.add("warning", f"in no set: {counted(amount['no set'], 'pair')}: nirvis split {folder} --keep")


def _check_near_duplicates(verdict: Verdict) -> None:
    """Pictures that look alike: in two sets a leak, in recordings of two places odd."""
    sets = verdict.sets
    groups = {
        entry.recording_id: f"{sets.get(entry.recording_id)} {place_unit(entry.recording_id, entry.place)}"
        for entry in verdict.catalogue.entries
    }
    alike = []
    for found in find_alike(verdict.catalogue, groups).leaks:
        first, second = sets.get(found.first), sets.get(found.second)
        if first and second and first != second:
            verdict.add("error", str(replace(found, first_set=first, second_set=second)))
        else:
            alike.append(f"{found.first} and {found.second}")
    if alike:
        verdict.add(
            "warning",
            f"recordings of two places show the same picture {counted(len(alike), 'time')}, the first time {alike[0]}",
        )
