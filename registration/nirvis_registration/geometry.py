"""Where things lie: the common area of both arms, and how a raw NIR frame becomes the input of a network.

Coordinates are those of OpenCV: the centre of the first pixel is (0, 0). A picture is *scene-handed* once the mirror of
its arm is undone; pairs, crops and `SourceGeometry` live in the scene-handed picture of the nir arm.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from nirvis_registration.errors import RegistrationRefused, WrongPicture
from nirvis_registration.warp import Picture, resample

Matrix = NDArray[np.float64]
"""Homography ``(3, 3)``."""
Size = tuple[int, int]
"""Width and height in pixels."""

MIN_CROP_PX = 64
"""A narrower common area is the sign of a wrong homography rather than of a rig."""


class Rect(BaseModel):
    """Part of a picture, in pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class SourceGeometry(BaseModel):
    """How a scene-handed picture of the nir arm becomes the input of a network: crop, then resize without aliasing.

    It is stored in pairs files and exported models, so that a live picture is seen as the network saw its training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frame: Size
    """Width and height of the pictures it applies to."""
    crop: Rect
    size: Size
    """Width and height of the result."""

    @property
    def scale(self) -> float:
        """Pixels of the sensor per pixel of the result."""
        return self.crop.width / self.size[0]

    @property
    def frame_from_output(self) -> Matrix:
        """Affine map from pixels of the result to pixels of the frame."""
        sx, sy = self.crop.width / self.size[0], self.crop.height / self.size[1]
        return np.array(
            [
                [sx, 0.0, self.crop.x + 0.5 * sx - 0.5],
                [0.0, sy, self.crop.y + 0.5 * sy - 0.5],
                [0.0, 0.0, 1.0],
            ]
        )

    def fitted_to(self, frame: Size) -> SourceGeometry:
        """This geometry for frames of its own size; for others the largest such crop about their middle."""
        if frame == self.frame:
            return self
        ratio = self.size[0] / self.size[1]
        width, height = _even(min(frame[0], frame[1] * ratio)), _even(min(frame[1], frame[0] / ratio))
        crop = Rect(x=(frame[0] - width) // 2, y=(frame[1] - height) // 2, width=width, height=height)
        return SourceGeometry(frame=frame, crop=crop, size=self.size)

    def apply(self, picture: Picture) -> Picture:
        """Crop and resize a scene-handed RGB picture ``(H, W, 3)``, u8 or u16, to ``(height, width, 3)``.

        Raises `WrongPicture` when the picture is not as large as `frame`.
        """
        self.check((picture.shape[1], picture.shape[0]))
        return resample(picture, self.frame_from_output, self.size)

    def check(self, frame: Size) -> None:
        """Raise `WrongPicture` when a frame is not as large as `frame`."""
        if frame != self.frame:
            raise WrongPicture(frame, self.frame)


def mirror_x(width: int) -> Matrix:
    """Left-right reversal of a picture of that width; it is its own inverse."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def with_mirrors(homography_vis_to_nir: Matrix, nir_mirror_px: int | None, vis_mirror_px: int | None) -> Matrix:
    """Change between scene-handed and raw coordinates, in either direction; normalised to ``H[2, 2] = 1``.

    nir_mirror_px, vis_mirror_px
        Width of the pictures of an arm that is mirrored; None for an arm that is not.
    """
    result = homography_vis_to_nir
    if nir_mirror_px is not None:
        result = mirror_x(nir_mirror_px) @ result
    if vis_mirror_px is not None:
        result = result @ mirror_x(vis_mirror_px)
    return normalised(result)


def normalised(homography: Matrix) -> Matrix:
    """The same homography with ``H[2, 2] = 1``."""
    result: Matrix = homography / homography[2, 2]
    return result


def corners(size: Size) -> Matrix:
    """Centres of the corner pixels ``(4, 2)``, clockwise from the top left."""
    right, bottom = size[0] - 1.0, size[1] - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])


def project(homography: Matrix, points: NDArray[np.floating]) -> Matrix:
    """Map points ``(N, 2)``."""
    mapped = points @ homography[:2, :2].T + homography[:2, 2]
    weight = points @ homography[2, :2] + homography[2, 2]
    result: Matrix = mapped / weight[:, None]
    return result


def from_corners(before: Matrix, after: Matrix) -> Matrix:
    """The homography that moves four points; solved in double precision, which OpenCV does not offer."""
    rows, values = [], []
    for (x, y), (u, v) in zip(before, after, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    elements = np.linalg.solve(np.array(rows), np.array(values))
    return np.append(elements, 1.0).reshape(3, 3)


def corner_distances(first: Matrix, second: Matrix, size: Size) -> NDArray[np.float64]:
    """How far two homographies disagree at the four corners of a picture, ``(4,)`` px."""
    distances: NDArray[np.float64] = np.linalg.norm(
        project(first, corners(size)) - project(second, corners(size)), axis=1
    )
    return distances


def common_crop(homography_vis_to_nir: Matrix, nir: Size, vis: Size, wanted: Size, ratio: float) -> Rect:
    """Central part of the area that both arms see, in scene-handed nir pixels.

    wanted
        Width and height of the crop where the common area is large enough; otherwise the largest crop that fits,
        ``ratio`` (width / height) kept. All four numbers of the crop are even.
    Raises `RegistrationRefused` when the arms have next to nothing in common.
    """
    top_left, top_right, bottom_right, bottom_left = project(homography_vis_to_nir, corners(vis))
    left, right = max(0.0, top_left[0], bottom_left[0]), min(nir[0] - 1.0, top_right[0], bottom_right[0])
    top, bottom = max(0.0, top_left[1], top_right[1]), min(nir[1] - 1.0, bottom_left[1], bottom_right[1])
    room_x, room_y = right - left + 1, bottom - top + 1
    width, height = min(wanted[0], room_x), min(wanted[1], room_y)
    if (width, height) != wanted:
        width, height = min(width, height * ratio), min(height, width / ratio)
    columns, rows = _even(width), _even(height)
    if columns < MIN_CROP_PX or rows < MIN_CROP_PX:
        raise RegistrationRefused(
            f"the arms have only {max(0, columns)}×{max(0, rows)} px in common, so that no pair can be cut out; "
            "check that both cameras look through the same splitter"
        )
    x = _even_within(left, right + 1 - columns)
    y = _even_within(top, bottom + 1 - rows)
    return Rect(x=x, y=y, width=columns, height=rows)


def _even(value: float) -> int:
    return 2 * math.floor(value / 2 + 1e-9)


def _even_within(low: float, high: float) -> int:
    """The even number nearest to the middle of an interval, not below its lower edge."""
    middle = 2 * round((low + high) / 4)
    return max(middle, 2 * math.ceil(low / 2 - 1e-9))
