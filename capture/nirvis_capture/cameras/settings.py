"""What the replay backend shows, as written in the ``[replay]`` table of a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator


class ReplaySettings(BaseModel):
    """Either one ``clip``, or one ``pictures`` folder, or a video file for each arm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip: Path | None = None
    pictures: Path | None = None
    nir_video: Path | None = None
    vis_video: Path | None = None
    pair: str | None = None
    """Name of the one picture pair of the folder to show; all of them in turn when absent."""
    pacing: Literal["real", "fast"] = "real"
    """``real``: at the trigger rate; ``fast``: as quickly as they are taken."""
    repeat: bool = True
    """Begin again at the end; otherwise the cameras fall silent there."""
    noise_dn: float = 0.0
    """Standard deviation of the noise added to the counts, in 8-bit counts."""
    vis_warp: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] | None = None
    """Homography that warps the visible pictures before they are mirrored and mosaiced (picture → warped picture)."""

    @model_validator(mode="after")
    def _one_source(self) -> ReplaySettings:
        videos = self.nir_video is not None and self.vis_video is not None
        if (self.clip is not None) + (self.pictures is not None) + videos != 1:
            raise ValueError("give one of: clip, pictures, or nir_video with vis_video")
        return self
