"""What a person at the rig turns rings and irises by: focus, saturation, histogram and split ratio.

Pure functions of raw counts, before any demosaicing; all of them take a sample of the sites, so that a live view can
afford them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Arm, Raw
from nirvis_capture.raw import full_scale_dn, sites

if TYPE_CHECKING:
    from nirvis_capture.profile import Cfa

BINS = 256
"""Of a histogram, over the whole range of the counts."""
BRIGHT_SHARE = 0.995
"""The level that this share of the sites stays below is called bright; the rest may be lamps and glints."""
_EVERY = 3
"""Every so many rows and columns of a colour plane count: a ninth tells a share as well as all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What one exposure of one arm looks like."""

    focus: float
    """See `focus`."""
    saturated: tuple[float, float, float, float]
    """Share of the sites at full scale, for the four sites of the filter array in the order of its name."""
    level: float
    """Mean of the green sites above black, as a share of the range."""
    bright: float
    """Level of the channel that is nearest to saturation, as a share of the range; see `BRIGHT_SHARE`."""
    histogram: NDArray[np.float64]
    """``(3, 256)``: share of the counts of red, green and blue sites in each bin."""

    @property
    def worst_saturated(self) -> float:
        return max(self.saturated)


def figures(raw: Raw, cfa: Cfa, black_level_dn: float, bit_depth: int) -> Figures:
    """Every figure of raw counts ``(H, W)``, H and W even."""
    shares = histogram(raw, cfa, bit_depth)
    return Figures(
        focus=focus(raw, cfa, black_level_dn),
        saturated=saturated(raw, cfa, bit_depth),
        level=green_level(raw, cfa, black_level_dn, bit_depth),
        bright=_bright(shares, black_level_dn / full_scale_dn(bit_depth)),
        histogram=shares,
    )


def focus(raw: Raw, cfa: Cfa, black_level_dn: float) -> float:
    """Tenengrad of one plane of green sites over its squared mean (Krotkov 1987): sharper is larger, from 0.

    The mean makes it independent of exposure, gain and the light; compare it only for one scene.
    """
    plane: Raw = _green(raw, cfa).copy()
    mean = float(plane.mean()) - black_level_dn
    if mean <= 0:
        return 0.0
    depth = cv2.CV_16S if plane.dtype == np.uint8 else cv2.CV_32F
    energy: float = sum(cv2.norm(cv2.Sobel(plane, depth, dx, 1 - dx), cv2.NORM_L2SQR) for dx in (0, 1))
    return energy / plane.size / mean**2


def saturated(raw: Raw, cfa: Cfa, bit_depth: int) -> tuple[float, float, float, float]:
    """Share of each of the four sites of the filter array that is at full scale, in the order of its name."""
    top = full_scale_dn(bit_depth)
    first, second, third, fourth = (float((plane >= top).mean()) for _, plane in _sampled(raw, cfa))
    return first, second, third, fourth


def histogram(raw: Raw, cfa: Cfa, bit_depth: int) -> NDArray[np.float64]:
    """``(3, 256)``: share of the counts of red, green and blue sites in each bin of the range."""
    counts: NDArray[np.float64] = np.zeros((3, BINS))
    for channel, plane in _sampled(raw, cfa):
        bins = plane.ravel() if bit_depth == 8 else (plane >> (bit_depth - 8)).ravel()
        counts[channel] += np.bincount(bins, minlength=BINS)
    counts /= counts.sum(axis=1, keepdims=True)
    return counts


def green_level(raw: Raw, cfa: Cfa, black_level_dn: float, bit_depth: int) -> float:
    """Mean of the green sites above black, as a share of the range."""
    mean = float(_green(raw, cfa)[::_EVERY, ::_EVERY].mean())
    return (mean - black_level_dn) / (full_scale_dn(bit_depth) - black_level_dn)


def split_ratio(level: Mapping[Arm, float], amount: Mapping[Arm, float]) -> float | None:
    """Share of the light of both arms that reaches nir; None in the dark.

    level
        `green_level` of each arm.
    amount
        Exposure time times linear gain, which the levels are divided by.

    Splitter, lens, filter and sensor are all in it, so it is no property of the splitter alone. Its drift is what
    matters: a splitter that moved, a filter left off, an iris that slipped.
    """
    light = {arm: max(0.0, level[arm]) / amount[arm] for arm in level}
    both = light["nir"] + light["vis"]
    return light["nir"] / both if both > 0 else None


def _bright(shares: NDArray[np.float64], black: float) -> float:
    """Level above black that `BRIGHT_SHARE` of the counts of the brightest channel stay below."""
    reached = (shares.cumsum(axis=1) < BRIGHT_SHARE).sum(axis=1).max()
    return max(0.0, (float(reached) / (BINS - 1) - black) / (1 - black))


def _green(raw: Raw, cfa: Cfa) -> Raw:
    """The first of the two planes of green sites, ``(H/2, W/2)``."""
    row, column, _ = next(site for site in sites(cfa) if site[2] == 1)
    return raw[row::2, column::2]


def _sampled(raw: Raw, cfa: Cfa) -> list[tuple[int, Raw]]:
    """Channel and a sample of the plane of each of the four sites."""
    step = 2 * _EVERY
    return [(channel, raw[row::step, column::step]) for row, column, channel in sites(cfa)]
