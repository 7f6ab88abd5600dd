"""PCSGAN: a CycleGAN that is shown pairs, with perceptual terms (Babu & Dubey 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.method_settings import PcsGanSettings
from nirvis_training.methods.base import Batch, Losses
from nirvis_training.methods.two_way import TwoWay
from nirvis_training.networks.vgg import VggFeatures


class PcsGan(TwoWay):
    """Babu & Dubey 2020, "PCSGAN: perceptual cyclic-synthesized generative adversarial networks".

    CycleGAN without identity, plus for each side: |G(x) - y| (synthesized), |G(x) - G(F(y))| (cyclic-synthesized), and
    the squared difference of VGG-19 features of G(x) and y, and of G(F(y)) and y (perceptual).
    """

    def __init__(self, settings: PcsGanSettings, learning_rate: float) -> None:
        super().__init__(settings, learning_rate)
        self.settings = settings
        self.vgg = VggFeatures("VGG-19", ("relu3_3",), settings) if settings.perceptual_weight > 0 else None

    def translation(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        fake_target, fake_source = self.generator(source), self.generator_back(target)
        self.keep(batch, fake_source, fake_target)
        # Where nothing was seen a fake is its own partner, which adds neither loss nor gradient.
        seen_target = torch.where(batch.valid > 0, target, fake_target.detach())
        return (
            self.deceived(fake_source, fake_target)
            | self._side("source", source, source, fake_source, self.generator_back(fake_target))
            | self._side("target", target, seen_target, fake_target, self.generator(fake_source))
        )

    def _side(self, side: str, real: Tensor, partner: Tensor, fake: Tensor, returned: Tensor) -> Losses:
        """Terms of one side: `fake` has a `partner`, and `returned` is what became of `real` there and back."""
        weights = self.settings
        terms = {
            f"cycle_{side}": weights.cycle_weight * F.l1_loss(returned, real),
            f"synthesized_{side}": weights.synthesized_weight * F.l1_loss(fake, partner),
        }
        if weights.cyclic_synthesized_weight > 0:
            terms[f"cyclic_synthesized_{side}"] = weights.cyclic_synthesized_weight * F.l1_loss(fake, returned.detach())
        if self.vgg is not None:
            distance = self._perceptual(fake, partner) + self._perceptual(returned, real)
            terms[f"perceptual_{side}"] = weights.perceptual_weight * distance
        return terms

    def _perceptual(self, predicted: Tensor, target: Tensor) -> Tensor:
        if self.vgg is None:
            return predicted.new_zeros(())
        with torch.no_grad():
            wanted = self.vgg(target)[0]
        return F.mse_loss(self.vgg(predicted)[0], wanted)
