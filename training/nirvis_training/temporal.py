"""How steady a translated video is, judged by the motion of its input; no torch.

Pictures are RGB ``(H, W, 3)`` in 0 to 255. All figures take the input as the witness, which every method has, with or
without a partner for each picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Valid = NDArray[np.bool_]
Flow = NDArray[np.float32]
"""Displacement in pixels, ``(H, W, 2)``, x then y."""


_WHOLLY = 0.999
"""Of a pixel between four others: nothing of it comes from where the target saw nothing, but for rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How the second picture of the input came about from the first."""

    to_first: Flow
    """Where each pixel of the second picture was in the first."""
    seen: Valid
    """Pixels of the second picture that both flows agree about: neither uncovered nor come in from outside."""


def estimate_motion(first: Picture, second: Picture) -> Motion:
    """Dense flow of OpenCV's DIS (Kroeger et al. 2016), and occlusion where going there and back does not end at home.

    The tolerance is that of Ruder et al. (2016), eq. 5, as Lai et al. (2018) use it.
    """
    earlier, later = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (first, second))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back: Flow = np.asarray(search.calc(later, earlier, np.empty(0)), np.float32)
    forth: Flow = np.asarray(search.calc(earlier, later, np.empty(0)), np.float32)
    there = warp(forth, back)
    apart = np.square(back + there).sum(axis=2)
    room = 0.01 * (np.square(back).sum(axis=2) + np.square(there).sum(axis=2)) + 0.5
    return Motion(back, (apart <= room) & _inside(back))


def warp(picture: NDArray[Any], flow: Flow) -> NDArray[Any]:
    """What lies at ``(x, y) + flow`` of `picture` ``(H, W, C)``, bilinear; the border is repeated."""
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    return np.asarray(
        cv2.remap(
            picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    )


def warp_error(first: Picture, second: Picture, motion: Motion, valid: Valid) -> float:
    """Mean squared difference of `second` to `first` moved by the input, in (255)²-ths (Lai et al. 2018, eq. 10).

    Over the pixels that the motion sees and that are valid in both, as `valid` says of either; NaN without any.
    """
    was_valid = warp(valid.astype(np.float32), motion.to_first) > _WHOLLY
    counted = motion.seen & valid & was_valid
    if not counted.any():
        return float("nan")
    moved = warp(first.astype(np.float32) / 255, motion.to_first)
    return float(np.square(second.astype(np.float32) / 255 - moved)[counted].mean(dtype=np.float64))


def flicker(pictures: tuple[Picture, Picture], witness: tuple[Picture, Picture], valid: Valid) -> float:
    """Mean absolute difference of what changed in two pictures and what changed in the input, of 255.

    0 for a video that brightens, darkens and moves exactly as its input does; NaN without a valid pixel.
    """
    if not valid.any():
        return float("nan")
    changed, expected = (after.astype(np.int16) - before for before, after in (pictures, witness))
    return float(np.abs(changed - expected)[valid].mean(dtype=np.float64))


def _inside(flow: Flow) -> Valid:
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside: Valid = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return inside
