"""Falling rain as one arm sees it: a veil of grey streaks over the whole frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.imaging.lens import Picture
from nirvis_capture.twin.imaging.optics import Homography
from nirvis_capture.twin.imaging.raster import Raster
from nirvis_capture.twin.imaging.shading import Shading
from nirvis_capture.twin.scenery.view import View
from nirvis_capture.twin.scenery.weather import Rain


class Streaks:
    """Draws every sheet of a rain, the farthest first."""

    def __init__(self, rain: Rain, shading: Shading, raster: Raster, view: View) -> None:
        self._rain = rain
        self._raster = raster
        self._canvas_shape = view.height, view.width
        self._strips = [255 - _repeated(sheet.streaks, view.width, view.height) for sheet in rain.sheets]
        self._colour = raster.filled(shading.under_the_sky(rain.bands))

    def over(self, picture: Picture, time_s: float, to_raw: Homography) -> Picture:
        """The picture behind the rain of that moment; `to_raw` maps from the canvas."""
        clear = self._clear(time_s, to_raw).astype(np.float32)
        if picture.ndim == 3:
            clear = np.repeat(clear[..., None], 3, axis=2)
        seen = cv2.multiply(cv2.subtract(picture, self._colour), clear, scale=1 / 255)
        return np.asarray(cv2.add(seen, self._colour), np.float32)

    def _clear(self, time_s: float, to_raw: Homography) -> NDArray[np.uint8]:
        """The light that comes through, ``(H, W)``; 255 is all. Drops fall from pixel to pixel of the canvas."""
        clear = np.full(self._canvas_shape, 255, np.uint8)
        for sheet, strip in zip(self._rain.sheets, self._strips, strict=True):
            across, down = sheet.offset(time_s)
            y, x = sheet.streaks.shape[0] - round(down), sheet.streaks.shape[1] - round(across)
            cv2.multiply(clear, strip[y : y + clear.shape[0], x : x + clear.shape[1]], dst=clear, scale=1 / 255)
        size = self._raster.size
        return np.asarray(cv2.warpPerspective(clear, to_raw, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _repeated(tile: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Tiles over a canvas, and one more each way for whatever offset."""
    rows, columns = -(-height // tile.shape[0]) + 1, -(-width // tile.shape[1]) + 1
    return np.tile(tile, (rows, columns))
