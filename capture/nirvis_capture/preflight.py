"""Go or no-go: seconds of true line rate on the true cameras, bus and disk, and what follows for the recording."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nirvis_capture.camera import ARMS
from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import TIMING_FIELDS, arm_path
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.disk import line_rate_bytes_s, minutes_left, prepare_folder
from nirvis_capture.doctor.host import disk_mb_s, memory
from nirvis_capture.doctor.usb import bus_mb_s
from nirvis_capture.errors import ClipNotWritten
from nirvis_capture.pairing import Event
from nirvis_capture.profile import Profile
from nirvis_capture.ring_size import is_paced
from nirvis_capture.trigger import secondary_pace, unknown_readout
from nirvis_capture.wording import counted

SAFE_SHARE = 0.8
"""Of what the disk was seen to take: it has to do other things, and grows slower as it fills."""
LEAST_MINUTES = 1.0
FEW_MINUTES = 10.0
LEAST_RATE = 0.98
"""Of the rate of the trigger: an unsteady clock is no reason to stop, a camera that cannot follow is."""
_TRIAL_FOLDER = ".nirvis-preflight-"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured."""

    pairs: int
    lost: dict[str, int]
    """What happened instead of pairs, by lower-case name of the event."""
    rate_hz: float
    """Exposures per second of the primary, on its own clock; NaN of fewer than two."""
    write_max_ms: float
    writer_mb_s: float | None
    """What the writer takes: the bytes over the time that its writes took, the longest of them left out. None where it
    hands frames to workers that compress them: its own time says nothing then."""
    disk_mb_s: float
    """What reaches the disk flat out, fsync included; of compressed frames as they were before."""
    processor_s: float = 0.0
    """Processor time of all threads for one pair: cameras, pairing, digests, compression, writing. 0: not measured."""
    doubts: tuple[str, ...] = ()
    """Why the clip proves less than it should, or ended early."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the trial means for a recording with the same profile."""

    line_rate_mb_s: float
    minutes_left: float
    longest_stall_s: float
    """How long the disk may stand still before the recording ends."""
    recovery_s: float
    """How long it takes after such a stall until the ring is empty again; infinite where the disk is too slow."""
    highest_safe_rate_hz: float
    bound_by: str
    """What bounds that rate: disk, writer, processor, bus, or the exposure and readout of the secondary."""
    reasons: tuple[str, ...]
    """Why not to record; empty for go."""
    warnings: tuple[str, ...]

    @property
    def go(self) -> bool:
        return not self.reasons


def preflight(
    profile: Profile,
    folder: Path | None = None,
    seconds: float = 5.0,
    root: Path = Path("/"),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Trial, Forecast]:
    """Record for some seconds into a folder, by default that of the profile, judge it, and leave nothing behind.

    Raises `NirvisError` when the cameras or the disk fail altogether.
    """
    folder = profile.recording.folder if folder is None else folder
    new = not folder.exists()
    prepare_folder(profile, folder)
    try:
        trial = run_trial(profile, folder, seconds, progress)
        return trial, forecast(profile, trial, minutes_left(profile, folder), root)
    finally:
        if new:
            with suppress(OSError):
                folder.rmdir()


def run_trial(
    profile: Profile, folder: Path, seconds: float, progress: Callable[[int, int], None] | None = None
) -> Trial:
    """Record, read what came of it, and remove it. Raises `NirvisError`."""
    whole = profile.edited({"recording.part_minutes": None})
    effort = _Effort(progress)
    with _trial_folder(folder) as inside:
        path = record_clip(whole, inside, seconds=seconds, progress=effort)
        trial_mb = min(512.0, max(32.0, 2 * line_rate_bytes_s(profile) / 1e6))
        with Clip.open(path) as clip:
            trial = _read_trial(clip, disk_mb_s(folder, round(trial_mb)))
            return replace(trial, processor_s=effort.per_pulse_s)


