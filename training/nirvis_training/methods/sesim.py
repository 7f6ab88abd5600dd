"""F-SeSim and L-SeSim: the spatial structure of a picture is kept, whatever its looks (Zheng et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nirvis_training.losses.adversarial import adversarial, discrimination, signed, unsigned
from nirvis_training.losses.spatial import (
    correlative_contrast,
    correlative_distance,
    self_similarity,
    similarity_windows,
)
from nirvis_training.method_settings.sesim import SesimSettings
from nirvis_training.methods.base import Batch, Losses, Phase
from nirvis_training.methods.translator import Translator, adversarial_adam, adversarial_phases
from nirvis_training.networks.image_pool import ImagePool
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.resnet_generator import ResnetGenerator
from nirvis_training.networks.vgg import VggFeatures

TAPS = ("relu3_1", "relu4_1", "relu4_3")
_CHANNELS = (256, 512, 512)
_LEAST_CHANNELS = 32


class Sesim(Translator):
    """Least-squares adversarial term + 10 · spatially-correlative distance in VGG-16 features (Zheng et al. 2021).

    With ``learned`` 1×1 convolutions behind the features are trained to give the same map for a source and for a
    darker or lighter look of it, and other maps elsewhere.

    Raises `FeaturesError` when the features cannot be used.
    """

    vgg: VggFeatures
    """Absent where the method only predicts."""

    def __init__(self, settings: SesimSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        structure = Phase("structure", networks=("structure",), optimiser=adversarial_adam(learning_rate))
        self.phases = (*([structure] if settings.learned else []), *adversarial_phases(learning_rate))
        self.generator = ResnetGenerator(
            settings.width, settings.blocks, blur_down=True, blur_up=True, initialisation="xavier"
        )
        self.discriminator = PatchGan(width=settings.width, blur_down=True, initialisation="xavier")
        self.structure = Projections(_projection(channels) for channels in _CHANNELS if settings.learned)
        self.pool = ImagePool(settings.pool_size)
        if settings.features is not None:
            self.vgg = VggFeatures("VGG-16", TAPS, settings, normalise=True)

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        if phase.name == "structure":
            return {"structure_contrast": self._structure_contrast(batch.source)}
        if phase.name == "discrimination":
            fake = self.discriminator(self.pool(batch.kept["fake"]))
            return {"discriminator": discrimination(self.discriminator(signed(batch.target)), fake)}
        translated = self.generator(signed(batch.source))
        batch.kept["fake"] = translated.detach()
        return {
            "adversarial": adversarial(self.discriminator(translated), real=True),
            "spatial": self.settings.spatial_weight * self._spatial(batch.source, unsigned(translated)),
        }

    def _spatial(self, source: Tensor, translated: Tensor) -> Tensor:
        """Mean over the feature maps of the distance between maps of the same random places."""
        with torch.no_grad():
            seen = self._features(source)
        distances = []
        for real, fake in zip(seen, self._features(translated), strict=True):
            maps = self._maps(real, fake)
            distances.append(correlative_distance(*maps, self.settings.kept_share))
        return torch.stack(distances).mean()

    def _structure_contrast(self, source: Tensor) -> Tensor:
        """What the learned convolutions are trained by: one look of each source against another."""
        strength = torch.empty(len(source), 1, 1, 1, device=source.device)
        other = (source.clamp(min=1e-3) ** strength.uniform_(0.5, 2.0)) * strength.uniform_(0.7, 1.3)
        pairs = zip(self._features(source), self._features(other.clamp(0, 1)), strict=True)
        terms = [correlative_contrast(*self._maps(one, two), self.settings.temperature) for one, two in pairs]
        return torch.stack(terms).mean()

    def _maps(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        settings = self.settings
        height, width = one.shape[2:]
        places, windows = similarity_windows(height, width, settings.queries, settings.window)
        first, second = (self_similarity(each, places, windows, settings.comparison) for each in (one, other))
        return first, second

    def _features(self, picture: Tensor) -> list[Tensor]:
        found: list[Tensor] = self.vgg(picture)
        return self.structure(found) if self.settings.learned else found


class Projections(nn.ModuleList):
    """One after another for the feature maps that they are given."""

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [project(tapped) for project, tapped in zip(self, features, strict=True)]


def _projection(channels: int) -> nn.Module:
    """Two 1×1 convolutions, C → max(32, C / 4)."""
    fewer = max(_LEAST_CHANNELS, channels // 4)
    return nn.Sequential(nn.Conv2d(channels, fewer, 1), nn.ReLU(), nn.Conv2d(fewer, fewer, 1))
