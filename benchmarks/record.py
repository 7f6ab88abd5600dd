"""Recording at line rate, beside the raw write of the same bytes to the same folder.

The way measured is the true one: a recorder process with the simulated rig at 2 × 1384×1032 × 8 bit of incompressible
noise, a client that asks it to record, and a certified clip with every byte hashed. Times include the fsync of the
finished file. Contestants take turns, in swapped order in every second round:

line rate   20 s at the trigger rate: pairs per second, and pairs that the certified clip does not have
flat out    as quickly as the disk takes them, against ...
raw write   ... write() and fsync of the same bytes
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bars import Bar, report

import nirvis_profiles
from nirvis_capture.client import RecorderClient
from nirvis_capture.clip import Clip
from nirvis_capture.profile import Profile, parse_profile

PAIR_BYTES = 2 * 1384 * 1032
FLAT_OUT_S = 8.0
"""Length of the flat-out recording, in seconds at the trigger rate."""
SPARE_GB = 3.0


@dataclass
class Measured:
    """What was measured so far, over all rounds."""

    pairs_per_s: list[float] = field(default_factory=list)
    lost_pairs: int = 0
    close_s: list[float] = field(default_factory=list)
    flat_out_s: float = 0.0
    raw_s: float = 0.0


def bench_profile(rate_hz: float, pacing: str) -> Profile:
    """The rig of the benchmark; a rig of its own for each pacing, so that both recorders can stay up."""
    text = nirvis_profiles.text("twin_day")
    for old, new in {
        'rig = "twin"': f'rig = "bench-{pacing}"',
        "rate_hz = 45": f"rate_hz = {rate_hz}",
        "exposure_us = 6000": f"exposure_us = {min(6000.0, 5e5 / rate_hz)}",
    }.items():
        text = text.replace(old, new)
    return parse_profile(f'{text}content = "noise"\npacing = "{pacing}"\n')


def record(client: RecorderClient, folder: Path, seconds: float) -> tuple[Path, float]:
    """A certified clip, and the time from the command to the fsynced file, in s; the cameras are armed before."""
    client.arm()
    began = time.perf_counter()
    client.record(folder=folder, seconds=seconds)
    while (status := client.status()).state in ("recording", "finalising"):
        time.sleep(0.01)
    if status.clip is None or status.message:
        sys.exit(f"recording ended early: {status.message}")
    return status.clip, time.perf_counter() - began


def line_rate(client: RecorderClient, folder: Path, profile: Profile, seconds: float, measured: Measured) -> None:
    path, took_s = record(client, folder, seconds)
    with Clip.open(path) as clip:
        stamps = clip.arms["nir"].timestamp_ns[clip.complete[:, 0]]
        pairs = len(clip)
    path.unlink()
    measured.pairs_per_s.append((pairs - 1) / ((stamps[-1] - stamps[0]) * 1e-9))
    measured.lost_pairs += round(seconds * profile.trigger.rate_hz) - pairs
    measured.close_s.append(took_s - seconds)


def flat_out(client: RecorderClient, folder: Path, seconds: float, measured: Measured) -> None:
    path, took_s = record(client, folder, seconds)
    path.unlink()
    measured.flat_out_s += took_s


def raw_write(folder: Path, pairs: int, measured: Measured) -> None:
    frames = [np.random.default_rng(seed).bytes(PAIR_BYTES // 2) for seed in range(8)]
    path = folder / "raw"
    began = time.perf_counter()
    with open(path, "wb", buffering=0) as file:
        for index in range(2 * pairs):
            file.write(frames[index % len(frames)])
        os.fsync(file.fileno())
    measured.raw_s += time.perf_counter() - began
    path.unlink()


@contextmanager
def workplace(parent: Path, needed_gb: float) -> Iterator[Path]:
    """A folder for clips and sockets that is gone afterwards, on a disk with room enough."""
    free_gb = shutil.disk_usage(parent).free / 1e9
    if free_gb < needed_gb:
        sys.exit(f"{parent} has {free_gb:.1f} GB free; the benchmark needs {needed_gb:.1f} GB. Give another --folder.")
    folder = Path(tempfile.mkdtemp(prefix="bench-record-", dir=parent))
    runtime = Path(tempfile.mkdtemp(prefix="nv"))
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(runtime, ignore_errors=True)


@contextmanager
def recorder(profile: Profile) -> Iterator[RecorderClient]:
    client = RecorderClient.start(profile)
    try:
        yield client
    finally:
        client.shutdown()


def dirty_mb() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("Dirty:")) / 1e3


def measure(folder: Path, rate_hz: float, seconds: float, rounds: int) -> Measured:
    measured = Measured()
    real, fast = bench_profile(rate_hz, "real"), bench_profile(rate_hz, "fast")
    flat_s = min(FLAT_OUT_S, seconds)
    with recorder(real) as at_line_rate, recorder(fast) as at_any_rate:
        contestants: list[tuple[str, Callable[[], None]]] = [
            ("line rate", lambda: line_rate(at_line_rate, folder, real, seconds, measured)),
            ("flat out", lambda: flat_out(at_any_rate, folder, flat_s, measured)),
            ("raw write", lambda: raw_write(folder, round(flat_s * rate_hz), measured)),
        ]
        for turn in range(rounds):
            for name, run in contestants[:: 1 if turn % 2 == 0 else -1]:
                run()
                for client in (at_line_rate, at_any_rate):
                    client.disarm()
                print(f"round {turn + 1}, {name}: done, {dirty_mb():.0f} MB dirty pages", file=sys.stderr)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=90.0, help="trigger rate in Hz")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write; default: here")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    needed_gb = options.rate * options.seconds * PAIR_BYTES / 1e9 + SPARE_GB
    with workplace(options.folder, needed_gb) as folder:
        measured = measure(folder, options.rate, options.seconds, options.rounds)
    flat_mb = options.rounds * round(min(FLAT_OUT_S, options.seconds) * options.rate) * PAIR_BYTES / 1e6
    report(
        [
            Bar("record.pairs_per_s", min(measured.pairs_per_s), "pairs/s"),
            Bar("record.lost_pairs", measured.lost_pairs, "pairs"),
            Bar("record.close_s", max(measured.close_s), "s"),
            Bar("record.flat_out_mb_s", flat_mb / measured.flat_out_s, "MB/s"),
            Bar("record.raw_write_mb_s", flat_mb / measured.raw_s, "MB/s"),
            Bar("record.vs_raw_write", measured.raw_s / measured.flat_out_s, "ratio"),
        ],
        options.json,
    )


if __name__ == "__main__":
    main()
