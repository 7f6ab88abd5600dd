"""How good a frame and a registered pair are: sharpness, saturation, texture, and what misregistration is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_registration.features import Grey, normalised_gradient
from nirvis_registration.warp import Picture

MAX_SATURATED = 0.6
"""Share of saturated pixels that leaves too little to match."""
MIN_CONTRAST_DN = 5.0
"""Contrast of the picture without its noise, of 255."""
GOOD_RESIDUAL_PX = 0.5
FAIR_RESIDUAL_PX = 1.0
MOST_NIR_COLOUR = 1.4
"""Colourfulness of the nir arm relative to the vis arm from which on they are taken for swapped."""
_COLOUR_NOISE = 0.05
_MAX_CORNERS = 200
_GRIDS = ((4, 3), (2, 2), (1, 1))
"""Columns and rows of the regions whose displacement is estimated apart; the coarser where points are few."""
_MIN_POINTS = 6
"""A region with fewer tracked points says nothing."""
_MAX_ROUND_TRIP_PX = 0.5
_WINDOW_PX = 17
_ENOUGH = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 6, 0.05)
"""Steps and their size at which a point is found: its own noise is larger."""


@dataclass(frozen=True, slots=True)
class PairQuality:
    """Figures of one registered pair."""

    residual_px: float
    """Misregistration that is left, in pixels of the pair; NaN where too little structure is seen in both arms."""
    sharpness: float
    """Of the less sharp picture; see `sharpness`."""
    saturation: float
    """Share of saturated pixels, of the arm that has more of them."""


def pair_quality(source: Picture, target: Picture) -> PairQuality:
    """Measure a registered pair of RGB pictures ``(H, W, 3)`` of one data type."""
    both = [luma(source), luma(target)]
    return PairQuality(
        residual_px=residual_px(both[0], both[1]),
        sharpness=min(sharpness(grey) for grey in both),
        saturation=max(saturation(picture) for picture in (source, target)),
    )


def verdict(residual_px: float, corner_sigma_px: float) -> Literal["good", "fair", "doubtful"]:
    """What is to be thought of the pairs of a clip.

    residual_px
        Median over its pairs, in pixels of a pair.
    corner_sigma_px
        Uncertainty of the homography.
    """
    if not residual_px < FAIR_RESIDUAL_PX or corner_sigma_px > FAIR_RESIDUAL_PX:
        return "doubtful"
    return "good" if residual_px < GOOD_RESIDUAL_PX and corner_sigma_px < GOOD_RESIDUAL_PX else "fair"


def sharpness(brightness: Grey) -> float:
    """Share of the contrast that is fine detail: deviation of the Laplacian over that of the picture, from 0."""
    spread, detail = _deviation(brightness), _deviation(cv2.Laplacian(brightness, cv2.CV_16S))
    return detail / spread if spread > 0 else 0.0


def _deviation(values: cv2.typing.MatLike) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])


def saturation(picture: Picture) -> float:
    """Share of pixels with a channel within one percent of full scale."""
    below = 0.99 * float(np.iinfo(picture.dtype).max)
    dark = cv2.inRange(picture, (0.0, 0.0, 0.0), (below, below, below))
    return 1.0 - cv2.countNonZero(dark) / dark.size


def residual_px(source: Grey, target: Grey) -> float:
    """Displacement between registered pictures: root mean square over the regions; NaN where there is none."""
    moves = displacements(source, target)[:, 2:]
    return float(np.sqrt((moves**2).sum(axis=1).mean())) if len(moves) else float("nan")


def displacements(source: Grey, target: Grey) -> NDArray[np.float64]:
    """How far the target lies off the source, region by region: ``(N, 4)`` px, x and y of a region, dx and dy in it.

    Features of the gradient are tracked from one to the other: pyramidal Lucas-Kanade (Bouguet 2000) both ways on
    normalised gradient magnitude; points that do not come back are left out. Single points are noisy across the
    spectral gap and objects have edges in one arm only, so that the median displacement vector of each region is taken.
    """
    first, second = normalised_gradient(source), normalised_gradient(target)
    # which points are tracked matters to a few pixels only: they are looked for at half the size
    found = cast("NDArray[np.float32] | None", cv2.goodFeaturesToTrack(cv2.pyrDown(first), _MAX_CORNERS, 0.01, 4))
    if found is None:
        return np.empty((0, 4))
    points = 2 * found
    there = _track(first, second, points)
    back = _track(second, first, there)
    returned = np.linalg.norm((back - points)[:, 0], axis=1) < _MAX_ROUND_TRIP_PX
    return _by_region(points[returned, 0], (there - points)[returned, 0], first.shape)


def _track(first: Grey, second: Grey, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where points ``(N, 1, 2)`` of the first picture are in the second; NaN for those that were lost."""
    start = np.nan_to_num(points, nan=-1e4)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        first, second, start, start.copy(), winSize=(_WINDOW_PX, _WINDOW_PX), maxLevel=2, criteria=_ENOUGH
    )
    return np.where(status.reshape(-1, 1, 1) == 0, np.float32(np.nan), found).astype(np.float32)


