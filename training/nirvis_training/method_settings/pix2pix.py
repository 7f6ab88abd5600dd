"""Settings of pix2pix."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import MethodSettings


class Pix2PixSettings(MethodSettings):
    """pix2pix (Isola et al. 2017)."""

    title: ClassVar = "U-Net against a discriminator that sees the source too"
    paper: ClassVar = "Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks"
    halvings: ClassVar = "downs"

    name: Literal["pix2pix"]
    variant: Literal["released", "paper"] = "released"
    """The same here: code and paper agree in what is trained."""
    downs: int = Field(default=8, ge=4, le=8)
    """Halvings of the U-Net: crops are multiples of 2 to this power."""
    criterion: Literal["least-squares", "logistic"] = "logistic"
    """What the discriminator is trained with: LSGAN, or the logarithm of the first GANs."""
    dropout: bool = True
    """Whether three stages drop half of their features while training, which is the method's only source of noise."""
    l1_weight: float = Field(default=100.0, ge=0)
    """λ, of L1 between prediction and target in [-1, 1]."""
    adversarial_weight: float = Field(default=1.0, ge=0)
    """Of the adversarial term; 0 leaves plain regression, an ablation of the paper."""
