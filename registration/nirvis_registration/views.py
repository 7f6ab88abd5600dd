"""The two arms as a pair: raw frames in, pictures of one geometry out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Raw
from nirvis_capture.profile import ArmSettings
from nirvis_capture.raw import demosaic, gains
from nirvis_registration.distortion import NO_DISTORTION, Distortion
from nirvis_registration.geometry import Matrix, Size, SourceGeometry, normalised
from nirvis_registration.warp import Picture, Positions, Sampling, positions_through, valid_mask


def scene_picture(raw: Raw, settings: ArmSettings) -> Picture:
    """Raw counts ``(H, W)`` as RGB ``(H, W, 3)`` with the mirror undone: u8, or u16 for sensors of more than 8 bits."""
    rgb = demosaic(raw, settings.cfa, settings.black_level_dn, settings.sensor.bit_depth, gains(settings))
    return cv2.flip(rgb, 1) if settings.mirror else rgb  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class PairView:
    """How the raw frames of a clip become registered pairs."""

    nir: ArmSettings
    vis: ArmSettings
    geometry: SourceGeometry
    homography_vis_to_nir: Matrix
    """Between scene-handed pictures."""
    vis_frame: Size
    """Width and height of the frames of vis."""
    distortion: Distortion = NO_DISTORTION
    """Of vis, before the homography."""

    @property
    def vis_from_output(self) -> Matrix:
        """Pixels of a pair to ideal scene-handed pixels of vis: crop, resize and warp as one map."""
        return normalised(np.linalg.inv(self.homography_vis_to_nir) @ self.geometry.frame_from_output)

    @cached_property
    def vis_positions(self) -> Positions:
        """Where in the scene-handed picture of vis each pixel of a pair lies, ``(height, width, 2)``."""
        return self.distortion.distorted(positions_through(self.vis_from_output, self.geometry.size), self.vis_frame)

    def source(self, raw: Raw) -> Picture:
        """A raw frame of the nir arm as the input of a network, RGB ``(height, width, 3)``.

        Raises `WrongPicture` when the frame is not as large as the geometry's.
        """
        self.geometry.check((raw.shape[1], raw.shape[0]))
        return _seen(raw, self.nir, self._nir_sampling)

    def target(self, raw: Raw) -> Picture:
        """A raw frame of the vis arm, warped onto the source in one interpolation."""
        return _seen(raw, self.vis, self._vis_sampling)

    def valid(self) -> NDArray[np.bool_]:
        """``(height, width)``: where the target shows data of the vis arm."""
        return valid_mask(self.vis_positions, self.vis_frame)

    @cached_property
    def _nir_sampling(self) -> Sampling:
        positions = positions_through(self.geometry.frame_from_output, self.geometry.size)
        return _of_raw(positions, self.nir, self.geometry.frame)

    @cached_property
    def _vis_sampling(self) -> Sampling:
        return _of_raw(self.vis_positions, self.vis, self.vis_frame)


def _of_raw(positions: Positions, settings: ArmSettings, frame: Size) -> Sampling:
    """The sampling of a raw frame at scene-handed positions."""
    if settings.mirror:
        positions = np.stack([frame[0] - 1 - positions[..., 0], positions[..., 1]], axis=-1)
    return Sampling.at(positions, frame)


def _seen(raw: Raw, settings: ArmSettings, sampling: Sampling) -> Picture:
    """A raw frame in one interpolation; what the result does not show is not demosaiced."""
    # OpenCV demosaics as if the rows of a part followed each other in memory
    part = cast(Raw, np.ascontiguousarray(raw[sampling.rows, sampling.columns]))
    rgb = demosaic(part, settings.cfa, settings.black_level_dn, settings.sensor.bit_depth, gains(settings))
    return sampling.of_part(rgb)
