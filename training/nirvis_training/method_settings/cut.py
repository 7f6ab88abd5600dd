"""Settings of contrastive unpaired translation."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import MethodSettings


class CutSettings(MethodSettings):
    """CUT, and FastCUT with the three changes that its configuration makes (Park et al. 2020)."""

    title: ClassVar = "unpaired, one generator: each patch of the translation is nearest to its own source patch"
    paper: ClassVar = "Park et al. 2020, Contrastive Learning for Unpaired Image-to-Image Translation"
    paired: ClassVar = False

    name: Literal["cut"]
    blocks: int = Field(default=9, ge=1, le=32)
    """Residual blocks of the generator."""
    contrast_weight: float = Field(default=1.0, ge=0)
    """λ_X, of PatchNCE; 10 in FastCUT."""
    identity: bool = True
    """Translate visible pictures as well and contrast them with themselves; both terms count half. FastCUT does not."""
    flip_equivariance: bool = False
    """Translate half of the pictures mirrored and mirror their features back; FastCUT does."""
    patches: int = Field(default=256, ge=2)
    """Places compared in each feature map."""
    temperature: float = Field(default=0.07, gt=0)
    """τ of PatchNCE."""
    projector_units: int = Field(default=256, ge=8)
    """Width of the perceptrons between features and contrast."""
