"""Average precision against values worked out by hand, and detectors that really run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nirvis.app import app
from nirvis_training.applications.average_precision import average_precision, overlap, precision_under_curve
from nirvis_training.applications.boxes import Found, LabelError, Truth, read_labels
from nirvis_training.applications.detect_score import score_detector
from nirvis_training.applications.detector import Detector, Layout
from nirvis_training.applications.views import Companions, Views
from nirvis_training.model_contract import ModelError
from nirvis_training.video import write_png

SIDE, CELL = 64, 8
RED, BLUE = (255, 0, 0), (0, 0, 255)


def found(*boxes: tuple[float, float, float, float, float, int]) -> Found:
    table = np.array(boxes, float).reshape(-1, 6)
    return Found(table[:, :4], table[:, 5].astype(np.int64), table[:, 4])


def true(*boxes: tuple[float, float, float, float, int], crowd: int = 0) -> Truth:
    """The last `crowd` of the boxes are crowds."""
    table = np.array(boxes, float).reshape(-1, 5)
    ignored = np.arange(len(table)) >= len(table) - crowd
    return Truth(table[:, :4], table[:, 4].astype(np.int64), ignored)


A, B, ELSEWHERE = (0, 0, 10, 10), (20, 0, 30, 10), (50, 50, 60, 60)


@pytest.mark.parametrize(
    ("boxes", "there", "ap50"),
    [
        pytest.param(found((*A, 0.9, 0), (*B, 0.8, 0)), true((*A, 0), (*B, 0)), 1.0, id="perfect"),
        pytest.param(found((*A, 0.9, 0)), true((*A, 0), (*B, 0)), 51 / 101, id="one-of-two-missed"),
        pytest.param(
            found((*A, 0.9, 0), (*ELSEWHERE, 0.8, 0), (*B, 0.7, 0)),
            true((*A, 0), (*B, 0)),
            (51 + 50 * 2 / 3) / 101,
            id="false-one-between",
        ),
        pytest.param(found((*ELSEWHERE, 0.9, 0), (*A, 0.8, 0)), true((*A, 0)), 0.5, id="false-one-first"),
        pytest.param(found((*A, 0.9, 0), (*A, 0.8, 0)), true((*A, 0)), 1.0, id="double-after-all-is-found"),
        pytest.param(
            found((*A, 0.9, 0), (*A, 0.8, 0), (*B, 0.7, 0)),
            true((*A, 0), (*B, 0)),
            (51 + 50 * 2 / 3) / 101,
            id="double-is-a-false-one",
        ),
        pytest.param(found((*A, 0.9, 1)), true((*A, 0)), 0.0, id="another-class"),
        pytest.param(
            found((*A, 0.9, 0), (*B, 0.8, 1)), true((*A, 0), (*B, 1), (*A, 1)), (1 + 51 / 101) / 2, id="two-classes"
        ),
        pytest.param(
            found((*B, 0.9, 0), (*A, 0.8, 0)), true((*A, 0), (*B, 0), crowd=1), 1.0, id="crowd-counts-nothing"
        ),
        pytest.param(found(), true((*A, 0)), 0.0, id="nothing-found"),
    ],
)
def test_ap50_is_the_value_worked_out_by_hand(boxes: Found, there: Truth, ap50: float) -> None:
    assert average_precision([boxes], [there]).ap50 == pytest.approx(ap50)


def test_ap_is_the_mean_over_ten_thresholds() -> None:
    """IoU 0.72 passes 0.50, 0.55, 0.60, 0.65 and 0.70."""
    score = average_precision([found((0, 0, 7.2, 10, 0.9, 0))], [true((*A, 0))])
    assert (score.ap, score.ap50) == (pytest.approx(0.5), 1.0)


def test_certainty_is_ranked_over_all_pictures() -> None:
    """The false one of the second picture is more certain than the right one of the first."""
    score = average_precision([found((*A, 0.6, 0)), found((*A, 0.9, 0))], [true((*A, 0)), true()])
    assert score.ap50 == pytest.approx(0.5)
    assert score.by_class[0].boxes == 1


def test_only_the_asked_classes_count() -> None:
    score = average_precision([found((*A, 0.9, 0))], [true((*A, 0), (*B, 7))], classes=[0])
    assert (score.ap50, list(score.by_class)) == (1.0, [0])


def test_overlap_and_curve_by_hand() -> None:
    boxes = np.array([[0, 0, 2, 2], [4, 4, 5, 5]], float)
    others = np.array([[1, 1, 3, 3], [4, 4, 5, 5]], float)
    np.testing.assert_allclose(overlap(boxes, others), [[1 / 7, 0], [0, 1]])
    np.testing.assert_allclose(overlap(boxes, others, np.array([True, False])), [[1 / 4, 0], [0, 1]])
    assert precision_under_curve(np.array([True, False, True, False]), 2) == pytest.approx((51 + 50 * 2 / 3) / 101)


def detector(path: Path, layout: Layout, side: int | str = SIDE) -> Path:
    """A network that finds cells of 8×8 px: red ones as class 0, blue ones as class 1, by how pure they are."""
    cells = SIDE // CELL
    centres = (np.arange(cells) + 0.5) * CELL
    y, x = np.meshgrid(centres, centres, indexing="ij")
    size = np.full(x.size, CELL)
    place = np.stack([x.ravel(), y.ravel(), size, size]).astype(np.float32)[None]
    corners = np.stack([x.ravel() - 4, y.ravel() - 4, x.ravel() + 4, y.ravel() + 4]).astype(np.float32)[None]
    weights = np.array([[1, -1, -1], [-1, -1, 1]], np.float32)[..., None, None]
    constants = {
        "place": corners if layout == "boxes" else place,
        "weights": weights,
        "shape": np.array([1, 2, -1]),
        "one": np.ones((1, 1, x.size), np.float32),
        "axis": np.array([1]),
    }
    nodes = [
        helper.make_node("AveragePool", ["pictures"], ["means"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Conv", ["means", "weights"], ["signed"]),
        helper.make_node("Relu", ["signed"], ["purity"]),
        helper.make_node("Reshape", ["purity", "shape"], ["scores"]),
    ]
    if layout == "yolov8":
        nodes.append(helper.make_node("Concat", ["place", "scores"], ["found"], axis=1))
    else:
        if layout == "yolov5":
            nodes.append(helper.make_node("Concat", ["place", "one", "scores"], ["columns"], axis=1))
        else:
            nodes += [
                helper.make_node("ReduceMax", ["scores", "axis"], ["best"]),
                helper.make_node("ArgMax", ["scores"], ["index"], axis=1),
                helper.make_node("Cast", ["index"], ["class"], to=TensorProto.FLOAT),
                helper.make_node("Concat", ["place", "best", "class"], ["columns"], axis=1),
            ]
        nodes.append(helper.make_node("Transpose", ["columns"], ["found"], perm=[0, 2, 1]))
    graph = helper.make_graph(
        nodes,
        "cells",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def picture(*cells: tuple[int, int, tuple[int, int, int]], scale: int = 1) -> NDArray[np.uint8]:
    """Black but for coloured cells at column and row."""
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
    for column, row, colour in cells:
        canvas[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = colour
    return canvas.repeat(scale, axis=0).repeat(scale, axis=1)


@pytest.mark.parametrize("layout", ["yolov5", "yolov8", "boxes"])
def test_every_layout_gives_the_boxes_in_pixels_of_the_picture(layout: Layout, tmp_path: Path) -> None:
    look = Detector(detector(tmp_path / "cells.onnx", layout), layout)
    boxes = look(picture((2, 1, RED), (5, 6, BLUE), scale=2))
    order = np.argsort(boxes.classes)
    np.testing.assert_allclose(boxes.corners[order], [[32, 16, 48, 32], [80, 96, 96, 112]], atol=1e-6)
    assert boxes.classes[order].tolist() == [0, 1]
    np.testing.assert_allclose(boxes.scores, 1, atol=1e-5)


def test_a_picture_that_is_not_square_is_letterboxed(tmp_path: Path) -> None:
    """64×32 px go into the middle of 64×64: what is found lies in pixels of the 64×32."""
    look = Detector(detector(tmp_path / "cells.onnx", "yolov8"))
    boxes = look(picture((3, 1, RED))[:32])
    np.testing.assert_allclose(boxes.corners, [[24, 8, 32, 16]], atol=1e-6)


def test_a_network_of_open_size_wants_to_be_told(tmp_path: Path) -> None:
    path = detector(tmp_path / "cells.onnx", "yolov8", side="side")
    with pytest.raises(ModelError, match="--size"):
        Detector(path)
    assert len(Detector(path, size=SIDE)(picture((0, 0, BLUE))).scores) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"no network", "cannot be read as ONNX", id="no-onnx"),
        pytest.param(None, "is no ONNX file", id="absent"),
    ],
)
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    if content is not None:
        (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=complaint):
        Detector(tmp_path / "x.onnx")


def test_the_wrong_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not of layout boxes"):
        Detector(detector(tmp_path / "cells.onnx", "yolov8"), "boxes")(picture())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two moments: the infrared shows nothing, the translation one of two cars and one that is not there."""
    moments: dict[str, dict[str, list[tuple[int, int, tuple[int, int, int]]]]] = {
        "nir": {"first": [], "second": []},
        "colour": {"first": [(1, 1, RED), (6, 6, BLUE)], "second": []},
        "vis": {"first": [(1, 1, RED)], "second": [(4, 2, RED)]},
    }
    for side, pictures in moments.items():
        (tmp_path / side).mkdir()
        for name, cells in pictures.items():
            write_png(tmp_path / side / f"{name}.png", picture(*cells))
    return tmp_path


