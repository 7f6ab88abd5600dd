"""State Synchronization Network: structure and colour from two decoders that agree (Wu et al. 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.colour import denormalise_lab, lab_to_rgb, normalise_lab, rgb_to_lab
from nirvis_training.losses.perceptual import PerceptualLoss
from nirvis_training.losses.structure import dssim
from nirvis_training.method_settings import SsnSettings
from nirvis_training.methods.base import Batch, Losses, Method, Phase, adam
from nirvis_training.networks.ssn import MULTIPLE_OF, StateSynchronizationNetwork
from nirvis_training.networks.vgg import VggFeatures

_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


class Ssn(Method):
    """Supervised colour recovery in Lab (Wu et al. 2020, "Learn to recover visible color for video surveillance").

    The network gives normalised Lab; the loss is α · DSSIM(L) + β · L1(ab) + λ · perceptual(Lab).

    settings
        Variant, width, norm and the weights of the terms.
    learning_rate
        Of Adam with β = (0.9, 0.999); 1e-4 in the paper.

    Raises `FeaturesError` when the perceptual term has no usable features.
    """

    multiple_of = MULTIPLE_OF

    def __init__(self, settings: SsnSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.phases = (Phase("colour", networks=("generator",), optimiser=adam(learning_rate)),)
        self.generator = StateSynchronizationNetwork(settings.width, settings.effective_norm)
        self.perceptual = _perceptual(settings) if settings.perceptual_weight > 0 else None

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        del phase  # there is only one
        predicted = self.generator(batch.source)
        wanted = normalise_lab(rgb_to_lab(batch.target))
        # Where nothing was seen the prediction is its own target, which adds neither loss nor gradient.
        target = torch.where(batch.valid > 0, wanted, predicted.detach())
        weights = self.settings
        terms = {
            "structure": weights.structure_weight * dssim(predicted[:, :1], target[:, :1]),
            "colour": weights.colour_weight * F.l1_loss(predicted[:, 1:], target[:, 1:]),
        }
        if weights.lightness_weight > 0:
            terms["lightness"] = weights.lightness_weight * F.l1_loss(predicted[:, :1], target[:, :1])
        if self.perceptual is not None:
            terms["perceptual"] = weights.perceptual_weight * self.perceptual(predicted, target)
        return terms

    def forward(self, source: Tensor) -> Tensor:
        return lab_to_rgb(denormalise_lab(self.generator(source)))


def _perceptual(settings: SsnSettings) -> PerceptualLoss:
    """On the Lab tensor as if it were RGB, as the published code has it, which takes the mean over the layers."""
    weight = 1 / len(_TAPS) if settings.variant == "released" else 1.0
    return PerceptualLoss(VggFeatures("VGG-16", _TAPS, settings), [weight] * len(_TAPS))
