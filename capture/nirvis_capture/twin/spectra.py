"""Light, filters and materials in four bands: red, green, blue and near infrared at 850 nm.

The scene is painted as reflectance in these bands; what an arm makes of them is one 3×4 matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Arm

if TYPE_CHECKING:
    from nirvis_capture.profile import Light, Mode

Response = NDArray[np.float32]
"""``(3, 4)``: counts of the red, green and blue sites for radiance in the bands R, G, B, N."""

Bands = tuple[float, float, float, float]
"""Reflectance in R, G, B and N, 0 to 1."""

# Rows: red, green, blue sites. The dyes of a filter array overlap a little, and are open in the infrared.
_NIR_CUT = [[0.93, 0.06, 0.01, 0.0], [0.05, 0.90, 0.05, 0.0], [0.01, 0.07, 0.92, 0.0]]
_OPEN = [[0.42, 0.03, 0.01, 0.50], [0.03, 0.42, 0.03, 0.32], [0.01, 0.04, 0.42, 0.32]]
_BAND_PASS_850 = [[0.0, 0.0, 0.0, 0.80], [0.0, 0.0, 0.0, 0.74], [0.0, 0.0, 0.0, 0.95]]

_ILLUMINANT: dict[Light, Bands] = {
    "day": (1.0, 0.98, 0.94, 1.0),
    "dusk": (0.46, 0.37, 0.36, 0.40),
    "led_night": (0.05, 0.04, 0.03, 0.7),
}


def response(arm: Arm, mode: Mode, light: Light) -> Response:
    """What light, filter and sensor make of the reflectance of a scene."""
    filtered = _NIR_CUT if arm == "vis" else _OPEN if mode == "day" else _BAND_PASS_850
    return np.array(filtered, np.float32) * np.array(_ILLUMINANT[light], np.float32)


# What a street is made of. Dyes and pigments that tell things apart for the eye are nearly white at 850 nm; metal,
# glass, rubber, water and carbon black stay as they are; living leaves leap up beyond 700 nm.
SKY_TOP: Bands = (0.36, 0.52, 0.80, 0.13)
SKY_LOW: Bands = (0.72, 0.80, 0.88, 0.34)
CLOUD: Bands = (0.93, 0.93, 0.95, 0.74)
LEAVES: tuple[Bands, ...] = ((0.12, 0.19, 0.065, 0.84), (0.09, 0.165, 0.075, 0.76), (0.18, 0.23, 0.065, 0.90))
BARK: Bands = (0.20, 0.155, 0.115, 0.36)
BRICK: Bands = (0.47, 0.255, 0.175, 0.50)
TILE: Bands = (0.60, 0.47, 0.31, 0.62)
STONE: Bands = (0.56, 0.53, 0.46, 0.56)
CONCRETE: Bands = (0.47, 0.46, 0.43, 0.47)
PLASTER: tuple[Bands, ...] = ((0.72, 0.65, 0.50, 0.74), (0.70, 0.69, 0.66, 0.72), (0.62, 0.52, 0.44, 0.68))
GLASS: Bands = (0.10, 0.135, 0.165, 0.06)
GLASS_SKY: Bands = (0.33, 0.43, 0.54, 0.15)
CURTAIN: Bands = (0.52, 0.50, 0.45, 0.62)
ASPHALT: Bands = (0.235, 0.235, 0.245, 0.20)
PAVING: Bands = (0.45, 0.435, 0.41, 0.42)
KERB: Bands = (0.58, 0.57, 0.54, 0.55)
WHITE_PAINT: Bands = (0.86, 0.86, 0.83, 0.80)
IRON: Bands = (0.065, 0.065, 0.07, 0.085)
STEEL: Bands = (0.52, 0.53, 0.54, 0.46)
RUBBER: Bands = (0.045, 0.045, 0.047, 0.05)
SIGN_BLUE: Bands = (0.07, 0.19, 0.55, 0.66)
SIGN_GREEN: Bands = (0.05, 0.36, 0.22, 0.64)
SIGN_RED: Bands = (0.70, 0.08, 0.075, 0.78)
SIGN_YELLOW: Bands = (0.85, 0.66, 0.08, 0.82)
SKIN: Bands = (0.62, 0.43, 0.33, 0.70)
HAIR: Bands = (0.055, 0.045, 0.04, 0.14)
TEXTILES: tuple[Bands, ...] = (
    (0.83, 0.83, 0.81, 0.84),
    (0.065, 0.065, 0.075, 0.52),
    (0.07, 0.10, 0.24, 0.60),
    (0.36, 0.36, 0.38, 0.62),
    (0.56, 0.10, 0.11, 0.72),
    (0.62, 0.53, 0.40, 0.74),
    (0.20, 0.33, 0.52, 0.68),
    (0.17, 0.27, 0.19, 0.60),
)
CAR_PAINTS: tuple[Bands, ...] = (
    (0.86, 0.86, 0.85, 0.80),
    (0.045, 0.045, 0.05, 0.06),
    (0.58, 0.59, 0.60, 0.50),
    (0.27, 0.28, 0.30, 0.24),
    (0.10, 0.19, 0.45, 0.34),
    (0.55, 0.07, 0.08, 0.62),
)
TAIL_LAMP: Bands = (0.72, 0.05, 0.05, 0.66)
HEAD_LAMP: Bands = (0.86, 0.88, 0.88, 0.62)
