"""CPTrans: a discriminator that minds rare content, a generator that follows random motion (Yu et al. 2023)."""

from __future__ import annotations

from typing import NamedTuple

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


class Judged(NamedTuple):
    """What a discriminator makes of what it sees."""

    evidence: Tensor
    """Tokens ``(N, tokens, C)`` or pictures ``(N, 3, H, W)``."""
    hidden: Tensor
    """Before the last layer: of `TokenDiscriminator.with_hidden`, or the last stage of a `PatchGan`."""
    verdicts: Tensor


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
            seen = self.backbone(source)
        tokens = self.backbone(translated)
        weights = self.settings
        terms = {"adversarial": self.deceived(self._evidence(translated, tokens), batch)}
        if weights.similarity_weight > 0:
            terms["similarity"] = weights.similarity_weight * over_layers(seen, tokens)
        if weights.temporal_weight > 0:
            terms["temporal"] = weights.temporal_weight * self._temporal(source, translated, batch.kept["content"])
        return terms

    def discriminator_losses(self, batch: Batch) -> Losses:
        target = signed(batch.target)
        with torch.no_grad():
            evidence = self._evidence(target, self.backbone(target) if self._sees_tokens else [])
        return self.told_apart(evidence, batch)

    def deceived(self, evidence: Tensor, batch: Batch) -> Tensor:
        """The generator's adversarial term (eq. 7); leaves what the discriminator saw of it, and the weights of that.

        evidence
            What the discriminator sees of a translation: tokens ``(N, tokens, C)`` or pictures ``(N, 3, H, W)``.
        """
        judged = self._judged(evidence)
        content = self._content(judged, real=False)
        batch.kept.update(fake=evidence.detach(), content=content)
        return self._adversarial(judged, True, content)

    def told_apart(self, evidence: Tensor, batch: Batch) -> Losses:
        """The discriminator's terms (eq. 8): `evidence` of a real picture against what `deceived` left."""
        real, fake = self._judged(evidence), self._judged(batch.kept["fake"])
        return {
            "real": self._adversarial(real, True, self._content(real, real=True)) / 2,
            "fake": self._adversarial(fake, False, batch.kept["content"]) / 2,
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

    def _judged(self, evidence: Tensor) -> Judged:
        """One pass of the discriminator, for the weights of patches and for their terms."""
        if isinstance(self.discriminator, TokenDiscriminator):
            return Judged(evidence, *self.discriminator.with_hidden(evidence))
        *_, features, logits = self.discriminator.features(evidence)
        return Judged(evidence, features, logits)

    def _content(self, judged: Judged, real: bool) -> Tensor:
        """Weight of every patch by the discriminator's loss on it (eq. 6), ``(N, 1, h, w)``; 1 without CO."""
        weights = self.settings
        if not weights.content_aware:
            return judged.verdicts.new_ones(len(judged.verdicts), 1, 1, 1)
        error = judged.verdicts - float(real)
        if isinstance(self.discriminator, TokenDiscriminator):
            directions = token_gradient_directions(self.discriminator, judged.evidence, judged.hidden, error)
            places = (1, weights.token_grid, weights.token_grid)
        else:
            directions = patch_gradient_directions(self.discriminator, judged.hidden, error)
            places = (1, error.shape[2], error.shape[3])
        content = content_weights(directions, weights.content_share, weights.content_increase)
        return content.reshape(-1, *places)

    def _adversarial(self, judged: Judged, real: bool, content: Tensor) -> Tensor:
        """Least-squares term with the weight of each patch."""
        weights = content.flatten(2).transpose(1, 2) if self._sees_tokens else content
        return adversarial(judged.verdicts, real, weights=weights)
