"""Large shadows and the light of street lamps, from where things stand."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.scenery.paint import Canvas, shade, shine
from nirvis_capture.twin.scenery.view import View

SHADED = 0.3
"""What is left of the sun where the houses behind the camera stand before it."""
_LAMP_ON_GROUND = 0.04
"""Irradiance below a street lamp, against that of the lamp itself."""

Distances = NDArray[np.float32]
"""``(H, W)``, metres; infinite for the sky."""


def overshadow(canvas: Canvas, rng: np.random.Generator, view: View, distance_m: Distances) -> None:
    """The houses behind the camera take the sun from the ground and from the lower part of the fronts."""
    roofs = np.zeros((1, view.width), np.float32)
    x = -rng.uniform(0, 0.2) * view.height
    while x < view.width:
        end = x + rng.uniform(0.12, 0.5) * view.height
        roofs[:, max(0, round(x)) : max(0, round(end))] = rng.uniform(0.26, 0.56) * view.height
        x = end
    rows = np.arange(view.height, dtype=np.float32)[:, None]
    shaded = cv2.GaussianBlur((rows > roofs).astype(np.float32), (0, 0), 0.0015 * view.height + 0.5)
    shaded *= distance_m < 1.2 * view.facade_m
    shade(canvas, np.asarray(shaded, np.float32) * np.float32(1 - SHADED))


def light_up(canvas: Canvas, view: View, lamps: list[tuple[float, float]], distance_m: Distances) -> None:
    """What the street lamps lay on ground, fronts and trees: each shines down, as an open cosine."""
    coarse = 4
    rows, columns = np.mgrid[0 : view.height : coarse, 0 : view.width : coarse].astype(np.float32)
    z = np.minimum(distance_m[::coarse, ::coarse], 2 * view.facade_m)
    x_m = (columns - view.width / 2) * z / view.focal_px
    y_m = view.camera_height_m - (rows - view.horizon_px) * z / view.focal_px
    on_ground = y_m < 0.2
    total = np.zeros_like(z)
    for at_m, height_m in lamps:
        away = np.stack([x_m - at_m, y_m - height_m, z - (view.far_kerb_m - 0.2)])
        far = np.maximum(np.sqrt(np.square(away).sum(0)), 1.5)
        down = np.clip(-away[1] / far + 0.1, 0, 1)
        facing = np.where(on_ground, down, np.clip(np.abs(away[2]) / far, 0.25, 1))
        total += _LAMP_ON_GROUND * height_m**2 * down * facing / far**2
    total[np.isinf(distance_m[::coarse, ::coarse]) | (z > 1.5 * view.facade_m)] = 0
    pools = cv2.resize(total, (view.width, view.height), interpolation=cv2.INTER_LINEAR)
    shine(canvas, np.asarray(pools, np.float32))
