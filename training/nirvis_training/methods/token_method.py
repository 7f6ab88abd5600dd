"""What ROMA and CPTrans share: a generator judged by the tokens which a frozen transformer makes of pictures."""

from __future__ import annotations

from abc import abstractmethod

from torch import nn

from nirvis_training.method_settings.roma import TokenSettings
from nirvis_training.methods.base import Batch, Losses, Phase
from nirvis_training.methods.translator import Translator, adversarial_phases
from nirvis_training.networks.resnet_generator import ResnetGenerator
from nirvis_training.networks.token_backbone import vision_transformer
from nirvis_training.networks.token_discriminator import TokenDiscriminator
from nirvis_training.networks.vision_transformer import VisionTransformer


class TokenMethod(Translator):
    """Networks and phases of both; each has its own losses.

    Raises `FeaturesError` when the transformer's weights cannot be used.
    """

    discriminator: nn.Module
    backbone: VisionTransformer
    """Absent where the method only predicts."""

    def __init__(self, settings: TokenSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.phases = adversarial_phases(learning_rate)
        self.generator = ResnetGenerator(
            settings.width, settings.blocks, blur_down=True, blur_up=True, initialisation="xavier"
        )
        self.discriminator = self.new_discriminator()
        if settings.features is not None:
            self.backbone = vision_transformer(settings)

    def new_discriminator(self) -> nn.Module:
        """What judges tokens."""
        return TokenDiscriminator(self.settings.token_width)

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        return self.generator_losses(batch) if phase.name == "translation" else self.discriminator_losses(batch)

    @abstractmethod
    def generator_losses(self, batch: Batch) -> Losses:
        """Terms of what generates; leaves in ``batch.kept`` what the discriminator sees."""

    @abstractmethod
    def discriminator_losses(self, batch: Batch) -> Losses:
        """Terms of what judges."""
