"""Resampling that does not alias: low-pass to the scale of the result first, then one interpolation.

A single bilinear step at a reduction of 1.9 folds fine texture into false patterns; warping to full size and then
averaging costs five times as much. Source and target pass through the same function and so end equally sharp.
"""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8] | NDArray[np.uint16]
"""RGB picture ``(H, W, 3)`` or grey picture ``(H, W)``."""
Matrix = NDArray[np.float64]

_MARGIN_PX = 4
"""Pixels beside a sample that interpolation and demosaicing read."""
_BILINEAR_FROM = 1.5
"""Reduction from which on the low-passed picture is smooth enough to be interpolated bilinearly, which is cheaper."""
_BILINEAR_VARIANCE_PX2 = 1 / 12
"""What the low-pass may do less: bilinear interpolation blurs too, by 0 to 1/4, depending on where between pixels."""


def resample(picture: Picture, picture_from_output: Matrix, size: tuple[int, int]) -> Picture:
    """Sample a picture through a homography.

    picture_from_output
        Maps pixels of the result to pixels of the picture.
    size
        Width and height of the result.
    Where the result looks beyond the picture, the border is repeated; `valid_mask` tells where.
    """
    rows, columns = needed_part((picture.shape[1], picture.shape[0]), picture_from_output, size)
    part: Picture = picture[rows, columns]
    scale = local_scale(picture_from_output, size)
    sigma_px, kernel = low_pass_sigma_px(scale), cv2.INTER_CUBIC
    if scale >= _BILINEAR_FROM:
        sigma_px, kernel = math.sqrt(sigma_px**2 - _BILINEAR_VARIANCE_PX2), cv2.INTER_LINEAR
    if sigma_px > 0:
        part = cast(Picture, cv2.GaussianBlur(part, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE))
    flags = kernel | cv2.WARP_INVERSE_MAP
    warp = shifted(-columns.start, -rows.start) @ picture_from_output
    if np.allclose(warp[2], (0, 0, 1), atol=0):
        result = cv2.warpAffine(part, warp[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    else:
        result = cv2.warpPerspective(part, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return result  # type: ignore[return-value]


def valid_mask(picture_from_output: Matrix, picture_size: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a resampled picture ``(height, width)`` shows data of the picture and not its repeated border."""
    columns, rows = np.meshgrid(np.arange(size[0], dtype=np.float64), np.arange(size[1], dtype=np.float64))
    x, y, weight = (row[0] * columns + row[1] * rows + row[2] for row in picture_from_output)
    inside: NDArray[np.bool_] = (weight > 0) & (np.abs(2 * x / weight - picture_size[0] + 1) <= picture_size[0] - 1)
    inside &= np.abs(2 * y / weight - picture_size[1] + 1) <= picture_size[1] - 1
    return inside


def low_pass_sigma_px(scale: float) -> float:
    """Width of the Gaussian that a reduction by `scale` needs, in pixels of the picture.

    Half a pixel of the result, less the half pixel that the picture has already: 9 dB down at the Nyquist frequency
    of the result at a reduction of two, and no blur at all where nothing is reduced.
    """
    return 0.5 * math.sqrt(scale * scale - 1) if scale > 1.05 else 0.0


def local_scale(picture_from_output: Matrix, size: tuple[int, int]) -> float:
    """Pixels of the picture per pixel of the result, at the centre of the result."""
    centre = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2, 1.0])
    x, y, weight = picture_from_output @ centre
    jacobian = (picture_from_output[:2, :2] - np.outer((x, y), picture_from_output[2, :2]) / weight) / weight
    return math.sqrt(abs(float(np.linalg.det(jacobian))))


def needed_part(
    picture_size: tuple[int, int], picture_from_output: Matrix, size: tuple[int, int]
) -> tuple[slice, slice]:
    """Rows and columns of a picture (width, height) that the result reads, from even ones on."""
    right, bottom = size[0] - 1.0, size[1] - 1.0
    ends = picture_from_output @ np.array([[0, right, right, 0], [0, 0, bottom, bottom], [1, 1, 1, 1.0]])
    margin = _MARGIN_PX + math.ceil(4 * low_pass_sigma_px(local_scale(picture_from_output, size)))
    columns, rows = (
        _even_span(along / ends[2], margin, length) for along, length in zip(ends, picture_size, strict=False)
    )
    return rows, columns


def _even_span(ends: NDArray[np.float64], margin: int, length: int) -> slice:
    start = min(max(0, math.floor(ends.min()) - margin) // 2 * 2, length - 2)
    stop = min(length, (math.ceil(ends.max()) + margin + 2) // 2 * 2)
    return slice(start, max(start + 2, stop))


def shifted(x: float, y: float) -> Matrix:
    """The homography that moves by so many pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