def yolo_labels(folder: Path) -> Path:
    (folder / "labels").mkdir()
    (folder / "labels" / "first.txt").write_text("0 0.1875 0.1875 0.125 0.125\n")
    (folder / "labels" / "second.txt").write_text("0 0.5625 0.3125 0.125 0.125\n\n")
    return folder / "labels"


def coco_labels(folder: Path) -> Path:
    content: dict[str, Any] = {
        "images": [
            {"id": 7, "file_name": "a/first.jpg", "width": SIDE, "height": SIDE},
            {"id": 9, "file_name": "second.jpg", "width": 2 * SIDE, "height": 2 * SIDE},
        ],
        "categories": [{"id": 44, "name": "bus"}, {"id": 3, "name": "car"}],
        "annotations": [
            {"image_id": 7, "category_id": 3, "bbox": [8, 8, 8, 8]},
            {"image_id": 9, "category_id": 3, "bbox": [64, 32, 16, 16], "iscrowd": 0},
        ],
    }
    (folder / "labels.json").write_text(json.dumps(content))
    return folder / "labels.json"


@pytest.mark.parametrize("labels", [yolo_labels, coco_labels])
def test_input_translation_and_truth_are_scored_by_the_same_labels(labels: Any, recording: Path) -> None:
    look = Detector(detector(recording / "cells.onnx", "yolov8"))
    views = Views(recording / "nir", Companions(translated=recording / "colour", truth=recording / "vis"))
    steps: list[tuple[int, int]] = []
    scores = score_detector(look, views, labels(recording), progress=lambda *step: steps.append(step))
    assert scores["input"].ap50 == 0
    assert scores["translation"].ap50 == pytest.approx(51 / 101), (
        "one of two cars; the blue one is of no labelled class"
    )
    assert (scores["truth"].ap50, scores["truth"].ap, scores["truth"].pictures) == (1, 1, 2)
    assert steps == [(1, 2), (2, 2)]


