"""Settings of ROMA and CPTrans, which compare pictures by the tokens of a vision transformer."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import FeatureSettings


class TokenSettings(FeatureSettings):
    """What ROMA and CPTrans share: their generator, and the transformer whose tokens they compare."""

    paired: ClassVar = False
    backbone: ClassVar = "ViT-B/16 at 384 px"

    blocks: int = Field(default=9, ge=1, le=32)
    """Residual blocks of the generator."""
    token_width: int = Field(default=768, ge=32, le=1024, multiple_of=32)
    """Length of a token; less than ViT-B/16's only with ``features = "random"``."""
    token_grid: int = Field(default=24, ge=2, le=32)
    """Tokens in a row of a picture; fewer than ViT-B/16's at 384 px only with ``features = "random"``."""


class RomaSettings(TokenSettings):
    """ROMA (Yu et al. 2022)."""

    title: ClassVar = "unpaired, two frames: tokens of source and translation relate to each other alike"
    paper: ClassVar = (
        "Yu et al. 2022, ROMA: Cross-Domain Region Similarity Matching for Unpaired Nighttime Infrared to Daytime "
        "Visible Video Translation"
    )
    frames: ClassVar = 2

    name: Literal["roma"]
    global_weight: float = Field(default=5.0, ge=0)
    """Of the cross-similarity of all tokens, mean over both frames."""
    local_weight: float = Field(default=5.0, ge=0)
    """Of the cross-similarity inside windows of 7×7 tokens."""
    windows: int = Field(default=64, ge=1)
    """Local windows drawn for each picture and step."""
    overlapping_cells: bool = False
    """Average tokens over cells that are one row taller than wide, as the published code does by mistake."""
    motion_weight: float = Field(default=5.0, ge=0)
    """Of the cross-similarity between both moments. The published code sums it over the layers and never multiplies by
    its weight; ``variant = "paper"`` takes the mean and multiplies."""


class CptransSettings(TokenSettings):
    """CPTrans (Yu et al. 2023). Its code was not available: both variants are the same."""

    title: ClassVar = "unpaired: patches rich in content weigh more, and random motion of them has to be followed"
    paper: ClassVar = "Yu et al. 2023, CPTrans: content-aware optimisation and content-aware temporal normalisation"

    name: Literal["cptrans"]
    discriminator: Literal["tokens", "patches"] = "tokens"
    """ROMA's without its multiple scales, as the paper seems to mean; or a convolutional PatchGAN."""
    similarity_weight: float = Field(default=6.0, ge=0)
    """λ1, of the cross-similarity of all tokens."""
    temporal_weight: float = Field(default=10.0, ge=0)
    """λ2, of content-aware temporal normalisation; 0 is the paper's ablation without CTN."""
    content_aware: bool = True
    """Weigh patches by their gradients; False is the paper's ablation without CO."""
    content_share: float = Field(default=0.4, ge=0, le=1)
    """η, part of the patches that counts as rich in content."""
    content_increase: float = Field(default=4.0, gt=0)
    """λ_inc, which the paper's text does not state; above e every patch rich in content weighs more than the others."""
    displacement_px: float = Field(default=8.0, ge=0)
    """γ, deviation of the random motion in pixels, which the paper's text does not state."""
