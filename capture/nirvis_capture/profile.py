"""The hardware profile of a rig: what is written in ``*.toml`` and travels inside every clip, run and model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

import tomlkit
from pydantic import Field, ValidationError, model_validator
from tomlkit.exceptions import TOMLKitError

import nirvis_profiles
from nirvis_capture.camera import Arm, other
from nirvis_capture.cameras.aravis_settings import AravisSettings
from nirvis_capture.cameras.settings import ReplaySettings
from nirvis_capture.cameras.spinnaker_settings import SpinnakerSettings
from nirvis_capture.errors import ProfileError
from nirvis_capture.runtime import RIG_PATTERN
from nirvis_capture.settings import Changes, Settings, edited_text, mistakes
from nirvis_capture.twin.settings import TwinSettings

Mode = Literal["day", "night"]
"""The filter set: ``day`` = VNIR & visible colour, ``night`` = NIR through 850 nm & visible colour."""
Light = Literal["day", "dusk", "led_night"]
Cfa = Literal["RGGB", "GRBG", "GBRG", "BGGR"]
PixelFormat = Literal[
    "BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8",
    "BayerRG12", "BayerGR12", "BayerGB12", "BayerBG12",
    "BayerRG12p", "BayerGR12p", "BayerGB12p", "BayerBG12p",
    "BayerRG16", "BayerGR16", "BayerGB16", "BayerBG16",
]  # fmt: skip
"""PFNC names: 12 bit counts travel in 16 bits each, or packed, two in three bytes; clips hold them unpacked."""


class Sensor(Settings):
    """The sensor of one camera, as its data sheet has it."""

    name: str
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    pixel_size_um: float = Field(gt=0, le=50)
    bit_depth: Literal[8, 12, 16]
    """Significant bits of the counts that the chosen pixel format delivers."""


class Filter(Settings):
    """The optical filter before one camera."""

    name: str
    passband_nm: tuple[float, float]
    """Half-maximum edges, in nanometres."""
    fwhm_nm: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _edges_in_order(self) -> Filter:
        low, high = self.passband_nm
        if not 200 <= low < high <= 20_000:
            raise ValueError(f"passband_nm must rise within 200 to 20000 nm, got {low:g} to {high:g}")
        return self


class Roi(Settings):
    """Region of interest in pixels; even, so that the colour filter array begins at the same site."""

    width: int = Field(gt=0, multiple_of=2)
    height: int = Field(gt=0, multiple_of=2)
    offset_x: int = Field(default=0, ge=0, multiple_of=2)
    offset_y: int = Field(default=0, ge=0, multiple_of=2)


class WhiteBalance(Settings):
    """Gains of red and blue against green; applied after the raw counts, never to them."""

    red: float = Field(default=1.0, gt=0, le=16)
    blue: float = Field(default=1.0, gt=0, le=16)


class ArmSettings(Settings):
    """One camera behind the beam splitter."""

    backend: Literal["simulated", "replay", "spinnaker", "aravis"]
    serial: str = Field(min_length=1)
    """Serial number printed on the housing."""
    model: str
    sensor: Sensor
    filter: Filter
    pixel_format: PixelFormat
    roi: Roi
    exposure_us: float = Field(gt=0, le=60_000_000)
    """Exposure time in microseconds."""
    gain_db: float = Field(default=0.0, ge=0, le=48)
    black_level_dn: float = Field(default=0.0, ge=0)
    white_balance: WhiteBalance = WhiteBalance()
    mirror: bool = False
    """True for the reflected arm: its picture is left-right reversed against the scene."""
    dark: Path | None = None
    """File of dark frames, as ``nirvis calibrate dark`` writes it; taken off in the live view and in registration."""
    flat: Path | None = None
    """File of flat frames, as ``nirvis calibrate flat`` writes it."""

    @property
    def cfa(self) -> Cfa:
        return _CFA_OF[self.pixel_format.removeprefix("Bayer")[:2]]

    @model_validator(mode="after")
    def _fits_the_sensor(self) -> ArmSettings:
        if self.roi.offset_x + self.roi.width > self.sensor.width_px:
            raise ValueError(f"roi reaches beyond the {self.sensor.width_px} px of sensor width")
        if self.roi.offset_y + self.roi.height > self.sensor.height_px:
            raise ValueError(f"roi reaches beyond the {self.sensor.height_px} px of sensor height")
        if self.sensor.bit_depth not in _DEPTHS_OF[self.pixel_format[len("BayerRG") :]]:
            raise ValueError(f"pixel_format {self.pixel_format} does not hold {self.sensor.bit_depth} bit counts")
        return self


_DEPTHS_OF = {"8": (8,), "12": (12,), "12p": (12,), "16": (12, 16)}
"""Significant bits that each kind of pixel format can hold."""
_CFA_OF: dict[str, Cfa] = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}


class Trigger(Settings):
    """How one camera triggers the other."""

    source: Literal["hardware", "free"] = "hardware"
    """``hardware``: the exposure of the primary triggers the secondary. ``free``: both cameras run by themselves at
    `rate_hz`, and clips claim integrity but no synchrony."""
    primary: Arm
    """The arm whose exposure is the trigger of the other."""
    rate_hz: float = Field(gt=0, le=1000)
    primary_line: str = "Line2"
    secondary_line: str = "Line3"
    activation: Literal["RisingEdge", "FallingEdge"] = "RisingEdge"
    overlap: Literal["Off", "ReadOut"] = "ReadOut"
    delay_us: float = Field(default=0.0, ge=0)

    @property
    def period_ns(self) -> int:
        return round(1e9 / self.rate_hz)

    @property
    def secondary(self) -> Arm:
        return other(self.primary)


class Recording(Settings):
    """Where clips go, and when a recording has to end."""

    folder: Path = Path("clips")
    naming: str = "{start:%Y%m%dT%H%M%S}-{mode}-{recording_id}"
    """Name of a clip without its suffix; fields: start, mode, place, recording_id."""
    ring_seconds: float = Field(default=3.0, gt=0, le=60)
    """How long the disk may stall before the recording ends; the memory for it is bounded by this."""
    pre_trigger_seconds: float = Field(default=0.0, ge=0, le=60)
    """A recording that begins while the cameras are armed begins with what was seen so long before; held in memory."""
    min_free_gb: float = Field(default=2.0, ge=0)
    """Recording ends with a certified clip when less is free on the disk."""
    part_minutes: float | None = Field(default=None, gt=0)
    """A longer recording is split into clips of this length; one clip without it."""
    compression: Literal["none", "bitshuffle-lz4"] = "none"
    """Of the frames in clips; lossless. Viewers need the bitshuffle filter of HDF5 to show compressed ones."""


class Metering(Settings):
    """How the exposures of both arms are set together by what they see, in the ratio that the profile sets."""

    before_recording: bool = False
    """Set them anew before each recording, so before each of a series; within one they never change. The cameras are
    stopped for it, and begin to record some seconds later."""
    bright: float = Field(default=0.8, ge=0.1, le=0.95)
    """Level of the bright parts of the arm that is nearer to saturation, as a share of its range."""
    longest_us: float | None = Field(default=None, gt=0)
    """Longest exposure, against motion blur; what the trigger rate leaves without it."""
    highest_gain_db: float = Field(default=24.0, ge=0, le=48)
    """Gain is used only where the exposure can grow no further."""
    centred: bool = False
    """Delay the trigger so that the middles of both exposures coincide."""


class Profile(Settings):
    """A rig: two arms, their trigger, and where clips go."""

    rig: str = Field(min_length=1, pattern=RIG_PATTERN)
    mode: Mode
    splitter_ratio: float = Field(default=0.5, gt=0, lt=1)
    """Share of the light that the beam splitter transmits."""
    nir: ArmSettings
    vis: ArmSettings
    trigger: Trigger
    recording: Recording = Recording()
    metering: Metering = Metering()
    twin: TwinSettings = TwinSettings()
    """What the simulated rig shows; read by backend ``simulated`` only."""
    replay: ReplaySettings | None = None
    """What is replayed; needed by backend ``replay``."""
    spinnaker: SpinnakerSettings = SpinnakerSettings()
    """Memory and bandwidth of the cameras; read by backend ``spinnaker`` only."""
    aravis: AravisSettings = AravisSettings()
    """How cameras are reached; read by backend ``aravis`` only."""

    text: Annotated[str, Field(exclude=True, repr=False)] = ""
    """The exact TOML text that this profile was read from."""

    def arm(self, arm: Arm) -> ArmSettings:
        return self.nir if arm == "nir" else self.vis

    def edited(self, changes: Changes) -> Profile:
        """This profile with other values, its text edited likewise and its comments kept.

        changes
            As `edited_text` takes them: ``{"twin.scene_seed": 7}`` or ``{"twin": {"scene_seed": 7}}``.

        Raises `ProfileError`.
        """
        return parse_profile(edited_text(self.text, changes), origin=f"{self.rig}, edited")

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Profile:
        if self.nir.backend != self.vis.backend:
            raise ValueError(f"both arms need one backend, got nir {self.nir.backend} and vis {self.vis.backend}")
        if self.nir.backend == "replay" and self.replay is None:
            raise ValueError("backend replay needs a [replay] table that says what to replay")
        if self.metering.before_recording and self.recording.pre_trigger_seconds:
            raise ValueError(
                "recording.pre_trigger_seconds keeps what was seen before the button, and metering.before_recording "
                "changes the exposures then; set one of them to 0 or false"
            )
        if self.metering.before_recording and (self.nir.dark or self.vis.dark):
            raise ValueError(
                "dark frames hold for one exposure, and metering.before_recording changes it; leave nir.dark and "
                "vis.dark out, or meter with nirvis expose before they are taken"
            )
        if self.nir.serial == self.vis.serial:
            raise ValueError(f"both arms have serial {self.nir.serial}")
        for arm in get_args(Arm):
            if self.arm(arm).exposure_us > 1e6 / self.trigger.rate_hz:
                raise ValueError(
                    f"{arm}.exposure_us = {self.arm(arm).exposure_us:g} is longer than the period of "
                    f"{1e6 / self.trigger.rate_hz:.0f} us at {self.trigger.rate_hz:g} Hz"
                )
        return self


def load_profile(name_or_path: str | Path) -> Profile:
    """Read a shipped profile by name, or any profile by path. Raises `ProfileError` with every mistake."""
    name = str(name_or_path)
    try:
        text = nirvis_profiles.read(name_or_path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        shipped = ", ".join(nirvis_profiles.names())
        raise ProfileError(
            name, [f"there is no file {name} and no shipped profile of that name; shipped: {shipped}"]
        ) from None
    except UnicodeDecodeError as error:
        raise ProfileError(name, [f"is no text in UTF-8 ({error.reason} at byte {error.start})"]) from None
    return parse_profile(text, origin=name)


def parse_profile(text: str, origin: str = "profile") -> Profile:
    """Validate the TOML text of a profile. Raises `ProfileError` with every mistake and its path."""
    try:
        table = tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        raise ProfileError(origin, [f"is not TOML: {error}"]) from None
    if "text" in table:
        raise ProfileError(origin, ["text: unknown key"])
    try:
        return Profile.model_validate({**table, "text": text})
    except ValidationError as error:
        raise ProfileError(origin, mistakes(error, Profile)) from None
