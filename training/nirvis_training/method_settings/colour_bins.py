"""Settings of the methods that choose among bins of colour."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import MethodSettings


class ColourBinsSettings(MethodSettings):
    """What Zhang et al. and Yao & Xia have in common."""

    variant: Literal["released", "paper"] = "released"
    """A pixel's colour is spread over its 10 nearest bins (``released``, the code of Zhang et al.) or its 5 nearest
    (``paper``)."""
    rebalancing: Literal["gradient", "rarity", "both", "none"]
    """What makes a pixel rare, and so weigh more: its gradient, its colour, or both."""
    uniform_share: float = Field(default=0.5, ge=0, le=1)
    """λ: 0 weighs by frequency alone, 1 all pixels alike."""
    gradient_bins: int = Field(default=32, ge=2, le=1024)
    """Logarithmic bins of the gradient's magnitude."""
    gradient_sigma_bins: float = Field(default=1.0, gt=0)
    """Of the Gaussian that smooths their frequencies, in bins."""
    colour_sigma: float = Field(default=5.0, gt=0)
    """Of the Gaussians that spread a pixel over bins and smooth their frequencies, in units of a* and b*."""
    grey_below: float = Field(default=5.0, ge=0)
    """Pictures whose a* and b* stay below it teach no colour, as in the code of Zhang et al."""
    temperature: float = Field(default=0.38, gt=0, le=1)
    """T of the annealed mean: towards 0 the likeliest colour, 1 the mean of all."""
    lightness: Literal["regressed", "source"] = "regressed"
    """Lightness of the answer: corrected for each place by a gain and an offset, or that of the input as in the papers,
    whose input is a grey visible picture. Near infrared is none: leaves are bright in it and dark to the eye."""
    lightness_weight: float = Field(default=10.0, ge=0)
    """Of L1 on lightness in 0 to 1, where it is regressed."""
    weight_decay: float = Field(default=1e-3, ge=0)
    """Of Adam."""

    @property
    def neighbours(self) -> int:
        """Bins that the colour of a pixel is spread over."""
        return 10 if self.variant == "released" else 5


class ZhangSettings(ColourBinsSettings):
    """Colorful image colorization (Zhang et al. 2016)."""

    title: ClassVar = "the likeliest of 313 colours, rare ones weighing more"
    paper: ClassVar = "Zhang et al. 2016, Colorful Image Colorization"

    name: Literal["zhang"]
    rebalancing: Literal["gradient", "rarity", "both", "none"] = "rarity"


class YaoXiaSettings(ColourBinsSettings):
    """Deep colorization for surveillance (Yao & Xia 2018)."""

    title: ClassVar = "the likeliest of 313 colours, edges weighing more"
    paper: ClassVar = "Yao & Xia 2018, Deep Colorization for Surveillance Images"

    name: Literal["yao_xia"]
    rebalancing: Literal["gradient", "rarity", "both", "none"] = "gradient"
