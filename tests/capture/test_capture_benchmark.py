"""The benchmark of recording: its peers store what they are given, and its bars have the names that are published."""

from __future__ import annotations

import argparse
import importlib
import mmap
from pathlib import Path
from types import ModuleType

import cv2
import h5py
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PAIRS = 3


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("record")


@pytest.fixture
def peers(record: ModuleType) -> ModuleType:
    return importlib.import_module("record_peers")


def test_the_bars_are_the_published_ones(record: ModuleType) -> None:
    flat_s = {"raw_write": 1.0, "bmp": 6.0, "h5py_default": 20.0}
    frames_mb = 2 * 400 * record.PAIR_MB
    clips = importlib.import_module("record_ways").Clips()
    seconds = {"plain_noise": 2.0, "compressed_noise": 4.0, "plain_street": 3.0, "compressed_street": 1.5}
    for way, took_s in seconds.items():
        stored_mb = frames_mb / 2 if way == "compressed_street" else frames_mb
        for _ in range(2):
            clips.add(way, took_s / 2, stored_mb / 2)
    measured = record.Measured(
        pairs_per_s=[180.0], bfs_pairs_per_s=[30.0], close_s=[0.5], write_p999_ms=[2.0, 5.0], flush_max_ms=[9.0],
        preview_ms=[1.0, 3.0], cores=[0.2], armed_cores=[0.1], flat_s=flat_s, clips=clips,
    )  # fmt: skip
    values = {bar.name: bar.value for bar in record.bars(measured, argparse.Namespace(rounds=2, pairs=400))}
    assert values["record.vs_raw_write"] == 0.5
    assert values["record.vs_bmp"] == 3
    assert values["record.vs_h5py_default"] == 10
    assert values["record.write_p999_ms"] == 5
    assert values["record.compressed_vs_plain_noise"] == 0.5
    assert values["record.compressed_vs_plain_street"] == 2
    assert values["record.compression_street"] == pytest.approx(2)
    assert values["record.nirvis_mb_s"] == pytest.approx(frames_mb / 2)
    assert set(values) >= {
        "record.pairs_per_s",
        "record.lost_pairs",
        "record.core_share_at_45",
        "record.preview_p95_ms",
        "record.bfs_pairs_per_s",
    }


@pytest.mark.parametrize(("name", "rate_hz", "pacing"), [("line", 180, "real"), ("flat", 90, "fast")])
def test_every_rig_of_the_benchmark_is_a_profile(record: ModuleType, name: str, rate_hz: float, pacing: str) -> None:
    profile = record.bench_profile(name, rate_hz, pacing)
    assert (profile.rig, profile.trigger.rate_hz, profile.twin.content) == (f"bench-{name}", rate_hz, "noise")


def test_each_way_of_storing_is_measured_on_the_same_pictures(record: ModuleType) -> None:
    profiles = [record.bench_profile("flat", 90, "fast").edited(way.changes) for way in record.WAYS.values()]
    seen = {(profile.twin.content, profile.recording.compression) for profile in profiles}
    assert seen == {(content, form) for content in ("noise", "loop") for form in ("none", "bitshuffle-lz4")}


def test_the_large_rig_has_large_frames(record: ModuleType) -> None:
    profile = record.bench_profile("bfs", 30, "real", record.BFS_WIDTH, record.BFS_HEIGHT)
    assert (profile.nir.roi.width, profile.vis.roi.height) == (3072, 2048)


def test_a_disk_without_room_is_refused_before_anything_is_written(record: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="needs 1000000"), record.workplace(tmp_path, 1e6):
        pass
    assert not list(tmp_path.iterdir())


def test_every_peer_stores_every_frame(peers: ModuleType, tmp_path: Path) -> None:
    frames = peers.noise_frames(20, 30, count=2 * PAIRS)
    for name, write in peers.peers().items():
        folder = tmp_path / name
        folder.mkdir()
        write(folder, frames, PAIRS)
        stored = read_back(name, folder)
        assert all((a == b).all() for a, b in zip(stored, frames, strict=True)), name


def read_back(name: str, folder: Path) -> list[np.ndarray]:
    """Frames of both arms in turn."""
    if name == "raw_write":
        return list(np.fromfile(folder / "raw", np.uint8).reshape(-1, 20, 30))
    if name == "raw_direct":
        return list(np.fromfile(folder / "raw", np.uint8).reshape(-1, mmap.PAGESIZE)[:, :600].reshape(-1, 20, 30))
    if name == "bmp":
        return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted(folder.iterdir())]
    if name.startswith("h5py"):
        with h5py.File(folder / "pairs.h5", "r") as file:
            return in_turn(file["nir"][...], file["vis"][...])
    if name == "tifffile":
        tifffile = pytest.importorskip("tifffile")
        return in_turn(tifffile.imread(folder / "nir.tif"), tifffile.imread(folder / "vis.tif"))
    zarr = pytest.importorskip("zarr")
    return in_turn(zarr.open_array(folder / "nir.zarr")[...], zarr.open_array(folder / "vis.zarr")[...])


def in_turn(nir: np.ndarray, vis: np.ndarray) -> list[np.ndarray]:
    return [frame for pair in zip(nir, vis, strict=True) for frame in pair]
