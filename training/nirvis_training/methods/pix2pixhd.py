"""pix2pixHD: coarse-to-fine generator, discriminators at several scales (Wang et al. 2018)."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.losses.adversarial import adversarial, discrimination, signed, stacked
from nirvis_training.losses.perceptual import perceptual_l1
from nirvis_training.method_settings import Pix2PixHdSettings
from nirvis_training.methods.base import Batch, Losses, Phase
from nirvis_training.methods.translator import Translator, adversarial_phases
from nirvis_training.networks.patchgan import MultiscalePatchGan
from nirvis_training.networks.pretrained import read_weights
from nirvis_training.networks.resnet_generator import LocalEnhancer, ResnetGenerator
from nirvis_training.networks.vgg import VggFeatures

_VGG_WEIGHTS = {"relu1_1": 1 / 32, "relu2_1": 1 / 16, "relu3_1": 1 / 8, "relu4_1": 1 / 4, "relu5_1": 1.0}
_LAYERS = 3


class Pix2PixHd(Translator):
    """Wang et al. 2018, "High-resolution image synthesis and semantic manipulation with conditional GANs".

    LSGAN summed over the scales (eq. 2), λ · feature matching (eq. 3) with 4 / (n + 1) for each layer of discriminators
    with n = 3 layers and the mean over the scales, and λ · L1 on VGG-19 features, each layer with its weight.

    settings
        Generator, scales and weights.
    learning_rate
        Of Adam with β = (0.5, 0.999); 2e-4 in the paper.

    Raises `FeaturesError` when the perceptual term has no usable features or the coarse weights cannot be used.
    """

    def __init__(self, settings: Pix2PixHdSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.generator = _generator(settings)
        self.discriminator = MultiscalePatchGan(
            6, 2 * settings.width if settings.enhancer else settings.width, _LAYERS, settings.scales
        )
        self.vgg = VggFeatures("VGG-19", tuple(_VGG_WEIGHTS), settings) if settings.uses_features else None
        self.multiple_of = self.generator.multiple_of
        self.phases = adversarial_phases(learning_rate)

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        source = signed(batch.source)
        if phase.name == "discrimination":
            real = self.discriminator(stacked(source, batch.kept["target"]))
            fake = self.discriminator(stacked(source, batch.kept["fake"]))
            scales = [discrimination(one[-1], other[-1]) for one, other in zip(real, fake, strict=True)]
            return {"discriminator": torch.stack(scales).sum()}
        fake = self.generator(source)
        # Where nothing was seen the fake is its own target, which adds neither loss nor gradient.
        target = torch.where(batch.valid > 0, signed(batch.target), fake.detach())
        batch.kept.update(fake=fake.detach(), target=target)
        judged = self.discriminator(stacked(source, fake))
        with torch.no_grad():
            wanted = self.discriminator(stacked(source, target))
        terms = {
            "adversarial": torch.stack([adversarial(features[-1], True) for features in judged]).sum(),
            "matching": self.settings.matching_weight * feature_matching(judged, wanted),
        }
        if self.vgg is not None:
            distance = perceptual_l1(self.vgg, fake, target, tuple(_VGG_WEIGHTS.values()))
            terms["perceptual"] = self.settings.effective_perceptual_weight * distance
        return terms


def feature_matching(judged: list[list[Tensor]], wanted: list[list[Tensor]]) -> Tensor:
    """L1 between a discriminator's features of fake and real (Wang et al. 2018, eq. 3), logits left out.

    Sum over the layers times 4 / (n + 1), mean over the scales, as the published code has it.
    """
    distances = [
        F.l1_loss(found, features)
        for scale, scale_wanted in zip(judged, wanted, strict=True)
        for found, features in zip(scale[:-1], scale_wanted[:-1], strict=True)
    ]
    return torch.stack(distances).sum() * 4 / (_LAYERS + 1) / len(judged)


def _generator(settings: Pix2PixHdSettings) -> ResnetGenerator | LocalEnhancer:
    if not settings.enhancer:
        return ResnetGenerator(settings.width, settings.blocks, settings.downs)
    enhancer = LocalEnhancer(settings.width, settings.enhancer_blocks, settings.blocks, settings.downs)
    if settings.coarse_weights is not None:
        enhancer.coarse.load_state_dict(_coarse_weights(settings, enhancer.coarse))
    return enhancer


def _coarse_weights(settings: Pix2PixHdSettings, coarse: ResnetGenerator) -> dict[str, Tensor]:
    """The generator of the best weights of another run."""
    shapes = {f"generator.{name}": tuple(tensor.shape) for name, tensor in coarse.state_dict().items()}
    found = read_weights(Path(settings.coarse_weights or ""), "global generator of pix2pixHD", shapes)
    return {name.removeprefix("generator."): tensor for name, tensor in found.items()}
