"""Where the pairs go: a folder that cannot be written, and a disk that is really full."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nirvis_registration.batch import register_clips
from nirvis_registration.errors import FolderNotWritable, PairsDiskFull
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality
from nirvis_registration.settings import RegistrationSettings

Rgb = np.ndarray
SETTINGS = RegistrationSettings(size=(200, 150), frames=1)
PAIR_BYTES = 2 * 200 * 150 * 3
SAMPLE = Path(__file__).parents[1] / "data" / "version_1.pairs.h5"
RESERVE_BYTES = 80_000
"""More than what a file of 40 such pairs keeps back for its close, and less than half a pair more."""


def mounted(folder: Path, options: str) -> None:
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a disk can be mounted by root only: {done.stderr.decode().strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mounted(tmp_path / "disk", "size=4m")
    yield tmp_path / "disk"
    subprocess.run(["umount", "--lazy", str(tmp_path / "disk")], check=True)


@pytest.fixture
def clip(tmp_path: Path, write_clip: Callable[..., Path], real_pair: Callable[[str], tuple[Rgb, Rgb]]) -> Path:
    nir, vis = real_pair("vnir_train")
    return write_clip(tmp_path / "a.clip.h5", [(nir[90:390, 120:520], vis[90:390, 120:520])] * 6)


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize(
    "room",
    [pytest.param(20_000, id="at-once"), pytest.param(RESERVE_BYTES + PAIR_BYTES, id="midway")],
)
def test_a_full_disk_leaves_nothing_half_written_and_the_next_run_goes_on(
    small_disk: Path, clip: Path, compression: str, room: int
) -> None:
    settings = SETTINGS.model_copy(update={"compression": compression})
    filler = small_disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - room))
    for _ in range(2):  # again, because HDF5 must not hold on to the room of the first time
        free = shutil.disk_usage(small_disk).free
        outcome = register_clips([clip], small_disk, settings)[0]
        assert outcome.status == "failed"
        assert "is full: no pairs of this clip were kept" in outcome.reason
        assert [path.name for path in small_disk.iterdir()] == ["filler"]
        assert shutil.disk_usage(small_disk).free == free
    filler.unlink()
    assert register_clips([clip], small_disk, settings)[0].status == "registered"


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_disk_that_fills_midway_is_told_at_the_pair_that_does_not_fit(
    small_disk: Path, compression: str | None
) -> None:
    with PairsFile.open(SAMPLE) as file:
        header = file.header
    picture = np.random.default_rng(1).integers(0, 256, (150, 200, 3), np.uint8)
    room = RESERVE_BYTES + 5 * PAIR_BYTES // 2
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - room))
    writer = PairsWriter(small_disk / "a.pairs.h5", header, np.ones((150, 200), bool), 40, compression)
    for i in range(2):
        writer.write(i, picture, picture, PairQuality(0.2, 2.0, 0.0))
    with pytest.raises(PairsDiskFull, match=r"a\.pairs\.h5 is full: no pairs of this clip were kept"):
        writer.write(2, picture, picture, PairQuality(0.2, 2.0, 0.0))
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_folder_that_cannot_be_written_is_named_before_any_work(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "file").write_text("")
    seen: list[int] = []
    with pytest.raises(FolderNotWritable, match="Not a directory"):
        register_clips([clip], tmp_path / "file", SETTINGS, lambda done, _: seen.append(done))
    assert seen == []


def test_a_disk_that_is_only_to_be_read_is_named_before_any_work(tmp_path: Path, clip: Path) -> None:
    mounted(tmp_path / "archive", "size=1m,ro")
    try:
        with pytest.raises(FolderNotWritable, match=os.strerror(30)):
            register_clips([clip], tmp_path / "archive", SETTINGS)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path / "archive")], check=True)
