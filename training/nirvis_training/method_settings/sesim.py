"""Settings of spatially-correlative translation."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import FeatureSettings


class SesimSettings(FeatureSettings):
    """F-SeSim and L-SeSim (Zheng et al. 2021)."""

    title: ClassVar = "unpaired, one generator: places resemble their surroundings as in the source"
    paper: ClassVar = "Zheng et al. 2021, The Spatially-Correlative Loss for Various Image Translation Tasks"
    paired: ClassVar = False
    backbone: ClassVar = "VGG-16"

    name: Literal["sesim"]
    blocks: int = Field(default=9, ge=1, le=32)
    """Residual blocks of the generator."""
    learned: bool = False
    """L-SeSim: pass the features through 1×1 convolutions that learn by contrast; False is F-SeSim."""
    spatial_weight: float = Field(default=10.0, ge=0)
    """Of the spatially-correlative term."""
    comparison: Literal["product", "cosine"] = "product"
    """Similarity of two feature vectors: tanh of their product over 10, or their cosine."""
    queries: int = Field(default=256, ge=1)
    """Places whose surroundings are compared in each feature map and step."""
    window: int = Field(default=64, ge=2)
    """Side of the surroundings, in places of the feature map; the whole map where it is smaller."""
    kept_share: float = Field(default=0.25, gt=0, le=1)
    """Part of the surroundings that is compared: the most similar places of the source."""
    pool_size: int = Field(default=50, ge=0)
    """Earlier translations that the discriminator is shown as well."""
    temperature: float = Field(default=0.07, gt=0)
    """τ of the contrast by which ``learned`` convolutions are trained."""
