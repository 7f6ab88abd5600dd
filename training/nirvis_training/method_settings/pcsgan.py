"""Settings of PCSGAN."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import FeatureSettings
from nirvis_training.method_settings.cycle import CycleSettings


class PcsGanSettings(FeatureSettings, CycleSettings):
    """Perceptual cyclic-synthesized GAN (Babu & Dubey 2020): CycleGAN with pairs."""

    title: ClassVar = "CycleGAN that is shown pairs, with perceptual terms"
    paper: ClassVar = (
        "Babu & Dubey 2020, PCSGAN: Perceptual Cyclic-Synthesized Generative Adversarial Networks for Thermal and NIR "
        "to Visible Image Transformation"
    )
    paired: ClassVar = True
    backbone: ClassVar = "VGG-19"

    name: Literal["pcsgan"]
    synthesized_weight: float = Field(default=15.0, ge=0)
    """Of L1 between translation and partner."""
    cyclic_synthesized_weight: float = Field(default=0.0, ge=0)
    """Of L1 between the translation and what went there and back in the same domain; 0 in the code."""
    perceptual_weight: float = Field(default=1.0, ge=0)
    """Of the squared difference of VGG-19 features, of translation and partner and of a picture there and back."""

    @property
    def uses_features(self) -> bool:
        return self.perceptual_weight > 0

    @property
    def features_remedy(self) -> str:
        return "perceptual_weight to 0 to train without these terms"

    def without_losses(self) -> PcsGanSettings:
        return self.model_copy(update={"perceptual_weight": 0.0, "features": None})
