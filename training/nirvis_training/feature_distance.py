"""Distances between two collections of pictures in the features of a network, in float64; no torch.

Features are ``(n, d)``, one row for each picture; the published figures use the 2048 pool3 features of Inception-V3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]
KID_SUBSETS = 100
KID_SUBSET_SIZE = 1000


def frechet_distance(first: Features, second: Features) -> float:
    """FID: Fréchet distance of two Gaussians fitted to the features (Heusel et al. 2017), unbiased covariances.

    The trace of the square root of the product of the covariances is the sum of the singular values of the product of
    their square roots, so that no root of a matrix is taken and fewer pictures than features do no harm.
    Each side needs two pictures.
    """
    _at_least_two(first, second)
    root_1, root_2 = (_covariance_root(features) for features in (first, second))
    between_means = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    overlap = np.linalg.svd(root_1 @ root_2.T, compute_uv=False).sum()
    return float(between_means + np.square(root_1).sum() + np.square(root_2).sum() - 2 * overlap)


@dataclass(frozen=True, slots=True)
class KernelDistance:
    """Mean over subsets, and their standard deviation, None where there is one subset only."""

    mean: float
    spread: float | None


def kernel_distance(first: Features, second: Features, degree: int = 3, seed: int = 0) -> KernelDistance:
    """KID: unbiased squared MMD under the kernel ``(x·y / d + 1) ** degree`` (Bińkowski et al. 2018, eq. 4).

    Over 100 random subsets of 1000 pictures, or of all where one side has fewer; the same for the same seed. Degree 3
    is the original; Yu et al. (2023) report degree 21, whose values float32 could not hold.
    Each side needs two pictures.
    """
    _at_least_two(first, second)
    size = min(KID_SUBSET_SIZE, len(first), len(second))
    whole = size == len(first) == len(second)
    random = np.random.default_rng(seed)
    values = [
        _squared_mmd(
            first[random.choice(len(first), size, replace=False)],
            second[random.choice(len(second), size, replace=False)],
            degree,
        )
        for _ in range(1 if whole else KID_SUBSETS)
    ]
    return KernelDistance(float(np.mean(values)), None if whole else float(np.std(values)))


def _covariance_root(features: Features) -> Features:
    """R with RᵀR = covariance, ``(min(n, d), d)``."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    root: Features = centred if len(centred) <= centred.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))
    return root


def _squared_mmd(first: Features, second: Features, degree: int) -> float:
    """Unbiased: the pairs of a picture with itself are left out. Both have the same length."""
    n = len(first)
    within_1, within_2, between = (
        (a @ b.T / first.shape[1] + 1) ** degree for a, b in ((first, first), (second, second), (first, second))
    )
    within = (within_1.sum() - np.trace(within_1) + within_2.sum() - np.trace(within_2)) / (n * (n - 1))
    return float(within - 2 * between.mean())


def _at_least_two(*collections: Features) -> None:
    if any(len(features) < 2 for features in collections):
        raise ValueError(f"a distance wants two pictures on each side, got {[len(f) for f in collections]}")
