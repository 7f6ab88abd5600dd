"""Settings of UnsupRecycle."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import FeatureSettings
from nirvis_training.method_settings.cycle import CycleSettings


class UnsupRecycleSettings(FeatureSettings, CycleSettings):
    """Unsupervised Recycle-GAN (Wang et al. 2022)."""

    title: ClassVar = "unpaired video from single frames and synthetic motion"
    paper: ClassVar = (
        "Wang et al. 2022, Learning Temporally and Semantically Consistent Unpaired Video-to-Video Translation "
        "through Pseudo-Supervision from Synthetic Optical Flow"
    )
    backbone: ClassVar = "VGG-19"

    name: Literal["unsup_recycle"]
    blocks: int = Field(default=6, ge=1, le=32)
    """Residual blocks of each generator."""
    pool_size: int = Field(default=0, ge=0, le=10_000)
    """Earlier fakes that each discriminator is also shown; 0 for the newest only."""
    cycle_weight: float = Field(default=0.0, ge=0)
    """Of the plain cycle, which the unsupervised recycle term takes the place of."""
    spatial_weight: float = Field(default=10.0, ge=0)
    """Of L1 between the translation of a moved picture and the moved translation."""
    recycle_weight: float = Field(default=10.0, ge=0)
    """Of L1 between the moved picture and the way back from the moved translation."""
    content_weight: float = Field(default=1.0, ge=0)
    """Of the squared difference of instance-normalised relu4_1 of VGG-19 before and after; 0 leaves the term out."""
    motion_px: float = Field(default=8.0, ge=0)
    """Deviation of the synthetic motion before it is smoothed."""
    shift_px: int = Field(default=10, ge=0)
    """Largest shift of the whole picture in each direction."""
    noise: float = Field(default=0.001, ge=0)
    """Least deviation of the noise on moved pictures, in [-1, 1]; the most is twice as much."""

    @property
    def uses_features(self) -> bool:
        return self.content_weight > 0

    @property
    def features_remedy(self) -> str:
        return "content_weight to 0 to train without this term"

    def without_losses(self) -> UnsupRecycleSettings:
        return self.model_copy(update={"content_weight": 0.0, "features": None})
