"""A run folder as windows, reports and exports read it; no torch.

::

    run.toml            what was asked for and what it was trained on (`RunRecord`)
    state.json          how far it is, and whether it still runs (`Status`)
    metrics.jsonl       one line for every stretch of training and every validation
    best.safetensors    weights with the best validation, by what the configuration names as best_by
    validation.mp4      input | prediction | truth of some consecutive pictures, of the newest validation
    checkpoints/        the newest states, to resume from
    profiles/           hardware profile of the pairs, one for each mode
    pictures/           input | prediction | truth of fixed validation pictures, of the newest validations
    tensorboard/        the same figures for TensorBoard
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import tomlkit
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from tomlkit.exceptions import TOMLKitError

from nirvis_capture.profile import Mode
from nirvis_registration.geometry import SourceGeometry
from nirvis_training.config import TrainingConfig, validated
from nirvis_training.errors import NotARun, RunTaken
from nirvis_training.run_lock import is_locked, locked

VERSION = 1
RECORD_NAME = "run.toml"
BEST_KEY = "nirvis_best"
"""Where the metadata of the best weights holds their figures, as JSON."""
State = Literal["running", "finished", "interrupted", "failed", "died"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Record):
    """Where the pictures of one mode come from; of the first recording, where several differ."""

    mode: Mode
    rig: str
    geometry: SourceGeometry
    """How a raw NIR frame became the input of the network."""


class DatasetRecord(_Record):
    """What a run is trained and validated on."""

    folder: Annotated[Path | str, BeforeValidator(lambda place: place if "://" in str(place) else Path(place))]
    """Where it lies; the URL of shards in a store."""
    sha256: str
    """Over the pairs files, or the shards, of both sets: another value means other pairs."""
    train_pairs: int
    validation_pairs: int
    """0 where the validation pictures are training pairs for want of a validation set."""
    sources: tuple[Source, ...]
    streams: int | None = None
    """Of shards: into how many streams, one for each worker of each process, they are dealt. None where any number of
    workers and processes sees the same."""


class RunRecord(_Record):
    """Content of run.toml."""

    version: int = VERSION
    started: datetime
    features: str
    """Perceptual features of the loss: ``none``, ``random``, or the name of the file they came from."""
    software: dict[str, str]
    dataset: DatasetRecord
    config: TrainingConfig


class Status(_Record):
    """How far a run is."""

    state: State
    samples: int
    samples_total: int
    seconds: float
    message: str = ""


class Best(_Record):
    """Where the best weights were reached, and what they reached there; most is known with visible partners alone."""

    samples: int
    val_psnr_db: float | None = None
    val_ssim: float | None = None
    val_ciede2000: float | None = None
    val_luma_correlation: float | None = None
    """With the truth; with the input where there are no partners. Below 0 the weights make negatives."""


@dataclass(frozen=True)
class RunFolder:
    """A training run on disk. Raises `NotARun` when there is none at `path`."""

    path: Path

    def __post_init__(self) -> None:
        _ = self.record

    @cached_property
    def record(self) -> RunRecord:
        file = self.path / RECORD_NAME
        if not file.is_file():
            raise NotARun(self.path, f"it has no {RECORD_NAME}. `nirvis train` makes one")
        try:
            table = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
            version = table.get("version")
            if isinstance(version, int) and version > VERSION:
                raise NotARun(self.path, f"it has version {version}, this nirvis reads up to {VERSION}; update nirvis")
            return RunRecord.model_validate(table)
        except (TOMLKitError, UnicodeDecodeError, ValidationError) as error:
            raise NotARun(self.path, f"{RECORD_NAME} cannot be read ({' '.join(str(error).split())[:200]})") from None

    @property
    def config(self) -> TrainingConfig:
        return self.record.config

    @property
    def method(self) -> str:
        return self.config.method.name

    @property
    def features(self) -> str:
        """Perceptual features of the loss: ``none``, ``random``, or the name of the file they came from."""
        return self.record.features

    @property
    def dataset(self) -> DatasetRecord:
        return self.record.dataset

    @property
    def modes(self) -> tuple[Mode, ...]:
        return tuple(source.mode for source in self.dataset.sources)

    @property
    def rigs(self) -> tuple[str, ...]:
        return tuple(sorted({source.rig for source in self.dataset.sources}))

    @property
    def profiles(self) -> tuple[str, ...]:
        """Exact TOML texts of the hardware profiles of the pairs, one for each mode."""
        return tuple(path.read_text(encoding="utf-8") for path in sorted(self._profiles.glob("*.toml")))

    @property
    def best_weights(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def validation_video(self) -> Path:
        return self.path / "validation.mp4"

    @property
    def best(self) -> Best | None:
        """Figures of the best weights; None before the first validation. Raises `NotARun` when they are damaged."""
        if not self.best_weights.is_file():
            return None
        try:
            with safe_open(self.best_weights, framework="numpy") as weights:
                return Best.model_validate_json((weights.metadata() or {}).get(BEST_KEY, ""))
        except (SafetensorError, ValidationError) as error:
            raise NotARun(self.path, f"{self.best_weights.name} cannot be read ({error})") from None

    @property
    def weights_sha256(self) -> str:
        """Checksum of the best weights. Raises `NotARun` when there are none yet."""
        if not self.best_weights.is_file():
            raise NotARun(self.path, "it has no weights yet; wait for the first validation")
        return hashlib.sha256(self.best_weights.read_bytes()).hexdigest()

    @property
    def status(self) -> Status:
        """As last written; a run that claims to go on but is held by nobody has died."""
        status = Status.model_validate_json((self.path / "state.json").read_text(encoding="utf-8"))
        if status.state == "running" and not is_locked(self._lock):
            return status.model_copy(update={"state": "died"})
        return status

    def metrics(self) -> Iterator[dict[str, float]]:
        """Lines of metrics.jsonl: ``samples``, ``seconds`` and what was measured; unfinished ones are left out."""
        if not self.metrics_file.is_file():
            return
        with self.metrics_file.open(encoding="utf-8") as lines:
            for line in lines:
                with suppress(json.JSONDecodeError):
                    yield json.loads(line)

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """Oldest first."""
        return tuple(sorted((self.path / "checkpoints").glob("*.pt")))

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Validation pictures by samples, then by name."""
        return tuple(sorted((self.path / "pictures").glob("*.png")))

    def write_status(self, status: Status) -> None:
        with replacing(self.path / "state.json") as part:
            part.write_text(status.model_dump_json() + "\n", encoding="utf-8")

    def limited(self, samples: int | None, max_seconds: float | None) -> TrainingConfig:
        """Its configuration with other limits where they are given. Raises `ConfigError`."""
        changes = {"samples": samples, "max_seconds": max_seconds}
        given = {name: value for name, value in changes.items() if value is not None}
        return validated({**self.config.model_dump(exclude_none=True), **given}, origin=str(self.path))

    def note(self, config: TrainingConfig) -> None:
        """Put another configuration into run.toml; who trains the run holds it."""
        if config != self.config:
            _write_record(self.path, self.record.model_copy(update={"config": config}))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training this run. Raises `RunTaken` when one does."""
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self._lock))
            except BlockingIOError:
                raise RunTaken(f"{self.path} is being trained by another process. Wait for it or stop it.") from None
            yield

    @property
    def _lock(self) -> Path:
        return self.path / ".lock"

    @property
    def _profiles(self) -> Path:
        return self.path / "profiles"


def create_run(path: Path, record: RunRecord, profiles: Mapping[str, str]) -> RunFolder:
    """Make a run folder.

    profiles
        Hardware profile of the pairs as TOML text, for each mode.

    Raises `RunTaken` when something is there already.
    """
    refuse_taken(path)
    (path / "profiles").mkdir(parents=True)
    for mode, text in profiles.items():
        (path / "profiles" / f"{mode}.toml").write_text(text, encoding="utf-8")
    _write_record(path, record)
    return RunFolder(path)


def _write_record(path: Path, record: RunRecord) -> None:
    with replacing(path / RECORD_NAME) as part:
        part.write_text(tomlkit.dumps(record.model_dump(mode="json", exclude_none=True)), encoding="utf-8")


def refuse_taken(path: Path) -> None:
    """Raises `RunTaken` when a new run cannot begin at `path`."""
    if (path / RECORD_NAME).exists():
        raise RunTaken(
            f"{path} holds a training run already. Continue it with: nirvis resume {path}; for a new one, "
            "give --out another folder."
        )
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise RunTaken(f"{path} is not empty, and no training run. Give --out a folder that does not exist yet.")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to; what was written becomes `path` when the block ends well, and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
