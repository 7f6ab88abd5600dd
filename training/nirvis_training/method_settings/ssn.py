"""Settings of the State Synchronization Network."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from nirvis_training.method_settings.base import FeatureSettings


class SsnSettings(FeatureSettings):
    """State Synchronization Network (Wu et al. 2020)."""

    title: ClassVar = "texture and chrominance from two decoders that agree"
    paper: ClassVar = "Wu et al. 2020, Learn to Recover Visible Color for Video Surveillance in a Day"
    backbone: ClassVar = "VGG-16"

    name: Literal["ssn"]
    variant: Literal["released", "paper"] = "released"
    """Where paper and published code differ: BatchNorm in the residual blocks and the mean over the perceptual layers
    (``released``), or instance normalisation everywhere and their sum (``paper``)."""
    norm: Literal["released", "paper", "group"] | None = None
    """Normalisation layers, where they shall not follow the variant."""
    depth: Literal[18, 34] = 18
    """Residual blocks as in ResNet-18 or ResNet-34."""
    synchronise: bool = True
    """Weight both decoders by how far they agree; without it this is the Y-net of the ablation."""
    source: Literal["rgb", "grey", "lab"] = "rgb"
    """What the network sees: the picture as it is, its grey (an ablation of the paper), or its normalised Lab."""
    structure: Literal["dssim", "l1"] = "dssim"
    """Distance in lightness; L1 is an ablation of the paper."""
    structure_weight: float = Field(default=1.0, ge=0)
    """α, of the distance in lightness."""
    colour_weight: float = Field(default=1.0, ge=0)
    """β, of L1 on a* and b*."""
    lightness_weight: float = Field(default=0.0, ge=0)
    """Of L1 on lightness beside DSSIM. Without the perceptual term it is needed: SSIM is the same for the negative of a
    picture with its mean reversed as well, and nothing else tells the two apart."""
    perceptual_weight: float = Field(default=10.0, ge=0)
    """λ, of L1 on VGG-16 features; 0 leaves the term out."""
    initial_weights: str | None = None
    """File to start from instead of random weights: an ImageNet ResNet of the same depth as torchvision stores it, with
    which the authors began, or the published weights of the whole network."""
    initial_weights_sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    """Checksum that this file has to have."""

    @field_validator("initial_weights")
    @classmethod
    def _wherever_it_begins(cls, path: str | None) -> str | None:
        return None if path is None else str(Path(path).expanduser().absolute())

    @property
    def effective_norm(self) -> Literal["released", "paper", "group"]:
        return self.norm or self.variant

    @property
    def uses_features(self) -> bool:
        return self.perceptual_weight > 0

    @property
    def features_remedy(self) -> str:
        return "perceptual_weight to 0 and method.lightness_weight to 1 to train without this term, as ssn_demo does"

    def without_losses(self) -> SsnSettings:
        return self.model_copy(update={"perceptual_weight": 0.0, "features": None, "initial_weights": None})
