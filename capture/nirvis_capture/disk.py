"""How much recording still fits on a disk, and the reserve with which a clip closes when nothing fits any more."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from nirvis_capture.camera import ARMS
from nirvis_capture.errors import RecorderError
from nirvis_capture.profile import Profile

CLOSING_BYTES = 1 << 20
"""Closing a clip takes less: the last rows of its tables and its certificate."""
RESERVE_BYTES = 64 << 20
"""The rest is for the frame that did not fit, and for time: whoever fills the disk goes on while the clip is closed."""


class Reserve:
    """Space on the disk of a recording that nobody else gets, until it is released for the clip to close.

    Its file has no name, so it goes with the process that holds it, however that ends. Raises `OSError` when the disk
    has not even that.
    """

    def __init__(self, folder: Path, nbytes: int = RESERVE_BYTES) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (held until it is released)
        try:
            os.posix_fallocate(self._file.fileno(), 0, nbytes)
        except OSError:
            self._file.close()
            raise

    @property
    def released(self) -> bool:
        return self._file.closed

    def release(self) -> bool:
        """Give the space back; False when that was done before."""
        if self.released:
            return False
        os.ftruncate(self._file.fileno(), 0)
        self._file.close()
        return True


class BackgroundSync:
    """Brings what was written to a file to the disk itself, beside the writing: a power loss then costs seconds.

    descriptor
        Of the file; closed by `close`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._running: Future[None] | None = None

    def begin(self) -> None:
        """Start, unless the last time has not ended yet: a slow disk is not asked for more than it can."""
        if self._running is None or self._running.done():
            self._running = self._worker.submit(os.fdatasync, self._descriptor)

    def close(self) -> None:
        """Wait until it is quiet. Safe to call twice."""
        self._worker.shutdown()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk itself, and wait for it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_full(error: BaseException) -> bool:
    """True for an error that says that the disk, or the share of it that a user may have, is full."""
    said = str(error)
    return any(
        getattr(error, "errno", None) == number or os.strerror(number) in said or f"errno = {number}," in said
        for number in (errno.ENOSPC, errno.EDQUOT)
    )


def free_gb(folder: Path) -> float:
    """Gigabytes (10⁹) that are free where `folder` is, or will be once it is made."""
    try:
        return shutil.disk_usage(folder).free / 1e9
    except (FileNotFoundError, NotADirectoryError):
        return free_gb(folder.parent)


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
        # To make a folder that is there waits for a disk that stands still, and to look does not.
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecorderError(f"Cannot make the folder {folder}: {error.strerror}. Record to another one.") from None
    free, least = free_gb(folder), profile.recording.min_free_gb
    if free < least:
        raise RecorderError(
            f"Only {free:.2f} GB are free in {folder}, and recording.min_free_gb is {least:g}: nothing was recorded. "
            "Free some space, or record to another folder."
        )
