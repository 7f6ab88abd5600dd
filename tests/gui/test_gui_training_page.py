"""Training runs in the window, with a real training on two tiny clips."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt5.QtGui import QColor
from pytestqt.qtbot import QtBot

from nirvis_gui.jobs import Jobs
from nirvis_gui.run_seen import curves_of
from nirvis_gui.run_watch import RunWatch
from nirvis_gui.training_page import TrainingPage
from nirvis_gui.workers import Worker
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_training.config import load_config
from nirvis_training.run_folder import (
    DatasetRecord,
    RunFolder,
    RunRecord,
    Source,
    Status,
    create_run,
)

LIMIT_MS = 120_000


@pytest.fixture
def watch(serving: Callable[[Worker], None], runtime: Path) -> RunWatch:
    made = RunWatch()
    serving(made)
    return made


@pytest.fixture
def page(qtbot: QtBot, watch: RunWatch) -> TrainingPage:
    made = TrainingPage(watch, Jobs())
    qtbot.addWidget(made)
    made.resize(1300, 640)
    made.show()
    qtbot.waitUntil(lambda: made.config.count() > 1)
    return made


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder as a training leaves it after a while, without weights."""
    crop = Rect(x=0, y=0, width=160, height=120)
    geometry = SourceGeometry(frame=(160, 120), crop=crop, size=(160, 120))
    record = RunRecord(
        started=datetime.now(timezone.utc),
        features="none",
        software={},
        dataset=DatasetRecord(
            folder=tmp_path,
            sha256="0" * 64,
            train_pairs=90,
            validation_pairs=20,
            sources=(Source(mode="day", rig="twin", geometry=geometry),),
        ),
        config=load_config("ssn_demo"),
    )
    made = create_run(tmp_path / "run", record, {})
    made.write_status(Status(state="running", samples=400, samples_total=1000, seconds=90.0))
    more(made, 400)
    return made


def more(run: RunFolder, samples: int) -> None:
    """What training writes at a validation."""
    with run.metrics_file.open("a", encoding="utf-8") as lines:
        for at in range(samples - 300, samples + 1, 100):
            lines.write(json.dumps({"samples": at, "seconds": at / 5, "loss_colour": 1 / at}) + "\n")
        lines.write(json.dumps({"samples": samples, "seconds": samples / 5, "val_psnr_db": 20 + samples / 1000}) + "\n")
    pictures = run.path / "pictures"
    pictures.mkdir(exist_ok=True)
    for name in ("a", "b"):
        Image.fromarray(np.full((48, 192, 3), samples % 251, np.uint8)).save(pictures / f"{samples:09d}-{name}.png")


def test_run_that_is_opened_shows_curves_and_pictures_and_follows(
    qtbot: QtBot, page: TrainingPage, watch: RunWatch, run: RunFolder
) -> None:
    watch.open(run.path)
    qtbot.waitUntil(lambda: page.run is not None, timeout=LIMIT_MS)
    # Nobody holds the run: what claims to go on has died.
    assert "died" in page.state_text
    assert "pairs to learn from: 90, to validate: 20" in page.state_text
    assert page.resume.isEnabled()
    assert not page.use.isEnabled()
    assert list(page.quality.curves) == ["val_psnr_db"]
    assert list(page.losses.curves) == ["loss_colour"]
    assert page.pictures.sheet is not None
    assert page.pictures.sheet.shape == (96, 192, 3)
    assert QColor(page.pictures.grab().toImage().pixel(page.pictures.width() // 2, 60)).red() == 400 % 251
    with run.held():
        more(run, 800)
        run.write_status(Status(state="running", samples=800, samples_total=1000, seconds=160.0))
        qtbot.waitUntil(lambda: "800 of 1000" in page.state_text, timeout=LIMIT_MS)
        assert "running" in page.state_text
    samples, values = page.quality.curves["val_psnr_db"]
    assert list(samples) == [400, 800]
    assert values[-1] == pytest.approx(20.8)


def test_folder_that_is_no_run_is_said(qtbot: QtBot, watch: RunWatch, tmp_path: Path) -> None:
    with qtbot.waitSignal(watch.failed, timeout=LIMIT_MS) as failed:
        watch.open(tmp_path)
    assert failed.args is not None
    assert "run.toml" in failed.args[1]


def test_training_that_cannot_begin_says_why(qtbot: QtBot, page: TrainingPage, tmp_path: Path) -> None:
    page.dataset.setText(str(tmp_path))
    page.start.click()
    qtbot.waitUntil(lambda: "Starting" not in page.state_text, timeout=LIMIT_MS)
    assert "clip" in page.state_text
    assert page.run is None


def test_folder_that_is_missing_is_said(qtbot: QtBot, page: TrainingPage, watch: RunWatch, tmp_path: Path) -> None:
    page.dataset.setText(str(tmp_path / "nowhere"))
    with qtbot.waitSignal(watch.failed, timeout=LIMIT_MS) as failed:
        page.start.click()
    assert failed.args is not None
    assert "nowhere" in failed.args[1]


def test_long_curves_are_thinned(run: RunFolder) -> None:
    with run.metrics_file.open("w", encoding="utf-8") as lines:
        for at in range(10_000):
            lines.write(json.dumps({"samples": at, "seconds": at, "loss": 1.0}) + "\n")
    samples, values = curves_of(run)["loss"]
    assert len(samples) == len(values) <= 4000
    shutil.rmtree(run.path)
