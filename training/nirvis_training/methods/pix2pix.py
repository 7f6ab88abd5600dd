"""pix2pix: supervised regression against a discriminator that sees the source too (Isola et al. 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.losses.adversarial import adversarial, discrimination, signed, stacked
from nirvis_training.method_settings import Pix2PixSettings
from nirvis_training.methods.base import Batch, Losses, Phase
from nirvis_training.methods.translator import Translator, adversarial_phases
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.unet import Unet


class Pix2Pix(Translator):
    """Isola et al. 2017, "Image-to-image translation with conditional adversarial networks".

    The conditional GAN of eq. 1 plus λ · |G(x) - y| (eq. 3, 4). The published code trains the discriminator first in
    each step; here the generator goes first, so that its fake serves both.

    settings
        Depth, criterion and weights.
    learning_rate
        Of Adam with β = (0.5, 0.999); 2e-4 in the paper.
    """

    def __init__(self, settings: Pix2PixSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.generator = Unet(settings.width, settings.downs, norm="affine", dropout=settings.dropout)
        self.discriminator = PatchGan(6, settings.width, affine=True)
        self.multiple_of = self.generator.multiple_of
        self.phases = adversarial_phases(learning_rate)

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        source, target = signed(batch.source), signed(batch.target)
        if phase.name == "discrimination":
            fake = batch.kept["fake"]
            real, faked = self.discriminator(stacked(source, _seen(target, fake, batch))), stacked(source, fake)
            return {"discriminator": discrimination(real, self.discriminator(faked), self.settings.criterion)}
        fake = self.generator(source)
        batch.kept["fake"] = fake.detach()
        terms = {"l1": self.settings.l1_weight * F.l1_loss(fake, _seen(target, fake, batch))}
        if self.settings.adversarial_weight > 0:
            deceived = adversarial(self.discriminator(stacked(source, fake)), True, self.settings.criterion)
            terms["adversarial"] = self.settings.adversarial_weight * deceived
        return terms


def _seen(target: Tensor, fake: Tensor, batch: Batch) -> Tensor:
    """The target; where nothing was seen, the fake itself, which adds neither loss nor gradient."""
    return torch.where(batch.valid > 0, target, fake.detach())
