"""CPTrans: a discriminator that minds rare content, a generator that follows random motion (Yu et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor

from nirvis_training.losses.adversarial import adversarial, signed, unsigned
from nirvis_training.losses.content_aware import (
    content_weights,
    patch_gradient_directions,
    token_gradient_directions,
)
from nirvis_training.losses.cross_similarity import over_layers
from nirvis_training.losses.steadiness import temporal_consistency
from nirvis_training.method_settings.roma import CptransSettings
from nirvis_training.methods.base import Batch, Losses, Method, Phase, adam, adversarial_phases
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.resnet_generator import ResnetGenerator
from nirvis_training.networks.token_backbone import vision_transformer
from nirvis_training.networks.token_discriminator import TokenDiscriminator
from nirvis_training.networks.vision_transformer import VisionTransformer
from nirvis_training.warp import content_flow

_BETAS = (0.5, 0.999)


class Cptrans(Method):
    """Unpaired translation of single pictures that is consistent in time (Yu et al. 2023, "CPTrans").

    Generator: content-aware adversarial term (eq. 6 to 8) + λ1 · cross-similarity of tokens + λ2 · content-aware
    temporal normalisation (eq. 9 and 10). Discriminator: content-aware least squares.

    Raises `FeaturesError` when the transformer's weights cannot be used.
    """

    multiple_of = 4
    predicts_with = ("generator",)
    backbone: VisionTransformer
    """Absent where the method only predicts."""

    def __init__(self, settings: CptransSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.phases = adversarial_phases(adam(learning_rate, _BETAS))
        self.generator = ResnetGenerator(
            settings.width, settings.blocks, blur_down=True, blur_up=True, initialisation="xavier"
        )
        self.discriminator = (
            TokenDiscriminator(settings.token_width)
            if settings.discriminator == "tokens"
            else PatchGan(width=settings.width, initialisation="xavier")
        )
        if settings.features is not None:
            self.backbone = vision_transformer(settings)

    def forward(self, source: Tensor) -> Tensor:
        return unsigned(self.generator(signed(source)))

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        return self._generator_losses(batch) if phase.name == "translation" else self._discriminator_losses(batch)

    def _generator_losses(self, batch: Batch) -> Losses:
        source = signed(batch.source)
        translated = self.generator(source)
        with torch.no_grad():
            seen = self.backbone.tokens(source)
        tokens = self.backbone.tokens(translated)
        evidence = self._evidence(translated, tokens)
        content = self._content(evidence.detach(), real=False)
        batch.kept.update(fake=evidence.detach(), content=content)
        weights = self.settings
        terms = {"adversarial": self._judged(evidence, True, content)}
        if weights.similarity_weight > 0:
            terms["similarity"] = weights.similarity_weight * over_layers(seen, tokens)
        if weights.temporal_weight > 0:
            terms["temporal"] = weights.temporal_weight * self._temporal(source, translated, content)
        return terms

    def _discriminator_losses(self, batch: Batch) -> Losses:
        target = signed(batch.target)
        with torch.no_grad():
            real = self._evidence(target, self.backbone.tokens(target) if self._sees_tokens else [])
        fake, content = batch.kept["fake"], batch.kept["content"]
        return {
            "real": self._judged(real, True, self._content(real, real=True)) / 2,
            "fake": self._judged(fake, False, content) / 2,
        }

    def _temporal(self, source: Tensor, translated: Tensor, content: Tensor) -> Tensor:
        """Translating what moved equals moving what was translated (eq. 10); the motion is random, where content is."""
        flow_px = content_flow(content, (source.shape[2], source.shape[3]), self.settings.displacement_px)
        return temporal_consistency(self.generator, source, translated, flow_px)

    @property
    def _sees_tokens(self) -> bool:
        return self.settings.discriminator == "tokens"

    def _evidence(self, picture: Tensor, tokens: list[Tensor]) -> Tensor:
        """What the discriminator sees of a picture."""
        return tokens[-1] if self._sees_tokens else picture

    def _content(self, evidence: Tensor, real: bool) -> Tensor:
        """Weight of every patch by the discriminator's loss on it (eq. 6), ``(N, 1, h, w)``; 1 without CO."""
        weights = self.settings
        if not weights.content_aware:
            return evidence.new_ones(len(evidence), 1, 1, 1)
        if isinstance(self.discriminator, TokenDiscriminator):
            directions = token_gradient_directions(self.discriminator, evidence, float(real))
            places = (1, weights.token_grid, weights.token_grid)
        else:
            directions, places = patch_gradient_directions(self.discriminator, evidence, float(real))
        content = content_weights(directions, weights.content_share, weights.content_increase)
        return content.reshape(-1, *places)

    def _judged(self, evidence: Tensor, real: bool, content: Tensor) -> Tensor:
        """Least-squares term with the weight of each patch."""
        weights = content.flatten(2).transpose(1, 2) if self._sees_tokens else content
        return adversarial(self.discriminator(evidence), real, weights=weights)
