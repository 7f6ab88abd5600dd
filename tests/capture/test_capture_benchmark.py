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
    flat_s = {"nirvis": 2.0, "raw_write": 1.0, "bmp": 6.0, "h5py_default": 20.0}
    measured = record.Measured(
        pairs_per_s=[180.0], bfs_pairs_per_s=[30.0], close_s=[0.5], write_p999_ms=[2.0, 5.0], flush_max_ms=[9.0],
        preview_ms=[1.0, 3.0], cores=[0.2], armed_cores=[0.1], flat_s=flat_s,
    )  # fmt: skip
    values = {bar.name: bar.value for bar in record.bars(measured, argparse.Namespace(rounds=2, pairs=400))}
    assert values["record.vs_raw_write"] == 0.5
    assert values["record.vs_bmp"] == 3
    assert values["record.vs_h5py_default"] == 10
    assert values["record.write_p999_ms"] == 5
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
