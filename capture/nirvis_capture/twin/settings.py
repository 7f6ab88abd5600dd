"""What the simulated rig shows and how its electronics behave, as written in the ``[twin]`` table of a profile."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Arm = Literal["nir", "vis"]


class Fault(BaseModel):
    """Something that goes wrong at one pulse of one arm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["transfer_drop", "missed_trigger", "incomplete", "clock_jump", "unplug"]
    arm: Arm
    at: int = Field(ge=0)
    """Number of the pulse, counted from the first after arming."""
    count: int = Field(default=1, ge=1)
    """How many pulses in a row."""
    jump_ms: float = 100.0
    """How far the clock of the camera jumps; read by ``clock_jump`` only."""


class Clock(BaseModel):
    """The clock of one simulated camera."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset_ms: float = 0.0
    drift_ppm: float = Field(default=0.0, ge=-500, le=500)
    resolution_ns: int = Field(default=1000, ge=1)


class TwinSettings(BaseModel):
    """The simulated rig."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene_seed: int = Field(default=1, ge=0)
    """Another street for every seed."""
    rig_seed: int = Field(default=1, ge=0)
    """Another misalignment of the arms for every seed; the rig is rigid, so it stays while scenes change."""
    light: Literal["day", "dusk"] = "day"
    pacing: Literal["real", "fast"] = "real"
    """``real``: at the trigger rate; ``fast``: as quickly as the frames are taken."""
    content: Literal["street", "noise"] = "street"
    """``noise``: a short loop of incompressible noise, for measuring the capture path."""
    corner_shift_px: float = Field(default=12.0, ge=0, le=100)
    """How far the corners of the arms disagree at most, in pixels of the sensor."""
    nir_clock: Clock = Clock(offset_ms=150.0, drift_ppm=-18.0)
    vis_clock: Clock = Clock(offset_ms=4200.0, drift_ppm=35.0)
    latency_ms: float = Field(default=4.0, ge=0)
    """Mean time from the end of an exposure to its arrival on the host."""
    faults: tuple[Fault, ...] = ()