class _Effort:
    """Takes the processor time of this process while a recording goes on, without the opening of the cameras."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self._progress = progress
        self._seen: list[tuple[int, float]] = []

    def __call__(self, done: int, total: int) -> None:
        if done and (not self._seen or done > self._seen[-1][0]):
            self._seen = [*self._seen[:1], (done, time.process_time())]
        if self._progress is not None:
            self._progress(done, total)

    @property
    def per_pulse_s(self) -> float:
        """0 where the recording was over at the first look."""
        if len(self._seen) < 2:
            return 0.0
        (first, began_s), (last, ended_s) = self._seen
        return (ended_s - began_s) / (last - first)


@contextmanager
def _trial_folder(folder: Path) -> Iterator[Path]:
    """A folder for a trial, gone afterwards; so are those of trials that were killed. Raises `ClipNotWritten`."""
    for left in folder.glob(f"{_TRIAL_FOLDER}*"):
        if not _is_held(left / _LOCK):
            shutil.rmtree(left, ignore_errors=True)
    try:
        made = tempfile.TemporaryDirectory(dir=folder, prefix=_TRIAL_FOLDER)
    except OSError as error:
        raise ClipNotWritten(folder, f"{error.strerror}; name another folder as --out or in the profile") from None
    with made as name, open(Path(name) / _LOCK, "w+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield Path(name)


def _is_held(lock: Path) -> bool:
    """A trial that runs holds its lock, and one that has just been made has none yet."""
    try:
        with lock.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def forecast(profile: Profile, trial: Trial, minutes: float, root: Path = Path("/")) -> Forecast:
    """What follows from a trial."""
    line_rate = line_rate_bytes_s(profile) / 1e6
    sustained = min(_speeds_mb_s(trial).values())
    stall_s = profile.recording.ring_seconds
    safe_rate, bound_by = _highest_safe_rate(profile, trial, root)
    too_big = [finding.found for finding in memory(profile, root) if finding.level == "stop"]
    reasons = [
        *_losses(profile, trial),
        *(f"the ring does not fit into memory: {found}; lower recording.ring_seconds" for found in too_big),
        *_too_slow(line_rate, trial),
        *([f"the disk has room for {minutes:.1f} min; free some space"] if minutes < LEAST_MINUTES else []),
    ]
    return Forecast(
        line_rate_mb_s=line_rate,
        minutes_left=minutes,
        longest_stall_s=stall_s,
        recovery_s=stall_s * line_rate / (sustained - line_rate) if sustained > line_rate else float("inf"),
        highest_safe_rate_hz=safe_rate,
        bound_by=bound_by,
        reasons=tuple(reasons),
        warnings=tuple(_warnings(profile, trial, minutes, safe_rate, bound_by)),
    )


def _read_trial(clip: Clip, disk: float) -> Trial:
    certificate = clip.certificate
    counts = certificate.pairing.counts
    primary = clip.arms[clip.profile.trigger.primary]
    write_ms = dict(zip(TIMING_FIELDS, map(float, clip.file["entry/timing/write_ms"][:]), strict=True))
    writing_ms = write_ms["mean"] * certificate.rows - write_ms["max"]
    frames = sum(len(clip.arms[arm]) * clip.arms[arm].shape[0] * clip.arms[arm].shape[1] for arm in ARMS)
    megabytes = frames / 1e6 * (2 if clip.arms["nir"].bit_depth > 8 else 1)
    stored_mb = sum(clip.file[f"{arm_path(arm)}/data"].id.get_storage_size() for arm in ARMS) / 1e6
    compressed = clip.profile.recording.compression != "none"
    writer_mb_s = megabytes * (1 - 1 / certificate.rows) / max(1e-6, writing_ms / 1e3)
    doubts = [question for question in certificate.not_proved if question.startswith("synchrony")]
    if certificate.ended != "its length was reached":
        doubts.append(f"the trial ended early: {certificate.ended}")
    return Trial(
        pairs=certificate.pairs,
        lost={name.lower(): n for name, n in counts.items() if n and name != Event.PAIR.name},
        rate_hz=_rate_hz(primary.timestamp_ns),
        write_max_ms=write_ms["max"],
        writer_mb_s=None if compressed else writer_mb_s,
        disk_mb_s=disk * megabytes / stored_mb if compressed else disk,
        doubts=tuple(doubts),
    )


def _speeds_mb_s(trial: Trial) -> dict[str, float]:
    writer = {} if trial.writer_mb_s is None else {"writer": trial.writer_mb_s}
    return {"disk": trial.disk_mb_s, **writer}


def _rate_hz(stamps_ns: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    return 1e9 / float(np.median(np.diff(stamps_ns))) if len(stamps_ns) > 1 else float("nan")


def _highest_safe_rate(profile: Profile, trial: Trial, root: Path) -> tuple[float, str]:
    pair_mb = line_rate_bytes_s(profile) / profile.trigger.rate_hz / 1e6
    bounds = {name: SAFE_SHARE * speed / pair_mb for name, speed in _speeds_mb_s(trial).items()}
    if trial.processor_s and is_paced(profile):
        # Grab threads that wait for a processor lose frames long before the ring is full.
        bounds["processor"] = SAFE_SHARE * len(os.sched_getaffinity(0)) / trial.processor_s
    bus, pace = bus_mb_s(profile, root), secondary_pace(profile)
    if bus is not None:
        bounds["USB controller"] = bus / pair_mb
    if pace is not None:
        bounds[f"exposure and readout of {profile.trigger.secondary}"] = pace.safe_rate_hz
    bound_by = min(bounds, key=bounds.__getitem__)
    return bounds[bound_by], bound_by


def _losses(profile: Profile, trial: Trial) -> list[str]:
    """What the cameras and the cable did wrong."""
    expected = {"unanchored"} if profile.trigger.source == "free" else set()
    lost = {name: count for name, count in trial.lost.items() if name not in expected}
    reasons = [f"{count} × {name.replace('_', ' ')} in {counted(trial.pairs, 'pair')}" for name, count in lost.items()]
    if lost:
        reasons[-1] += ": a busy computer, USB, or the trigger; end other programs, then ask nirvis doctor --trigger"
    reasons += [doubt for doubt in trial.doubts if not (expected and doubt.startswith("synchrony"))]
    if trial.rate_hz < LEAST_RATE * profile.trigger.rate_hz:
        reasons.append(f"{profile.trigger.primary} gives {trial.rate_hz:.1f} of {profile.trigger.rate_hz:g} Hz")
    return reasons


def _too_slow(line_rate_mb_s: float, trial: Trial) -> list[str]:
    return [
        f"the {name} takes {speed:.0f} MB/s and the cameras send {line_rate_mb_s:.0f}; lower the rate or the roi"
        for name, speed in _speeds_mb_s(trial).items()
        if speed < line_rate_mb_s
    ]


def _warnings(profile: Profile, trial: Trial, minutes: float, safe_rate_hz: float, bound_by: str) -> list[str]:
    warnings = [warning] if (warning := unknown_readout(profile)) else []
    if profile.trigger.rate_hz > safe_rate_hz:
        warnings.append(f"{profile.trigger.rate_hz:g} Hz is above the safe {safe_rate_hz:.0f} Hz, for its {bound_by}")
    if trial.write_max_ms > 500 * profile.recording.ring_seconds:
        warnings.append(f"a single write took {trial.write_max_ms:.0f} ms, more than half of what the ring bridges")
    if LEAST_MINUTES <= minutes < FEW_MINUTES:
        warnings.append(f"the disk has room for {minutes:.0f} min only")
    return warnings
