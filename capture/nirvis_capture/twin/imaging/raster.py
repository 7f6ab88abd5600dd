"""Where the samples of a picture are: one colour at each site of a filter array, or all three at every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.profile import Cfa
from nirvis_capture.raw import sites
from nirvis_capture.twin.imaging.lens import Box, Picture
from nirvis_capture.twin.imaging.optics import Homography, translation

Size = tuple[int, int]
"""Width and height in pixels."""
Beyond = float | tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Lattice:
    """The samples of one colour: every second pixel of every second row, or every pixel."""

    row: int
    column: int
    channel: int
    pitch: int
    from_raw: Homography
    """From raw pixels to the number of the sample."""

    def of(self, picture: Picture) -> NDArray[np.float32]:
        """Its samples within a picture that begins at an even pixel, as a view."""
        return picture[..., self.channel] if self.pitch == 1 else picture[self.row :: 2, self.column :: 2]

    def sampled(
        self, plane: NDArray[np.float32], to_raw: Homography, size: Size, flags: int, border: int, beyond: Beyond = 0.0
    ) -> NDArray[np.float32]:
        """A plane ``(h, w)`` or ``(h, w, n)`` at the samples within a picture of that size.

        flags, border, beyond
            OpenCV's interpolation, border mode and border value.
        """
        cells = size[0] // self.pitch, size[1] // self.pitch
        seen = cv2.warpPerspective(
            plane, self.from_raw @ to_raw, cells, flags=flags, borderMode=border, borderValue=beyond
        )
        return np.asarray(seen, np.float32)


class Raster:
    """The samples of one arm. Sizes and boxes are in raw pixels, and even."""

    def __init__(self, size: Size, cfa: Cfa | None) -> None:
        """cfa: None for red, green and blue at every pixel."""
        self.size = size
        self.frame: Box = slice(0, size[1]), slice(0, size[0])
        """The whole of it."""
        self._colours = () if cfa else (3,)
        pitch, places = (2, sites(cfa)) if cfa else (1, tuple((0, 0, channel) for channel in range(3)))
        halved = np.diag([1 / pitch, 1 / pitch, 1.0])
        self.lattices = [
            Lattice(row, column, channel, pitch, halved @ translation(-column, -row)) for row, column, channel in places
        ]

    def sampled(self, planes: NDArray[np.float32], to_raw: Homography, box: Box) -> Picture:
        """A part of the picture of red, green and blue planes ``(3, h, w)``, smoothly interpolated."""
        rows, columns = box
        to_box = translation(-columns.start, -rows.start) @ to_raw
        size = columns.stop - columns.start, rows.stop - rows.start
        picture = np.empty((*size[::-1], *self._colours), np.float32)
        for lattice in self.lattices:
            lattice.of(picture)[:] = lattice.sampled(
                planes[lattice.channel], to_box, size, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101
            )
        return picture

    def filled(self, colour: NDArray[np.float32]) -> Picture:
        """A whole picture of one colour ``(3,)``."""
        picture = np.empty((*self.size[::-1], *self._colours), np.float32)
        for lattice in self.lattices:
            lattice.of(picture)[:] = colour[lattice.channel]
        return picture
