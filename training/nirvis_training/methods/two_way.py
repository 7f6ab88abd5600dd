"""What methods with a generator in each direction and a discriminator on each side have in common."""

from __future__ import annotations

from abc import abstractmethod

import torch.nn.functional as F
from torch import Tensor

from nirvis_training.losses.adversarial import adversarial, discrimination, signed
from nirvis_training.method_settings import CycleSettings
from nirvis_training.methods.base import Batch, Losses, Phase
from nirvis_training.methods.translator import Translator, adversarial_phases
from nirvis_training.networks.image_pool import ImagePool
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.resnet_generator import ResnetGenerator


class TwoWay(Translator):
    """`generator` leads from source to target, `generator_back` from target to source; all see [-1, 1].

    The generators are trained first; the fakes that they leave in the batch then train both discriminators, through a
    pool. The published codes have an optimiser for each discriminator, which is the same as one for both.

    settings
        Of the networks and of what all such methods share.
    learning_rate
        Of Adam with β = (0.5, 0.999); 2e-4 in the papers.
    companions
        Attributes that are trained along with the generators.
    """

    generator: ResnetGenerator

    def __init__(self, settings: CycleSettings, learning_rate: float, companions: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.criterion = settings.criterion
        self._identity_weight = settings.effective_identity_weight
        self.generator = ResnetGenerator(settings.width, settings.blocks)
        self.generator_back = ResnetGenerator(settings.width, settings.blocks)
        self.discriminator_source = PatchGan(width=settings.width)
        self.discriminator_target = PatchGan(width=settings.width)
        self.pool_source = ImagePool(settings.pool_size)
        self.pool_target = ImagePool(settings.pool_size)
        self.phases = adversarial_phases(
            learning_rate,
            generating=("generator", "generator_back", *companions),
            judging=("discriminator_source", "discriminator_target"),
        )

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        source, target = signed(batch.source), signed(batch.target)
        if phase.name == "translation":
            return self.translation(source, target, batch) | self._left_as_they_are(source, target)
        return self.discrimination(source, target, batch)

    @abstractmethod
    def translation(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        """The generators' terms; leaves fakes for the discriminators by `keep`."""

    def _left_as_they_are(self, source: Tensor, target: Tensor) -> Losses:
        """The identity terms, of pictures that need no translation (Zhu et al. 2017, section 5.2)."""
        weight = self._identity_weight
        if weight == 0:
            return {}
        source, target = source.flatten(0, -4), target.flatten(0, -4)
        return {
            "identity_source": weight * F.l1_loss(self.generator_back(source), source),
            "identity_target": weight * F.l1_loss(self.generator(target), target),
        }

    def discrimination(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        """The discriminators' terms, of as many fakes as there are real pictures."""
        fake_source = self.pool_source(batch.kept["fake_source"])
        fake_target = self.pool_target(batch.kept["fake_target"])
        return {
            "discriminator_source": self._told_apart(self.discriminator_source, source, fake_source),
            "discriminator_target": self._told_apart(self.discriminator_target, target, fake_target),
        }

    def _told_apart(self, discriminator: PatchGan, real: Tensor, fake: Tensor) -> Tensor:
        return discrimination(discriminator(real), discriminator(fake), self.criterion)

    def deceived(self, fake_source: Tensor, fake_target: Tensor) -> Losses:
        """The adversarial terms of both generators."""
        return {
            "adversarial_source": adversarial(self.discriminator_source(fake_source), True, self.criterion),
            "adversarial_target": adversarial(self.discriminator_target(fake_target), True, self.criterion),
        }

    def keep(self, batch: Batch, fake_source: Tensor, fake_target: Tensor) -> None:
        batch.kept.update(fake_source=fake_source.detach(), fake_target=fake_target.detach())
