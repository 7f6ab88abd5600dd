"""The page that a comparison of runs leaves: the tables of its markdown, every clip, and what it depends on."""

from __future__ import annotations

from pathlib import Path

from nirvis_capture.report import Report
from nirvis_training.comparison import Comparison
from nirvis_training.evaluation_report import add_protocol, note_intervals, unbroken
from nirvis_training.judgement import TITLES
from nirvis_training.protocol import FIGURES, Metric

_OF_CLIPS: tuple[Metric, ...] = ("psnr_rgb_db", "warp_error")


def write_comparison_report(folder: Path, comparison: Comparison) -> Path:
    """``comparison.html`` in `folder`."""
    report = Report(
        "Runs compared on the same pictures",
        lead=f"{comparison.extent} (set {comparison.subset} of {', '.join(comparison.datasets)}).",
    )
    for title, header, rows in comparison.tables():
        if rows:
            report.heading(title)
            report.table(header, unbroken(rows))
    note_intervals(report, comparison)
    for metric in _OF_CLIPS:
        _clips(report, comparison, metric)
    add_protocol(report, comparison)
    return report.write(folder / "comparison.html")


def _clips(report: Report, comparison: Comparison, metric: Metric) -> None:
    if metric not in comparison.metrics:
        return
    names = [name for name in comparison.contestants if metric in comparison.overall[name]]
    report.heading(f"{FIGURES[metric].title} of every clip")
    rows = []
    for clip in comparison.by_clip:
        values = (clip.scores.get(name, {}).get(metric) for name in names)
        digits = FIGURES[metric].digits
        rows.append([clip.clip, clip.mode, clip.place, *("–" if v is None else f"{v:.{digits}f}" for v in values)])
    report.table(["clip", "mode", "place", *(TITLES.get(name, name) for name in names)], rows)
