"""Resampling that does not alias: low-pass to the scale of the result first, then one interpolation.

A single bilinear step at a reduction of 1.9 folds fine texture into false patterns; warping to full size and then
averaging costs five times as much. Source and target pass through the same function and so end equally sharp.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8] | NDArray[np.uint16]
"""RGB picture ``(H, W, 3)`` or grey picture ``(H, W)``."""
Matrix = NDArray[np.float64]
Positions = NDArray[np.float64]
"""``(height, width, 2)``: x and y in a picture of each pixel of a result."""

_MARGIN_PX = 6
"""Pixels beside a sample that interpolation and demosaicing read."""
_BILINEAR_FROM = 1.5
"""Reduction from which on the low-passed picture is smooth enough to be interpolated bilinearly, which is cheaper."""
_BINOMIAL_VARIANCE_PX2 = 1 / 2
_NEGLIGIBLE_PX2 = 0.1
_BILINEAR_VARIANCE_PX2 = 1 / 12
"""What the low-pass may do less: bilinear interpolation blurs too, by 0 to 1/4, depending on where between pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """Where each pixel of a result lies in a picture: worked out once, applied to every frame."""

    rows: slice
    columns: slice
    """The part of the picture that is read, from even ones on."""
    low_pass_px2: float
    """Variance of the low-pass."""
    kernel: int
    table: tuple[cv2.typing.MatLike, cv2.typing.MatLike]
    """Pixel within the part and its fraction, in the fixed point of OpenCV."""

    @staticmethod
    def at(positions: Positions, picture_size: tuple[int, int]) -> Sampling:
        """Sample a picture (width, height) at these positions."""
        scale = _scale(positions)
        low_pass_px2, kernel = low_pass_variance_px2(scale), cv2.INTER_CUBIC
        if scale >= _BILINEAR_FROM:
            low_pass_px2, kernel = low_pass_px2 - _BILINEAR_VARIANCE_PX2, cv2.INTER_LINEAR
        margin = _MARGIN_PX + math.ceil(low_pass_px2 / _BINOMIAL_VARIANCE_PX2)
        columns, rows = (_even_span(positions[..., axis], margin, picture_size[axis]) for axis in (0, 1))
        within = (positions - (columns.start, rows.start)).astype(np.float32)
        table = cv2.convertMaps(within[..., 0], within[..., 1], cv2.CV_16SC2)
        return Sampling(rows, columns, low_pass_px2, kernel, table)

    def of_part(self, part: Picture) -> Picture:
        """The result, from the rows and columns of a picture that are read.

        Where it looks beyond the picture, the border is repeated; `valid_mask` tells where.
        """
        part = _low_passed(part, self.low_pass_px2)
        return cv2.remap(part, *self.table, self.kernel, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def resample(picture: Picture, picture_from_output: Matrix, size: tuple[int, int]) -> Picture:
    """Sample a picture through a homography.

    picture_from_output
        Maps pixels of the result to pixels of the picture.
    size
        Width and height of the result.
    Where the result looks beyond the picture, the border is repeated; `valid_mask` tells where.
    """
    sampling = through(picture_from_output, size, (picture.shape[1], picture.shape[0]))
    return sampling.of_part(picture[sampling.rows, sampling.columns])


def through(picture_from_output: Matrix, size: tuple[int, int], picture_size: tuple[int, int]) -> Sampling:
    """The sampling of a picture through a homography; the same object for the same arguments soon after."""
    return _through(picture_from_output.astype(np.float64).tobytes(), size, picture_size)


@lru_cache(maxsize=4)
def _through(homography: bytes, size: tuple[int, int], picture_size: tuple[int, int]) -> Sampling:
    matrix = np.frombuffer(homography, np.float64).reshape(3, 3)
    return Sampling.at(positions_through(matrix, size), picture_size)


def positions_through(picture_from_output: Matrix, size: tuple[int, int]) -> Positions:
    """Where each pixel of a result (width, height) lies in a picture."""
    columns, rows = np.meshgrid(np.arange(size[0], dtype=np.float64), np.arange(size[1], dtype=np.float64))
    x, y, weight = (row[0] * columns + row[1] * rows + row[2] for row in picture_from_output)
    return np.stack([x / weight, y / weight], axis=-1)


def valid_mask(positions: Positions, picture_size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a resampled picture ``(height, width)`` shows data of the picture and not its repeated border."""
    middle = (np.array(picture_size) - 1) / 2
    return np.asarray((np.abs(positions - middle) <= middle).all(axis=-1))


def low_pass_variance_px2(scale: float) -> float:
    """Variance of the low-pass that a reduction by `scale` needs, in pixels of the picture.

    That of half a pixel of the result, less that of the half pixel which the picture has already: no blur at all where
    nothing is reduced.
    """
    return 0.25 * (scale * scale - 1) if scale > 1.05 else 0.0


def _low_passed(picture: Picture, variance_px2: float) -> Picture:
    """The picture under the binomial 1-2-1, as often as it takes: it has no gain where a reduction by two folds most.

    OpenCV does that three times as fast as a Gaussian. What is left over goes to a narrower kernel.
    """
    passes, rest_px2 = divmod(variance_px2, _BINOMIAL_VARIANCE_PX2)
    sigmas_px = [0.0] * int(passes) + [math.sqrt(rest_px2)] * (rest_px2 > _NEGLIGIBLE_PX2)
    for sigma_px in sigmas_px:  # 0: the binomial
        picture = cast(Picture, cv2.GaussianBlur(picture, (3, 3), sigma_px, borderType=cv2.BORDER_REPLICATE))
    return picture


def _scale(positions: Positions) -> float:
    """Pixels of the picture per pixel of the result, in the middle of the result."""
    row, column = positions.shape[0] // 2, positions.shape[1] // 2
    here = positions[row, column]
    steps = np.stack([here - positions[row, column - 1], here - positions[row - 1, column]])
    return math.sqrt(abs(float(np.linalg.det(steps))))


def _even_span(along: NDArray[np.float64], margin: int, length: int) -> slice:
    start = min(max(0, math.floor(along.min()) - margin) // 2 * 2, length - 2)
    stop = min(length, (math.ceil(along.max()) + margin + 2) // 2 * 2)
    return slice(start, max(start + 2, stop))
