"""The two arms as a pair: raw frames in, pictures of one geometry out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Raw
from nirvis_capture.profile import ArmSettings
from nirvis_capture.raw import demosaic, gains
from nirvis_registration.geometry import Matrix, Size, SourceGeometry, mirror_x, normalised
from nirvis_registration.warp import Picture, needed_part, resample, shifted, valid_mask


def scene_picture(raw: Raw, settings: ArmSettings) -> Picture:
    """Raw counts ``(H, W)`` as RGB ``(H, W, 3)`` with the mirror undone: u8, or u16 for sensors of more than 8 bits."""
    rgb = demosaic(raw, settings.cfa, settings.black_level_dn, settings.sensor.bit_depth, gains(settings))
    return cv2.flip(rgb, 1) if settings.mirror else rgb  # type: ignore[return-value]


def source_view(raw: Raw, settings: ArmSettings, geometry: SourceGeometry) -> Picture:
    """A raw frame of the nir arm as the input of a network, RGB ``(height, width, 3)``.

    Raises `WrongPicture` when the frame is not as large as the geometry's.
    """
    geometry.check((raw.shape[1], raw.shape[0]))
    return _seen(raw, settings, geometry.frame_from_output, geometry.size)


def _seen(raw: Raw, settings: ArmSettings, scene_from_output: Matrix, size: Size) -> Picture:
    """A raw frame through a homography in one interpolation; what the result does not show is not demosaiced."""
    frame = (raw.shape[1], raw.shape[0])
    from_output = mirror_x(frame[0]) @ scene_from_output if settings.mirror else scene_from_output
    rows, columns = needed_part(frame, from_output, size)
    # OpenCV demosaics as if the rows of a part followed each other in memory
    part = cast(Raw, np.ascontiguousarray(raw[rows, columns]))
    rgb = demosaic(part, settings.cfa, settings.black_level_dn, settings.sensor.bit_depth, gains(settings))
    return resample(rgb, shifted(-columns.start, -rows.start) @ from_output, size)


@dataclass(frozen=True, slots=True, eq=False)
class PairView:
    """How the raw frames of a clip become registered pairs."""

    nir: ArmSettings
    vis: ArmSettings
    geometry: SourceGeometry
    homography_vis_to_nir: Matrix
    """Between scene-handed pictures."""
    vis_frame: Size
    """Width and height of the frames of vis."""

    @property
    def vis_from_output(self) -> Matrix:
        """Pixels of a pair to scene-handed pixels of vis: crop, resize and warp as one map."""
        return normalised(np.linalg.inv(self.homography_vis_to_nir) @ self.geometry.frame_from_output)

    def source(self, raw: Raw) -> Picture:
        return source_view(raw, self.nir, self.geometry)

    def target(self, raw: Raw) -> Picture:
        """A raw frame of the vis arm, warped onto the source in one interpolation."""
        return _seen(raw, self.vis, self.vis_from_output, self.geometry.size)

    def valid(self) -> NDArray[np.bool_]:
        """``(height, width)``: where the target shows data of the vis arm."""
        return valid_mask(self.vis_from_output, self.vis_frame, self.geometry.size)
