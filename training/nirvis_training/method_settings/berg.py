"""Settings of the method of Berg et al."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import MethodSettings


class BergSettings(MethodSettings):
    """TIR2Lab (Berg et al. 2018)."""

    title: ClassVar = "lightness and colour of one infrared channel from one small U-net"
    paper: ClassVar = "Berg et al. 2018, Generating Visible Spectrum Images from Thermal Infrared"

    name: Literal["berg"]
    width: int = Field(default=32, ge=4, le=256)
    """Channels of the first level; 32 is the paper's."""
    colour_weight: float = Field(default=0.5, ge=0)
    """Of L1 on a* and b*."""
    structure_weight: float = Field(default=0.5, ge=0)
    """Of DSSIM on lightness."""
    block: tuple[int, int] = (4, 16)
    """Height and width of the blocks that DSSIM compares, which do not overlap."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the decoder's features that is left out while training."""
    row_norm_height: int | None = Field(default=None, ge=4, multiple_of=4)
    """Height in pixels of all pictures, to reproduce a mistake of the released code: it normalises the rows of a
    picture and not its channels. Such a network knows no other height, and cannot be exported, as a model takes
    every size."""