def test_labels_of_other_pictures_are_refused(recording: Path) -> None:
    look = Detector(detector(recording / "cells.onnx", "yolov8"))
    (recording / "labels").mkdir()
    (recording / "labels" / "other.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(LabelError, match="such as second"):
        score_detector(look, Views(recording / "nir"), recording / "labels")


def test_classes_that_nobody_labelled_are_refused(recording: Path) -> None:
    look, views = Detector(detector(recording / "cells.onnx", "yolov8")), Views(recording / "nir")
    labels = yolo_labels(recording)
    with pytest.raises(LabelError, match=r"no box of class 3, 5, only of 0. Classes are numbers of the detector"):
        score_detector(look, views, labels, classes=[3, 5])
    assert score_detector(look, views, labels, classes=[0, 3])["input"].by_class.keys() == {0}
    (labels / "unseen.txt").write_text("3 0.5 0.5 0.1 0.1\n")
    with pytest.raises(LabelError, match=r"the labels of these 2 pictures .* no box of class 3, only of 0"):
        score_detector(look, views, labels, classes=[3])


def test_labels_without_a_box_are_refused(recording: Path) -> None:
    look = Detector(detector(recording / "cells.onnx", "yolov8"))
    labels = yolo_labels(recording)
    for file in labels.iterdir():
        file.write_text("")
    with pytest.raises(LabelError, match="no box at all"):
        score_detector(look, Views(recording / "nir"), labels)
    with pytest.raises(ValueError, match="no true box"):
        average_precision([found((*A, 0.9, 0))], [true()])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("0 0.5 0.5 0.1", "line 1: wants"), ("car 0.5 0.5 0.1 0.1", "line 1: wants")],
)
def test_broken_labels_are_named_by_their_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(LabelError, match=complaint):
        read_labels(tmp_path)
    (tmp_path / "a.json").write_text('{"images": []}')
    with pytest.raises(LabelError, match="no COCO file"):
        read_labels(tmp_path / "a.json")


def test_the_command_prints_and_writes_every_view(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["detect-score", detector(recording / "cells.onnx", "yolov5"), recording / "nir", "--layout", "yolov5"]
    words += ["--labels", yolo_labels(recording), "--translated", recording / "colour", "--truth", recording / "vis"]
    words += ["--classes", "0", "--out", recording / "scores.json"]
    app([str(word) for word in words], result_action="return_value")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["AP", "AP50", "pictures"]
    assert lines[1:4] == [
        ["input", "0.000", "0.000", "2"],
        ["translation", "0.505", "0.505", "2"],
        ["truth", *["1.000"] * 2, "2"],
    ]
    written = json.loads((recording / "scores.json").read_text())
    assert written["scores"]["truth"]["by_class"] == {"0": {"boxes": 2, "ap": 1.0, "ap50": 1.0}}
    assert len(written["sha256"]) == 64
