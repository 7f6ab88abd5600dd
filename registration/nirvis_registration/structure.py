"""What near infrared and visible light have in common: where edges are and how they run, not how bright they are.

Each pixel is described by how strong the gradient is along six directions, modulo 180°, so that an edge which is
light-to-dark in one arm and dark-to-light in the other is the same edge (CFOG, Ye et al. 2019); divided by their
length in the neighbourhood, so that a weak edge in shade counts as much as a strong one in the sun.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_registration.features import Grey

Channels = NDArray[np.float32]
"""``(H, W, 6)``, each pixel at most of unit length."""

DIRECTIONS = 6
_GRADIENT_PX = 1.0
_POOLING_PX = 1.2
_NEIGHBOURHOOD_PX = 10.0
_FLOOR_DN = 1.5
"""Gradient of noise, in counts per pixel: weaker structure is not amplified to full length."""


def oriented_gradients(picture: Grey) -> Channels:
    """Structure of a grey picture ``(H, W)``."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), _GRADIENT_PX)
    dx, dy = (cv2.Scharr(smooth, cv2.CV_32F, *order, scale=1 / 32) for order in ((1, 0), (0, 1)))
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    channels = np.empty((*picture.shape, DIRECTIONS), np.float32)
    for k, angle in enumerate(angles):
        along = cv2.addWeighted(dx, float(np.cos(angle)), dy, float(np.sin(angle)), 0.0)
        channels[..., k] = cv2.GaussianBlur(np.abs(along), (0, 0), _POOLING_PX)
    energy = cv2.GaussianBlur(cv2.magnitude(dx, dy), (0, 0), _NEIGHBOURHOOD_PX)
    channels /= (energy + np.float32(_FLOOR_DN))[..., None] * np.float32(3.0)
    return channels
