"""How well one clip is registered, as an HTML page with its pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.raw import Rgb8
from nirvis_capture.report import Report, checkerboard
from nirvis_capture.wording import counted
from nirvis_registration.overlay import MAGNIFIED, edge_overlay, residual_vectors, vector_overlay
from nirvis_registration.pair_file import SUFFIX as PAIRS_SUFFIX
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.warp import Picture

SUFFIX = ".registration.html"
_FLICKER = (
    "<style>.flicker{position:relative}.flicker img+img{position:absolute;left:0;top:0;animation:flicker 1s steps(1) "
    "infinite}@keyframes flicker{50%{opacity:0}}</style>"
)


def clip_report(pairs_path: Path) -> Path:
    """Write ``NAME.registration.html`` beside a pairs file. Raises `PairsFileError`."""
    with PairsFile.open(pairs_path) as pairs:
        report = Report(
            f"Registration of {pairs.clip_name}", f"{counted(len(pairs), 'pair')}, {pairs.place or 'no place'}"
        )
        header, residuals = pairs.header, pairs.table["residual_px"]
        vis_size = pairs.profile.vis.roi.width, pairs.profile.vis.roi.height
        report.numbers(
            [
                (median_px(residuals), "px residual of a pair, median"),
                (f"{header.corner_sigma_px:.3f}", "px uncertainty of a corner"),
                (f"{pairs.distortion.corner_px(vis_size):.2f}", "px that the lens of vis moves a corner outwards"),
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
        path = pairs_path.with_name(pairs_path.name.removesuffix(PAIRS_SUFFIX) + SUFFIX)
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


def median_px(figures: Sequence[float] | NDArray[np.floating]) -> str:
    """Median of what is known, as text."""
    known = np.asarray(figures, float)
    known = known[np.isfinite(known)]
    return f"{np.median(known):.2f}" if len(known) else "–"
