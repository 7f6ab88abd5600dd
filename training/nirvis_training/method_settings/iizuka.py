"""Settings of the method of Iizuka et al."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import MethodSettings


class IizukaSettings(MethodSettings):
    """Let there be Color! (Iizuka et al. 2016)."""

    title: ClassVar = "local colours that know what kind of picture they are in"
    paper: ClassVar = "Iizuka et al. 2016, Let there be Color!"

    name: Literal["iizuka"]
    classify: bool = False
    """Let the global features also tell day pictures (VNIR) from night pictures (NIR). The paper has 205 kinds of
    places instead; where nobody labels pictures, the filter mode is the one label that every pair has."""
    class_weight: float = Field(default=1 / 300, ge=0)
    """α, of the cross entropy of the classes."""
    lightness: Literal["regressed", "source"] = "regressed"
    """Lightness of the answer: corrected for each place by a gain and an offset, or that of the input as in the paper,
    whose input is a grey visible picture."""
    lightness_weight: float = Field(default=1.0, ge=0)
    """Of the squared error of lightness in 0 to 1, where it is regressed."""
