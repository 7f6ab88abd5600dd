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

    def box_of(self, to_raw: Homography, width: int, height: int) -> Box | None:
        """Where in the frame something of that width and height falls; None when it is out of sight."""
        corners = np.array([[[-1, -1], [width, -1], [width, height], [-1, height]]], np.float64)
        seen = cv2.perspectiveTransform(corners, to_raw)[0]
        left, top = np.maximum(np.floor(seen.min(0)).astype(int) // 2 * 2, 0)
        right, bottom = np.minimum(np.ceil(seen.max(0)).astype(int) // 2 * 2 + 2, self.size)
        if left >= right or top >= bottom:
            return None
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    def sampled(
        self, planes: NDArray[np.float32], to_raw: Homography, box: Box, beyond: float | None = None
    ) -> Picture:
        """A part of the picture of red, green and blue planes ``(3, h, w)``, smoothly interpolated.

        beyond
            What is around the planes; None: their mirror image.
        """
        border = cv2.BORDER_REFLECT_101 if beyond is None else cv2.BORDER_CONSTANT
        rows, columns = box
        to_box = translation(-columns.start, -rows.start) @ to_raw
        size = columns.stop - columns.start, rows.stop - rows.start
        picture = np.empty((*size[::-1], *self._colours), np.float32)
        for lattice in self.lattices:
            lattice.of(picture)[:] = lattice.sampled(
                planes[lattice.channel], to_box, size, cv2.INTER_CUBIC, border, beyond or 0.0
            )
        return picture

    def filled(self, colour: NDArray[np.float32]) -> Picture:
        """A whole picture of one colour ``(3,)``."""
        picture = np.empty((*self.size[::-1], *self._colours), np.float32)
        for lattice in self.lattices:
            lattice.of(picture)[:] = colour[lattice.channel]
        return picture


def visible(seen: NDArray[np.bool_]) -> Box:
    """The rows and columns in which something is seen; at least one of each."""
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def overlap(one: Box, other: Box) -> Box | None:
    """What two boxes have in common; None for nothing."""
    rows, columns = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None
