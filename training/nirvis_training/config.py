"""What a training run is told to do: TOML → frozen settings, every mistake at once; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal

import tomlkit
from pydantic import ConfigDict, Field, ValidationError, model_validator
from tomlkit.exceptions import TOMLKitError
from typing_extensions import Self

from nirvis_capture.profile import Mode
from nirvis_capture.settings import Changes, Settings, edited_text, mistakes
from nirvis_datasets.augmentation import Augmentation, ColourJitter
from nirvis_training.errors import ConfigError
from nirvis_training.method_settings import AnyMethod
from nirvis_training.regulariser import TemporalRegulariser
from nirvis_training.schedules import Constant, Schedule

USUAL_CONFIG = "ssn_demo"
"""What is trained where nobody asked for another: it needs no file of pretrained weights, and minutes without a GPU."""
_SUFFIX = ".toml"


class DataSettings(Settings):
    """Which pictures a run learns from, and how its network sees them."""

    max_residual_px: float | None = Field(default=None, gt=0)
    """Learn from no pair with more misregistration, in pixels of the pair; validation pictures stay the same."""
    max_saturation: float | None = Field(default=None, ge=0, le=1)
    """Nor from one with a larger share of saturated pixels."""
    min_sharpness: float | None = Field(default=None, ge=0)
    """Nor from one with a less sharp picture."""
    source_mode: Mode | None = None
    """Learn from, and validate on, sources of this mode only."""
    target_mode: Mode | None = None
    """Of unpaired methods: take targets of this mode only, such as ``day`` for sources of the ``night``."""
    stride: int = Field(default=1, ge=1)
    """Of methods that see windows: take every n-th exposure."""
    source: Literal["rgb", "grey"] = "rgb"
    """``grey``: the network sees the luma of each source in three equal channels, when it is trained and ever after."""


class TrainingConfig(Settings):
    """One training run."""

    model_config = ConfigDict(title="config")

    method: AnyMethod
    samples: int = Field(gt=0)
    """Length of the run in training samples (crops), whatever the batch size."""
    max_seconds: float | None = Field(default=None, gt=0)
    """The run ends earlier when so much time was spent on it, over all its resumptions."""
    batch_size: int = Field(default=8, ge=1)
    """Samples of one optimiser step, over all processes and parts."""
    accumulate: int = Field(default=1, ge=1)
    """Parts that each process takes its share of a batch in, one after another: the same step in less memory."""
    crop: int = Field(default=256, ge=32, multiple_of=16)
    """Side of the square crops in pixels."""
    flip: bool = True
    """Mirror half of the crops left to right."""
    flip_vertical: bool = False
    """Turn half of the crops upside down."""
    resize: tuple[int, int] | None = None
    """Height and width in pixels that pictures are brought to before the crop; SSN was published with [300, 400]."""
    jitter: ColourJitter | None = None
    """Random changes of the source's colours: ``{}`` for ±10 % of brightness, contrast, saturation and gamma."""
    data: DataSettings = DataSettings()
    """Which pictures it learns from: ``{ max_residual_px = 1.0, source_mode = "night" }``."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    schedule: Schedule = Constant()
    """How it changes over the run: ``{ name = "linear", from_samples = 400_000 }`` decays to zero at the end,
    ``{ name = "steps", at_samples = [200_000], times = 0.1 }`` goes down in steps."""
    temporal: TemporalRegulariser | None = None
    """Makes any method steadier in time: ``{}``, or ``{ motion = "ctn", weight = 10.0, displacement_px = 8.0 }``."""
    averaging: float = Field(default=0.0, ge=0, lt=1)
    """Decay of a moving average of the weights, by which the run is validated and predicts; 0 uses the newest weights.
    Short runs with a constant learning rate gain most from it (Polyak & Juditsky 1992)."""
    seed: int = Field(default=42, ge=0)
    validate_every_samples: int = Field(default=8_000, gt=0)
    validation_pairs: int = Field(default=16, ge=1)
    """Whole pictures that every validation looks at, always the same."""
    video_frames: int = Field(default=16, ge=0, le=1000)
    """Consecutive pictures of the validation set that every validation leaves as validation.mp4; 0 for no video."""
    best_by: Literal["psnr_db", "ssim", "ciede2000", "newest"] = "psnr_db"
    """What decides which weights are kept as best; ``newest`` is what counts where no validation picture has a
    visible partner."""
    checkpoint_every_samples: int = Field(default=8_000, gt=0)
    keep_checkpoints: int = Field(default=2, ge=1)
    """The newest so many checkpoints are kept."""
    keep_every_samples: int | None = Field(default=None, gt=0)
    """Besides, the first checkpoint of every so many samples is kept for good."""
    log_every_samples: int = Field(default=800, gt=0)
    workers: int = Field(default=2, ge=0, le=64)
    """Processes that load pairs; 0 loads them between the steps."""
    threads: int | None = Field(default=None, ge=1, le=512)
    """Processors that one step may use; torch decides when absent."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of what networks compute while they are trained: ``bf16`` is faster and smaller on processors that have it in
    hardware. Weights, losses, validation and optimisers are fp32 either way."""
    compile: tuple[str, ...] = ()
    """Networks of the method that torch.compile translates first, such as ``["generator"]``, or ``["all"]``."""
    fast_convolutions: bool = True
    """Compute wide 3×3 convolutions with a quarter of the multiplications, in fp32 on a processor and without
    torch.compile; the same up to rounding (about 1e-5). A GPU chooses for itself."""
    channels_last: bool = True
    """Memory order of pictures; faster on most processors. Networks narrower than 16 go without it on a CPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @property
    def augmentation(self) -> Augmentation:
        return Augmentation(
            resize=self.resize, crop=self.crop, flip=self.flip, flip_vertical=self.flip_vertical, jitter=self.jitter
        )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size ({self.batch_size}) is no multiple of accumulate ({self.accumulate})")
        if self.schedule.name == "linear" and self.schedule.from_samples >= self.samples:
            raise ValueError(
                f"schedule.from_samples ({self.schedule.from_samples}) lies beyond the end of the run "
                f"({self.samples}); set it lower, to {self.samples // 2} for half of the run"
            )
        if name := self.method.halvings:
            halvings = getattr(self.method, name)
            if self.crop % 2**halvings:
                raise ValueError(
                    f"crop ({self.crop}) is no multiple of {2**halvings}, which method.{name} = {halvings} halves to "
                    "one pixel; set another crop, or fewer halvings"
                )
        if self.method.paired and self.data.target_mode is not None:
            raise ValueError(
                f"data.target_mode is for unpaired methods: {self.method.name} learns from pairs, whose target has the "
                "mode of its source (data.source_mode)"
            )
        if self.method.frames == 1 and self.data.stride != 1:
            raise ValueError(f"data.stride is for methods that see windows: {self.method.name} sees single pictures")
        return self


