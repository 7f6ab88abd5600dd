from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import h5py
import numpy as np
import pytest

import nirvis_profiles
from nirvis_registration.distortion import NO_DISTORTION, Distortion
from nirvis_registration.errors import DamagedPairsFile, NewerPairsFile, NotAPairsFile
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_registration.pair_file import PairsFile, PairsHeader
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality

START = datetime(2026, 6, 21, 23, 5, tzinfo=timezone(timedelta(hours=2)))
SAMPLES = Path(__file__).parents[1] / "data"
VALID = np.arange(48 * 64).reshape(48, 64) % 7 > 0


def header(bit_depth: int = 8) -> PairsHeader:
    return PairsHeader(
        recording_id="r1",
        part=2,
        mode="night",
        light="dusk",
        place="Brücke",
        start_time=START,
        clip_name="a.clip.h5",
        clip_sha256="ab" * 32,
        profile_text=nirvis_profiles.text("twin_night"),
        geometry=SourceGeometry(frame=(128, 96), crop=Rect(x=2, y=4, width=64, height=48), size=(64, 48)),
        homography_vis_to_nir=np.array([[-1.0, 0.01, 63.0], [0.0, 1.0, 0.5], [1e-6, 0.0, 1.0]]),
        corner_covariance=np.eye(8) * 0.01,
        inliers=321,
        matches=400,
        error_px=0.21,
        corner_sigma_px=0.04,
        frames_pooled=8,
        bit_depth=bit_depth,
        settings="{}",
    )


def write(path: Path, bit_depth: int = 8, compression: str | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    pairs = [
        (random.integers(0, np.iinfo(dtype).max, (2, 48, 64, 3), dtype, endpoint=True), PairQuality(0.1 * i, 0.3, 0.02))
        for i in range(3)
    ]
    with PairsWriter(path, header(bit_depth), VALID, len(pairs), compression) as writer:
        for i, (pictures, quality) in enumerate(pairs):
            writer.write(5 * i, pictures[0], pictures[1], quality)
    return [(pictures[0], pictures[1]) for pictures, _ in pairs]


@pytest.mark.parametrize(("bit_depth", "compression"), [(8, None), (12, None), (8, "gzip")])
def test_what_is_written_is_read(tmp_path: Path, bit_depth: int, compression: str | None) -> None:
    path = tmp_path / "deep" / "a.pairs.h5"
    written = write(path, bit_depth, compression)
    with PairsFile.open(path) as pairs:
        assert len(pairs) == 3
        for i, (source, target) in enumerate(written):
            np.testing.assert_array_equal(pairs.source(i), source)
            np.testing.assert_array_equal(pairs.target(i), target)
        np.testing.assert_array_equal(pairs.valid, VALID)
        assert pairs.table["clip_index"].tolist() == [0, 5, 10]
        np.testing.assert_allclose(pairs.table["residual_px"], [0, 0.1, 0.2], atol=1e-6)
        for name in PairsHeader.__slots__:
            np.testing.assert_equal(getattr(pairs.header, name), getattr(header(bit_depth), name))
        assert pairs.start_time == START
        assert pairs.start_time.utcoffset() == timedelta(hours=2)
        assert pairs.profile.mode == "night"
        assert pairs.crop.width == 64
        assert pairs.software.startswith("nirvis")


def test_pairs_without_a_number_of_their_pulse_are_counted_by_the_clip(tmp_path: Path) -> None:
    write(tmp_path / "a.pairs.h5")
    with h5py.File(tmp_path / "a.pairs.h5", "r+") as file:
        del file["pairs/trigger_index"]
    with PairsFile.open(tmp_path / "a.pairs.h5") as pairs:
        assert pairs.table["trigger_index"].tolist() == [0, 5, 10]
        assert pairs.every is None


def test_each_picture_is_one_chunk(tmp_path: Path) -> None:
    write(tmp_path / "a.pairs.h5")
    with h5py.File(tmp_path / "a.pairs.h5") as file:
        assert file["source"].chunks == file["target"].chunks == (1, 48, 64, 3)
        assert file["source"].attrs["bit_depth"] == 8


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_writer_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    black = np.zeros((48, 64, 3), np.uint8)

    def interrupted() -> None:
        with PairsWriter(tmp_path / "a.pairs.h5", header(), VALID, 3) as writer:
            writer.write(0, black, black, PairQuality(0, 0, 0))
            assert not (tmp_path / "a.pairs.h5").exists()
            raise error

    with pytest.raises(error):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_pairs_that_were_never_written_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 pairs"), PairsWriter(tmp_path / "a.pairs.h5", header(), VALID, 3):
        pass
    assert not (tmp_path / "a.pairs.h5").exists()


def test_the_remains_of_a_killed_writer_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.pairs.h5.part").write_bytes(b"half a file")
    write(tmp_path / "a.pairs.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["a.pairs.h5"]


def test_other_files_are_named_for_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(NotAPairsFile, match="no such file"):
        PairsFile.open(tmp_path / "missing.pairs.h5")
    with pytest.raises(NotAPairsFile, match="folder"):
        PairsFile.open(tmp_path)
    text = tmp_path / "text.pairs.h5"
    text.write_text("hello")
    with pytest.raises(NotAPairsFile, match="no HDF5"):
        PairsFile.open(text)
    other = tmp_path / "other.pairs.h5"
    with h5py.File(other, "w") as file:
        file.attrs["format"] = "nirvis-clip"
    with pytest.raises(NotAPairsFile, match="nirvis-clip"):
        PairsFile.open(other)


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pairs.h5"
    write(path)
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 3
    with pytest.raises(NewerPairsFile, match="version 3"):
        PairsFile.open(path)


@pytest.mark.parametrize(("version", "distortion"), [(1, NO_DISTORTION), (2, Distortion(-0.01, 0.002))])
def test_every_version_keeps_a_reader(version: int, distortion: Distortion, tmp_path: Path) -> None:
    """The samples were written when the version was new; what is written today has the same version."""
    with PairsFile.open(SAMPLES / f"version_{version}.pairs.h5") as pairs:
        assert pairs.distortion == distortion
        assert (pairs.recording_id, pairs.clip_name, len(pairs)) == ("r1", "a.clip.h5", 2)
        assert pairs.source(1).shape == pairs.target(0).shape == (48, 64, 3)
        np.testing.assert_allclose(pairs.homography_vis_to_nir, header().homography_vis_to_nir)
    with PairsWriter(tmp_path / "new.pairs.h5", replace(header(), distortion=distortion), VALID, 1) as writer:
        writer.write(0, *np.zeros((2, 48, 64, 3), np.uint8), PairQuality(0, 0, 0))
    with h5py.File(tmp_path / "new.pairs.h5") as file:
        assert file.attrs["version"] == version


@pytest.mark.parametrize("damage", ["cut", "no-table", "other-length", "geometry"])
def test_damage_is_said_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.pairs.h5"
    write(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40_000])
    else:
        with h5py.File(path, "r+") as file:
            if damage == "no-table":
                del file["pairs/residual_px"]
            elif damage == "other-length":
                del file["target"]
                file["target"] = np.zeros((2, 48, 64, 3), np.uint8)
            else:
                file.attrs["geometry"] = "{}"
    with pytest.raises(DamagedPairsFile) as caught:
        PairsFile.open(path)
    assert "\n" not in str(caught.value)
