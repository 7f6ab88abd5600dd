"""Settings of I2V-GAN."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import FeatureSettings


class I2vGanSettings(FeatureSettings):
    """I2V-GAN (Li et al. 2021). ``variant = "paper"``: logistic adversarial terms, squared content distance, sums over
    feature maps where the code takes means, the generator's third frame in both similarities where the code has the
    predictor's, and no identity term, which only the code has."""

    title: ClassVar = "unpaired triplets: perceptual cycles, external and internal similarity of patches"
    paper: ClassVar = "Li et al. 2021, I2V-GAN: Unpaired Infrared-to-Visible Video Translation"
    paired: ClassVar = False
    frames: ClassVar = 3
    backbone: ClassVar = "VGG-19"
    halvings: ClassVar = "predictor_downs"

    name: Literal["i2vgan"]
    blocks: int = Field(default=6, ge=1, le=32)
    """Residual blocks of both generators; 6 in the published command, 9 in later comparisons."""
    predictor_width: int = Field(default=64, ge=4, le=256)
    """Channels of the first stage of both predictors."""
    predictor_downs: int = Field(default=7, ge=2, le=8)
    """Halvings of the predictors: 7 for pictures of 128 and 256 px."""
    cycle_weight: float = Field(default=10.0, ge=0)
    """λ1, of the cycle through both generators."""
    recurrent_weight: float = Field(default=10.0, ge=0)
    """λ2, of predicting the third frame from the first two."""
    recycle_weight: float = Field(default=10.0, ge=0)
    """λ3, of predicting in the other domain and coming back."""
    perceptual: bool = True
    """Compare content and style in VGG-19 features; False is the paper's ablation: L1 of pixels alone."""
    style_weight: float = Field(default=100.0, ge=0)
    """Of the Gram matrices inside a perceptual distance, which the paper does not state."""
    external_weight: float = Field(default=0.1, ge=0)
    """λ4, of external similarity; 0 is the paper's ablation."""
    internal_weight: float = Field(default=40.0, ge=0)
    """λ5, of internal similarity; 0 is the paper's ablation."""
    identity_weight: float | None = Field(default=None, ge=0)
    """Of leaving a picture of the right domain as it is, where it shall not follow the variant: 5, as the code has it,
    or 0, as in the paper, which does not mention it."""
    patches: int = Field(default=256, ge=2)
    """Places compared in each feature map."""
    temperature: float = Field(default=0.07, gt=0)
    """τ of PatchNCE."""
    projector_units: int = Field(default=256, ge=8)
    """Width of the perceptrons between features and contrast."""
    train_projector: bool = True
    """False: leave the perceptrons as they were initialised, as the published code does by mistake."""

    @property
    def effective_identity_weight(self) -> float:
        if self.identity_weight is not None:
            return self.identity_weight
        return 5.0 if self.variant == "released" else 0.0

    @property
    def uses_features(self) -> bool:
        return self.perceptual

    @property
    def features_remedy(self) -> str:
        return "perceptual to false to compare pixels alone"