def _by_region(points: NDArray[np.float32], moves: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float64]:
    found: list[NDArray[np.float32]] = []
    for columns, rows in _GRIDS:
        column = np.clip(points[:, 0] * columns / shape[1], 0, columns - 1).astype(int)
        region = np.clip(points[:, 1] * rows / shape[0], 0, rows - 1).astype(int) * columns + column
        telling = [region == r for r in np.unique(region) if np.count_nonzero(region == r) >= _MIN_POINTS]
        found = [np.append(points[r].mean(axis=0), np.median(moves[r], axis=0)) for r in telling]
        if found:
            break
    return np.array(found, np.float64).reshape(-1, 4)


def luma(picture: Picture) -> Grey:
    """Brightness ``(H, W)`` u8 of an RGB picture, u8 or u16."""
    brightness = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if brightness.dtype == np.uint16:
        brightness = cv2.convertScaleAbs(brightness, alpha=255 / 65535)
    return brightness  # type: ignore[return-value]


def colourfulness(picture: Picture) -> float:
    """How much the colours of a picture differ from each other, whatever their common tint: 0.02 behind a band-pass."""
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).astype(np.float32)
    small += np.iinfo(picture.dtype).max / 64
    ratios = np.log(small[..., [0, 2]] / small[..., [1]]).reshape(-1, 2)
    low, high = np.percentile(ratios, (16, 84), axis=0)
    return float(np.hypot(*(high - low)) / 2)


def why_swapped(nir: Picture, vis: Picture) -> str | None:
    """The reason, in one line, to take each arm for the other; None where vis has more colour, as it should.

    Near infrared washes colours out: real nir pictures had 0.2 to 0.6 of the colourfulness of their vis pictures.
    """
    of_nir, of_vis = colourfulness(nir), colourfulness(vis)
    if of_nir < MOST_NIR_COLOUR * of_vis or of_nir - of_vis < _COLOUR_NOISE:
        return None
    return (
        f"the arms are swapped: nir shows more colour than vis ({of_nir:.2f} against {of_vis:.2f}); exchange the "
        "serials or the filters in the profile"
    )


def why_unusable(picture: Picture, arm: str) -> str | None:
    """The reason why an arm cannot be registered, in one line; None when it can.

    picture
        RGB picture ``(H, W, 3)`` of the arm, black level off.
    """
    scale = 255.0 / np.iinfo(picture.dtype).max
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    share = saturation(picture)
    low, high = (float(v) * scale for v in np.percentile(small.mean(axis=2), (0.5, 99.5)))
    if share > MAX_SATURATED:
        return f"the {arm} arm is saturated in {share:.0%} of its pixels; shorten its exposure or lower its gain"
    if high < MIN_CONTRAST_DN:
        return f"the {arm} arm is black (no more than {high:.1f} of 255): cap on, no light, or exposure far too short"
    if high - low < MIN_CONTRAST_DN:
        return f"the {arm} arm shows no texture (contrast {high - low:.1f} of 255): fog, sky, a wall, or out of focus"
    return None
