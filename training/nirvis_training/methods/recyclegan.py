"""Recycle-GAN: unpaired video through predictors of the next frame (Bansal et al. 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.losses.adversarial import adversarial, stacked
from nirvis_training.method_settings import RecycleGanSettings
from nirvis_training.methods.base import Batch, Losses
from nirvis_training.methods.two_way import TwoWay
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.resnet_generator import ResnetGenerator
from nirvis_training.networks.unet import Unet


class RecycleGan(TwoWay):
    """Bansal et al. 2018, "Recycle-GAN: unsupervised video retargeting". Samples are three frames in a row.

    With translations ŷ0, ŷ1 of the first two frames and ŷ2 = P(ŷ0, ŷ1) predicted from them: LSGAN on all three,
    λ · |P(x0, x1) - x2| (recurrent, eq. 4) and λ · |F(ŷ2) - x2| (recycle, eq. 5), in both directions. As in the
    published code, discriminators are also trained against predictions from real frames.
    """

    def __init__(self, settings: RecycleGanSettings, learning_rate: float) -> None:
        super().__init__(settings, learning_rate, companions=("predictor_source", "predictor_target"))
        self.settings = settings
        self.predictor_source = Unet(settings.width, settings.predictor_downs, channels=6)
        self.predictor_target = Unet(settings.width, settings.predictor_downs, channels=6)

    def translation(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        """Frames are ``(N, 3, 3, H, W)``."""
        forth, back = self.generator, self.generator_back
        terms, fake_target = self._one_way("source", source, forth, self.predictor_target, back)
        terms_back, fake_source = self._one_way("target", target, back, self.predictor_source, forth)
        terms |= terms_back
        predicted_source = self.predictor_source(_first_two(source))
        predicted_target = self.predictor_target(_first_two(target))
        weight = self.settings.recurrent_weight
        terms["recurrent_source"] = weight * F.l1_loss(predicted_source, source[:, 2])
        terms["recurrent_target"] = weight * F.l1_loss(predicted_target, target[:, 2])
        terms["adversarial_source"] = self._deceived(self.discriminator_source, fake_source, predicted_source)
        terms["adversarial_target"] = self._deceived(self.discriminator_target, fake_target, predicted_target)
        self.keep(
            batch,
            torch.cat((fake_source, predicted_source[:, None]), dim=1),
            torch.cat((fake_target, predicted_target[:, None]), dim=1),
        )
        return terms

    def _one_way(
        self, side: str, real: Tensor, there: ResnetGenerator, predictor: Unet, back: ResnetGenerator
    ) -> tuple[Losses, Tensor]:
        """Terms of the way there and back from one side, and three fakes of the other ``(N, 3, 3, H, W)``."""
        first_two = there(real[:, :2].flatten(0, 1)).unflatten(0, (-1, 2))
        third = predictor(_first_two(first_two))
        terms = {f"recycle_{side}": self.settings.recycle_weight * F.l1_loss(back(third), real[:, 2])}
        if self.settings.cycle_weight > 0:
            returned = back(first_two.flatten(0, 1)).unflatten(0, (-1, 2))
            # Two frames, each of which has a term of its own in the published code.
            terms[f"cycle_{side}"] = 2 * self.settings.cycle_weight * F.l1_loss(returned, real[:, :2])
        return terms, torch.cat((first_two, third[:, None]), dim=1)

    def _deceived(self, discriminator: PatchGan, fakes: Tensor, predicted: Tensor) -> Tensor:
        """One term for each of three fakes, and one for the prediction from real frames where it shall deceive."""
        deceived = 3 * adversarial(discriminator(fakes.flatten(0, 1)), True, self.criterion)
        if self.settings.adversarial_predictors:
            deceived = deceived + adversarial(discriminator(predicted), True, self.criterion)
        return deceived

    def discrimination(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        """Four fakes a side against the real frames 0, 1, 2 and 2 again, summed."""
        kept = Batch(batch.source, batch.target, batch.valid, kept={k: v.flatten(0, 1) for k, v in batch.kept.items()})
        real_source, real_target = (frames[:, [0, 1, 2, 2]].flatten(0, 1) for frames in (source, target))
        return {name: 4 * term for name, term in super().discrimination(real_source, real_target, kept).items()}


def _first_two(frames: Tensor) -> Tensor:
    """The first two of ``(N, T, 3, H, W)`` behind each other."""
    return stacked(frames[:, 0], frames[:, 1])
