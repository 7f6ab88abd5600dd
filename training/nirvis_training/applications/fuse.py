"""Translated colour and its infrared source in one picture: what glows in the infrared stays visible in the colour.

Fusion with guided filtering (Li, Kang & Hu 2013): both lumas are split into a base and a detail layer, each pixel of a
layer is weighed by how salient it is in either picture, and the weights are smoothed along the edges of that picture.
Colour comes from the translation alone. No torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import PictureError, WrongOption
from nirvis_training.applications.views import Companions, Picture, Views
from nirvis_training.video import open_sink, refuse_source

Plane = NDArray[np.float32]
"""``(H, W)`` in [0, 1]."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """Sizes and strengths of Li, Kang & Hu (2013), section V."""

    base_px: int = 31
    """Side of the mean filter that gives the base layer."""
    saliency_sigma_px: float = 5.0
    """Of the Gaussian over the absolute Laplacian."""
    base_radius_px: int = 45
    base_epsilon: float = 0.3
    """Smoothness of the weights of the base layer."""
    detail_radius_px: int = 7
    detail_epsilon: float = 1e-6


DEFAULTS = FusionSettings()


def fuse(translated: Picture, infrared: Picture, settings: FusionSettings = DEFAULTS) -> Picture:
    """One picture of both, of the same size; raises `PictureError` when sizes differ."""
    if translated.shape != infrared.shape:
        sizes = (f"{picture.shape[1]}x{picture.shape[0]}" for picture in (translated, infrared))
        raise PictureError(f"{' and '.join(sizes)} cannot be fused: both videos must have the same size")
    luma, *colour = cv2.split(cv2.cvtColor(translated.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb))
    planes = [np.asarray(luma, np.float32), _luma(infrared)]
    fused = np.clip(fuse_planes(planes, settings), 0, 1)
    rgb = cv2.cvtColor(cv2.merge([fused, *colour]), cv2.COLOR_YCrCb2RGB)
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def fuse_planes(planes: list[Plane], settings: FusionSettings = DEFAULTS) -> Plane:
    """Fused luma (eq. 3 to 12)."""
    bases = [cv2.blur(plane, (settings.base_px, settings.base_px)) for plane in planes]
    saliency = np.stack([_saliency(plane, settings) for plane in planes])
    # Where both are equally salient, each counts half, so that the order of the two does not matter.
    strongest = (saliency == saliency.max(axis=0)).astype(np.float32)
    shares = strongest / strongest.sum(axis=0)
    fused = np.zeros_like(planes[0])
    for radius, epsilon, layers in (
        (settings.base_radius_px, settings.base_epsilon, bases),
        (settings.detail_radius_px, settings.detail_epsilon, [p - b for p, b in zip(planes, bases, strict=True)]),
    ):
        weights = [guided_filter(plane, share, radius, epsilon) for plane, share in zip(planes, shares, strict=True)]
        total = np.maximum(sum(weights), np.float32(1e-6))
        fused += sum(weight / total * layer for weight, layer in zip(weights, layers, strict=True))
    return fused


def guided_filter(guide: Plane, plane: Plane, radius: int, epsilon: float) -> Plane:
    """Smooth `plane` without crossing the edges of `guide` (He, Sun & Tang 2010, eq. 5 and 6), within [0, 1].

    Means over a square of side ``2 radius + 1``; the border is mirrored.
    """

    def mean(of: Plane) -> Plane:
        return np.asarray(cv2.blur(of, (2 * radius + 1, 2 * radius + 1)), np.float32)

    mean_guide, mean_plane = mean(guide), mean(plane)
    slope = (mean(guide * plane) - mean_guide * mean_plane) / (mean(guide * guide) - mean_guide**2 + epsilon)
    offset = mean_plane - slope * mean_guide
    return np.asarray(np.clip(mean(slope) * guide + mean(offset), 0, 1), np.float32)


def fuse_to(
    infrared: Path,
    out: Path,
    *,
    translated: Path | None = None,
    model: Path | None = None,
    rate_hz: float | None = None,
    progress: Progress | None = None,
) -> Path:
    """Fuse a whole recording, video or folder with its translation, one picture in memory at a time.

    translated
        What `nirvis colorize` wrote, picture by picture; or else
    model
        that colours it now.
    out
        ``.mp4``, ``.png`` for one picture, or a folder.

    Raises `PictureError`, `WrongOption`, `ModelError`, or a `ClipError`.
    """
    if translated is None and model is None:
        raise WrongOption(
            "its colour is missing: give its translation as --translated, or a model that colours it now as --model"
        )
    refuse_source(out, infrared, *([] if translated is None else [translated]))
    views = Views(infrared, Companions(translated=translated, model=model))
    with open_sink(out, rate_hz or views.rate_hz) as sink:
        for done, (name, pictures) in enumerate(views, start=1):
            sink.write(name, fuse(pictures["translation"], pictures["input"]))
            if progress is not None:
                progress(done, views.count)
    return out


def _luma(picture: Picture) -> Plane:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) / np.float32(255), np.float32)


def _saliency(plane: Plane, settings: FusionSettings) -> Plane:
    high = np.abs(cv2.Laplacian(plane, cv2.CV_32F, ksize=3))
    return np.asarray(cv2.GaussianBlur(high, (0, 0), settings.saliency_sigma_px), np.float32)
