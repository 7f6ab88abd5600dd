"""White balance from raw counts: what red and blue have to be multiplied by for a grey to be grey."""

from __future__ import annotations

import numpy as np

from nirvis_capture.camera import Raw
from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Cfa, WhiteBalance
from nirvis_capture.raw import full_scale_dn, sites

Patch = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the sensor."""

DARKEST = 0.02
BRIGHTEST = 0.95
"""Levels between which a site tells its colour, as shares of the range above black."""
LEAST_SITES = 64


class NoGrey(NirvisError):
    """Nothing in the picture that a white balance could be taken from."""


def grey_balance(raw: Raw, cfa: Cfa, black_level_dn: float, bit_depth: int, patch: Patch | None = None) -> WhiteBalance:
    """Gains of red and blue against green, from a grey patch, or from the mean of the whole picture.

    raw
        Counts of the visible arm, ``(H, W)``, H and W even.
    patch
        Of something grey. Without one the world is taken as grey on average (Buchsbaum 1980), which a street with much
        foliage or brick is not.

    Raises `NoGrey` when too little of it is neither dark nor saturated.
    """
    levels = _levels(_cut(raw, patch), cfa, black_level_dn, bit_depth)
    usable = ((levels > DARKEST) & (levels < BRIGHTEST)).all(axis=0)
    if usable.sum() < LEAST_SITES:
        where = "the picture" if patch is None else "the patch"
        raise NoGrey(
            f"Only {int(usable.sum())} sites of {where} are neither dark nor saturated, {LEAST_SITES} are needed for a "
            "white balance. Change the exposure, or choose a larger or another patch."
        )
    red, green, blue = levels[:, usable].mean(axis=1)
    bounds = 1 / 16, 16.0
    return WhiteBalance(
        red=round(float(np.clip(green / red, *bounds)), 3), blue=round(float(np.clip(green / blue, *bounds)), 3)
    )


def _cut(raw: Raw, patch: Patch | None) -> Raw:
    """The patch, begun at an even pixel so that the filter array begins at the same site."""
    if patch is None:
        return raw
    left, top, width, height = patch
    rows = slice(top // 2 * 2, (top + height) // 2 * 2)
    cut = raw[rows, left // 2 * 2 : (left + width) // 2 * 2]
    if min(left, top) < 0 or not cut.size:
        raise NoGrey(f"The patch {left},{top},{width},{height} does not lie within {raw.shape[1]}×{raw.shape[0]} px.")
    return cut


def _levels(
    raw: Raw, cfa: Cfa, black_level_dn: float, bit_depth: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Red, green and blue of every four sites as shares of the range above black, ``(3, H/2, W/2)``."""
    planes: list[list[Raw]] = [[], [], []]
    for row, column, channel in sites(cfa):
        planes[channel].append(raw[row::2, column::2])
    counts = np.stack([np.mean(plane, axis=0, dtype=np.float64) for plane in planes])
    return (counts - black_level_dn) / (full_scale_dn(bit_depth) - black_level_dn)
