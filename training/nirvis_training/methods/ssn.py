"""State Synchronization Network: structure and colour from two decoders that agree (Wu et al. 2020)."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.colour import denormalise_lab, lab_to_rgb, luma, normalise_lab, rgb_to_lab
from nirvis_training.losses.perceptual import perceptual_l1
from nirvis_training.losses.structure import dssim
from nirvis_training.method_settings import SsnSettings
from nirvis_training.methods.base import Batch, Losses, Method, Phase, adam
from nirvis_training.networks.ssn import MULTIPLE_OF, StateSynchronizationNetwork
from nirvis_training.networks.ssn_weights import start_from
from nirvis_training.networks.vgg import VggFeatures
from nirvis_training.networks.weights_file import read_state

_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


class Ssn(Method):
    """Supervised colour recovery in Lab (Wu et al. 2020, "Learn to recover visible color for video surveillance").

    The network gives normalised Lab; the loss is α · DSSIM(L) + β · L1(ab) + λ · perceptual(Lab). The
    ablations of table 3 are settings: no synchronisation, grey input, L1 instead of DSSIM, group normalisation.

    settings
        Variant, size, norm, what the network sees and starts from, and the weights of the terms.
    learning_rate
        Of Adam with β = (0.9, 0.999); 1e-4 in the paper.

    Raises `FeaturesError` when the perceptual term has no usable features, `WeightsError` when the initial weights do
    not fit.
    """

    multiple_of = MULTIPLE_OF

    def __init__(self, settings: SsnSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.phases = (Phase("colour", networks=("generator",), optimiser=adam(learning_rate)),)
        self.generator = network_of(settings)
        self.vgg = VggFeatures("VGG-16", _TAPS, settings) if settings.perceptual_weight > 0 else None

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        del phase  # there is only one
        predicted = self.generator(self.seen(batch.source))
        wanted = normalise_lab(rgb_to_lab(batch.target))
        # Where nothing was seen the prediction is its own target, which adds neither loss nor gradient.
        target = torch.where(batch.valid > 0, wanted, predicted.detach())
        weights = self.settings
        structure = dssim if weights.structure == "dssim" else F.l1_loss
        terms = {
            "structure": weights.structure_weight * structure(predicted[:, :1], target[:, :1]),
            "colour": weights.colour_weight * F.l1_loss(predicted[:, 1:], target[:, 1:]),
        }
        if weights.lightness_weight > 0:
            terms["lightness"] = weights.lightness_weight * F.l1_loss(predicted[:, :1], target[:, :1])
        if self.vgg is not None:
            terms["perceptual"] = weights.perceptual_weight * self._perceptual(self.vgg, predicted, target)
        return terms

    def _perceptual(self, vgg: VggFeatures, predicted: Tensor, target: Tensor) -> Tensor:
        """On the Lab tensor as if it were RGB, as the published code has it, which takes the mean over the layers."""
        weight = 1 / len(_TAPS) if self.settings.variant == "released" else 1.0
        return perceptual_l1(vgg, predicted, target, [weight] * len(_TAPS))

    def forward(self, source: Tensor) -> Tensor:
        return lab_to_rgb(denormalise_lab(self.generator(self.seen(source))))

    def seen(self, source: Tensor) -> Tensor:
        """What the network sees of RGB in [0, 1]: three channels, whatever the setting."""
        if self.settings.source == "grey":
            return luma(source).expand(-1, 3, -1, -1)
        return normalise_lab(rgb_to_lab(source)) if self.settings.source == "lab" else source


def network_of(settings: SsnSettings) -> StateSynchronizationNetwork:
    """The network of these settings, random or from its initial weights. Raises `WeightsError`."""
    network = StateSynchronizationNetwork(settings.width, settings.effective_norm, settings.depth, settings.synchronise)
    if settings.initial_weights is not None:
        state = read_state(Path(settings.initial_weights), settings.initial_weights_sha256)
        start_from(network, state, settings.initial_weights)
    return network
