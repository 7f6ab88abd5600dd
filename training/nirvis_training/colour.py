"""sRGB and CIE L*a*b* under D65, as scikit-image has them; pure tensor functions that export to ONNX."""

from __future__ import annotations

import torch
from torch import Tensor

_XYZ_OF_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
"""Linear sRGB → XYZ with white at Y = 1 (ITU-R BT.709 primaries, D65)."""
_RGB_OF_XYZ = (
    (3.240481342992, -1.537151515516, -0.498536326168),
    (-0.969254949996, 1.875990001488, 0.041555926559),
    (0.055646639135, -0.204041338366, 1.057311069645),
)
"""Inverse of the above."""
_WHITE = (0.95047, 1.0, 1.08883)
"""XYZ of D65, 2° observer."""

_LINEAR_BELOW = 0.04045
_CUBE_ABOVE = 0.008856
_CUBE_ROOT_ABOVE = 0.2068966
_SLOPE = 7.787
_OFFSET = 16 / 116


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB in [0, 1] ``(N, 3, …)`` → CIE L*a*b*, L* in 0 to 100, a* and b* in about ±100."""
    linear = torch.where(rgb > _LINEAR_BELOW, ((rgb.clamp(min=_LINEAR_BELOW) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    relative = _mix(linear, _XYZ_OF_RGB) / _planes(_WHITE, rgb)
    # The clamps keep the branch that is not taken free of infinite slopes.
    cube_root = relative.clamp(min=_CUBE_ABOVE) ** (1 / 3)
    x, y, z = torch.where(relative > _CUBE_ABOVE, cube_root, _SLOPE * relative + _OFFSET).unbind(dim=1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=1)


def luma(rgb: Tensor) -> Tensor:
    """Grey of gamma-coded RGB ``(N, 3, …)`` by the weights of BT.709, as scikit-image has it: ``(N, 1, …)``."""
    red, green, blue = rgb.unbind(dim=1)
    return (0.2125 * red + 0.7154 * green + 0.0721 * blue).unsqueeze(1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIE L*a*b* ``(N, 3, …)`` → sRGB; colours outside the gamut are clipped to [0, 1]."""
    lightness, a, b = lab.unbind(dim=1)
    y = (lightness + 16) / 116
    # No negative Z, as scikit-image: very blue predictions would otherwise leave the domain of XYZ.
    root = torch.stack((y + a / 500, y, (y - b / 200).clamp(min=0)), dim=1)
    relative = torch.where(root > _CUBE_ROOT_ABOVE, root**3, (root - _OFFSET) / _SLOPE)
    linear = _mix(relative * _planes(_WHITE, lab), _RGB_OF_XYZ)
    gamma = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, gamma, 12.92 * linear).clamp(0, 1)


def normalise_lab(lab: Tensor) -> Tensor:
    """CIE L*a*b* ``(N, 3, …)`` → [0, 1] as the networks see it: L/100, (a+128)/255, (b+128)/255."""
    return (lab + _planes((0, 128, 128), lab)) / _planes((100, 255, 255), lab)


def denormalise_lab(normalised: Tensor) -> Tensor:
    """Inverse of `normalise_lab`."""
    return normalised * _planes((100, 255, 255), normalised) - _planes((0, 128, 128), normalised)


def _mix(planes: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Apply a 3×3 matrix to the channels of ``(N, 3, …)``."""
    first, second, third = planes.unbind(dim=1)
    return torch.stack([row[0] * first + row[1] * second + row[2] * third for row in matrix], dim=1)


def _planes(values: tuple[float, float, float], like: Tensor) -> Tensor:
    """One value per channel, in the shape that broadcasts over ``(N, 3, …)``."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).reshape(1, 3, *[1] * (like.ndim - 2))
