"""What registration did, as HTML: one page for a batch and one for each clip, each with its pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clip import Clip
from nirvis_capture.errors import NirvisError
from nirvis_capture.raw import Rgb8, gains, superpixel
from nirvis_capture.report import Report, checkerboard
from nirvis_registration.batch import Outcome
from nirvis_registration.overlay import MAGNIFIED, edge_overlay, residual_vectors, vector_overlay
from nirvis_registration.pair_file import SUFFIX, PairsFile
from nirvis_registration.warp import Picture

REPORT = "registration.html"
CLIP_REPORT_SUFFIX = ".registration.html"
_MOST_PICTURED = 12
"""Failures with thumbnails; more are only listed."""
_FLICKER = (
    "<style>.flicker{position:relative}.flicker img+img{position:absolute;left:0;top:0;animation:flicker 1s steps(1) "
    "infinite}@keyframes flicker{50%{opacity:0}}</style>"
)


def batch_report(outcomes: Sequence[Outcome], out_dir: Path) -> Path:
    """Write ``registration.html`` for what became of clips."""
    done = [outcome for outcome in outcomes if outcome.ok]
    failed = [outcome for outcome in outcomes if not outcome.ok]
    report = Report("Registration", f"{len(done)} of {len(outcomes)} clips have registered pairs.")
    report.numbers(
        [
            (f"{len(done)}", "clips registered"),
            (f"{len(failed)}", "clips without pairs"),
            (f"{sum(outcome.pairs for outcome in done):,}", "pairs"),
            (_px([outcome.residual_px for outcome in done]), "px residual, median"),
        ]
    )
    report.heading("Clips")
    header = ["clip", "outcome", "pairs", "residual px", "± px at the corners", "drift px", "verdict"]
    report.table(header, [_row(outcome) for outcome in outcomes])
    _drift(report, done)
    _failures(report, failed)
    out_dir.mkdir(parents=True, exist_ok=True)
    return report.write(out_dir / REPORT)


def clip_report(pairs_path: Path) -> Path:
    """Write ``NAME.registration.html`` beside a pairs file. Raises `PairsFileError`."""
    with PairsFile.open(pairs_path) as pairs:
        report = Report(f"Registration of {pairs.clip_name}", f"{len(pairs)} pairs, {pairs.place or 'no place'}")
        header, residuals = pairs.header, pairs.table["residual_px"]
        report.numbers(
            [
                (_px(residuals), "px residual of a pair, median"),
                (f"{header.corner_sigma_px:.3f}", "px uncertainty of a corner"),
                (f"{pairs.inliers}", "matches that agree" if pairs.inliers else "matches needed: it has a calibration"),
            ]
        )
        for index in dict.fromkeys((0, len(pairs) // 2, len(pairs) - 1)):
            source, target = _eight_bit(pairs.source(index)), _eight_bit(pairs.target(index))
            report.heading(f"Pair {index}")
            report.parts.append(_flicker(source, target))
            _pair_pictures(report, source, target)
        known = [(float(i), float(r)) for i, r in enumerate(residuals) if np.isfinite(r)]
        if len(known) > 1:
            report.heading("Residual over the clip")
            report.curve(known, x="pair", y="residual px")
        path = pairs_path.with_name(pairs_path.name.removesuffix(SUFFIX) + CLIP_REPORT_SUFFIX)
        return report.write(path)


def _pair_pictures(report: Report, source: Rgb8, target: Rgb8) -> None:
    moves = residual_vectors(source, target)
    longest = f"{np.linalg.norm(moves[:, 2:], axis=1).max():.2f} px at most" if len(moves) else "nothing to measure"
    report.pictures(
        [
            (checkerboard(source, target), "checkerboard of nir and vis"),
            (edge_overlay(source, target), "edges: nir red, vis green, both yellow"),
            (vector_overlay(source, target), f"residual vectors, {MAGNIFIED:g} × as long: {longest}"),
        ],
        columns=3,
    )


def _row(outcome: Outcome) -> list[str]:
    name = outcome.clip.name
    if not outcome.ok:
        return [name, f"{outcome.status}: {outcome.reason}", "", "", "", "", ""]
    figures = (outcome.residual_px, outcome.corner_sigma_px, outcome.drift_px)
    return [name, outcome.status, str(outcome.pairs), *(_px([figure]) for figure in figures), outcome.verdict]


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


def _flicker(source: Rgb8, target: Rgb8) -> str:
    """Both pictures in turn at one place: what jumps is misregistered."""
    pictures = "".join(f'<img src="{_jpeg(picture)}" alt="">' for picture in (target, source))
    caption = "nir and vis in turn: what jumps is misregistered"
    return f'{_FLICKER}<figure><div class="flicker">{pictures}</div><figcaption>{caption}</figcaption></figure>'


def _jpeg(rgb: Rgb8) -> str:
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _eight_bit(picture: Picture) -> Rgb8:
    return picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8)  # type: ignore[return-value]


def _px(figures: Sequence[float] | NDArray[np.floating]) -> str:
    known = np.asarray(figures, float)
    known = known[np.isfinite(known)]
    return f"{np.median(known):.2f}" if len(known) else "–"
