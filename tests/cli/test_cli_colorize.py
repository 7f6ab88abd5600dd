"""``nirvis colorize`` and its neighbours from the command line: exit status, one line, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from nirvis.commands.evaluate import table
from nirvis_training.evaluation import PREDICTION, Evaluation
from nirvis_training.judgement import BASELINES, TARGET, ClipScores, grouped, summarise
from nirvis_training.model_contract import METADATA_KEY, ModelContract
from nirvis_training.protocol import Metric, Protocol


def nirvis(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from nirvis.app import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Gives every picture back as it is."""
    kind = onnx.TensorProto.FLOAT
    ends = [onnx.helper.make_tensor_value_info(name, kind, ["n", 3, "h", "w"]) for name in ("source", "colour")]
    node = onnx.helper.make_node("Abs", ["source"], ["colour"])
    graph = onnx.helper.make_graph([node], "same", ends[:1], ends[1:])
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    proto.metadata_props.add(key=METADATA_KEY, value=ModelContract(name="same", method="same").model_dump_json())
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    return tmp_path / "model.onnx"


def test_a_picture_is_coloured_and_its_name_printed(model: Path, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "in.png"), picture)
    out = tmp_path / "out.png"
    ended = nirvis("colorize", model, tmp_path / "in.png", "--out", out, "--precision", "f32", "--side-by-side")
    assert (ended.returncode, ended.stdout.strip()) == (0, str(out))
    np.testing.assert_array_equal(cv2.imread(str(out)), np.hstack([picture, picture]))


def test_a_file_where_a_folder_is_meant_is_left_alone(model: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "notes").write_text("mine")
    ended = nirvis("colorize", model, tmp_path / "in.png", "--out", tmp_path / "notes")
    assert ended.returncode == 1
    assert "notes is a file, and without .mp4 or .png a folder is meant" in ended.stderr
    assert (tmp_path / "notes").read_text() == "mine"
    assert not list(tmp_path.glob("*.part"))


def test_a_source_is_never_overwritten(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    cv2.imwrite(str(folder / "in.png"), np.full((16, 16, 3), 7, np.uint8))
    before = (folder / "in.png").read_bytes()
    for source, out in ((folder, folder), (folder / "in.png", folder / ".." / "mine" / "in.png")):
        ended = nirvis("colorize", model, source, "--out", out, "--side-by-side")
        assert ended.returncode == 2
        assert "is the source itself, which would be lost" in ended.stderr
    ended = nirvis("fuse", folder / "in.png", "--translated", folder / "in.png", "--out", folder / "in.png")
    assert "is the source itself, which would be lost" in ended.stderr
    assert (folder / "in.png").read_bytes() == before


def test_a_folder_is_no_model_and_fusing_needs_colour(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), np.zeros((16, 16, 3), np.uint8))
    (line,) = nirvis("colorize", tmp_path, tmp_path / "in.png", "--out", tmp_path / "out.png").stderr.splitlines()
    assert "is not a nirvis model: it is a folder" in line
    (line,) = nirvis("fuse", tmp_path / "in.png", "--out", tmp_path / "out.png").stderr.splitlines()
    assert "--translated" in line
    assert "--model" in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "no ONNX file", id="empty"),
        pytest.param(b"\x08\x0a" + b"\x00" * 50, "no ONNX file", id="garbage"),
    ],
)
def test_what_is_no_model_is_told_in_one_line(model: Path, tmp_path: Path, content: bytes, words: str) -> None:
    model.write_bytes(content)
    cv2.imwrite(str(tmp_path / "in.png"), np.zeros((16, 16, 3), np.uint8))
    ended = nirvis("colorize", model, tmp_path / "in.png", "--out", tmp_path / "out.mp4")
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert words in line
    assert not list(tmp_path.glob("out*"))


def test_a_folder_that_is_no_run_is_told_in_one_line(tmp_path: Path) -> None:
    ended = nirvis("evaluate", tmp_path, "--dataset", tmp_path)
    assert ended.returncode == 1
    assert "is not a training run" in ended.stderr.strip().splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


def test_the_table_shows_every_contestant_in_every_mode() -> None:
    metrics: tuple[Metric, ...] = ("psnr_rgb_db", "ssim_rgb", "ciede2000")
    clips = [
        ClipScores(
            clip=f"{mode}.pairs.h5",
            recording_id=mode,
            mode=mode,
            pairs=2,
            scores={c: dict.fromkeys(metrics, 20.0 + i) for i, c in enumerate((PREDICTION, *BASELINES))}
            | {TARGET: {"flicker_dn": 1.5}},
        )
        for mode in ("day", "night")
    ]
    evaluation = Evaluation(
        run="run",
        datasets=["pairs"],
        subset="test",
        protocol=Protocol(),
        method="ssn",
        variant="released",
        weights_sha256="",
        features="random",
        trained_on_rigs=["twin"],
        pairs=4,
        clips=2,
        overall=summarise(clips),
        picture_means={},
        groups=grouped(clips),
        distances={},
        by_clip=clips,
        backbones={},
        not_computed={"lpips": "no features"},
        examples=[],
        mean_colour=(0.5, 0.5, 0.5),
    )
    text = "\n".join(table(evaluation))
    assert text.count("input in grey world") == 3
    assert text.split().count("20.00") == 6, "PSNR and CIEDE2000, without intervals"
    assert text.count("truth") == 3
    assert "perceptual features in training: random" in text
    assert "lpips: not computed, no features" in text
    assert not evaluation.beats_baselines(), "a lower CIEDE2000 is not enough"
