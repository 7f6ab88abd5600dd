"""ROMA: regions of source and translation relate to each other alike, in space and in time (Yu et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from nirvis_training.losses.adversarial import adversarial, discrimination, signed
from nirvis_training.losses.cross_similarity import (
    cross_similarity_in_time,
    over_layers,
    random_windows,
)
from nirvis_training.method_settings.roma import RomaSettings
from nirvis_training.methods.base import Batch, Losses
from nirvis_training.methods.token_method import TokenMethod
from nirvis_training.networks.token_discriminator import with_cell_means


class Roma(TokenMethod):
    """Unpaired translation of two consecutive frames (Yu et al. 2022, "ROMA: Cross-Domain Region Similarity Matching").

    Generator: least-squares adversarial term on tokens, cross-similarity of all tokens, of tokens in windows, and
    between both moments. The transformer is frozen and real pictures go through it without a graph, which gives the
    same updates as the published step with 43 % less arithmetic.

    Raises `FeaturesError` when the transformer's weights cannot be used.
    """

    settings: RomaSettings
    without_graph = torch.no_grad
    """How real pictures go through the transformer: nothing behind them is trained."""

    def generator_losses(self, batch: Batch) -> Losses:
        source = signed(batch.source.flatten(0, 1))
        translated = self.generator(source)
        seen, fake = self._tokens_of_real(source), self.backbone(translated)
        batch.kept["fake"] = fake[-1].detach()
        weights = self.settings
        terms = {"adversarial": adversarial(self._verdicts(fake[-1]), real=True)}
        if weights.global_weight > 0:
            terms["global"] = weights.global_weight * over_layers(seen, fake)
        if weights.local_weight > 0:
            terms["local"] = weights.local_weight * self._local(source, translated)
        if weights.motion_weight > 0:
            terms["motion"] = self._motion(seen, fake)
        return terms

    def discriminator_losses(self, batch: Batch) -> Losses:
        real = self._tokens_of_real(signed(batch.target.flatten(0, 1)))[-1]
        return {"discriminator": discrimination(self._verdicts(real), self._verdicts(batch.kept["fake"]))}

    def _local(self, source: Tensor, translated: Tensor) -> Tensor:
        """Cross-similarity inside windows that see nothing else, mean over the pictures."""
        terms = []
        for real, fake in zip(source.unsqueeze(1), translated.unsqueeze(1), strict=True):
            windows = random_windows(self.backbone.grid, self.settings.windows, source.device)
            with self.without_graph():
                seen = self.backbone(real, windows)
            terms.append(over_layers(seen, self.backbone(fake, windows)))
        return torch.stack(terms).mean()

    def _motion(self, seen: list[Tensor], fake: list[Tensor]) -> Tensor:
        """Cross-similarity between both moments of each window of frames."""
        terms = torch.stack(
            [
                cross_similarity_in_time(real[0::2], translated[1::2], translated[0::2], real[1::2])
                for real, translated in zip(seen, fake, strict=True)
            ]
        )
        return terms.sum() if self.settings.variant == "released" else self.settings.motion_weight * terms.mean()

    def _tokens_of_real(self, picture: Tensor) -> list[Tensor]:
        with self.without_graph():
            tokens: list[Tensor] = self.backbone(picture)
        return tokens

    def _verdicts(self, tokens: Tensor) -> Tensor:
        verdicts: Tensor = self.discriminator(
            with_cell_means(tokens, self.backbone.grid, overlap=self.settings.overlapping_cells)
        )
        return verdicts
