"""What the simulated rig shows and how its electronics behave, as written in the ``[twin]`` table of a profile."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Arm = Literal["nir", "vis"]


FaultKind = Literal[
    "transfer_drop",
    "missed_trigger",
    "incomplete",
    "extra_frame",
    "clock_jump",
    "counter_wrap",
    "unplug",
    "trigger_cable_off",
    "roles_swapped",
    "half_rate",
    "slow_host",
]


class Fault(BaseModel):
    """Something that goes wrong at one pulse of one arm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    arm: Arm
    """``roles_swapped``: the arm that really makes the pulses. ``trigger_cable_off``: either, there is one cable."""
    at: int = Field(ge=0)
    """Number of the pulse, counted from the first after arming; of no account to ``roles_swapped``."""
    count: int = Field(default=1, ge=1)
    """How many pulses in a row; ``unplug``: after how many the camera is back for whoever opens it again."""
    jump_ms: float = 100.0
    """How far the clock of the camera jumps; read by ``clock_jump`` only."""


class RandomFault(BaseModel):
    """A fault that may begin at any pulse; which ones follows from ``rig_seed``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["transfer_drop", "missed_trigger", "incomplete", "extra_frame", "clock_jump", "slow_host"]
    arm: Arm
    probability: float = Field(gt=0, le=1)
    """That it begins at a pulse."""
    count: int = Field(default=1, ge=1, le=1000)
    jump_ms: float = 100.0


class Clock(BaseModel):
    """The clock of one simulated camera."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset_ms: float = 0.0
    drift_ppm: float = Field(default=0.0, ge=-500, le=500)
    resolution_ns: int = Field(default=1000, ge=1)


class Counter(BaseModel):
    """The frame counter of one simulated camera."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: Literal[16, 32, 64] | None = None
    """Where it wraps; as the model of the camera has it when absent."""
    ahead: int = Field(default=0, ge=0)
    """Frames that it counted before arming, on top of where the model begins."""


class TwinSettings(BaseModel):
    """The simulated rig."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene_seed: int = Field(default=1, ge=0)
    """Another street for every seed."""
    rig_seed: int = Field(default=1, ge=0)
    """Another misalignment of the arms for every seed; the rig is rigid, so it stays while scenes change."""
    light: Literal["day", "dusk", "led_night"] = "day"
    """``led_night``: an 850 nm LED beside the camera and a little street light."""
    weather: Literal["clear", "overcast", "rain"] = "clear"
    sun_elevation_deg: float | None = Field(default=None, ge=-90, le=90)
    """Height of the sun; by `light` when absent."""
    brightness_ev: float = Field(default=0.0, ge=-6, le=6)
    """Exposure stops above or below what the automatic iris chooses; +2 overexposes."""
    pacing: Literal["real", "fast"] = "real"
    """``real``: at the trigger rate; ``fast``: as quickly as the frames are taken."""
    content: Literal["street", "loop", "noise", "dark", "even"] = "street"
    """``loop``: a few seconds of the street, rendered when the cameras are opened, shown there and back at any rate;
    ``noise``: a short loop of incompressible noise, for measuring the capture path; ``dark``: the lenses are capped;
    ``even``: they see an evenly lit wall; both for `nirvis_capture.calibrate`."""
    loop_seconds: float = Field(default=1.0, gt=0, le=10)
    """Length of the loop, at the trigger rate; shorter where its frames would need more than 256 MB per arm."""
    corner_shift_px: float = Field(default=12.0, ge=0, le=100)
    """How far the corners of the arms disagree at most, in pixels of the sensor."""
    drift_px_per_min: float = Field(default=0.0, ge=0, le=60)
    """How fast the corner that moves most drifts at first; 6 px on, the rig bends back."""
    pan_deg: float = Field(default=0.0, ge=0, le=15)
    """How far the rig swings to either side."""
    pan_period_s: float = Field(default=20.0, ge=2)
    """Time of one swing there and back."""
    nir_blur_px: float = Field(default=0.62, ge=0.3, le=20)
    """Blur of the lens before nir, a Gaussian sigma in pixels of its sensor; longer waves are a little out of focus."""
    vis_blur_px: float = Field(default=0.5, ge=0.3, le=20)
    vignetting: float = Field(default=0.25, ge=0, lt=1)
    """Share of the light that the corners of the whole sensor lack."""
    ghost: float = Field(default=0.016, ge=0, le=0.1)
    """Reflectance of the rear surface of the splitter; at a ratio of 0.5 the ghost is half as strong."""
    prnu: float = Field(default=0.008, ge=0, le=0.1)
    """Relative standard deviation of the response of the pixels."""
    dsnu_e: float = Field(default=1.0, ge=0, le=100)
    """Standard deviation of their dark signal, in electrons."""
    nir_clock: Clock = Clock(offset_ms=150.0, drift_ppm=-18.0)
    vis_clock: Clock = Clock(offset_ms=4200.0, drift_ppm=35.0)
    latency_ms: float = Field(default=4.0, ge=0)
    """Mean time from the end of an exposure to its arrival on the host."""
    nir_counter: Counter = Counter()
    vis_counter: Counter = Counter(ahead=1)
    """Those of two cameras need not agree; here they never do, so that nothing comes to depend on it."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong, by the script."""
    random_faults: tuple[RandomFault, ...] = ()
    """What goes wrong at random."""
