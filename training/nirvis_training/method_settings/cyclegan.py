"""Settings of CycleGAN, and of two systems that the literature describes as modified CycleGANs."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.cycle import CycleSettings


class CycleGanSettings(CycleSettings):
    """CycleGAN (Zhu et al. 2017)."""

    title: ClassVar = "unpaired translation that has to find its way back"
    paper: ClassVar = "Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks"

    name: Literal["cyclegan"]
    variant: Literal["released", "paper"] = "released"
    """With the identity term, which the code has by default (``released``), or without it, as in the experiments of the
    paper apart from those with paintings (``paper``): an `identity_weight` of 5, or of 0."""

    @property
    def effective_identity_weight(self) -> float:
        if self.identity_weight is not None:
            return self.identity_weight
        return 5.0 if self.variant == "released" else 0.0


class MehriSappaSettings(CycleGanSettings):
    """A CycleGAN with lighter generators, after Mehri & Sappa (2019); their code was not available to compare with."""

    title: ClassVar = "CycleGAN with lighter generators; no parity claimed"
    paper: ClassVar = (
        "Mehri & Sappa 2019, Colorizing Near Infrared Images through a Cyclic Adversarial Approach of Unpaired Samples"
    )

    name: Literal["mehri_sappa"]  # type: ignore[assignment]
    variant: Literal["released", "paper"] = "paper"
    """As of CycleGAN; the description names no identity term."""
    width: int = Field(default=32, ge=4, le=256)
    """Half of CycleGAN's: the description says lighter, not how much."""
    blocks: int = Field(default=6, ge=1, le=32)
    """Residual blocks of each generator."""


class NybergSettings(CycleGanSettings):
    """A CycleGAN for thermal pictures, after Nyberg et al. (2018); their code was not available to compare with."""

    title: ClassVar = "CycleGAN for thermal pictures; no parity claimed"
    paper: ClassVar = "Nyberg et al. 2018, Unpaired Thermal to Visible Spectrum Transfer using Adversarial Training"

    name: Literal["nyberg"]  # type: ignore[assignment]
