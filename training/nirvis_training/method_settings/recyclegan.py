"""Settings of Recycle-GAN."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.cycle import CycleSettings


class RecycleGanSettings(CycleSettings):
    """Recycle-GAN (Bansal et al. 2018)."""

    title: ClassVar = "unpaired video through predictors of the next frame"
    paper: ClassVar = "Bansal et al. 2018, Recycle-GAN: Unsupervised Video Retargeting"
    frames: ClassVar = 3
    halvings: ClassVar = "predictor_downs"

    name: Literal["recyclegan"]
    variant: Literal["released", "paper"] = "released"
    """The same here: where they differ (the logarithm of the paper against least squares) is `criterion`."""
    pool_size: int = Field(default=0, ge=0, le=10_000)
    """Earlier fakes that each discriminator is also shown; 0 for the newest only."""
    predictor_downs: int = Field(default=8, ge=2, le=8)
    """Halvings of the predictors' U-Nets: crops are multiples of 2 to this power; 7 serves crops of 128."""
    recurrent_weight: float = Field(default=10.0, ge=0)
    """Of L1 between the third frame and what a predictor makes of the first two."""
    recycle_weight: float = Field(default=10.0, ge=0)
    """Of L1 between the third frame and the way back from the prediction in the other domain."""
    cycle_weight: float = Field(default=0.0, ge=0)
    """Of L1 between the first two frames and themselves there and back: 10 is the code's "ReCycle" model."""
    adversarial_predictors: bool = False
    """Whether predictions from real frames shall deceive the discriminators too; the code trains discriminators
    against them in any case."""
