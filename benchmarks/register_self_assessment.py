"""Whether the residual that nirvis states follows the true error: registrations spoilt on purpose, and a plot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nirvis_capture.clip import Clip
from nirvis_registration.geometry import Matrix, corners, from_corners, project
from nirvis_registration.quality import luma, residual_px
from nirvis_registration.views import PairView

SPOILT_PX = (0.0, 0.3, 0.6, 1.0, 1.5, 2.5, 4.0, 6.0)
_SIDE = 420
_MARGIN = 48


def measure_self_assessment(clip: Clip, view: PairView, truth: Matrix) -> list[tuple[float, float]]:
    """True error and residual in px of a pair, for the estimate moved at its corners by `SPOILT_PX` of the sensor."""
    random = np.random.default_rng(0)
    square = corners(view.vis_frame)
    nir, vis = clip.pair(len(clip) // 2)
    found = []
    for by_px in SPOILT_PX:
        turn = random.uniform(0, 2 * np.pi, 4)
        moved = project(view.homography_vis_to_nir, square) + by_px * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        spoilt = replace(view, homography_vis_to_nir=from_corners(square, moved))
        residual = residual_px(luma(spoilt.source(nir)), luma(spoilt.target(vis)))
        found.append((true_error_px(spoilt, truth), residual))
    return [point for point in found if np.isfinite(point[1])]


def true_error_px(view: PairView, truth: Matrix) -> float:
    """Root mean square distance over a pair between where its pixels are taken from vis and where they truly lie."""
    across, down = (np.linspace(0, length - 1, 9) for length in view.geometry.size)
    points = np.asarray(np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2), np.float64)
    in_vis = project(view.vis_from_output, points)
    back = project(np.asarray(np.linalg.inv(view.geometry.frame_from_output), np.float64), project(truth, in_vis))
    return float(np.sqrt(((back - points) ** 2).sum(axis=1).mean()))


def rank_correlation(points: list[tuple[float, float]]) -> float:
    """Spearman's: 1 where the residual orders registrations as their true errors do."""
    ranks = np.argsort(np.argsort(np.array(points), axis=0), axis=0)
    return float(np.corrcoef(ranks.T)[0, 1])


def scatter_svg(points: list[tuple[float, float]]) -> str:
    """True error to the right, residual upwards, both on one scale; the line is where they are equal."""
    most = max(max(point) for point in points) * 1.05

    def place(value: float) -> float:
        return _MARGIN + value / most * (_SIDE - 2 * _MARGIN)

    dots = "".join(
        f'<circle cx="{place(x):.1f}" cy="{_SIDE - place(y):.1f}" r="3" fill="#c2410c" fill-opacity=".7"/>'
        for x, y in points
    )
    ticks = "".join(
        f'<text x="{place(v):.0f}" y="{_SIDE - 28}" text-anchor="middle">{v}</text>'
        f'<text x="38" y="{_SIDE - place(v) + 4:.0f}" text-anchor="end">{v}</text>'
        for v in range(int(most) + 1)
    )
    low, high = place(0), place(most)
    axes = f"M{low} {_SIDE - high}V{_SIDE - low}H{high}M{low} {_SIDE - low}L{high} {_SIDE - high}"
    middle, turned = _SIDE / 2, f"rotate(-90 14 {_SIDE / 2})"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIDE} {_SIDE}" width="{_SIDE}" '
        f'font-family="sans-serif" font-size="12"><rect width="{_SIDE}" height="{_SIDE}" fill="white"/>'
        f'<path d="{axes}" fill="none" stroke="#888"/>{dots}{ticks}'
        f'<text x="{middle}" y="{_SIDE - 10}" text-anchor="middle">true error, px of a pair</text>'
        f'<text x="14" y="{middle}" text-anchor="middle" transform="{turned}">residual that nirvis states, px</text>'
        "</svg>\n"
    )
