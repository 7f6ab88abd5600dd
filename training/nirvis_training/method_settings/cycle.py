"""What the settings of methods with two generators and two discriminators have in common."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.base import MethodSettings


class CycleSettings(MethodSettings):
    """Translation there and back, as CycleGAN began it."""

    paired: ClassVar = False

    blocks: int = Field(default=9, ge=1, le=32)
    """Residual blocks of each generator."""
    criterion: Literal["least-squares", "logistic"] = "least-squares"
    """What discriminators are trained with: LSGAN, or the logarithm of the first GANs."""
    pool_size: int = Field(default=50, ge=0, le=10_000)
    """Earlier fakes that each discriminator is also shown; 0 for the newest only."""
    cycle_weight: float = Field(default=10.0, ge=0)
    """λ, of L1 between a picture and itself translated there and back."""
    identity_weight: float | None = Field(default=None, ge=0)
    """Of L1 between a picture of the other side and its translation, where it shall not be as the paper has it. Without
    it a way there and back closes on a negative as well as on a picture."""

    @property
    def effective_identity_weight(self) -> float:
        """As set, else what the published system has: no such term unless a method says otherwise."""
        return self.identity_weight or 0.0
