"""Fusion of infrared and translated pictures."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nirvis_capture.errors import PictureError, WrongOption
from nirvis_capture.picture_file import read_picture
from nirvis_training.applications.fuse import fuse, fuse_to, guided_filter
from nirvis_training.model_contract import METADATA_KEY, ModelContract
from nirvis_training.video import write_png

Plane = NDArray[np.float32]


def guided_filter_by_windows(guide: Plane, plane: Plane, radius: int, epsilon: float) -> Plane:
    """Eq. 5 to 8 of He et al. once more, window by window: a line is fitted in each, and lines are averaged."""
    padded = [np.pad(of.astype(np.float64), radius, mode="reflect") for of in (guide, plane)]
    side, shape = 2 * radius + 1, guide.shape
    lines = np.empty((*shape, 2))
    for row, column in np.ndindex(shape):
        window = [of[row : row + side, column : column + side] for of in padded]
        slope = np.mean(window[0] * window[1]) - window[0].mean() * window[1].mean()
        slope /= window[0].var() + epsilon
        lines[row, column] = slope, window[1].mean() - slope * window[0].mean()
    lines = np.pad(lines, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    means = [lines[r : r + side, c : c + side].mean((0, 1)) for r, c in np.ndindex(shape)]
    slopes, offsets = np.array(means).reshape(*shape, 2).transpose(2, 0, 1)
    return np.asarray(np.clip(slopes * guide + offsets, 0, 1), np.float32)


def test_the_guided_filter_is_its_definition() -> None:
    random = np.random.default_rng(1)
    guide, plane = (random.random((12, 15), np.float32) for _ in range(2))
    expected = guided_filter_by_windows(guide, plane, 2, 0.01)
    np.testing.assert_allclose(guided_filter(guide, plane, 2, 0.01), expected, atol=1e-4)


@pytest.fixture
def street() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(2).integers(40, 200, (12, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_a_picture_fused_with_its_own_luma_is_itself(street: NDArray[np.uint8]) -> None:
    grey = cv2.cvtColor(street, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    difference = np.abs(fuse(street, grey).astype(int) - street)
    assert np.quantile(difference, 0.99) <= 2


def test_what_only_the_infrared_sees_appears_and_colour_stays(street: NDArray[np.uint8]) -> None:
    """A person in the dark: sharp in the infrared, nothing in the translation."""
    dark = (street // 8 + 10).astype(np.uint8)
    infrared = np.full_like(street, 60)
    infrared[30:70, 50:70] = 230
    fused = fuse(dark, infrared)
    luma = cv2.cvtColor(fused, cv2.COLOR_RGB2GRAY).astype(int)
    before = cv2.cvtColor(dark, cv2.COLOR_RGB2GRAY).astype(int)
    assert luma[35:65, 55:65].mean() - before[35:65, 55:65].mean() > 60
    chroma = [cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(int) for p in (fused, dark)]
    assert np.quantile(np.abs(chroma[0] - chroma[1]), 0.99) <= 3, "but for what leaves the gamut"


def test_sizes_that_differ_are_refused(street: NDArray[np.uint8]) -> None:
    with pytest.raises(PictureError, match="128x96 and 64x96"):
        fuse(street, street[:, :64])


def test_a_folder_and_its_translation_become_a_video(street: NDArray[np.uint8], tmp_path: Path) -> None:
    for side, picture in (("nir", street[..., ::-1]), ("colour", street)):
        (tmp_path / side).mkdir()
        for number in range(3):
            write_png(tmp_path / side / f"{number}.png", np.ascontiguousarray(picture))
    fuse_to(tmp_path / "nir", tmp_path / "fused.mp4", translated=tmp_path / "colour")
    with av.open(str(tmp_path / "fused.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 3
    (tmp_path / "nir" / "3.png").write_bytes((tmp_path / "nir" / "0.png").read_bytes())
    with pytest.raises(PictureError, match="one of the videos has 3 pictures"):
        fuse_to(tmp_path / "nir", tmp_path / "again.mp4", translated=tmp_path / "colour")
    assert not (tmp_path / "again.mp4").exists()


def swap_model(path: Path) -> Path:
    """A model that gives back its input with red and blue exchanged."""
    graph = helper.make_graph(
        [helper.make_node("Gather", ["source", "order"], ["colour"], axis=1)],
        "swap",
        [helper.make_tensor_value_info("source", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("colour", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [numpy_helper.from_array(np.array([2, 1, 0]), "order")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: ModelContract(name="swap", method="swap").model_dump_json()})
    onnx.save(model, path)
    return path


def test_a_model_translates_on_the_way(street: NDArray[np.uint8], tmp_path: Path) -> None:
    write_png(tmp_path / "nir.png", street)
    fuse_to(tmp_path / "nir.png", tmp_path / "fused.png", model=swap_model(tmp_path / "swap.onnx"))
    swapped = np.ascontiguousarray(street[..., ::-1])
    np.testing.assert_array_equal(read_picture(tmp_path / "fused.png"), fuse(swapped, street))
    with pytest.raises(WrongOption, match=r"--translated, or a model .* --model"):
        fuse_to(tmp_path / "nir.png", tmp_path / "fused.png")
