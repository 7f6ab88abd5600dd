"""How clips become registered pairs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PROCEDURE = 3
"""Raised when the same settings would give other pairs than before."""


class RegistrationSettings(BaseModel):
    """How clips become registered pairs; the defaults are those of the VSIAD paper."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: tuple[int, int] = (640, 480)
    """Width and height of the pairs."""
    crop: tuple[int, int] = (1200, 900)
    """Width and height of what is cut out of the common area; less where that is smaller."""
    frames: int = Field(default=8, ge=1, le=256)
    """Most frames whose matches are pooled."""
    every: int = Field(default=1, ge=1)
    """Write every n-th pair."""
    features: int = Field(default=4000, ge=100, le=100_000)
    """Most features of one picture, of each kind."""
    compression: Literal["none", "gzip"] = "none"
    dark_and_flat: bool = True
    """Take off darkness and shading, where the profile of a clip names dark and flat frames."""

    def fingerprint(self, corrected_by: str = "") -> str:
        """Equal for settings that give equal files.

        corrected_by
            Identity of the dark and flat frames that were applied.
        """
        settings = self.model_dump_json(exclude={"dark_and_flat"})
        correction = f',"corrected_by":"{corrected_by}"' if corrected_by else ""
        return f'{{"procedure":{PROCEDURE},"settings":{settings}{correction}}}'
