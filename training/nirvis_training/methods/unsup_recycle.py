"""Unsupervised Recycle-GAN: consistent video from single frames and synthetic motion (Wang et al. 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.losses.adversarial import unsigned
from nirvis_training.method_settings import UnsupRecycleSettings
from nirvis_training.methods.base import Batch, Losses
from nirvis_training.methods.two_way import TwoWay
from nirvis_training.networks.resnet_generator import ResnetGenerator
from nirvis_training.networks.vgg import VggFeatures
from nirvis_training.warp import synthetic_flow, warp


class UnsupRecycle(TwoWay):
    """Wang et al. 2022, "Learning temporally and semantically consistent unpaired video-to-video translation through
    pseudo-supervision from synthetic optical flow".

    With W a motion that is made up, drawn anew for each term: λ · |G(W x) - W G(x)| (unsupervised spatial),
    λ · |F(W G(x)) - W x| (unsupervised recycle, instead of a cycle), and the content term on instance-normalised
    features of VGG-19, in both directions. Moved inputs get a little noise.
    """

    def __init__(self, settings: UnsupRecycleSettings, learning_rate: float) -> None:
        super().__init__(settings, learning_rate)
        self.settings = settings
        self.vgg = (
            VggFeatures("VGG-19", ("relu4_1",), settings, normalise=True) if settings.content_weight > 0 else None
        )

    def translation(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        forth, back = self.generator, self.generator_back
        fake_target, fake_source = forth(source), back(target)
        self.keep(batch, fake_source, fake_target)
        return (
            self.deceived(fake_source, fake_target)
            | self._consistency("source", source, fake_target, forth, back)
            | self._consistency("target", target, fake_source, back, forth)
        )

    def _consistency(
        self, side: str, real: Tensor, fake: Tensor, there: ResnetGenerator, back: ResnetGenerator
    ) -> Losses:
        weights = self.settings
        spatial, recycle = self._flow(real), self._flow(real)
        terms = {
            f"spatial_{side}": weights.spatial_weight
            * F.l1_loss(there(self._noisy(warp(real, spatial))), warp(fake, spatial)),
            f"recycle_{side}": weights.recycle_weight
            * F.l1_loss(back(self._noisy(warp(fake, recycle))), warp(real, recycle)),
        }
        if weights.cycle_weight > 0:
            terms[f"cycle_{side}"] = weights.cycle_weight * F.l1_loss(back(fake), real)
        if self.vgg is not None:
            before, after = (F.instance_norm(self.vgg(unsigned(picture))[0]) for picture in (real, fake))
            terms[f"content_{side}"] = weights.content_weight * F.mse_loss(after, before)
        return terms

    def _flow(self, picture: Tensor) -> Tensor:
        return synthetic_flow(picture, self.settings.motion_px, self.settings.shift_px)

    def _noisy(self, picture: Tensor) -> Tensor:
        deviation = self.settings.noise * (1 + torch.rand((), device=picture.device))
        return picture + deviation * torch.randn_like(picture)
