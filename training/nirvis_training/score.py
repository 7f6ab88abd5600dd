"""How close predicted colour comes to what the visible arm of the simulated rig would have seen without its flaws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirvis_capture.clip import Clip
from nirvis_capture.errors import NoTruth
from nirvis_capture.truth_file import Truth
from nirvis_capture.wording import counted
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.score import clean_targets
from nirvis_training.metrics import ciede2000, psnr, ssim
from nirvis_training.scoring import Predict


@dataclass(frozen=True)
class PredictionScore:
    """Means over the pairs of a clip that have a clean picture."""

    pairs: int
    psnr_db: float
    ssim: float
    ciede2000: float

    def __str__(self) -> str:
        figures = f"{self.psnr_db:.2f} dB PSNR, {self.ssim:.3f} SSIM, {self.ciede2000:.2f} CIEDE2000"
        return f"{figures} over {counted(self.pairs, 'pair')}"


def score_prediction(predict: Predict, pairs: PairsFile, clip: Clip, truth: Truth) -> PredictionScore:
    """Colour the sources of a pairs file, and compare with the clean visible pictures of its truth.

    A target from the camera holds noise, mosaic and what registration left; against it, a prediction is charged for
    flaws that are not its own.

    predict
        RGB ``(1, 3, H, W)`` in [0, 1] to the same.

    Raises `NoTruth` when the three do not belong together, or no pair has a clean picture.
    """
    found = []
    for number, clean in clean_targets(pairs, clip, truth):
        with torch.no_grad():
            predicted = predict(_tensor(pairs.source(number)))
        target = _tensor(clean)
        found.append([float(metric(predicted, target)) for metric in (psnr, ssim, ciede2000)])
    if not found:
        raise NoTruth(f"no pair of {pairs.path.name} was exposed together with a clean picture of {truth.clip}")
    means = np.mean(found, axis=0)
    return PredictionScore(len(found), float(means[0]), float(means[1]), float(means[2]))


def _tensor(rgb: NDArray[Any]) -> Tensor:
    scale = float(np.iinfo(rgb.dtype).max) if rgb.dtype.kind == "u" else 1.0
    return torch.from_numpy(np.ascontiguousarray(rgb).astype(np.float32) / scale).permute(2, 0, 1)[None]
