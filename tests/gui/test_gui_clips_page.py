"""The browser of clips: what lies there, playing it in step with its pair table, and what one click does with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import QUrl
from PyQt5.QtGui import QTextDocument
from pytestqt.qtbot import QtBot

import nirvis_profiles
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.pair_table import Event
from nirvis_capture.profile import parse_profile
from nirvis_datasets.split import Split
from nirvis_gui.clip_library import ClipLibrary
from nirvis_gui.clips_page import ClipsPage
from nirvis_gui.jobs import Jobs
from nirvis_gui.pair_model import PairModel
from nirvis_gui.workers import Worker
from nirvis_registration.pair_file import PairsFile

LIMIT_MS = 120_000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with one pulse that vis missed, one that was cut off, and one that is damaged."""
    folder = tmp_path_factory.mktemp("clips")
    small = {"width": 640, "height": 480, "offset_x": 372, "offset_y": 276}
    profile = parse_profile(nirvis_profiles.text("twin_day")).edited(
        {
            "rig": "browser",
            "nir.roi": small,
            "vis.roi": small,
            "recording.min_free_gb": 0,
            "twin.pacing": "fast",
            "twin.faults": [{"kind": "missed_trigger", "arm": "vis", "at": 8}],
        }
    )
    path = record_clip(profile, folder, seconds=0.4, place="Harbour")
    shutil.copy(path, folder / "cut-off.clip.h5.part")
    (folder / "broken.clip.h5").write_bytes(b"no clip")
    return folder


@pytest.fixture
def library(serving: Callable[[Worker], None]) -> ClipLibrary:
    made = ClipLibrary()
    serving(made)
    return made


@pytest.fixture
def page(qtbot: QtBot, library: ClipLibrary, recorded: Path, tmp_path: Path) -> Iterator[ClipsPage]:
    folder = tmp_path / "session"
    shutil.copytree(recorded, folder)
    jobs = Jobs()
    made = ClipsPage(library, jobs)
    qtbot.addWidget(made)
    made.resize(1340, 640)
    made.show()
    made.show_folder(folder)
    qtbot.waitUntil(lambda: len(made.table.rows) == 3, timeout=LIMIT_MS)
    yield made
    jobs.close()
    qtbot.waitUntil(lambda: not jobs.running, timeout=LIMIT_MS)


def choose(qtbot: QtBot, page: ClipsPage, state: str) -> None:
    line = next(i for i, row in enumerate(page.table.rows) if row.state == state)
    page.table.setCurrentCell(line, 0)


def pairs_in(page: ClipsPage) -> int:
    """Of the clip that can be opened."""
    (path,) = (row.path for row in page.table.rows if row.state == "certified")
    with Clip.open(path) as clip:
        return len(clip)


def done(qtbot: QtBot, page: ClipsPage) -> None:
    qtbot.waitUntil(lambda: not page.work.busy, timeout=LIMIT_MS)


def test_folder_is_listed_with_what_became_of_each_clip(page: ClipsPage) -> None:
    states = {row.state: row for row in page.table.rows}
    assert set(states) == {"certified", "unfinished", "damaged"}
    certified = states["certified"]
    assert (certified.mode, certified.place, certified.registered) == ("day", "Harbour", False)
    assert certified.pairs == pairs_in(page)
    assert page.buttons["verify"].isEnabled()
    assert page.buttons["recover"].isEnabled()
    assert not page.buttons["export"].isEnabled()


def test_both_arms_are_played_in_step_with_the_pair_table(qtbot: QtBot, page: ClipsPage, library: ClipLibrary) -> None:
    choose(qtbot, page, "certified")
    qtbot.waitUntil(lambda: page.player.views.vis.showing, timeout=LIMIT_MS)
    with Clip.open(next(row.path for row in page.table.rows if row.state == "certified")) as clip:
        rows = clip.pairs
    assert page.pair_model.rowCount() == len(rows)
    assert "residual" in page.player.where
    missed = int(np.flatnonzero(rows["event"] == Event.MISSED_TRIGGER)[0])
    before = page.player.views.vis.picture
    page.player.seek(missed + 2)
    qtbot.waitUntil(lambda: f"row {missed + 3} of" in page.player.where, timeout=LIMIT_MS)
    assert page.player.views.vis.picture is not before
    assert page.pairs.currentIndex().row() == missed + 2
    page.pairs.clicked.emit(page.pair_model.index(missed, 0))
    qtbot.waitUntil(lambda: "missed trigger" in page.player.where, timeout=LIMIT_MS)
    page.player.seek(0)
    page.player.toggle()
    with qtbot.waitSignal(library.stopped, timeout=LIMIT_MS):
        pass
    assert page.player.row > len(rows) - 5


