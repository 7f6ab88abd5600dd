"""The picture by which a viewer of files knows a clip: nir and vis side by side, as a person at the rig sees them."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from nirvis_capture.camera import ARMS, Arm, CameraInfo, Raw
from nirvis_capture.profile import Profile
from nirvis_capture.raw import Rgb8, gains, superpixel

HEIGHT_PX = 258


def preview_shape(cameras: Mapping[Arm, CameraInfo]) -> tuple[int, int, int]:
    """``(height, width of both, 3)``; a quarter of 1384×1032, never larger than half the frame."""
    height = min(HEIGHT_PX, *(camera.height // 2 for camera in cameras.values()))
    return height, sum(_width(camera.height, camera.width, height) for camera in cameras.values()), 3


def preview_picture(raws: Mapping[Arm, Raw], profile: Profile, shape: tuple[int, int, int]) -> Rgb8:
    """Both arms in the size of `preview_shape`, mirror undone."""
    height = shape[0]
    picture = np.concatenate([_arm_picture(raws[arm], profile, arm, height) for arm in ARMS], axis=1)
    return picture.reshape(shape)


def _arm_picture(raw: Raw, profile: Profile, arm: Arm, height: int) -> Rgb8:
    settings = profile.arm(arm)
    rgb = superpixel(raw, settings.cfa, settings.black_level_dn, settings.sensor.bit_depth, gains(settings))
    scene = np.fliplr(rgb) if settings.mirror else rgb
    size = (_width(raw.shape[0], raw.shape[1], height), height)
    return cv2.resize(np.ascontiguousarray(scene), size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _width(raw_height: int, raw_width: int, height: int) -> int:
    return max(1, round(raw_width * height / raw_height))
