"""``nirvis train`` and ``nirvis resume`` as they are typed, from clips to a run."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path
from types import SimpleNamespace

import pytest

from nirvis.app import app
from nirvis.commands.train import tell
from nirvis.demo.takes import picture_takes
from nirvis.session import NoSession, NothingRegistered
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import WrongOption
from nirvis_datasets.errors import DatasetError, SplitError, TableError
from nirvis_training.config import load_config
from nirvis_training.errors import ConfigError, NotARun, RunTaken
from nirvis_training.run_folder import Best, RunFolder, Status

QUICK = (
    *("--set", "samples=4", "--set", "batch_size=2", "--set", "crop=32", "--set", "validation_pairs=1"),
    *("--set", "method.width=4", "--set", "workers=0", "--set", "threads=1", "--set", "log_every_samples=2"),
)


def run(*words: object) -> None:
    app([str(word) for word in words], result_action="return_value")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips of an outing, the last without a place; nothing is registered yet."""
    folder = tmp_path_factory.mktemp("session")
    with as_file(files("nirvis") / "pictures" / "vsiad") as pictures:
        takes = picture_takes(pictures, "night", 1.0, seed=1)
    for number, take in enumerate(takes):
        record_clip(take.profile, folder, pairs=2, place=f"quay {number}" if number < 3 else "")
    return folder


@pytest.fixture(scope="module")
def dataset(session: Path) -> Path:
    """The pairs of that session, registered, catalogued and split by the command itself."""
    run("train", "ssn_demo", "--session", session, "--place-unknown-as", "recording", *QUICK)
    return session / "pairs"


