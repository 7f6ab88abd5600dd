"""Whether the lenses of a rig differ by more than a homography can tell, decided on what took no part in the fit.

Terms that are not there fit noise: they are kept only where they move something that a pair would show, and where parts
of the pictures that were held out fit better with them, tile by tile, than chance would have it (paired t test).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nirvis_registration.distortion import mapped
from nirvis_registration.geometry import Size
from nirvis_registration.lucas_kanade import Alignment, StructureFrame, align

LEAST_EFFECT_PX = 0.15
"""Terms that move no point by more than this are not worth having."""
LEAST_T = 3.0
"""Mean gain of a held-out tile over its standard error: about one in a thousand by chance."""
_TILES = (8, 6)
_LEAST_POINTS = 20
_EVERY = 3
"""So many points away from each other they are used here: neighbours tell the same."""


def with_lens_terms(frames: Sequence[StructureFrame], plain: Alignment) -> Alignment:
    """An alignment with one or two radial terms, where they are significant; else as it was."""
    best = plain
    for terms in (1, 2):
        bent = align(frames, best.homography_vis_to_nir, best.distortion, terms)
        if bent is None or effect_px(best, bent, frames[0].size) < LEAST_EFFECT_PX:
            break
        if _t_of_held_out_tiles(frames, best, terms) < LEAST_T:
            break
        best = bent
    return best


def effect_px(first: Alignment, second: Alignment, size: Size) -> float:
    """The most that two alignments disagree anywhere in vis."""
    across, down = (np.linspace(0, length - 1, 9) for length in size)
    points = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    one, other = (mapped(a.homography_vis_to_nir, a.distortion, points, size) for a in (first, second))
    return float(np.linalg.norm(one - other, axis=1).max())


def _t_of_held_out_tiles(frames: Sequence[StructureFrame], best: Alignment, terms: int) -> float:
    """Both models fitted to either colour of a chessboard and tried on the other: t of the gain over its tiles."""
    gains: list[float] = []
    frames = [frame.only(np.arange(len(frame.points)) % _EVERY == 0) for frame in frames]
    for colour in (0, 1):
        held_out = [_colour(frame) == colour for frame in frames]
        seen = [frame.only(~out) for frame, out in zip(frames, held_out, strict=True)]
        fits = [align(seen, best.homography_vis_to_nir, best.distortion, n) for n in (terms - 1, terms)]
        if any(fit is None for fit in fits):
            return 0.0
        unseen = [frame.only(out) for frame, out in zip(frames, held_out, strict=True)]
        without, with_terms = (_by_tile(unseen, fit) for fit in fits if fit is not None)
        gains += [1 - with_terms[tile] / without[tile] for tile in without.keys() & with_terms.keys()]
    spread = float(np.std(gains, ddof=1)) if len(gains) > 2 else float("inf")
    return float(np.mean(gains) / (spread / np.sqrt(len(gains)))) if gains else 0.0


def _by_tile(frames: Sequence[StructureFrame], fit: Alignment) -> dict[int, float]:
    """Median difference of structure in each tile, over all frames."""
    tiles = np.concatenate([_tile(frame) for frame in frames])
    wrong = np.concatenate([frame.differences(fit.homography_vis_to_nir, fit.distortion) for frame in frames])
    known = np.isfinite(wrong)
    found = {int(tile): wrong[known & (tiles == tile)] for tile in np.unique(tiles)}
    return {tile: float(np.median(values)) for tile, values in found.items() if len(values) >= _LEAST_POINTS}


def _colour(frame: StructureFrame) -> NDArray[np.int64]:
    tile = _tile(frame)
    return (tile % _TILES[0] + tile // _TILES[0]) % 2


def _tile(frame: StructureFrame) -> NDArray[np.int64]:
    column, row = (
        np.minimum(frame.points[:, axis] * _TILES[axis] / frame.size[axis], _TILES[axis] - 1).astype(np.int64)
        for axis in (0, 1)
    )
    return row * _TILES[0] + column
