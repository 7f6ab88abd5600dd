"""Recording at line rate, beside what else could store the same frames on the same disk.

The way measured is the true one: a recorder process with the simulated rig and incompressible noise, a client that asks
it to record, and a certified clip with every byte hashed and paired. Times include the fsync of the finished files.
Contestants take turns, in swapped order in every second round:

line rate   --seconds at --rate pairs of 2 × 1384×1032 × 8 bit: pairs per second, pairs that the clip does not have,
            how long a write takes, and how old a pair is when a reader finds it in the preview slot
45 pairs/s  what share of one core the recorder process takes, everything in it: two simulated cameras, which copy
            noise that was made before, pairing, preview, hashing and writing; beside it the share while it is only
            armed, which is the same without hashing and writing
BFS         pairs of 2 × 3072×2048 at --bfs-rate
flat out    --pairs as quickly as the recorder takes them, against ...
compressed  ... the same with bitshuffle-LZ4, which workers do ahead of the thread that writes, and both forms with a
            street of the twin, which has been rendered before. compressed_vs_plain_street and _noise tell by how much
            the compressed clip is the faster one, compression_street and _noise by how much it is the smaller one
peers       ... write() and fsync, the same with O_DIRECT, a BMP for each frame, h5py with its defaults and with a
            frame a chunk, tifffile and zarr, which get their frames for nothing and hash none of them
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
from functools import partial
from pathlib import Path

import numpy as np
from bars import Bar, report
from record_gauges import core_share, dirty_mb, preview_ages, recorder_pid
from record_peers import noise_frames, peers
from record_ways import PLAIN_NOISE, WAYS, Clips, compression_bars

import nirvis_profiles
from nirvis_capture.client import RecorderClient
from nirvis_capture.clip import Clip
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.settings import TomlValue

WIDTH, HEIGHT = 1384, 1032
PAIR_MB = 2 * WIDTH * HEIGHT / 1e6
BFS_WIDTH, BFS_HEIGHT = 3072, 2048
SPARE_GB = 3.0
ARMED_S = 5.0


@dataclass
class Measured:
    """What was measured so far, over all rounds."""

    pairs_per_s: list[float] = field(default_factory=list)
    bfs_pairs_per_s: list[float] = field(default_factory=list)
    lost_pairs: int = 0
    bfs_lost_pairs: int = 0
    close_s: list[float] = field(default_factory=list)
    write_p999_ms: list[float] = field(default_factory=list)
    flush_max_ms: list[float] = field(default_factory=list)
    preview_ms: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    armed_cores: list[float] = field(default_factory=list)
    flat_s: dict[str, float] = field(default_factory=dict)
    """Seconds of each peer that writes the same frames flat out."""
    clips: Clips = field(default_factory=Clips)


@dataclass(frozen=True)
class Clipped:
    """What a clip says of its recording."""

    pairs_per_s: float
    lost_pairs: int
    close_s: float
    write_p999_ms: float
    flush_max_ms: float


def bench_profile(name: str, rate_hz: float, pacing: str, width: int = WIDTH, height: int = HEIGHT) -> Profile:
    """The rig of one contestant, under a name of its own, so that each has its recorder."""
    twin = parse_profile(nirvis_profiles.text("twin_day"))
    exposure_us = min(6000.0, 5e5 / rate_hz)
    changes: dict[str, TomlValue] = {
        f"{arm}.{key}": value
        for arm in ("nir", "vis")
        for key, value in (
            ("roi", {"width": width, "height": height}),
            ("sensor.width_px", max(width, WIDTH)),
            ("sensor.height_px", max(height, HEIGHT)),
            ("exposure_us", exposure_us),
        )
    }
    rig: dict[str, TomlValue] = {
        "rig": f"bench-{name}",
        "trigger.rate_hz": rate_hz,
        "twin.content": "noise",
        "twin.pacing": pacing,
    }
    return twin.edited({**changes, **rig})


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


def clipped(client: RecorderClient, folder: Path, profile: Profile, seconds: float) -> Clipped:
    """Record at the trigger rate, and read from the clip what came of it; the clip is removed."""
    path, took_s = record(client, folder, seconds)
    with Clip.open(path) as clip:
        stamps = clip.arms["nir"].timestamp_ns[clip.complete[:, 0]]
        pairs = len(clip)
        write_ms, flush_ms = (clip.file[f"entry/timing/{name}_ms"][...] for name in ("write", "flush"))
    path.unlink()
    return Clipped(
        pairs_per_s=(pairs - 1) / ((stamps[-1] - stamps[0]) * 1e-9),
        lost_pairs=round(seconds * profile.trigger.rate_hz) - pairs,
        close_s=took_s - seconds,
        write_p999_ms=float(write_ms[4]),
        flush_max_ms=float(flush_ms[1]),
    )


def line_rate(folder: Path, rate_hz: float, seconds: float, measured: Measured) -> None:
    profile = bench_profile("line", rate_hz, "real")
    with recorder(profile) as client:
        client.arm()
        with preview_ages(client.preview, measured.preview_ms):
            found = clipped(client, folder, profile, seconds)
    measured.pairs_per_s.append(found.pairs_per_s)
    measured.lost_pairs += found.lost_pairs
    measured.close_s.append(found.close_s)
    measured.write_p999_ms.append(found.write_p999_ms)
    measured.flush_max_ms.append(found.flush_max_ms)


def at_45(folder: Path, seconds: float, measured: Measured) -> None:
    profile = bench_profile("45", 45, "real")
    with recorder(profile) as client:
        client.arm()
        pid = recorder_pid(profile)
        measured.armed_cores.append(core_share(pid, lambda: time.sleep(ARMED_S)))
        measured.cores.append(core_share(pid, lambda: clipped(client, folder, profile, seconds)))


def bfs(folder: Path, rate_hz: float, seconds: float, measured: Measured) -> None:
    profile = bench_profile("bfs", rate_hz, "real", BFS_WIDTH, BFS_HEIGHT)
    with recorder(profile) as client:
        found = clipped(client, folder, profile, seconds)
    measured.bfs_pairs_per_s.append(found.pairs_per_s)
    measured.bfs_lost_pairs += found.lost_pairs


def flat_out(way: str, folder: Path, pairs: int, measured: Measured) -> None:
    """The recorder, with cameras that wait for it; arming is no part of the time."""
    rate_hz = 90.0
    profile = bench_profile(way.replace("_", "-"), rate_hz, "fast").edited(WAYS[way].changes)
    with recorder(profile) as client:
        path, took_s = record(client, folder, pairs / rate_hz)
    measured.clips.add(way, took_s, path.stat().st_size / 1e6)
    path.unlink()


def write_flat_out(name: str, folder: Path, pairs: int, measured: Measured) -> None:
    """A peer, with its frames at hand."""
    frames = noise_frames(HEIGHT, WIDTH)
    place = folder / name
    place.mkdir()
    began = time.perf_counter()
    peers()[name](place, frames, pairs)
    measured.flat_s[name] = measured.flat_s.get(name, 0.0) + time.perf_counter() - began
    shutil.rmtree(place)


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


def measure(folder: Path, options: argparse.Namespace) -> Measured:
    measured = Measured()
    contestants: list[tuple[str, Callable[[], None]]] = [
        ("line rate", partial(line_rate, folder, options.rate, options.seconds, measured)),
        ("45 pairs/s", partial(at_45, folder, min(10.0, options.seconds), measured)),
        ("BFS", partial(bfs, folder, options.bfs_rate, min(10.0, options.seconds), measured)),
        *((f"flat out, {way}", partial(flat_out, way, folder, options.pairs, measured)) for way in WAYS),
    ]
    contestants += [(name, partial(write_flat_out, name, folder, options.pairs, measured)) for name in peers()]
    for turn in range(options.rounds):
        for name, run in contestants[:: 1 if turn % 2 == 0 else -1]:
            run()
            print(f"round {turn + 1}, {name}: done, {dirty_mb():.0f} MB dirty pages", file=sys.stderr)
    return measured


def bars(measured: Measured, options: argparse.Namespace) -> list[Bar]:
    flat_mb = options.rounds * options.pairs * PAIR_MB
    nirvis_s = measured.clips.seconds[PLAIN_NOISE]
    return [
        *(Bar(f"record.vs_{name}", took_s / nirvis_s, "ratio") for name, took_s in measured.flat_s.items()),
        Bar("record.pairs_per_s", min(measured.pairs_per_s), "pairs/s"),
        Bar("record.lost_pairs", measured.lost_pairs, "pairs"),
        Bar("record.core_share_at_45", max(measured.cores), "cores"),
        Bar("record.core_share_armed", max(measured.armed_cores), "cores"),
        Bar("record.write_p999_ms", max(measured.write_p999_ms), "ms"),
        Bar("record.flush_max_ms", max(measured.flush_max_ms), "ms"),
        Bar("record.preview_p95_ms", float(np.percentile(measured.preview_ms, 95)), "ms"),
        Bar("record.bfs_pairs_per_s", min(measured.bfs_pairs_per_s), "pairs/s"),
        Bar("record.bfs_lost_pairs", measured.bfs_lost_pairs, "pairs"),
        Bar("record.close_s", max(measured.close_s), "s"),
        *(Bar(f"record.{name}_mb_s", flat_mb / took_s, "MB/s") for name, took_s in measured.flat_s.items()),
        Bar("record.nirvis_mb_s", flat_mb / nirvis_s, "MB/s"),
        *compression_bars(measured.clips, flat_mb),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=180.0, help="trigger rate in Hz; 45 is line rate")
    parser.add_argument("--bfs-rate", type=float, default=30.0, help="trigger rate of the large cameras in Hz")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pairs", type=int, default=400, help="how many each contestant writes flat out")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write; default: here")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    longest_gb = max(
        options.rate * options.seconds * 2 * WIDTH * HEIGHT,
        options.bfs_rate * min(10.0, options.seconds) * 2 * BFS_WIDTH * BFS_HEIGHT,
        options.pairs * 2 * WIDTH * HEIGHT,
    )
    with workplace(options.folder, longest_gb / 1e9 + SPARE_GB) as folder:
        measured = measure(folder, options)
    asked_mb_s = options.rate * PAIR_MB
    disk_mb_s = options.rounds * options.pairs * PAIR_MB / measured.flat_s["raw_direct"]
    print(f"{options.rate:g} pairs/s are {asked_mb_s:.0f} MB/s; this disk takes {disk_mb_s:.0f}", file=sys.stderr)
    report(bars(measured, options), options.json)


if __name__ == "__main__":
    main()
