"""The machine around the cameras: disk, memory, clock and processors."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from nirvis_capture.calibration import CalibrationError, correction_for, named_files
from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.disk import free_gb, line_rate_bytes_s, minutes_left
from nirvis_capture.doctor.finding import Finding, Level, pair_mb, text_of
from nirvis_capture.errors import NirvisError
from nirvis_capture.frame_file import FrameFile
from nirvis_capture.profile import ArmSettings, Profile

LEAST_MINUTES = 10.0
STEADY_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "xen")
SLOTS = 4
"""Pairs that the previews hold at most: those of the recorder and of the colorizer, in two halves each."""
DISK_TRIAL_MB = 96


def disk(profile: Profile) -> Iterator[Finding]:
    """What reaches the disk of the recordings, and how much of it is left."""
    wanted = profile.recording.folder.absolute()
    folder = next(place for place in (wanted, *wanted.parents) if place.is_dir())
    needed = line_rate_bytes_s(profile) / 1e6
    try:
        reached = disk_mb_s(folder)
    except NirvisError as error:
        yield Finding("disk", "stop", str(error), "Set recording.folder to a disk that can be written.")
        return
    found = f"{reached:.0f} MB/s in {folder}, {needed:.0f} needed"
    slow: Level = "stop" if reached < needed else "warning" if reached < 2 * needed else "ok"
    yield Finding("disk speed", slow, found, "" if slow == "ok" else "Record to an SSD, or lower trigger.rate_hz.")
    minutes = minutes_left(profile, folder)
    level: Level = "stop" if minutes <= 0 else "warning" if minutes < LEAST_MINUTES else "ok"
    remedy = "" if level == "ok" else "Free some space, or set recording.folder to another disk."
    yield Finding("free space", level, f"{free_gb(folder):.0f} GB, room for {minutes:.0f} min", remedy)


def memory(profile: Profile, root: Path) -> Iterator[Finding]:
    """Whether the ring of a recording fits."""
    fields = dict(line.split(":", 1) for line in text_of(root / "proc/meminfo").splitlines() if ":" in line)
    available = fields.get("MemAvailable", "").removesuffix("kB").strip()
    if not available.isdigit():
        return
    held_gb, ring_gb = int(available) * 1024 / 1e9, ring_gb_of(profile)
    level: Level = "stop" if ring_gb > held_gb else "warning" if ring_gb > 0.5 * held_gb else "ok"
    found = f"{held_gb:.1f} GB available, the ring takes {ring_gb:.2f} GB"
    yield Finding("memory", level, found, "" if level == "ok" else "Lower recording.ring_seconds, or close programs.")


def shared_memory(profile: Profile | None, root: Path) -> Iterator[Finding]:
    """Whether the previews fit."""
    folder = root / "dev/shm"
    if not folder.is_dir():
        yield Finding("shared memory", "warning", "no /dev/shm: previews go through a disk", "Mount a tmpfs.")
        return
    free_mb = shutil.disk_usage(folder).free / 1e6
    needed_mb = SLOTS * pair_mb(profile)
    if free_mb < needed_mb:
        remedy = "sudo mount -o remount,size=512M /dev/shm; in a container start it with --shm-size=512m"
        yield Finding("shared memory", "stop", f"{free_mb:.0f} MB free, the previews take {needed_mb:.0f} MB", remedy)
    else:
        yield Finding("shared memory", "ok", f"{free_mb:.0f} MB free")


def clock(root: Path) -> Iterator[Finding]:
    """Whether the time of the host is quick to read, and steady."""
    name = text_of(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")
    if not name:
        return
    if name in STEADY_CLOCKS or name.startswith("hyperv"):
        yield Finding("clock source", "ok", name)
    else:
        remedy = f"Look in the kernel log for why tsc was refused; until then host times are slow to read ({name})."
        yield Finding("clock source", "warning", name, remedy)


def processors(root: Path) -> Iterator[Finding]:
    """How many there are, and whether they are held back."""
    folder = root / "sys/devices/system/cpu"
    cores = len(list(folder.glob("cpu[0-9]*")))
    if cores:
        remedy = "" if cores > 1 else "Recording takes two cores: one for grabbing, one for writing and hashing."
        yield Finding("processors", "ok" if cores > 1 else "warning", f"{cores}", remedy)
    governors = {text_of(path) for path in folder.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    drivers = {text_of(path) for path in folder.glob("cpu[0-9]*/cpufreq/scaling_driver")}
    if "powersave" in governors and not drivers <= {"intel_pstate", "amd-pstate-epp"}:
        remedy = "sudo cpupower frequency-set -g performance"
        yield Finding("CPU governor", "warning", "powersave: the clock stays at its lowest", remedy)
    elif governors:
        yield Finding("CPU governor", "ok", ", ".join(sorted(governors)))


def dark_and_flat(profile: Profile) -> Iterator[Finding]:
    """Whether the dark and flat frames that the profile names can be applied."""
    for arm in ARMS:
        if named_files(profile.arm(arm)):
            yield _correction(arm, profile.arm(arm))


def _correction(arm: Arm, settings: ArmSettings) -> Finding:
    try:
        correction_for(settings)
    except CalibrationError as error:
        remedy = "Until then the live view is not corrected; clips are raw and lose nothing."
        return Finding("dark and flat", "warning", f"{arm}: {error}", remedy)
    return Finding("dark and flat", "ok", f"{arm}: they fit")


def ring_gb_of(profile: Profile) -> float:
    """Gigabytes of memory that the pairs before and in the ring of a recording may take."""
    seconds = profile.recording.ring_seconds + profile.recording.pre_trigger_seconds
    return seconds * line_rate_bytes_s(profile) / 1e9


def disk_mb_s(folder: Path, megabytes: int = DISK_TRIAL_MB) -> float:
    """Megabytes per second that reach the disk of a folder as frames do, fsync included. Raises `NirvisError`."""
    block = os.urandom(1 << 20)
    try:
        with (
            tempfile.NamedTemporaryFile(dir=folder, prefix=".nirvis-disk-") as file,
            closing(FrameFile(Path(file.name))) as frames,
        ):
            began = time.perf_counter()
            for number in range(megabytes):
                frames.write(number * len(block), block)
            os.fsync(file.fileno())
            return megabytes * len(block) / 1e6 / (time.perf_counter() - began)
    except OSError as error:
        raise NirvisError(f"Cannot write to {folder}: {error.strerror}. Record to another folder.") from None