def test_a_session_is_registered_split_and_trained_on_and_each_step_is_told_once(
    session: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = (session / "runs").iterdir()
    assert RunFolder(first).status.state == "finished"
    made = {path: path.stat().st_mtime_ns for path in dataset.glob("*.pairs.h5")}
    assert len(made) == 4

    out = tmp_path / "again"
    run("train", "ssn_demo", "--session", session, "--place-unknown-as", "recording", "--out", out, *QUICK)
    said = capsys.readouterr().out
    assert f"{dataset}: 0 clips registered, 4 up to date" in said
    assert f"{dataset / 'splits.csv'}: recordings" in said
    assert f"training into {out}" in said
    assert "finished: 4 samples" in said
    assert "perceptual features: none" in said
    assert {path: path.stat().st_mtime_ns for path in made} == made


@pytest.mark.parametrize(
    ("likeness", "config", "said"),
    [
        (-0.42, "mocyclegan", "-0.42). What is only told"),
        (-0.42, "mocyclegan", "Try --set method.identity_weight=5, or another seed"),
        (-0.42, "fastcut", "Try another seed"),
        (-0.42, "ssn_demo", None),
        (-0.04, "mocyclegan", None),
        (0.42, "mocyclegan", None),
        (None, "mocyclegan", None),
    ],
)
def test_a_run_that_makes_negatives_says_so_and_what_helps(
    likeness: float | None, config: str, said: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = SimpleNamespace(
        path=tmp_path,
        features="none",
        config=load_config(config),
        status=Status(state="finished", samples=4, samples_total=4, seconds=1.0),
        best=Best(samples=4, val_luma_correlation=likeness),
    )
    tell(ended)  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert said in shown if said else "negatives" not in shown


def test_a_session_with_an_unknown_place_is_refused_until_told(session: Path, dataset: Path) -> None:
    with pytest.raises(SplitError, match="--place-unknown-as recording"):
        run("train", "ssn_demo", "--session", session, *QUICK)


def test_a_session_in_which_nothing_registers_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.clip.h5").write_bytes(b"no clip")
    with pytest.raises(NothingRegistered, match=r"broken\.clip\.h5: .*not a nirvis clip"):
        run("train", "ssn_demo", "--session", tmp_path, "--out", tmp_path / "run", *QUICK)
    assert not (tmp_path / "run").exists()


def test_a_session_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NoSession, match=r"There is no folder .*noway"):
        run("train", "ssn_demo", "--session", tmp_path / "noway", *QUICK)
    assert not (tmp_path / "noway").exists()


def test_settings_are_changed_from_the_command_line(dataset: Path, tmp_path: Path) -> None:
    run("train", "ssn_demo", "--dataset", dataset, "--out", tmp_path / "run", *QUICK, "--set", "method.norm=group")
    config = RunFolder(tmp_path / "run").config
    assert (config.samples, config.method.width, config.method.norm) == (4, 4, "group")


def test_resume_prolongs_a_finished_run(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("train", "ssn_demo", "--dataset", dataset, "--out", tmp_path / "run", *QUICK)
    with pytest.raises(RunTaken, match=f"nirvis resume {tmp_path / 'run'}"):
        run("train", "ssn_demo", "--dataset", dataset, "--out", tmp_path / "run", *QUICK)
    run("resume", tmp_path / "run", "--samples", 8)
    assert "finished: 8 samples" in capsys.readouterr().out
    assert [line["samples"] for line in RunFolder(tmp_path / "run").metrics()] == [2, 4, 6, 8]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_writes_a_checkpoint_and_ends_cleanly(dataset: Path, tmp_path: Path, number: signal.Signals) -> None:
    words = ["train", "ssn_demo", "--dataset", dataset, "--out", tmp_path / "run", *QUICK]
    words += ["--set", "samples=10_000_000", "--set", "workers=1", "--set", "checkpoint_every_samples=10_000_000"]
    command = [sys.executable, "-m", "nirvis", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        _wait_for_metrics(process, tmp_path / "run")
        process.send_signal(number)
        said, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    assert f"next: nirvis resume {tmp_path / 'run'}" in said
    assert "Traceback" not in complaints
    found = RunFolder(tmp_path / "run")
    assert found.status.state == "interrupted"
    assert found.checkpoints[-1].name == f"{found.status.samples:09d}.pt"


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        pytest.param([], WrongOption, "Give one of --dataset .*nirvis twin render", id="nothing-to-train-on"),
        pytest.param(["ssn", "--dataset", "x"], ConfigError, "lightness_weight to 1.*ssn_demo", id="no-vgg"),
        pytest.param(["ssn_demo", "--dataset", "x", "--set", "width"], ConfigError, "wants a setting", id="no-value"),
        pytest.param(["ssn_demo", "--dataset", "x", "--set", "width=8"], ConfigError, "width: unknown", id="no-key"),
        pytest.param(["ssn_demo", "--dataset", "nowhere"], TableError, r"no catalogue\.csv", id="no-dataset"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    error: type[Exception],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=complaint):
        run("train", *words)
    assert not list(tmp_path.iterdir())
    assert not capsys.readouterr().out


def test_without_a_configuration_a_newcomer_trains_what_needs_no_other_file(dataset: Path, tmp_path: Path) -> None:
    run("train", "--dataset", dataset, "--out", tmp_path / "run", *QUICK)
    trained = RunFolder(tmp_path / "run")
    assert trained.status.state == "finished"
    assert (trained.method, trained.features) == ("ssn", "none")


def test_a_crop_that_no_picture_has_room_for_is_refused_before_there_is_a_run(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    with pytest.raises(DatasetError, match=r"crop of 4096×4096 px does not fit into the pictures of .*, 640×480 px"):
        run("train", "ssn_demo", "--dataset", dataset, "--out", tmp_path / "run", *QUICK, "--set", "crop=4096")
    assert not (tmp_path / "run").exists()
    assert not capsys.readouterr().out


def test_resume_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(NotARun, match=r"has no run\.toml"):
        run("resume", tmp_path)


def _wait_for_metrics(process: subprocess.Popen[str], folder: Path) -> None:
    """Until the first line is there, or the process ended without one."""
    while process.poll() is None:
        if (folder / "metrics.jsonl").is_file() and (folder / "metrics.jsonl").stat().st_size:
            return
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
