"""Features that survive the spectral gap: RootSIFT on grey and on locally normalised gradient magnitude.

Near infrared and visible light disagree in brightness and even in the sign of an edge; where the edges are, they agree.
Arandjelović and Zisserman 2012 for RootSIFT; measured on real pairs, both sets of matches pooled reach 1.1 px at the
90th percentile where plain SIFT reaches 2.9 px.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_registration.warp import Picture

Grey = NDArray[np.uint8]
"""Grey picture ``(H, W)``, stretched to the whole range."""
Points = NDArray[np.float32]
"""``(N, 2)``, x and y in pixels."""

CONTRAST_THRESHOLD = 0.01
RATIO = 0.85
_NEIGHBOURHOOD_PX = 41
"""Side of the box that an edge is compared with."""
_GRADIENT_FLOOR_DN = 1.5
"""Gradient magnitude of noise, in counts per pixel: weaker edges are not amplified."""


@dataclass(frozen=True, slots=True)
class Features:
    """Where the features of a picture are, and what they look like."""

    points: Points
    descriptors: NDArray[np.float32]
    """``(N, 128)``, of unit length."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Points of both arms that look alike, row by row."""

    nir: Points
    vis: Points

    def __len__(self) -> int:
        return len(self.nir)

    @staticmethod
    def pooled(several: list[Matches]) -> Matches:
        """All matches of several frames or kinds as one set."""
        nothing = np.empty((0, 2), np.float32)
        return Matches(
            np.concatenate([nothing, *(m.nir for m in several)]), np.concatenate([nothing, *(m.vis for m in several)])
        )


def grey(picture: Picture) -> Grey:
    """Luma of an RGB picture ``(H, W, 3)``, u8 or u16, with its 0.5th to 99.5th percentile stretched to 0 … 255."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    low, high = np.percentile(luma[::4, ::4], (0.5, 99.5))
    stretched: Grey = np.clip((luma - low) * (255.0 / max(high - low, 1e-3)), 0, 255).astype(np.uint8)
    return stretched


def gradient_magnitude(picture: NDArray[np.uint8], sigma_px: float = 1.0) -> NDArray[np.float32]:
    """Length of the gradient ``(H, W)`` in counts per pixel, at the scale of a Gaussian of `sigma_px`."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma_px)
    dx = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32)
    dy = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)
    return cv2.magnitude(dx, dy)  # type: ignore[return-value]


def normalised_gradient(picture: Grey) -> Grey:
    """Gradient magnitude divided by its mean around each pixel: weak edges in shade count as strong ones in the sun."""
    return cv2.convertScaleAbs(relative_gradient(picture), alpha=64.0)  # type: ignore[return-value]


def relative_gradient(picture: Grey) -> NDArray[np.float32]:
    """Gradient magnitude ``(H, W)`` in units of its mean in the neighbourhood."""
    magnitude = gradient_magnitude(picture)
    around = cv2.blur(magnitude, (_NEIGHBOURHOOD_PX, _NEIGHBOURHOOD_PX))
    relative: NDArray[np.float32] = magnitude / (around + np.float32(_GRADIENT_FLOOR_DN))
    return relative


def detect(picture: Grey, limit: int) -> Features:
    """At most `limit` SIFT features with RootSIFT descriptors."""
    sift = cv2.SIFT.create(nfeatures=limit, contrastThreshold=CONTRAST_THRESHOLD)
    keypoints, descriptors = sift.detectAndCompute(picture, None)
    if descriptors is None or len(keypoints) == 0:
        return Features(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
    points = np.array([k.pt for k in keypoints], np.float32)
    rooted = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
    return Features(points, rooted.astype(np.float32))


def match(nir: Features, vis: Features, ratio: float = RATIO) -> Matches:
    """Mutual nearest neighbours that are closer than `ratio` times the second nearest (Lowe 2004)."""
    if len(nir.points) < 2 or len(vis.points) < 2:
        return Matches.pooled([])
    similarity = nir.descriptors @ vis.descriptors.T
    nearest = similarity.argmax(axis=1)
    nearest_back = similarity.argmax(axis=0)
    rows = np.arange(len(nearest))
    best = similarity[rows, nearest]
    similarity[rows, nearest] = -1.0
    second = similarity.max(axis=1)
    distinct = (2 - 2 * best) < ratio**2 * (2 - 2 * second)
    chosen = np.flatnonzero(distinct & (nearest_back[nearest] == rows))
    return Matches(nir.points[chosen], vis.points[nearest[chosen]])


def match_pictures(nir: Grey, vis: Grey, limit: int = 4000) -> Matches:
    """Matches of two grey pictures of the same handedness, on grey and on normalised gradient together."""
    kinds = ((nir, vis), (normalised_gradient(nir), normalised_gradient(vis)))
    return Matches.pooled([match(detect(n, limit), detect(v, limit)) for n, v in kinds])
