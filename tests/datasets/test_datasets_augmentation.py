"""Resizing, flips and jitter of samples: against Pillow and torch, the same for all frames and sides of a draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from nirvis_datasets.augment import drawn_cut, drawn_jitter, jittered, resized
from nirvis_datasets.augmentation import Augmentation, ColourJitter
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.split import Split, SplitRow
from nirvis_datasets.transforms import LUMA, random_cut, to_planes

WritePairs = Callable[..., Path]


def noise(dtype: type, size: tuple[int, int] = (48, 64)) -> NDArray[Any]:
    return np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (*size, 3), dtype, endpoint=True)


@pytest.fixture(params=[8, 16])
def folder(request: pytest.FixtureRequest, tmp_path: Path, write_pairs: WritePairs) -> Path:
    for name in "ab":
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name, n=4, bit_depth=request.param)
    Catalogue.build(tmp_path).write()
    rows = (SplitRow(recording_id=name, place=name, mode="day", set="train") for name in "ab")
    Split(tuple(rows)).write(tmp_path / "splits.csv")
    return tmp_path


@pytest.mark.parametrize("size", [(30, 40), (48, 64), (60, 100), (20, 64)])
def test_eight_bits_are_resized_as_pillow_does(size: tuple[int, int]) -> None:
    picture = noise(np.uint8)
    by_pillow = Image.fromarray(picture).resize(size[::-1], Image.Resampling.BILINEAR)
    ours = resized(picture, size)
    assert (ours.dtype, ours.shape) == (np.uint8, (*size, 3))
    np.testing.assert_allclose(ours.astype(int), np.asarray(by_pillow, int), atol=1)


def test_sixteen_bits_keep_their_depth_when_resized() -> None:
    picture = noise(np.uint16)
    ours = resized(picture, (30, 40))
    channels = [
        Image.fromarray(picture[..., i].astype(np.float32)).resize((40, 30), Image.Resampling.BILINEAR)
        for i in range(3)
    ]
    assert ours.dtype == np.uint16
    np.testing.assert_allclose(ours, np.stack([np.asarray(channel) for channel in channels], -1), atol=1)


def test_a_resized_mask_is_true_where_everything_was_seen() -> None:
    mask = np.ones((48, 64), bool)
    mask[:, :11] = False
    ours = resized(mask, (24, 32))
    # Pixel 5 of the half as large mask lies on columns 10 and 11, and a triangle of four columns makes it.
    assert not ours[:, :6].any()
    assert ours[:, 7:].all()
    assert resized(np.ones((48, 64), bool), (30, 100)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_each_jitter_does_what_its_name_says(dtype: type) -> None:
    full = np.iinfo(dtype).max
    picture = (noise(dtype) // 4 + full // 4).astype(dtype)
    same = jittered(picture, 1, 1, 1, 1)
    assert same.dtype == dtype
    np.testing.assert_allclose(same.astype(int), picture, atol=0 if dtype == np.uint8 else 1)
    np.testing.assert_allclose(jittered(picture, 1.1, 1, 1, 1), picture * 1.1, rtol=1e-5, atol=0.51)
    shares = picture / full
    mean, luma = (shares @ LUMA).mean(), shares @ LUMA
    np.testing.assert_allclose(jittered(picture, 1, 0.9, 1, 1), (mean + 0.9 * (shares - mean)) * full, atol=0.6)
    np.testing.assert_allclose(jittered(picture, 1, 1, 0.9, 1), (luma + 0.9 * (shares - luma)) * full, atol=0.6)
    np.testing.assert_allclose(jittered(picture, 1, 1, 1, 1.1), shares**1.1 * full, atol=0.6)


def test_jitter_stays_within_its_reach_and_its_range() -> None:
    random = np.random.default_rng(0)
    grey = np.full((4, 4, 3), 100, np.uint8)
    values = [int(drawn_jitter(ColourJitter(gamma=0, contrast=0), random)(grey)[0, 0, 0]) for _ in range(300)]
    assert min(values) in (90, 91)
    assert max(values) in (109, 110)
    bright = np.full((4, 4, 3), 65535, np.uint16)
    assert all((drawn_jitter(ColourJitter(gamma=0, contrast=0.5), random)(bright) > 58000).all() for _ in range(20))


def test_jitter_changes_only_the_source_and_all_its_frames_alike(folder: Path) -> None:
    plain = SampleDataset(folder, "train", Augmentation(crop=16, flip=True), window=3)
    jittering = SampleDataset(folder, "train", Augmentation(crop=16, flip=True, jitter=ColourJitter()), window=3)
    kind = np.uint8 if plain.entries[0].bit_depth == 8 else np.uint16
    full = np.iinfo(kind).max
    for draw in range(4):
        before, after = plain[draw, 1], jittering[draw, 1]
        torch.testing.assert_close(after["target"], before["target"], rtol=0, atol=0)
        torch.testing.assert_close(after["valid"], before["valid"], rtol=0, atol=0)
        assert not torch.equal(after["source"], before["source"])
        random = np.random.default_rng([0, draw, 1])
        cut = drawn_cut(plain.augmentation, random, (48, 64))
        jitter = drawn_jitter(ColourJitter(), random)
        for made, stored in zip(after["source"], before["source"], strict=True):
            part = (stored.double() * full).round().permute(1, 2, 0).numpy().astype(kind)
            # The mean of a picture does not depend on how it is turned, but for rounding of its sum.
            assert cut.height == 16
            np.testing.assert_allclose(made.permute(1, 2, 0), jitter(part) / full, atol=1.01 / full)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("window", [1, 3])
def test_everything_together_is_a_function_of_the_draw(folder: Path, paired: bool, window: int) -> None:
    everything = Augmentation(resize=(30, 40), crop=16, flip=True, flip_vertical=True, jitter=ColourJitter())
    first, again = (SampleDataset(folder, "train", everything, paired=paired, window=window, seed=7) for _ in range(2))
    first[5, 1]
    here, there, other = first[2, 1], again[2, 1], first[3, 1]
    assert here["source"].shape == ((3, 16, 16) if window == 1 else (3, 3, 16, 16))
    for one, same in ((here["source"], there["source"]), (here["target"], there["target"])):
        torch.testing.assert_close(one, same, rtol=0, atol=0)
    torch.testing.assert_close(here["valid"], there["valid"], rtol=0, atol=0)
    assert not torch.equal(here["source"], other["source"])
    assert not torch.equal(here["target"], other["target"])


def test_resize_comes_before_the_crop_and_flips_after_it(folder: Path) -> None:
    whole = SampleDataset(folder, "train", Augmentation(resize=(30, 40)), as_counts=True)[1]
    assert whole["source"].shape == (3, 30, 40)
    turning = Augmentation(resize=(30, 40), crop=16, flip=True, flip_vertical=True)
    dataset = SampleDataset(folder, "train", turning, seed=1, as_counts=True)
    turns = set()
    for draw in range(16):
        cut = random_cut(np.random.default_rng([1, draw, 1]), (30, 40), 16, flip=True, flip_vertical=True)
        turns.add((cut.flipped, cut.upside_down))
        sample = dataset[draw, 1]
        for made, stored in ((sample[side], whole[side]) for side in ("source", "target", "valid")):  # type: ignore[literal-required]
            part = cut.of(stored.permute(1, 2, 0).numpy())
            assert torch.equal(made, to_planes(part, cut))
            expected = part[::-1] if cut.upside_down else part
            expected = expected[:, ::-1] if cut.flipped else expected
            np.testing.assert_array_equal(made.permute(1, 2, 0), expected)
    assert len(turns) == 4


def test_a_crop_has_to_fit_into_the_resized_picture(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"crop of 32×32 px does not fit .*, 40×30 px"):
        SampleDataset(folder, "train", Augmentation(resize=(30, 40), crop=32))[0]


@pytest.mark.parametrize("wrong", [{"crop": 0}, {"resize": (0, 3)}, {"jitter": {"gamma": 1}}, {"rotate": True}])
def test_settings_without_a_meaning_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Augmentation.model_validate(wrong)
