"""Settings of pix2pixHD."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from nirvis_training.method_settings.base import FeatureSettings


class Pix2PixHdSettings(FeatureSettings):
    """pix2pixHD (Wang et al. 2018)."""

    title: ClassVar = "coarse-to-fine generator, discriminators at two scales"
    paper: ClassVar = (
        "Wang et al. 2018, High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs"
    )
    backbone: ClassVar = "VGG-19"

    name: Literal["pix2pixhd"]
    variant: Literal["released", "paper"] = "released"
    """With the perceptual term as the code has it by default (``released``), or without it, as in the equations of the
    paper (``paper``); see perceptual_weight."""
    blocks: int = Field(default=9, ge=1, le=32)
    """Residual blocks of the global generator."""
    downs: int = Field(default=4, ge=2, le=5)
    """Halvings of the global generator: crops are multiples of 2 to this power, twice that with the enhancer."""
    enhancer: bool = False
    """Whether a local enhancer at full resolution refines a global generator at half; `width` is then the enhancer's,
    and the global generator begins with twice as many channels (32 and 64 in the code)."""
    coarse_weights: str | None = None
    """best.safetensors of a run without enhancer and of twice this width, which the global generator begins with."""
    enhancer_blocks: int = Field(default=3, ge=1, le=16)
    """Residual blocks of the local enhancer."""
    scales: int = Field(default=2, ge=1, le=4)
    """Discriminators, each at half the resolution of the one before."""
    matching_weight: float = Field(default=10.0, ge=0)
    """λ, of L1 between the discriminators' features of prediction and target."""
    perceptual_weight: float | None = Field(default=None, ge=0)
    """Of L1 between VGG-19 features, where it shall not follow the variant: 10 or 0."""

    @property
    def effective_perceptual_weight(self) -> float:
        if self.perceptual_weight is not None:
            return self.perceptual_weight
        return 10.0 if self.variant == "released" else 0.0

    @property
    def uses_features(self) -> bool:
        return self.effective_perceptual_weight > 0

    @property
    def features_remedy(self) -> str:
        return "perceptual_weight to 0 to train without this term"

    @field_validator("coarse_weights")
    @classmethod
    def _found_wherever_it_is_resumed(cls, path: str | None) -> str | None:
        return None if path is None else str(Path(path).expanduser().absolute())

    def without_losses(self) -> Pix2PixHdSettings:
        return self.model_copy(update={"perceptual_weight": 0.0, "features": None, "coarse_weights": None})
