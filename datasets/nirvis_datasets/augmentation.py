"""What the pictures of a sample go through before training, as settings; no torch: `augment` does it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from nirvis_datasets.errors import DatasetError


class ColourJitter(BaseModel):
    """Random changes of the source only, each by up to its share up or down; SSN's released code has 0.1 everywhere.

    Done after the cut, unlike there, so that the mean for the contrast is that of the part which training sees.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    brightness: float = Field(default=0.1, ge=0, lt=1)
    contrast: float = Field(default=0.1, ge=0, lt=1)
    """About the mean luma of each picture."""
    saturation: float = Field(default=0.1, ge=0, lt=1)
    """About the luma of each pixel; pictures of one channel have none."""
    gamma: float = Field(default=0.1, ge=0, lt=1)


class Augmentation(BaseModel):
    """Settings of a sample, in the order in which they are applied; by default pictures stay as they are stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resize: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width in pixels before the crop, bilinear without aliasing; SSN has 300 × 400, CycleGAN 286 × 286."""
    crop: PositiveInt | None = None
    """Side of the square crop in pixels; None: whole pictures."""
    flip: bool = False
    """Mirror half of all draws left to right."""
    flip_vertical: bool = False
    """Turn half of all draws upside down."""
    jitter: ColourJitter | None = None

    def before_crop(self, stored: tuple[int, int], where: str) -> tuple[int, int]:
        """Height and width of what is cropped, of pictures of that height and width.

        where
            They are; for the error. Raises `DatasetError` when the crop does not fit.
        """
        height, width = self.resize or stored
        if self.crop is not None and self.crop > min(height, width):
            raise DatasetError(
                f"A crop of {self.crop}×{self.crop} px does not fit into the pictures of {where}, {width}×{height} px. "
                "Choose a smaller crop, or larger pictures (resize, or register anew)."
            )
        return height, width


AS_STORED = Augmentation()
