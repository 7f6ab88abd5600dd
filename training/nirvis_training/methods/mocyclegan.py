"""Mocycle-GAN: unpaired video whose motion is translated along with its frames (Chen et al. 2019)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nirvis_training.method_settings import MocycleGanSettings
from nirvis_training.methods.base import Batch, Losses
from nirvis_training.methods.two_way import TwoWay
from nirvis_training.networks.motion_translator import MotionTranslator
from nirvis_training.networks.resnet_generator import ResnetGenerator
from nirvis_training.optical_flow import measured_flow
from nirvis_training.warp import warp

_TENS_OF_PX = 10.0


class MocycleGan(TwoWay):
    """Chen et al. 2019, "Mocycle-GAN: unpaired video-to-video translation". Samples are two frames in a row.

    With f the measured flow from frame x0 to x1 and motion translators M, M': the terms of CycleGAN on both frames
    without identity, |M'(M(f)) - f| (motion cycle), and |W(G(x1), M(f)) - G(x0)| where a pixel is seen in both frames
    (motion translation), in both directions.
    """

    def __init__(self, settings: MocycleGanSettings, learning_rate: float) -> None:
        super().__init__(settings, learning_rate, companions=("motion", "motion_back"))
        self.settings = settings
        self.motion = MotionTranslator(settings.width)
        self.motion_back = MotionTranslator(settings.width)

    def translation(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        """Frames are ``(N, 2, 3, H, W)``."""
        fake_target = self.generator(source.flatten(0, 1))
        fake_source = self.generator_back(target.flatten(0, 1))
        self.keep(batch, fake_source, fake_target)
        forth, back = (self.generator, self.motion), (self.generator_back, self.motion_back)
        return (
            self.deceived(fake_source, fake_target)
            | self._consistency("source", source, batch.source, fake_target, forth, back)
            | self._consistency("target", target, batch.target, fake_source, back, forth)
        )

    def _consistency(
        self,
        side: str,
        real: Tensor,
        rgb: Tensor,
        fake: Tensor,
        there: tuple[ResnetGenerator, MotionTranslator],
        back: tuple[ResnetGenerator, MotionTranslator],
    ) -> Losses:
        """Terms of the way there and back from one side; `rgb` is `real` in [0, 1]."""
        weights = self.settings
        flow, seen = measured_flow(rgb[:, 0], rgb[:, 1])
        moved = there[1](flow)
        first, second = fake[0::2], fake[1::2]
        # Zero where unseen; divided by what is seen, of three channels each.
        apart = (seen * (warp(second, moved) - first)).abs().sum() / (3 * seen.sum()).clamp(min=1)
        return {
            f"cycle_{side}": weights.cycle_weight * F.l1_loss(back[0](fake), real.flatten(0, 1)),
            f"motion_cycle_{side}": weights.motion_cycle_weight * F.l1_loss(back[1](moved), flow) / _TENS_OF_PX,
            f"motion_translation_{side}": weights.motion_translation_weight * apart,
        }

    def discrimination(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        return super().discrimination(source.flatten(0, 1), target.flatten(0, 1), batch)
