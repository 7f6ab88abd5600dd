"""How much recording still fits on a disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from nirvis_capture.camera import ARMS
from nirvis_capture.errors import RecorderError
from nirvis_capture.profile import Profile


def free_gb(folder: Path) -> float:
    """Gigabytes (10⁹) that are free where `folder` is, or will be once it is made."""
    there = next((parent for parent in (folder, *folder.parents) if parent.exists()), Path("/"))
    return shutil.disk_usage(there).free / 1e9


def line_rate_bytes_s(profile: Profile) -> float:
    """Bytes per second of both arms at the trigger rate."""
    sizes = ((arm.roi.width * arm.roi.height, arm.sensor.bit_depth > 8) for arm in map(profile.arm, ARMS))
    return sum(pixels * (2 if wide else 1) for pixels, wide in sizes) * profile.trigger.rate_hz


def minutes_left(profile: Profile, folder: Path) -> float:
    """Minutes of recording until ``recording.min_free_gb`` is reached."""
    usable_gb = max(0.0, free_gb(folder) - profile.recording.min_free_gb)
    return usable_gb * 1e9 / line_rate_bytes_s(profile) / 60


def prepare_folder(profile: Profile, folder: Path) -> None:
    """Make the folder of a recording. Raises `RecorderError` when it cannot be made or its disk is nearly full."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecorderError(f"Cannot make the folder {folder}: {error.strerror}. Record to another one.") from None
    free, least = free_gb(folder), profile.recording.min_free_gb
    if free < least:
        raise RecorderError(
            f"Only {free:.2f} GB are free in {folder}, and recording.min_free_gb is {least:g}: nothing was recorded. "
            "Free some space, or record to another folder."
        )
