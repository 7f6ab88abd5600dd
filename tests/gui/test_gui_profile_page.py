"""The form of the hardware profile: units, limits, marks, mistakes at their fields, comments that survive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

import nirvis_profiles
from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Profile, load_profile
from nirvis_gui.main_window import MainWindow
from nirvis_gui.profile_fields import camera_limits, groups, parsed, placed, shown
from nirvis_gui.profile_page import ProfilePage
from nirvis_gui.profile_worker import ProfileWorker
from nirvis_gui.workers import Worker

LIMIT_MS = 30_000


@pytest.fixture
def worker(serving: Callable[[Worker], None]) -> ProfileWorker:
    made = ProfileWorker()
    serving(made)
    return made


@pytest.fixture
def page(qtbot: QtBot, worker: ProfileWorker, profile: Profile, profile_path: Path) -> ProfilePage:
    made = ProfilePage(worker)
    qtbot.addWidget(made)
    made.show_profile(str(profile_path), profile)
    return made


@pytest.mark.parametrize("name", nirvis_profiles.names())
def test_every_value_comes_back_as_it_was(name: str) -> None:
    profile = load_profile(name)
    values = shown(profile)
    changes = {field.path: parsed(field, values[field.path]) for fields in groups(profile).values() for field in fields}
    assert profile.edited(changes).model_dump() == profile.model_dump()


def test_fields_have_units_limits_and_choices() -> None:
    fields = {field.path: field for table in groups(load_profile("gs3_day")).values() for field in table}
    assert fields["nir.exposure_us"].unit == "µs"
    assert fields["nir.exposure_us"].label == "exposure"
    assert fields["nir.gain_db"].limits == "0 … 48"
    assert fields["nir.pixel_format"].choices[0] == "BayerRG8"
    assert fields["nir.exposure_us"].help == "Exposure time in microseconds."
    assert "spinnaker.buffers" in fields
    assert not any(path.startswith("twin.") for path in fields)


def test_limits_come_from_the_cameras() -> None:
    limits = camera_limits(load_profile("gs3_day"), {})
    assert "1384" in limits["nir.roi.width"]
    assert "22,222" in limits["vis.exposure_us"]
    assert limits["trigger.rate_hz"].startswith("≤ 4")


def test_limits_that_the_open_camera_tells_stay_when_it_is_let_go(page: ProfilePage) -> None:
    exposure = page.editors["nir.exposure_us"]
    assert "at 20 Hz" in exposure.hint
    page.show_ranges({"nir": {"exposure_us": (4.0, 31990.0)}})
    assert "4 … 31,990 by the camera" in exposure.hint
    page.show_ranges({})
    assert "4 … 31,990 by the camera" in exposure.hint


@pytest.mark.parametrize(
    ("mistake", "path", "told"),
    [
        ("nir.exposure_us: Input should be above 0, got -1", "nir.exposure_us", "must be above 0, got -1"),
        (
            "nir.filter.passband_nm.1: Input should be a number",
            "nir.filter.passband_nm",
            "nir.filter.passband_nm.1: must be a number",
        ),
        (
            "profile: vis.exposure_us = 40000 is longer than 22222",
            "vis.exposure_us",
            "vis.exposure_us = 40000 is longer than 22222",
        ),
        ("profile: something about nothing", "", "profile: something about nothing"),
    ],
)
def test_mistakes_find_their_field(mistake: str, path: str, told: str) -> None:
    assert placed([mistake], ["nir.exposure_us", "nir.filter.passband_nm", "vis.exposure_us"]) == {path: told}


def test_changed_values_are_marked_and_mistakes_stand_at_their_field(qtbot: QtBot, page: ProfilePage) -> None:
    exposure, rate = page.editors["nir.exposure_us"], page.editors["trigger.rate_hz"]
    exposure.enter("-3")
    rate.enter("fast")
    assert exposure.changed
    assert "●" in exposure._name.text()
    qtbot.waitUntil(lambda: bool(exposure.mistake and rate.mistake), timeout=LIMIT_MS)
    assert "greater than 0" in exposure.mistake
    assert "number" in rate.mistake
    assert not page.save.isEnabled()
    assert [page.tabs.tabText(i) for i in range(page.tabs.count())] == [
        "rig", "nir ▲", "vis", "trigger ▲", "recording", "metering", "twin",
    ]  # fmt: skip
    page.undo.click()
    assert page.changes() == {}
    assert not exposure.mistake


def test_rule_over_two_fields_is_said_at_the_one_that_breaks_it(qtbot: QtBot, page: ProfilePage) -> None:
    page.editors["vis.exposure_us"].enter("90000")
    qtbot.waitUntil(lambda: bool(page.editors["vis.exposure_us"].mistake), timeout=LIMIT_MS)
    assert "longer than the period" in page.editors["vis.exposure_us"].mistake


def test_saved_profile_keeps_its_comments(
    qtbot: QtBot, page: ProfilePage, worker: ProfileWorker, profile_path: Path
) -> None:
    before = profile_path.read_text(encoding="utf-8")
    page.editors["nir.gain_db"].enter("6")
    page.editors["vis.mirror"].enter("false")
    page.editors["recording.compression"].enter("bitshuffle-lz4")
    qtbot.waitUntil(page.save.isEnabled, timeout=LIMIT_MS)
    with qtbot.waitSignal(page.saved, timeout=LIMIT_MS):
        page.save.click()
    saved = load_profile(profile_path)
    assert (saved.nir.gain_db, saved.vis.mirror, saved.recording.compression) == (6, False, "bitshuffle-lz4")
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    assert comments
    assert all(comment in saved.text for comment in comments)


def test_profile_with_a_mistake_is_never_written(worker: ProfileWorker, profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(ProfileError):
        worker._save(tmp_path / "new.toml", profile.edited({"trigger.rate_hz": -1}).text)
    assert list(tmp_path.glob("new.toml*")) == []


def test_shipped_profile_wants_a_name_of_its_own(qtbot: QtBot, worker: ProfileWorker, tmp_path: Path) -> None:
    page = ProfilePage(worker)
    qtbot.addWidget(page)
    page.show_profile("twin_night", load_profile("twin_night"))
    page.editors["nir.gain_db"].enter("3")
    qtbot.waitUntil(page.save_as.isEnabled, timeout=LIMIT_MS)
    assert not page.save.isEnabled()
    with qtbot.waitSignal(page.saved, timeout=LIMIT_MS) as saved:
        page.write(tmp_path / "mine.toml")
    assert saved.args == [str(tmp_path / "mine.toml")]
    assert load_profile(tmp_path / "mine.toml").nir.gain_db == 3


def test_form_follows_the_profile_and_changes_are_tried_out(qtbot: QtBot, window: MainWindow) -> None:
    page = window.profile
    page.editors["nir.gain_db"].enter("2")
    qtbot.waitUntil(page.try_out.isEnabled, timeout=LIMIT_MS)
    page.try_out.click()
    qtbot.waitUntil(lambda: window.session.profile.nir.gain_db == 2 and not window.session.doing, timeout=LIMIT_MS)
    assert page.changes() == {}
    assert page.editors["nir.gain_db"].text == "2"
