"""TIR2Lab: one infrared channel to Lab with a small U-net (Berg et al. 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.colour import lab_to_rgb, luma, rgb_to_lab
from nirvis_training.errors import TrainingError
from nirvis_training.losses.structure import block_dssim
from nirvis_training.method_settings import BergSettings
from nirvis_training.methods.base import Batch, Losses, Method, Phase, adam
from nirvis_training.networks.berg import MULTIPLE_OF, BergNetwork

_OFFSET = (0.0, 87.0, 108.0)
_RANGE = (100.0, 185.0, 203.0)
"""Their [0, 1] of Lab: L/100, (a + 87)/185, (b + 108)/203."""


class Berg(Method):
    """Thermal or near infrared to Lab (Berg et al. 2018, "Generating visible spectrum images from thermal infrared").

    The loss is ½ · L1(ab) + ½ · DSSIM(L) over blocks of 4×16 pixels that do not overlap. The network sees one channel,
    here the luma of the source.

    settings
        Width, weights of the terms, block size, and a mistake of the released code to reproduce on request.
    learning_rate
        Of Adam with β = (0.9, 0.999); 1e-3 in the paper.
    """

    multiple_of = MULTIPLE_OF

    def __init__(self, settings: BergSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.phases = (Phase("colour", networks=("generator",), optimiser=adam(learning_rate)),)
        self.generator = BergNetwork(settings.width, settings.row_norm_height, settings.dropout)

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        del phase  # there is only one
        predicted = self._predicted(batch.source)
        # Where nothing was seen the prediction is its own target, which adds neither loss nor gradient.
        target = torch.where(batch.valid > 0, normalised(rgb_to_lab(batch.target)), predicted.detach())
        weights = self.settings
        return {
            "colour": weights.colour_weight * F.l1_loss(predicted[:, 1:], target[:, 1:]),
            "structure": weights.structure_weight * block_dssim(predicted[:, :1], target[:, :1], weights.block),
        }

    def forward(self, source: Tensor) -> Tensor:
        predicted = self._predicted(source)
        return lab_to_rgb(predicted * _planes(_RANGE, predicted) - _planes(_OFFSET, predicted))

    def _predicted(self, source: Tensor) -> Tensor:
        rows = self.settings.row_norm_height
        if rows is not None and source.shape[2] != rows:
            raise TrainingError(
                f"row_norm_height is {rows}, and a picture has {source.shape[2]} rows: a network that normalises rows "
                "knows one height only. Train and predict pictures of that height, or leave row_norm_height out."
            )
        predicted: Tensor = self.generator(luma(source))
        return predicted


def normalised(lab: Tensor) -> Tensor:
    """CIE L*a*b* ``(N, 3, H, W)`` → [0, 1] as Berg et al. scale it."""
    return (lab + _planes(_OFFSET, lab)) / _planes(_RANGE, lab)


def _planes(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return like.new_tensor(values).reshape(1, 3, 1, 1)