def shipped_configs() -> list[str]:
    """Names of the configurations that come with nirvis."""
    folder = files(__package__) / "configs"
    return sorted(entry.name.removesuffix(_SUFFIX) for entry in folder.iterdir() if entry.name.endswith(_SUFFIX))


def load_config(name_or_path: str | Path, changes: Changes | None = None) -> TrainingConfig:
    """Read a shipped configuration by name, or any by path, with some values changed.

    changes
        Values by their path: ``{"method.width": 16}``.

    Raises `ConfigError` with every mistake.
    """
    name = str(name_or_path)
    if name in shipped_configs():
        text = (files(__package__) / "configs" / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    else:
        text = _read(Path(name_or_path))
    return parse_config(text, origin=name, changes=changes)


def parse_config(text: str, origin: str = "configuration", changes: Changes | None = None) -> TrainingConfig:
    """Validate the TOML text of a configuration. Raises `ConfigError` with every mistake and its path."""
    try:
        table = tomlkit.parse(edited_text(text, changes or {})).unwrap()
    except TOMLKitError as error:
        raise ConfigError(origin, [f"is not TOML: {error}"]) from None
    return validated(table, origin)


def validated(table: Mapping[str, object], origin: str) -> TrainingConfig:
    """Validate a configuration as a table. Raises `ConfigError` with every mistake and its path."""
    try:
        return TrainingConfig.model_validate(table)
    except ValidationError as error:
        raise ConfigError(origin, mistakes(error, TrainingConfig)) from None


def _read(path: Path) -> str:
    if not path.is_file():
        shipped = ", ".join(shipped_configs())
        raise ConfigError(
            str(path), [f"there is no file {path} and no shipped configuration of that name; shipped: {shipped}"]
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [f"is no text in UTF-8 ({error.reason} at byte {error.start})"]) from None
