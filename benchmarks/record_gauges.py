"""What the benchmark of recording reads from outside of the recorder: its processor time, its preview, the disk."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nirvis_capture.profile import Profile
from nirvis_capture.runtime import socket_path
from nirvis_capture.slot import Slot

_POLL_S = 0.001


@contextmanager
def preview_ages(slot: Slot, ages_ms: list[float]) -> Iterator[None]:
    """Read the preview as a window does, and note how long ago each pair had arrived when it was found there."""
    ended = threading.Event()

    def read() -> None:
        seen = 0
        while not ended.wait(_POLL_S):
            snapshot = slot.newest(seen)
            if snapshot is not None:
                seen = snapshot.sequence
                arrived_ns = max(snapshot.meta[arm]["host_ns"] for arm in ("nir", "vis"))
                ages_ms.append((time.monotonic_ns() - arrived_ns) * 1e-6)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()


def recorder_pid(profile: Profile) -> int:
    """Process id of the recorder of a rig, as the kernel has it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(socket_path(profile.rig)))
        pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, in user and in kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def core_share(pid: int, meanwhile: Callable[[], object]) -> float:
    """What share of one core a process took while something was done."""
    before, began = cpu_s(pid), time.perf_counter()
    meanwhile()
    return (cpu_s(pid) - before) / (time.perf_counter() - began)


def dirty_mb() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("Dirty:")) / 1e3