def test_overlay_of_a_recorded_pair_tells_the_residual(qtbot: QtBot, page: ClipsPage) -> None:
    choose(qtbot, page, "certified")
    qtbot.waitUntil(lambda: page.player.views.vis.showing, timeout=LIMIT_MS)
    page.player.overlays.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "px apart" in page.player.views.overlay.caption, timeout=LIMIT_MS)
    assert page.player.views.overlay.showing


def test_certificate_and_damage_are_told(qtbot: QtBot, page: ClipsPage) -> None:
    choose(qtbot, page, "certified")
    qtbot.waitUntil(lambda: "exposures of one pulse" in page.certificate.toPlainText(), timeout=LIMIT_MS)
    assert "missed trigger" in page.certificate.toPlainText()
    assert "Harbour" in page.certificate.toPlainText()
    choose(qtbot, page, "damaged")
    assert "no HDF5" in page.certificate.toPlainText()
    assert not page.player.play.isEnabled()


def test_pair_table_makes_only_what_is_seen(qtbot: QtBot) -> None:
    table = np.zeros(1_000_000, [("nir_index", "i8"), ("vis_index", "i8"), ("residual_ns", "i8"), ("event", "u1")])
    table["vis_index"][5], table["event"][5] = -1, Event.TRANSFER_DROP
    model = PairModel()
    model.show_table(table)
    assert model.rowCount() == 1_000_000
    assert [model.data(model.index(5, column)) for column in range(4)] == ["transfer drop", "0", "–", ""]


def test_one_click_verifies(qtbot: QtBot, page: ClipsPage) -> None:
    choose(qtbot, page, "certified")
    page.buttons["verify"].click()
    assert not page.buttons["register"].isEnabled()
    done(qtbot, page)
    assert f"proved, {pairs_in(page)} pairs" in page.work.text
    assert page.buttons["register"].isEnabled()


def test_one_click_recovers_and_the_list_shows_what_came(qtbot: QtBot, page: ClipsPage) -> None:
    choose(qtbot, page, "unfinished")
    page.buttons["recover"].click()
    done(qtbot, page)
    assert "cut-off.clip.h5" in page.work.text
    assert str(page.folder) not in page.work.text
    qtbot.waitUntil(lambda: len(page.table.rows) == 4, timeout=LIMIT_MS)
    # What was chosen is the rescued clip now, and its leavings are no reason for an alarm any more.
    assert sorted(row.state for row in page.table.rows if row.name == "cut-off") == ["certified", "rescued"]
    assert [row.path.name for row in page.table.selected()] == ["cut-off.clip.h5"]
    assert not page.buttons["recover"].isEnabled()
    qtbot.waitUntil(lambda: page.player.views.vis.showing, timeout=LIMIT_MS)


def test_add_to_dataset_registers_catalogues_and_splits_and_is_exported(qtbot: QtBot, page: ClipsPage) -> None:
    seen: list[int] = []
    choose(qtbot, page, "certified")
    page.buttons["add"].click()
    assert page.work.job is not None
    page.work.job.progressed.connect(seen.append)
    done(qtbot, page)
    pairs = list(page.pairs_folder.glob("*.pairs.h5"))
    assert len(pairs) == 1, page.work.text
    with PairsFile.open(pairs[0]) as opened:
        assert len(opened) == pairs_in(page)
    assert seen
    assert seen[-1] == 100
    assert len(Split.read(page.pairs_folder / "splits.csv").sets) == 1
    qtbot.waitUntil(lambda: any(row.registered for row in page.table.rows), timeout=LIMIT_MS)
    page.buttons["report"].click()
    qtbot.waitUntil(lambda: "px residual of a pair, median" in page.report.toPlainText(), timeout=LIMIT_MS)
    assert page.middle.currentWidget() is page.report
    document = page.report.document()
    assert document is not None
    assert document.resource(QTextDocument.ResourceType.ImageResource, QUrl("picture0")).width() > 100
    with qtbot.waitSignal(page.open_wanted) as wanted:
        page.report.anchorClicked.emit(QUrl("open"))
    assert wanted.args is not None
    assert wanted.args[0].is_file()
    page.export("side-by-side")
    done(qtbot, page)
    assert (page.pairs_folder.parent / "export-side-by-side").is_dir(), page.work.text


def test_refusal_is_said_and_stops_what_would_follow(qtbot: QtBot, page: ClipsPage) -> None:
    page.pairs_folder.mkdir()
    page.export("side-by-side")
    done(qtbot, page)
    assert "catalogue" in page.work.text
    assert page.work.title.endswith("see below")


def test_work_can_be_cancelled(qtbot: QtBot, page: ClipsPage) -> None:
    choose(qtbot, page, "certified")
    page.buttons["add"].click()
    page.work.cancel()
    done(qtbot, page)
    assert not (page.pairs_folder / "splits.csv").exists()
