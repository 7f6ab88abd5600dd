"""Settings of the compact network for the live view."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from nirvis_training.method_settings.base import MethodSettings


class CompactSettings(MethodSettings):
    """Compact network for the live view, trained directly or distilled from another run."""

    title: ClassVar = "a colour transform for each place, fast enough for the live view"
    paper: ClassVar = "nirvis; after Gharbi et al. 2017, Deep Bilateral Learning for Real-Time Image Enhancement"

    name: Literal["compact"]
    width: int = Field(default=48, ge=4, le=256)
    """Channels at a quarter of the resolution; 48 makes 1.5 million parameters."""
    colour_weight: float = Field(default=1.0, ge=0)
    """Of L1 on RGB."""
    structure_weight: float = Field(default=0.1, ge=0)
    """Of DSSIM on luma."""
    stability_weight: float = Field(default=0.0, ge=0)
    """Of L1 between what is made of a picture and of the same picture with other noise; costs a second pass."""
    noise: float = Field(default=0.01, ge=0, le=0.5)
    """Standard deviation of the noise that is added to what the network sees while it learns, of a range of 1: what
    differs between two frames of a still street shall not be coloured."""
    teacher: str | None = None
    """Folder of a training run whose predictions are learnt beside the truth."""
    teacher_sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    """Checksum that the best weights of the teacher have to have."""
    teacher_weight: float = Field(default=1.0, ge=0)
    """Of L1 between the prediction and the teacher's; without a teacher there is no such term."""

    @field_validator("teacher")
    @classmethod
    def _wherever_it_is_resumed(cls, path: str | None) -> str | None:
        return None if path is None else str(Path(path).expanduser().absolute())

    def without_losses(self) -> CompactSettings:
        return self.model_copy(update={"teacher": None})
