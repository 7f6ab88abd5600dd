"""The colorizer against models whose answer is known: red and blue change places, nothing else happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from nirvis_capture import raw
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import PictureError
from nirvis_capture.picture_file import read_picture
from nirvis_capture.profile import load_profile
from nirvis_capture.slot import Slot
from nirvis_registration.aligned_pairs import aligned_header
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality
from nirvis_training.colorize_files import colorize_to
from nirvis_training.colorizer import Colorizer, processor_flags
from nirvis_training.footage import open_footage
from nirvis_training.live import LiveColorizer
from nirvis_training.model_contract import (
    METADATA_KEY,
    DamagedModel,
    ModelContract,
    ModelError,
    NewerModel,
    NotAModel,
    Sidecar,
    read_contract,
    sidecar_path,
)

Picture = NDArray[np.uint8]


def swap_model(path: Path, contract: str | None = None) -> Path:
    """A 1x1 convolution that exchanges red and blue."""
    weights = np.eye(3, dtype=np.float32)[::-1].reshape(3, 3, 1, 1)
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["source", "weights"], ["colour"])],
        "swap",
        [onnx.helper.make_tensor_value_info("source", kind, ["n", 3, "h", "w"])],
        [onnx.helper.make_tensor_value_info("colour", kind, ["n", 3, "h", "w"])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    if contract is not None:
        model.metadata_props.add(key=METADATA_KEY, value=contract)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    contract = ModelContract(name="swap", method="swap")
    return swap_model(tmp_path_factory.mktemp("model") / "model.onnx", contract.model_dump_json())


def random_picture(height: int, width: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(48, 64), (50, 61), (17, 16), (5, 3), (1, 1)])
def test_every_size_keeps_its_size_and_its_counts(model: Path, size: tuple[int, int]) -> None:
    source = random_picture(*size)
    np.testing.assert_array_equal(Colorizer(model, threads=1, precision="f32").colorize(source), source[..., ::-1])


def test_sizes_alternate_and_results_are_not_overwritten(model: Path) -> None:
    colorizer = Colorizer(model, threads=1, precision="f32")
    sources = [random_picture(16 + 16 * (i % 6), 32, seed=i) for i in range(12)]
    for source, colour in zip(sources, [colorizer.colorize(s) for s in sources], strict=True):
        np.testing.assert_array_equal(colour, source[..., ::-1])


def test_a_picture_that_is_no_memory_block_is_read_rightly(model: Path) -> None:
    source = random_picture(32, 64)[:, ::-2]
    np.testing.assert_array_equal(Colorizer(model, threads=1, precision="f32").colorize(source), source[..., ::-1])


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 4), (0, 16, 3)])
def test_an_array_that_is_no_picture_is_refused(model: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="u8"):
        Colorizer(model, threads=1).colorize(np.zeros(shape, np.uint8))


def test_auto_takes_bf16_only_where_the_processor_multiplies_it(model: Path) -> None:
    expected = "bf16" if "amx_bf16" in processor_flags() else "f32"
    assert Colorizer(model, threads=1, precision="auto").precision == expected


NEWER = ModelContract(name="n", method="m").model_copy(update={"version": 99}).model_dump_json()


@pytest.mark.parametrize(
    ("contract", "error", "words"),
    [
        pytest.param(None, NotAModel, "without the contract", id="foreign"),
        pytest.param("{", NotAModel, "not JSON", id="broken-contract"),
        pytest.param("[]", NotAModel, "no version", id="not-a-table"),
        pytest.param('{"version": 1, "name": "x"}', NotAModel, "method", id="missing-field"),
        pytest.param(NEWER, NewerModel, "version 99", id="newer"),
    ],
)
def test_a_model_without_a_usable_contract_is_refused(
    tmp_path: Path, contract: str | None, error: type[ModelError], words: str
) -> None:
    with pytest.raises(error, match=words):
        Colorizer(swap_model(tmp_path / "m.onnx", contract))


@pytest.mark.parametrize(
    ("kept", "added"),
    [
        pytest.param(100, b"", id="truncated"),
        pytest.param(0, b"", id="empty"),
        pytest.param(0, b"GIF89a" * 20, id="gif"),
    ],
)
def test_a_file_that_is_no_model_is_refused_in_one_line(model: Path, tmp_path: Path, kept: int, added: bytes) -> None:
    broken = tmp_path / "m.onnx"
    broken.write_bytes(model.read_bytes()[:kept] + added)
    with pytest.raises(NotAModel) as caught:
        Colorizer(broken)
    assert "\n" not in str(caught.value)


def test_a_sidecar_of_other_bytes_tells_a_bad_copy(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model.onnx"
    copy.write_bytes(model.read_bytes())
    sidecar_path(copy).write_text(Sidecar(onnx_sha256="0" * 64, contract=read_contract(model)).model_dump_json())
    with pytest.raises(DamagedModel, match="sha256"):
        Colorizer(copy)


def test_weights_in_another_file_are_not_followed(model: Path, tmp_path: Path) -> None:
    proto = onnx.load_model_from_string(model.read_bytes())
    onnx.external_data_helper.convert_model_to_external_data(proto, location="secret.bin", size_threshold=0)
    onnx.save(proto, tmp_path / "m.onnx")
    with pytest.raises(NotAModel, match="another file"):
        Colorizer(tmp_path / "m.onnx")


def folder_of_pictures(folder: Path, count: int = 3) -> list[Picture]:
    folder.mkdir()
    pictures = [random_picture(24, 40, seed=i) for i in range(count)]
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:02d}.png"), picture[..., ::-1])
    return pictures


def test_a_folder_becomes_a_folder(model: Path, tmp_path: Path) -> None:
    pictures = folder_of_pictures(tmp_path / "in")
    out = colorize_to(model, tmp_path / "in", tmp_path / "out", precision="f32")
    for number, picture in enumerate(pictures):
        np.testing.assert_array_equal(read_picture(out / f"{number:02d}.png"), picture[..., ::-1])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


def test_one_picture_side_by_side(model: Path, tmp_path: Path) -> None:
    (picture,) = folder_of_pictures(tmp_path / "in", count=1)
    out = colorize_to(model, tmp_path / "in" / "00.png", tmp_path / "out.png", side_by_side=True, precision="f32")
    np.testing.assert_array_equal(read_picture(out), np.hstack([picture, picture[..., ::-1]]))


def flat_video(path: Path, colours: list[tuple[int, int, int]], rate_hz: int = 12) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate_hz, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for colour in colours:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def test_a_video_becomes_an_mp4_of_the_same_rate_and_length(model: Path, tmp_path: Path) -> None:
    colours = [(200, 60, 40)] * 3 + [(40, 60, 200)] * 3
    source = flat_video(tmp_path / "in.avi", colours)
    steps: list[tuple[int, int]] = []
    out = colorize_to(model, source, tmp_path / "out.mp4", progress=lambda *step: steps.append(step))
    footage = open_footage(out)
    shown = [shot.source[24, 32] for shot in footage.shots()]
    assert footage.rate_hz == 12
    assert [done for done, _ in steps] == list(range(1, 7))
    np.testing.assert_allclose(shown, [c[::-1] for c in colours], atol=8)


def test_an_mp4_starts_with_its_index_and_has_even_sides(model: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), random_picture(25, 41))
    out = colorize_to(model, tmp_path / "in.png", tmp_path / "out.mp4")
    content = out.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")
    with av.open(str(out)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height, video.codec_context.pix_fmt) == (42, 26, "yuv420p")


def test_limit_stops_early(model: Path, tmp_path: Path) -> None:
    folder_of_pictures(tmp_path / "in", count=5)
    out = colorize_to(model, tmp_path / "in", tmp_path / "out", limit=2)
    assert len(list(out.iterdir())) == 2


@pytest.mark.parametrize(
    ("source", "out", "words"),
    [
        pytest.param("nothing", "out.mp4", "nothing at", id="missing"),
        pytest.param("text.txt", "out.mp4", "neither a clip", id="text"),
        pytest.param("empty", "out.mp4", "holds no pictures", id="empty-folder"),
        pytest.param("bad.png", "out.png", "no picture that can be decoded", id="broken-png"),
        pytest.param("mixed", "out.mp4", "one size", id="mixed-sizes"),
        pytest.param("mixed", "out.png", "second picture", id="two-in-one"),
        pytest.param("mixed", "out.gif", ".gif", id="unknown-suffix"),
    ],
)
def test_what_cannot_be_coloured_leaves_nothing_behind(
    model: Path, tmp_path: Path, source: str, out: str, words: str
) -> None:
    (tmp_path / "text.txt").write_text("no video at all")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG but not really")
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed").mkdir()
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / "mixed" / f"{number}.png"), random_picture(16 * number, 32))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(PictureError, match=words):
        colorize_to(model, tmp_path / source, tmp_path / out)
    assert sorted(tmp_path.iterdir()) == before


def test_sixteen_bits_and_grey_are_coloured_as_eight_bit_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey16.png"), np.full((4, 6), 0x8080, np.uint16))
    (shot,) = open_footage(tmp_path / "grey16.png").shots()
    np.testing.assert_array_equal(shot.source, np.full((4, 6, 3), 0x80, np.uint8))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of three pairs of the simulated rig in a small region of interest."""
    profile = load_profile("twin_day").edited(
        {f"{arm}.roi.{key}": value for arm in ("nir", "vis") for key, value in (("width", 64), ("height", 48))}
        | {"twin.pacing": "fast"}
    )
    return record_clip(profile, tmp_path_factory.mktemp("clips"), pairs=3)


