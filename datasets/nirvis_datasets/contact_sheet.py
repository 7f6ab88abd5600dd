"""A dataset on one page: its figures, what was found wrong with it, and pictures of every recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from nirvis_capture.errors import NirvisError
from nirvis_capture.report import Report, Rgb, checkerboard
from nirvis_capture.wording import counted
from nirvis_datasets.check import Verdict
from nirvis_datasets.entry import Entry
from nirvis_datasets.frame_file import FramesFile
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.warp import Picture

MAX_FILES = 60
"""Files with pictures on the page, evenly drawn from all: each takes some tens of kilobytes."""
_WIDTH = 320


def write_contact_sheet(verdict: Verdict, path: Path) -> Path:
    """Write one self-contained HTML page."""
    catalogue = verdict.catalogue
    report = Report(f"Contact sheet of {catalogue.folder.resolve().name}")
    report.numbers(verdict.figures)
    report.heading("Findings")
    for finding in verdict.findings:
        report.paragraph(f"{finding.level}: {finding.text}")
    if not verdict.findings:
        report.paragraph("Nothing is wrong and nothing is odd.")
    entries = (*catalogue.pairs, *catalogue.frames)
    shown = [entries[i] for i in sorted({round(at) for at in np.linspace(0, len(entries) - 1, MAX_FILES)})] * bool(
        entries
    )
    report.heading(f"Pictures of {len(shown)} of {len(entries)} files")
    report.paragraph("Source, target, and both in turn: edges that run on across the tiles are registered.", note=True)
    for entry in shown:
        told = [entry.mode, entry.light, entry.place, verdict.sets.get(entry.recording_id, "")]
        amount = counted(entry.frames or 0, "picture") if entry.kind == "frames" else counted(entry.pairs, "pair")
        report.paragraph(f"{entry.path}: {' · '.join([amount, *filter(None, told)])}")
        pictures = list(_pictures(catalogue.path(entry), entry))
        if pictures:
            report.pictures(pictures, columns=3)
    return report.write(path)


def _pictures(path: Path, entry: Entry) -> Iterator[tuple[Rgb, str]]:
    """What is in the middle of a file; nothing of a file that cannot be read, which is among the findings."""
    try:
        if entry.kind == "frames":
            with FramesFile.open(path) as frames:
                yield from ((_small(frames.frame(i)), f"{entry.side} {i}") for i in _spread(len(frames)))
            return
        with PairsFile.open(path) as pairs:
            middle = len(pairs) // 2
            source, target = _small(pairs.source(middle)), _small(pairs.target(middle))
            yield from ((source, f"source {middle}"), (target, "target"), (checkerboard(source, target), "in turn"))
    except (NirvisError, IndexError):
        return


def _spread(n: int) -> list[int]:
    return sorted({round(at) for at in np.linspace(0, n - 1, 3)})


def _small(picture: Picture) -> Rgb:
    """8 bit, and no wider than a third of a page."""
    shallow = (picture >> 8).astype(np.uint8) if picture.dtype == np.uint16 else picture.astype(np.uint8)
    height, width = shallow.shape[:2]
    if width <= _WIDTH:
        return shallow
    size = (_WIDTH, max(1, round(height * _WIDTH / width)))
    return cv2.resize(shallow, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
