"""How good a method is at this moment: whole pictures, always the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirvis_training import metrics
from nirvis_training.material import Material, fixed_indices
from nirvis_training.methods.base import Method

__all__ = ["Validated", "fixed_indices", "scored", "validate"]

_PICTURES = 4
_EQUAL_PSNR_DB = 100.0
"""What equal pictures count as, so that means stay finite."""
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Validated:
    """Means over the validation pictures; prediction and truth in RGB of [0, 1], nothing quantised."""

    scores: Mapping[str, float]
    """psnr_db, ssim and ciede2000; empty where no picture has a visible partner."""
    pictures: Mapping[str, Picture]
    """Input | prediction | truth of the first few, RGB ``(H, 3 W, 3)``, by the name of the pair; no truth, no third."""
    video: list[Picture]
    """The same of consecutive pictures."""


def validate(method: Method, material: Material, device: torch.device, video_frames: int = 0) -> Validated:
    """Predict every chosen picture in eval mode; the method is left in the mode it was in."""
    training = method.training
    method.eval()
    rows: list[Mapping[str, float]] = []
    pictures = {}
    for number, index in enumerate(material.indices):
        sample = material.validation[index]
        predicted = _predicted(method, sample, device)
        if material.partnered:
            rows.append(scored(predicted, sample["target"][None], sample["valid"][None]))
        if number < _PICTURES:
            pictures[sample["name"]] = _beside(sample, predicted, material.partnered)
    film = (material.validation[index] for index in material.film(video_frames))
    video = [_beside(sample, _predicted(method, sample, device), material.partnered) for sample in film]
    method.train(training)
    return Validated(_means(rows), pictures, video)


def scored(predicted: Tensor, target: Tensor, valid: Tensor) -> dict[str, float]:
    """Every score of one picture ``(1, 3, H, W)``."""
    return {
        "psnr_db": min(_EQUAL_PSNR_DB, float(metrics.psnr(predicted, target, valid))),
        "ssim": float(metrics.ssim(predicted, target, valid)),
        "ciede2000": float(metrics.ciede2000(predicted, target, valid)),
    }


def _predicted(method: Method, sample: Any, device: torch.device) -> Tensor:
    return method.predict(sample["source"][None].to(device)).cpu()


def _means(rows: list[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]} if rows else {}


def _beside(sample: Any, predicted: Tensor, partnered: bool) -> Picture:
    """Input, prediction and truth side by side as RGB ``(H, n W, 3)`` u8."""
    row = [sample["source"], predicted[0], *([sample["target"]] if partnered else [])]
    shown = torch.cat(row, dim=2).clamp(0, 1)
    beside: Picture = (shown * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return beside
