"""I2V-GAN: unpaired infrared-to-visible video from triplets of frames (Li et al. 2021).

Both directions are the same thing with its parts exchanged, so one direction is written down, and used twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.losses.adversarial import Criterion, adversarial, discrimination, signed, stacked
from nirvis_training.losses.contrastive import TAPS, PatchProjector, contrasts, patch_locations
from nirvis_training.losses.perceptual_cycle import STYLE_TAPS, PerceptualDistance
from nirvis_training.method_settings.i2vgan import I2vGanSettings
from nirvis_training.methods.base import Batch, Losses, Phase
from nirvis_training.methods.translator import Translator, adversarial_phases
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.resnet_generator import ResnetGenerator
from nirvis_training.networks.unet import Unet
from nirvis_training.networks.vgg import VggFeatures


@dataclass(frozen=True)
class Direction:
    """From one domain (near) to the other (far), and back."""

    name: str
    forth: ResnetGenerator
    back: ResnetGenerator
    predict_near: Unet
    """Two frames of the near domain → the third."""
    predict_far: Unet
    judge: PatchGan
    """Of the far domain."""
    projector: PatchProjector


class I2vGan(Translator):
    """Li et al. 2021: adversarial, perceptual cycle (eq. 3 to 8), external (9 to 12) and internal similarity (13, 14).

    Each frame is encoded once for both similarities and on its way through the generator, where the published step
    encodes it up to four times: the same loss with a fifth less arithmetic.

    Raises `FeaturesError` when the perceptual terms have no usable features.
    """

    generator: ResnetGenerator

    def __init__(self, settings: I2vGanSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.criterion: Criterion = "least-squares" if settings.variant == "released" else "logistic"
        self.phases = _phases(settings, learning_rate)
        self.generator, self.generator_back = (
            ResnetGenerator(settings.width, settings.blocks, blur_up=True) for _ in range(2)
        )
        self.predictor, self.predictor_back = (
            Unet(settings.predictor_width, settings.predictor_downs, channels=6) for _ in range(2)
        )
        self.discriminator, self.discriminator_back = (PatchGan(width=settings.width) for _ in range(2))
        channels = self.generator.feature_channels(TAPS)
        self.projector, self.projector_back = (PatchProjector(channels, settings.projector_units) for _ in range(2))
        looks = settings.perceptual and settings.features is not None
        self.vgg = VggFeatures("VGG-19", STYLE_TAPS, settings) if looks else None
        self.distance = PerceptualDistance(settings, self.vgg)

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        source, target = signed(batch.source).unbind(1), signed(batch.target).unbind(1)
        if phase.name == "translation":
            forth = self._generator_losses(self._forth, source, batch.kept)
            return forth | self._generator_losses(self._back, target, batch.kept)
        forth = self._discriminator_losses(self._forth, target, batch.kept)
        return forth | self._discriminator_losses(self._back, source, batch.kept)

    @property
    def _forth(self) -> Direction:
        return Direction(
            "visible", self.generator, self.generator_back, self.predictor_back, self.predictor, self.discriminator,
            self.projector,
        )  # fmt: skip

    @property
    def _back(self) -> Direction:
        return Direction(
            "infrared", self.generator_back, self.generator, self.predictor, self.predictor_back,
            self.discriminator_back, self.projector_back,
        )  # fmt: skip

    def _generator_losses(self, way: Direction, near: Sequence[Tensor], kept: dict[str, Tensor]) -> Losses:
        """Terms of one direction; `near` are three consecutive frames ``(N, 3, H, W)`` in [-1, 1]."""
        weights = self.settings
        (far_0, seen_0), (far_1, seen_1) = (way.forth.with_features(frame, TAPS) for frame in near[:2])
        far = (far_0, far_1, way.predict_far(stacked(far_0, far_1)))
        predicted = way.predict_near(stacked(near[0], near[1]))
        kept |= {f"{way.name} {number}": frame.detach() for number, frame in enumerate(far)}
        kept[f"near of {way.name} predicted"] = predicted.detach()
        verdicts = [adversarial(way.judge(frame), True, self.criterion) for frame in far]
        first, second, third = (self.distance.look(frame) for frame in near)
        cycled = self.distance(way.back(far[0]), first) + self.distance(way.back(far[1]), second)
        terms = {
            "adversarial": torch.stack(verdicts).sum(),
            "cycle": weights.cycle_weight * cycled,
            "recurrent": weights.recurrent_weight * self.distance(predicted, third),
            "recycle": weights.recycle_weight * self.distance(way.back(far[2]), third),
        }
        if weights.effective_identity_weight > 0:
            kept_as_is = [F.l1_loss(way.back(frame), frame) for frame in near[:2]]
            terms["identity"] = weights.effective_identity_weight * torch.stack(kept_as_is).sum()
        terms |= self._similarities(way, near, far, [seen_0, seen_1])
        return {f"{way.name}_{name}": term for name, term in terms.items()}

    def _similarities(
        self, way: Direction, near: Sequence[Tensor], far: Sequence[Tensor], on_the_way: list[list[Tensor]]
    ) -> Losses:
        """External and internal similarity, from one encoding of each frame; two were encoded on their way.

        The third translation is the predictor's; in the paper variant the generator's, as the first two are.
        """
        weights = self.settings
        if weights.external_weight == 0 and weights.internal_weight == 0:
            return {}
        if weights.variant == "paper":
            third, third_seen = way.forth.with_features(near[2], TAPS)
            far = (far[0], far[1], third)
        else:
            with torch.no_grad():
                # Nothing learns from a source but how far a translation is from it.
                third_seen = way.forth.features(near[2], TAPS)
        seen = [*on_the_way, third_seen]
        made = [way.forth.features(frame, TAPS) for frame in far]
        terms = {}
        if weights.external_weight > 0:
            terms["external"] = weights.external_weight * self._external(way.projector, seen, made)
        if weights.internal_weight > 0:
            terms["internal"] = weights.internal_weight * self._internal(way.projector, seen, made)
        return terms

    def _external(
        self, projector: PatchProjector, seen: Sequence[list[Tensor]], made: Sequence[list[Tensor]]
    ) -> Tensor:
        """PatchNCE of each translation against its source; the code's mean over layers, or the paper's sum (eq. 12)."""
        terms = []
        for real, fake in zip(seen, made, strict=True):
            where = patch_locations(real, self.settings.patches)
            with torch.no_grad():
                keys = projector(real, where)
            layers = contrasts(projector(fake, where), keys, self.settings.temperature)
            terms.append(layers.mean() if self.settings.variant == "released" else layers.sum())
        return torch.stack(terms).sum()

    def _internal(
        self, projector: PatchProjector, seen: Sequence[list[Tensor]], made: Sequence[list[Tensor]]
    ) -> Tensor:
        """How far the translation's course is from the source's (eq. 14), all frames at the same places."""
        where = patch_locations(seen[0], self.settings.patches)
        with torch.no_grad():
            wanted = course([projector(features, where) for features in seen], self.settings.temperature)
        followed = course([projector(features, where) for features in made], self.settings.temperature)
        return 1 - F.cosine_similarity(wanted, followed, dim=0)

    def _discriminator_losses(self, way: Direction, real: Sequence[Tensor], kept: dict[str, Tensor]) -> Losses:
        """Four comparisons (the last fake is predicted from real frames), each of half weight on either side."""
        other = "infrared" if way.name == "visible" else "visible"
        fakes = [kept[f"{way.name} {number}"] for number in range(3)] + [kept[f"near of {other} predicted"]]
        first, second, third = (way.judge(frame) for frame in real)
        pairs = zip((first, second, third, third), fakes, strict=True)
        terms = [discrimination(verdicts, way.judge(fake), self.criterion) for verdicts, fake in pairs]
        return {f"{way.name}_discriminator": torch.stack(terms).sum()}


def course(frames: Sequence[list[Tensor]], temperature: float) -> Tensor:
    """How much more the second step of a triplet changes than the first, layer by layer (Li et al. 2021, eq. 13).

    frames
        Projected vectors ``(N, patches, units)`` of each layer, of three consecutive frames at the same places.
    """
    first, second, third = frames
    return contrasts(second, third, temperature) / contrasts(first, second, temperature)


def _phases(settings: I2vGanSettings, learning_rate: float) -> tuple[Phase, ...]:
    generating = ("generator", "generator_back", "predictor", "predictor_back")
    projectors = ("projector", "projector_back") if settings.train_projector else ()
    judging = ("discriminator", "discriminator_back")
    return adversarial_phases(learning_rate, (*generating, *projectors), judging)
