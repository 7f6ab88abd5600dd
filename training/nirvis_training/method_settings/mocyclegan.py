"""Settings of Mocycle-GAN."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nirvis_training.method_settings.cycle import CycleSettings


class MocycleGanSettings(CycleSettings):
    """Mocycle-GAN (Chen et al. 2019); its code was not available to compare with, and no source here states weights."""

    title: ClassVar = "unpaired video whose motion is translated too; no parity claimed"
    paper: ClassVar = "Chen et al. 2019, Mocycle-GAN: Unpaired Video-to-Video Translation"
    frames: ClassVar = 2

    name: Literal["mocyclegan"]
    motion_cycle_weight: float = Field(default=1.0, ge=0)
    """Of L1 between the flow of real frames and itself translated there and back, in tens of pixels."""
    motion_translation_weight: float = Field(default=10.0, ge=0)
    """Of L1 between a translated frame and its successor, moved back by the translated flow, where both are seen."""
