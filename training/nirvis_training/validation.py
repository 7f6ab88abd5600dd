"""How good a method is at this moment: whole pictures, always the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirvis_datasets.pairs import PairDataset
from nirvis_training import metrics
from nirvis_training.methods.base import Method

_PICTURES = 4
_EQUAL_PSNR_DB = 100.0
"""What equal pictures count as, so that means stay finite."""


@dataclass(frozen=True)
class Validated:
    """Means over the validation pictures; prediction and truth in RGB of [0, 1], nothing quantised."""

    psnr_db: float
    ssim: float
    pictures: Mapping[str, NDArray[np.uint8]]
    """Input | prediction | truth of the first few, RGB ``(H, 3 W, 3)``, by the name of the pair."""


def fixed_indices(pairs: int, wanted: int) -> list[int]:
    """Up to `wanted` of the pairs, spread evenly over all of them."""
    count = min(pairs, wanted)
    return [(2 * i + 1) * pairs // (2 * count) for i in range(count)]


def validate(method: Method, pairs: PairDataset, indices: list[int], device: torch.device) -> Validated:
    """Predict every chosen pair in eval mode; the method is left in the mode it was in."""
    training = method.training
    method.eval()
    scores, pictures = [], {}
    for number, index in enumerate(indices):
        sample = pairs[index]
        source, target, valid = (sample[key].unsqueeze(0) for key in ("source", "target", "valid"))
        predicted = method.predict(source.to(device)).cpu()
        scores.append((_finite(metrics.psnr(predicted, target, valid)), float(metrics.ssim(predicted, target, valid))))
        if number < _PICTURES:
            pictures[sample["name"]] = _beside(source, predicted, target)
    method.train(training)
    psnr_db, ssim = np.nanmean(np.array(scores), axis=0)
    return Validated(float(psnr_db), float(ssim), pictures)


def _finite(psnr_db: Tensor) -> float:
    return min(_EQUAL_PSNR_DB, float(psnr_db))


def _beside(*pictures: Tensor) -> NDArray[np.uint8]:
    """Pictures ``(1, 3, H, W)`` in [0, 1] side by side as RGB ``(H, n W, 3)`` u8."""
    row = torch.cat([picture[0] for picture in pictures], dim=2).clamp(0, 1)
    beside: NDArray[np.uint8] = (row * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return beside
