"""Segmentation scores by hand, and segmenters that really run."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nirvis.app import app
from nirvis_training.applications.boxes import LabelError
from nirvis_training.applications.segment_score import Confusion, Segmenter, score_segmenter
from nirvis_training.applications.views import Companions, Views
from nirvis_training.video import write_png

PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def segmenter(path: Path, classes_out: bool = False) -> Path:
    """Of each pixel the brightest channel: red is class 0, green 1, blue 2; at half the size of the input."""
    nodes = [
        helper.make_node("AveragePool", ["pictures"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["small", "weights"], ["scores"]),
    ]
    if classes_out:
        nodes.append(helper.make_node("ArgMax", ["scores"], ["classes"], axis=1, keepdims=0))
    graph = helper.make_graph(
        nodes,
        "brightest",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, [1, 3, 32, 32])],
        [
            helper.make_tensor_value_info("classes", TensorProto.INT64, None)
            if classes_out
            else helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)
        ],
        [numpy_helper.from_array(np.eye(3, dtype=np.float32)[..., None, None], "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_scores_are_the_values_worked_out_by_hand() -> None:
    """Of six judged pixels four are right; class 0: 2 of 3, class 1: 2 of 4, class 2: 0 of 1."""
    true = np.array([[0, 0, 1, 1], [0, 1, 255, 255]])
    predicted = np.array([[0, 0, 1, 1], [1, 2, 0, 9]])
    counted = Confusion()
    counted.add(predicted, true)
    score = counted.score()
    assert score.iou == {0: pytest.approx(2 / 3), 1: pytest.approx(2 / 4), 2: 0.0}
    assert score.mean_iou == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert score.pixel_accuracy == pytest.approx(4 / 6)


@pytest.mark.parametrize("classes_out", [False, True], ids=["scores", "classes"])
def test_both_layouts_give_classes_at_the_size_of_the_labels(classes_out: bool, tmp_path: Path) -> None:
    look = Segmenter(segmenter(tmp_path / "brightest.onnx", classes_out), None, *PLAIN)
    halves = np.zeros((48, 64, 3), np.uint8)
    halves[:, :32, 1], halves[:, 32:, 2] = 200, 200
    classes = look(halves, (24, 32))
    np.testing.assert_array_equal(classes, np.repeat([[1] * 16 + [2] * 16], 24, axis=0))


def test_views_of_a_recording_are_scored_by_their_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    true = np.zeros((32, 32), np.uint8)
    true[:, 16:] = 2
    colours = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
    for side, shown in (("nir", np.full_like(true, 1)), ("colour", np.zeros_like(true)), ("vis", true)):
        (tmp_path / side).mkdir()
        for name in ("labelled", "not labelled"):
            write_png(tmp_path / side / f"{name}.png", colours[shown])
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "labels" / "labelled.png"), true)
    look = Segmenter(segmenter(tmp_path / "brightest.onnx"), None, *PLAIN)
    views = Views(tmp_path / "nir", Companions(translated=tmp_path / "colour", truth=tmp_path / "vis"))
    scores = score_segmenter(look, views, tmp_path / "labels")
    assert (scores["truth"].mean_iou, scores["truth"].pixel_accuracy, scores["truth"].pictures) == (1, 1, 1)
    assert (scores["translation"].mean_iou, scores["translation"].pixel_accuracy) == (0.25, 0.5)
    assert (scores["input"].mean_iou, scores["input"].pixel_accuracy) == (0, 0)

    words = ["segment-score", tmp_path / "brightest.onnx", tmp_path / "nir", "--labels", tmp_path / "labels"]
    words += ["--truth", tmp_path / "vis", "--mean", 0, 0, 0, "--std", 1, 1, 1]
    app([str(word) for word in words], result_action="return_value")
    assert capsys.readouterr().out.splitlines()[-1].split() == ["truth", "1.000", "1.000", "1"]


def test_labels_that_are_colours_absent_or_not_judged_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nir").mkdir()
    (tmp_path / "labels").mkdir()
    write_png(tmp_path / "nir" / "a.png", np.zeros((32, 32, 3), np.uint8))
    look = Segmenter(segmenter(tmp_path / "brightest.onnx"), None, *PLAIN)
    with pytest.raises(LabelError, match=r"holds no NAME\.png"):
        score_segmenter(look, Views(tmp_path / "nir"), tmp_path / "labels")
    write_png(tmp_path / "labels" / "a.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(LabelError, match="classes, not colours"):
        score_segmenter(look, Views(tmp_path / "nir"), tmp_path / "labels")
    write_png(tmp_path / "labels" / "a.png", np.full((8, 8), 255, np.uint8))
    with pytest.raises(LabelError, match=r"every pixel of the labels .* is 255"):
        score_segmenter(look, Views(tmp_path / "nir"), tmp_path / "labels")
