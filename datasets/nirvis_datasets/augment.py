"""Resize, cut, mirror, and shake the colours of pictures, as `Augmentation` says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from nirvis_datasets.augmentation import Augmentation, ColourJitter
from nirvis_datasets.transforms import LUMA, Counts, Cut, random_cut

_ALMOST_ALL = 0.999
"""Share of a pixel's footprint that has to be valid for it to be: all of it, but for rounding."""


def drawn_jitter(jitter: ColourJitter, random: np.random.Generator) -> Callable[[Counts], Counts]:
    """One draw of the four changes, to be applied to every frame of a sample."""
    reach = np.array([jitter.brightness, jitter.contrast, jitter.saturation, jitter.gamma])
    factors = (1 + random.uniform(-reach, reach)).astype(np.float32)
    return lambda part: jittered(part, *factors)


def drawn_cut(augmentation: Augmentation, random: np.random.Generator, size: tuple[int, int], grid: int = 1) -> Cut:
    """Draw the part of a resized picture of `size` that a sample shows; see `random_cut`."""
    return random_cut(random, size, augmentation.crop, augmentation.flip, grid, augmentation.flip_vertical)


def shown_part(augmentation: Augmentation, read: Callable[[Cut], Counts], size: tuple[int, int], cut: Cut) -> Counts:
    """The part of a picture of `size` that a cut of its resized form shows; reads no more of it than needed."""
    if augmentation.resize is None or augmentation.resize == size:
        return read(cut)
    return cut.of(resized(read(Cut(0, 0, *size)), augmentation.resize))


def resized(picture: Counts, size: tuple[int, int]) -> Counts:
    """Bilinear with a low-pass where it shrinks, ``(H, W, C)`` → ``size`` and C, of the same data type.

    A mask ``(H, W)`` stays true where all that went into a pixel was.
    """
    # by torch, because OpenCV's pool of threads may hang in a forked worker
    if picture.dtype == np.uint8:
        return _interpolated(picture, size)
    if picture.dtype == bool:
        return _interpolated(picture[..., None].astype(np.float32), size)[..., 0] > _ALMOST_ALL
    return as_type(_interpolated(picture.astype(np.float32), size), picture.dtype)


def jittered(part: Counts, brightness: float, contrast: float, saturation: float, gamma: float) -> Counts:
    """Colours changed by the factors, ``(h, w, C)`` of the same data type."""
    scale = 1.0 if part.dtype == np.float32 else float(np.iinfo(part.dtype).max)
    shares = np.minimum(part * np.float32(brightness / scale), 1)
    mean = np.float32(_luma(shares).mean())
    shares = np.clip(mean + (shares - mean) * contrast, 0, 1)
    if shares.shape[2] == 3:
        luma = _luma(shares)
        shares = np.clip(luma + (shares - luma) * saturation, 0, 1)
    return as_type(shares**gamma * scale, part.dtype)


def as_type(values: NDArray[np.float32], dtype: np.dtype[np.generic]) -> Counts:
    """Round to counts, where the type is one of counts."""
    return values if dtype == np.float32 else np.rint(values).astype(dtype)


def _luma(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    luma: NDArray[np.float32] = shares @ LUMA if shares.shape[2] == 3 else shares
    return luma


def _interpolated(picture: Counts, size: tuple[int, int]) -> Counts:
    planes = torch.from_numpy(picture).permute(2, 0, 1).unsqueeze(0)
    made = torch.nn.functional.interpolate(planes, size, mode="bilinear", antialias=True)
    counts: Counts = made[0].permute(1, 2, 0).numpy()
    return counts
