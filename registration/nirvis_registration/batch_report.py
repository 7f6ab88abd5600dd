"""What became of many clips, as one HTML page with its pictures inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clip import Clip
from nirvis_capture.errors import NirvisError
from nirvis_capture.raw import Rgb8, gains, superpixel
from nirvis_capture.report import Report
from nirvis_registration.batch import Outcome
from nirvis_registration.clip_report import median_px

REPORT = "registration.html"
_MOST_PICTURED = 12
"""Failures with thumbnails; more are only listed."""


def batch_report(outcomes: Sequence[Outcome], out_dir: Path) -> Path:
    """Write ``registration.html`` for what became of clips."""
    done = [outcome for outcome in outcomes if outcome.ok]
    failed = [outcome for outcome in outcomes if not outcome.ok]
    report = Report("Registration", f"Clips with registered pairs: {len(done)} of {len(outcomes)}.")
    report.numbers(
        [
            (f"{len(done)}", "clip registered" if len(done) == 1 else "clips registered"),
            (f"{len(failed)}", "clip without pairs" if len(failed) == 1 else "clips without pairs"),
            (f"{sum(outcome.pairs for outcome in done):,}", "pairs"),
            (median_px([outcome.residual_px for outcome in done]), "px residual, median"),
        ]
    )
    report.heading("Clips")
    header = ["clip", "outcome", "pairs", "residual px", "± px at the corners", "drift px", "verdict"]
    report.table(header, [_row(outcome) for outcome in outcomes])
    _drift(report, done)
    _failures(report, failed)
    out_dir.mkdir(parents=True, exist_ok=True)
    return report.write(out_dir / REPORT)


def _row(outcome: Outcome) -> list[str]:
    name = outcome.clip.name
    if not outcome.ok:
        return [name, f"{outcome.status}: {outcome.reason}", "", "", "", "", ""]
    figures = (outcome.residual_px, outcome.corner_sigma_px, outcome.drift_px)
    return [name, outcome.status, str(outcome.pairs), *(median_px([figure]) for figure in figures), outcome.verdict]


def _drift(report: Report, done: Sequence[Outcome]) -> None:
    """One curve for each rig that has a calibration and more than one clip."""
    for rig in dict.fromkeys(outcome.rig for outcome in done if outcome.rig):
        clips = sorted((o for o in done if o.rig == rig and o.start_time), key=lambda o: str(o.start_time))
        times = [outcome.start_time.timestamp() for outcome in clips if outcome.start_time]
        points = [((t - times[0]) / 60, o.drift_px) for t, o in zip(times, clips, strict=True)]
        points = [point for point in points if np.isfinite(point[1])]
        if len(points) > 1:
            report.heading(f"Drift of {rig}")
            report.paragraph("Distance of the corner that moved most from where the calibration of the rig has it.")
            report.curve(points, x="minutes since the first clip", y="drift px")


def _failures(report: Report, failed: Sequence[Outcome]) -> None:
    if not failed:
        return
    report.heading("Without pairs")
    for outcome in failed[:_MOST_PICTURED]:
        report.paragraph(f"{outcome.clip.name}: {outcome.status}, {outcome.reason}")
        thumbnails = _thumbnails(outcome.clip)
        if thumbnails:
            report.pictures(thumbnails, columns=4)
    if len(failed) > _MOST_PICTURED:
        report.paragraph(f"{len(failed) - _MOST_PICTURED} more are only listed above.", note=True)


def _thumbnails(path: Path) -> list[tuple[Rgb8, str]]:
    """Both arms in the middle of a clip; nothing where it cannot be read."""
    try:
        with Clip.open(path) as clip:
            return [(_thumbnail(clip, arm), arm) for arm in ARMS if len(clip.arms[arm])]
    except (NirvisError, OSError):
        return []


def _thumbnail(clip: Clip, arm: Arm) -> Rgb8:
    settings, track = clip.profile.arm(arm), clip.arms[arm]
    raw = track.frame(len(track) // 2)
    rgb = superpixel(raw, settings.cfa, settings.black_level_dn, settings.sensor.bit_depth, gains(settings))
    small = cv2.resize(rgb, (320, round(320 * rgb.shape[0] / rgb.shape[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
