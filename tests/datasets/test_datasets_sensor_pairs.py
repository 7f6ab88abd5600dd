"""Pairs on the grid of the nir sensor: its counts as they are, vis where registration sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nirvis_capture.calibration import Calibration, CalibrationError
from nirvis_capture.clip import Clip
from nirvis_capture.corrected_clip import corrected_by, open_corrected
from nirvis_datasets.augmentation import Augmentation
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.split import Split, SplitRow
from nirvis_datasets.transforms import random_cut
from nirvis_registration.geometry import Rect, SourceGeometry, with_mirrors
from nirvis_registration.views import PairView

WritePairs = Callable[..., Path]
WriteClip = Callable[..., Path]
FRAME = (64, 48)
CROP = Rect(x=6, y=4, width=48, height=36)
SCENE_HOMOGRAPHY = np.array([[1.01, 0.012, -1.2], [-0.008, 0.99, 0.8], [1e-5, 0, 1]])


def catalogued(folder: Path) -> Path:
    found = Catalogue.build(folder)
    found.write()
    Split((SplitRow(recording_id="a", place="a", mode="day", set="train"),)).write(folder / "splits.csv")
    return folder


@pytest.fixture
def with_clip(tmp_path: Path, write_pairs: WritePairs, write_clip: WriteClip) -> Path:
    """One recording as raw clip and pairs: both arms are noise, the homography is unity."""
    noise = np.random.default_rng(5).integers(0, 256, FRAME[::-1], np.uint8)
    clip = write_clip(tmp_path, n=3, recording_id="a", raw={"nir": noise, "vis": noise})
    belong_together(write_pairs(tmp_path / "a.pairs.h5", recording_id="a", n=3), clip)
    return catalogued(tmp_path)


def belong_together(pairs: Path, clip: Path, **attributes: str) -> None:
    with Clip.open(clip) as raw, h5py.File(pairs, "r+") as file:
        file.attrs.update({"clip_sha256": raw.sha256, **attributes})


def test_bayer_sources_are_the_counts_of_the_clip(with_clip: Path) -> None:
    dataset = SampleDataset(with_clip, "train", Augmentation(crop=16, flip=True), source="bayer")
    with Clip.open(with_clip / "a.clip.h5") as clip:
        raw, black = clip.pair(2)[0], clip.profile.nir.black_level_dn
    for draw in range(8):
        sample = dataset[draw, 2]
        cut = random_cut(np.random.default_rng([0, draw, 2]), FRAME[::-1], 16, flip=True, grid=2)
        assert (sample["source"].shape, sample["target"].shape) == ((1, 16, 16), (3, 16, 16))
        expected = ((cut.turned(cut.of(raw)).astype(np.float64) - black) / (255 - black)).clip(0)
        np.testing.assert_allclose(sample["source"][0], expected, atol=1e-6)


@pytest.mark.parametrize("mirrored", ["", "nir", "vis"])
def test_targets_lie_where_registration_would_put_them(
    tmp_path: Path, write_pairs: WritePairs, write_clip: WriteClip, mirrored: str
) -> None:
    random = np.random.default_rng(2)
    nir, vis = (smooth(random) for _ in range(2))
    changes = {f"{arm}.mirror": str(arm == mirrored).lower() for arm in ("nir", "vis")}
    clip_path = write_clip(tmp_path, n=1, recording_id="a", raw={"nir": nir, "vis": vis}, changes=changes)
    geometry = SourceGeometry(frame=FRAME, crop=CROP, size=(CROP.width, CROP.height))
    pairs = write_pairs(tmp_path / "a.pairs.h5", recording_id="a", n=1, size=geometry.size)
    belong_together(pairs, clip_path, geometry=geometry.model_dump_json())
    with Clip.open(clip_path) as clip, h5py.File(pairs, "r+") as file:
        arms = clip.profile.nir, clip.profile.vis
        widths = [FRAME[0] if arm.mirror else None for arm in arms]
        file["homography_vis_to_nir"][:] = with_mirrors(SCENE_HOMOGRAPHY, *widths)
    view = PairView(*arms, geometry, SCENE_HOMOGRAPHY, FRAME)
    # As the sensor saw it: registration undoes the mirror of nir, this does not.
    turn = np.s_[:, ::-1] if mirrored == "nir" else np.s_[:, :]
    target, valid = view.target(vis)[turn], view.valid()[turn]
    left = FRAME[0] - CROP.x - CROP.width if mirrored == "nir" else CROP.x
    dataset = SampleDataset(catalogued(tmp_path), "train", Augmentation(crop=16), source="bayer")
    for draw in range(6):
        sample = dataset[draw, 0]
        cut = random_cut(np.random.default_rng([0, draw, 0]), (CROP.height, CROP.width), 16, grid=2)
        seen = cut.of(valid)
        np.testing.assert_array_equal(sample["valid"][0].bool(), seen)
        difference = sample["target"].permute(1, 2, 0).numpy() * 255 - cut.of(target)
        assert np.abs(difference[seen]).max() < 4
        top, begin = CROP.y + cut.top, left + cut.left
        black = arms[0].black_level_dn
        expected = (nir[top : top + 16, begin : begin + 16] - black) / (255 - black)
        np.testing.assert_allclose(sample["source"][0], expected.clip(0), atol=1e-6)


def smooth(random: np.random.Generator) -> NDArray[np.uint8]:
    coarse = random.integers(60, 200, (6, 8)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, FRAME, interpolation=cv2.INTER_CUBIC), np.uint8)


def dark_frames(path: Path, level_dn: float) -> Path:
    frame = np.full(FRAME[::-1], level_dn, np.float32)
    taken = datetime(2026, 5, 17, tzinfo=timezone.utc)
    return Calibration("dark", frame, "TWIN-NIR", "BayerRG8", (0, 0), 6000.0, 0.0, 64, taken).save(path)


@pytest.fixture
def darkened(tmp_path: Path, write_pairs: WritePairs, write_clip: WriteClip) -> Path:
    """A recording of 100 counts everywhere, registered with a dark frame of 24."""
    dark_frames(tmp_path / "nir-dark.h5", 24)
    raw = {arm: np.full(FRAME[::-1], 100, np.uint8) for arm in ("nir", "vis")}
    clip = write_clip(tmp_path, n=1, recording_id="a", raw=raw, changes={"nir.dark": str(tmp_path / "nir-dark.h5")})
    with open_corrected(clip) as corrected:
        settings = f'{{"procedure":2,"settings":{{"every":1}},"corrected_by":"{corrected_by(corrected)}"}}'
    belong_together(write_pairs(tmp_path / "a.pairs.h5", recording_id="a", n=1), clip, settings=settings)
    return catalogued(tmp_path)


def sample_of(folder: Path) -> Any:
    return SampleDataset(folder, "train", Augmentation(crop=16), source="bayer")[0]


def test_dark_frames_are_applied_as_registration_applied_them(darkened: Path) -> None:
    with Clip.open(darkened / "a.clip.h5") as clip:
        black = clip.profile.nir.black_level_dn
    expected = torch.full((1, 16, 16), (100 - 24) / (255 - black))
    torch.testing.assert_close(sample_of(darkened)["source"], expected, rtol=0, atol=1e-6)


def test_pairs_that_were_registered_without_dark_frames_are_read_without_them(darkened: Path) -> None:
    with h5py.File(darkened / "a.pairs.h5", "r+") as file:
        file.attrs["settings"] = '{"procedure":2,"settings":{"every":1}}'
    with Clip.open(darkened / "a.clip.h5") as clip:
        black = clip.profile.nir.black_level_dn
    expected = torch.full((1, 16, 16), (100 - black) / (255 - black))
    torch.testing.assert_close(sample_of(darkened)["source"], expected, rtol=0, atol=1e-6)


def test_other_or_lost_dark_frames_are_said(darkened: Path) -> None:
    dark_frames(darkened / "nir-dark.h5", 30)
    with pytest.raises(DatasetError, match=r"dark or flat frames of .* are not those"):
        sample_of(darkened)
    (darkened / "nir-dark.h5").unlink()
    with pytest.raises(CalibrationError, match=r"nir-dark\.h5"):
        sample_of(darkened)


@pytest.mark.parametrize("size", [(20, 24), (16, 16)])
def test_bayer_cuts_begin_at_the_first_site_of_the_filter_array(size: tuple[int, int]) -> None:
    sites = np.indices(size)[0] % 2 * 2 + np.indices(size)[1] % 2
    random = np.random.default_rng(1)
    cuts = [random_cut(random, size, 16, flip=True, grid=2, flip_vertical=True) for _ in range(200)]
    for cut in cuts:
        np.testing.assert_array_equal(cut.turned(cut.of(sites)), sites[:16, :16])
    turns = {(cut.flipped, cut.upside_down) for cut in cuts}
    assert len(turns) == (4 if size != (16, 16) else 1)


def test_bayer_without_its_clip_is_said(tmp_path: Path, write_pairs: WritePairs) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a")
    catalogued(tmp_path)
    with pytest.raises(DatasetError, match=r"raw clip of .* is not in the catalogue"):
        sample_of(tmp_path)


def test_bayer_of_another_clip_is_said(with_clip: Path) -> None:
    with h5py.File(with_clip / "a.pairs.h5", "r+") as file:
        file.attrs["clip_sha256"] = "1" * 64
    with pytest.raises(DatasetError, match="was registered from another clip than"):
        sample_of(with_clip)
