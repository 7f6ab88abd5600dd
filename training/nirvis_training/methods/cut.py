"""CUT and FastCUT: unpaired translation with one generator, by contrast of patches (Park et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from nirvis_training.losses.adversarial import adversarial, discrimination, signed
from nirvis_training.losses.contrastive import TAPS, PatchProjector, contrasts, patch_locations
from nirvis_training.method_settings.cut import CutSettings
from nirvis_training.methods.base import Batch, Losses, Phase
from nirvis_training.methods.translator import Translator, adversarial_phases
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.resnet_generator import ResnetGenerator


class Cut(Translator):
    """Each patch of the translation finds its own patch of the source among others (Park et al. 2020, eq. 1 to 6).

    The encoder half of the generator sees both pictures; a source is encoded once, on its way through the generator.
    """

    generator: ResnetGenerator

    def __init__(self, settings: CutSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.phases = adversarial_phases(learning_rate, generating=("generator", "projector"))
        self.generator = ResnetGenerator(
            settings.width, settings.blocks, blur_down=True, blur_up=True, initialisation="xavier"
        )
        channels = self.generator.feature_channels(TAPS)
        self.projector = PatchProjector(channels, settings.projector_units, initialisation="xavier")
        self.discriminator = PatchGan(width=settings.width, blur_down=True, initialisation="xavier")

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        target = signed(batch.target)
        if phase.name == "discrimination":
            fake = self.discriminator(batch.kept["fake"])
            return {"discriminator": discrimination(self.discriminator(target), fake)}
        weights = self.settings
        translated, contrast = self._contrasted(signed(batch.source))
        batch.kept["fake"] = translated.detach()
        terms = {"adversarial": adversarial(self.discriminator(translated), real=True)}
        share = 0.5 if weights.identity else 1.0
        terms["contrast"] = share * weights.contrast_weight * contrast
        if weights.identity:
            terms["identity_contrast"] = share * weights.contrast_weight * self._contrasted(target)[1]
        return terms

    def _contrasted(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """The translation of a picture, and how hard its patches are to find again."""
        mirrored = self.settings.flip_equivariance and bool(torch.rand(()) < 0.5)
        if mirrored:
            with torch.no_grad():
                keys = self.generator.features(picture, TAPS)
            translated = self.generator(picture.flip(3))
            queries = [tapped.flip(3) for tapped in self.generator.features(translated, TAPS)]
        else:
            translated, keys = self.generator.with_features(picture, TAPS)
            queries = self.generator.features(translated, TAPS)
        return translated, self._patch_nce(queries, keys)

    def _patch_nce(self, queries: list[Tensor], keys: list[Tensor]) -> Tensor:
        """Mean over patches and layers."""
        where = patch_locations(keys, self.settings.patches)
        with torch.no_grad():
            wanted = self.projector(keys, where)
        return contrasts(self.projector(queries, where), wanted, self.settings.temperature).mean()