def test_a_clip_is_coloured_as_its_pairs_were_trained_on(clip: Path, live_model: Path, tmp_path: Path) -> None:
    out = colorize_to(live_model, clip, tmp_path / "out", precision="f32")
    with Clip.open(clip) as opened:
        assert opened.profile.nir.mirror != opened.profile.vis.mirror, "one arm of the twin is mirrored"
        whole = raw.picture(opened.arms["nir"].frame(1), opened.profile.nir)
        assert len(list(out.iterdir())) == len(opened.arms["nir"])
    np.testing.assert_array_equal(read_picture(out / "000001.png"), GEOMETRY.apply(whole)[..., ::-1])


def test_a_clip_becomes_a_video_at_the_rate_of_its_trigger(clip: Path, live_model: Path, tmp_path: Path) -> None:
    out = colorize_to(live_model, clip, tmp_path / "out.mp4", side_by_side=True)
    with av.open(str(out)) as container, Clip.open(clip) as opened:
        video = container.streams.video[0]
        assert (video.width, video.height) == (2 * 32, 24)
        assert float(video.average_rate or 0) == pytest.approx(opened.profile.trigger.rate_hz, rel=1e-3)


def test_a_clip_of_another_sensor_is_coloured_whole_at_the_size_of_training(clip: Path, tmp_path: Path) -> None:
    other = SourceGeometry(frame=(1280, 960), crop=Rect(x=40, y=30, width=1200, height=900), size=(32, 24))
    contract = ModelContract(name="swap", method="swap", source_geometry={"day": other})
    model = swap_model(tmp_path / "m.onnx", contract.model_dump_json())
    out = colorize_to(model, clip, tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (32, 24)


def test_pairs_are_shown_beside_their_truth(clip: Path, model: Path, tmp_path: Path) -> None:
    pairs_path = tmp_path / "a.pairs.h5"
    source, target = random_picture(24, 32, seed=1), random_picture(24, 32, seed=2)
    write_one_pair(pairs_path, clip, source, target)
    out = colorize_to(model, pairs_path, tmp_path / "out.png", side_by_side=True, precision="f32")
    np.testing.assert_array_equal(read_picture(out), np.hstack([source, source[..., ::-1], target]))


def write_one_pair(path: Path, clip: Path, source: Picture, target: Picture) -> None:
    with Clip.open(clip) as opened:
        header = aligned_header(
            opened.recording_id,
            GEOMETRY.size,
            opened.profile.text,
            mode="day",
            start_time=opened.start_time,
            origin=clip.name,
            origin_sha256=opened.sha256,
        )
    header = replace(header, geometry=GEOMETRY)
    with PairsWriter(path, header, np.ones((24, 32), bool), 1) as writer:
        writer.write(0, source, target, PairQuality(0.1, 1.0, 0.0))


NIR = {"cfa": "RGGB", "mirror": True, "black_level_dn": 0.0, "bit_depth": 8, "white_balance": [1.0, 1.0, 1.0]}
GEOMETRY = SourceGeometry(frame=(64, 48), crop=Rect(x=8, y=6, width=48, height=36), size=(32, 24))


def raw_halves(left: int, right: int) -> NDArray[np.uint8]:
    raw = np.full((48, 64), left, np.uint8)
    raw[:, 32:] = right
    return raw


@pytest.fixture
def live_model(tmp_path: Path) -> Path:
    contract = ModelContract(name="swap", method="swap", source_geometry={"day": GEOMETRY})
    return swap_model(tmp_path / "live.onnx", contract.model_dump_json())


def test_live_colour_is_unmirrored_cropped_and_scaled_as_in_training(live_model: Path, tmp_path: Path) -> None:
    live = LiveColorizer(Colorizer(live_model, threads=1), tmp_path / "preview", tmp_path / "colour")
    with Slot.create(tmp_path / "preview", 1 << 16) as preview:
        assert live.step() > 0
        preview.publish({"nir": NIR, "mode": "day"}, {"nir": raw_halves(40, 200)})
        assert live.step() == 0
        with Slot.attach(tmp_path / "colour") as colour:
            snapshot = colour.newest()
        assert live.step() > 0, "a pair is coloured once"
    live.close()
    assert snapshot is not None
    assert snapshot.meta["sequence"] == 1
    assert snapshot.meta["extent"] == [8, 6, 48, 36]
    assert snapshot.arrays["colour"].shape == (24, 32, 3)
    np.testing.assert_array_equal(snapshot.arrays["colour"][12, [2, -3]], [[200] * 3, [40] * 3])


def test_live_colour_finds_a_recorder_that_was_restarted(live_model: Path, tmp_path: Path) -> None:
    live = LiveColorizer(Colorizer(live_model, threads=1), tmp_path / "preview", tmp_path / "colour")
    assert live.step() > 0, "waits for the recorder"
    for level in (50, 90):
        with Slot.create(tmp_path / "preview", 1 << 16) as preview:
            preview.publish({"nir": NIR, "mode": "day"}, {"nir": raw_halves(level, level)})
            live.step()
        with Slot.attach(tmp_path / "colour") as colour:
            snapshot = colour.newest()
        assert snapshot is not None
        assert snapshot.arrays["colour"][5, 5, 0] == level
    live.close()


def start_live(model: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nirvis_training.live", "--model", str(model)]
    return subprocess.Popen([*command, "--preview", str(folder / "preview"), "--out", str(folder / "colour")])


def wait_for(ready: Callable[[], bool], limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while not ready():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def test_the_live_process_ends_on_sigterm_and_removes_its_slot(live_model: Path, tmp_path: Path) -> None:
    with Slot.create(tmp_path / "preview", 1 << 16) as preview:
        preview.publish({"nir": NIR, "mode": "day"}, {"nir": raw_halves(10, 10)})
        process = start_live(live_model, tmp_path)
        try:
            wait_for((tmp_path / "colour").exists)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not (tmp_path / "colour").exists()


def test_the_live_process_ends_with_its_parent(live_model: Path, tmp_path: Path) -> None:
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'nirvis_training.live', *sys.argv[1:]])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    options = ["--model", live_model, "--preview", tmp_path / "preview", "--out", tmp_path / "colour"]
    with Slot.create(tmp_path / "preview", 1 << 16) as preview:
        preview.publish({"nir": NIR, "mode": "day"}, {"nir": raw_halves(10, 10)})
        command = [sys.executable, "-c", parent, *map(str, options)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                child = int(process.stdout.readline())
                wait_for((tmp_path / "colour").exists)
            finally:
                process.kill()
        wait_for(lambda: not running(child))
    assert not (tmp_path / "colour").exists()


def running(pid: int) -> bool:
    """Whether a process still works; an orphan that nobody waits for stays a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_live_process_names_a_bad_model_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model")
    command = [sys.executable, "-m", "nirvis_training.live", "--model", str(tmp_path / "m.onnx")]
    ended = subprocess.run([*command, "--preview", "p", "--out", "o"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert len(ended.stderr.splitlines()) == 1


def test_the_colorizer_needs_no_torch() -> None:
    code = "import sys, nirvis_training.live, nirvis_training.colorize_files as _; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ)).returncode == 0
