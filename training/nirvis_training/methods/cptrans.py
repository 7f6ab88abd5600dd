"""CPTrans: a discriminator that minds rare content, a generator that follows random motion (Yu et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nirvis_training.losses.adversarial import adversarial, signed
from nirvis_training.losses.content_aware import (
    content_weights,
    patch_gradient_directions,
    token_gradient_directions,
)
from nirvis_training.losses.cross_similarity import over_layers
from nirvis_training.losses.steadiness import temporal_consistency
from nirvis_training.method_settings.roma import CptransSettings
from nirvis_training.methods.base import Batch, Losses
from nirvis_training.methods.token_method import TokenMethod
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.token_discriminator import TokenDiscriminator
from nirvis_training.warp import content_flow


class Cptrans(TokenMethod):
    """Unpaired translation of single pictures that is consistent in time (Yu et al. 2023, "CPTrans").

    Generator: content-aware adversarial term (eq. 6 to 8) + λ1 · cross-similarity of tokens + λ2 · content-aware
    temporal normalisation (eq. 9 and 10). Discriminator: content-aware least squares.

    Raises `FeaturesError` when the transformer's weights cannot be used.
    """

    settings: CptransSettings
    discriminator: TokenDiscriminator | PatchGan

    def new_discriminator(self) -> nn.Module:
        if self._sees_tokens:
            return super().new_discriminator()
        return PatchGan(width=self.settings.width, initialisation="xavier")

    def generator_losses(self, batch: Batch) -> Losses:
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

    def discriminator_losses(self, batch: Batch) -> Losses:
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
