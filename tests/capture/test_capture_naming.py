"""A clip has a name that every file system takes, and never the name of another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from nirvis_capture.errors import ProfileError
from nirvis_capture.naming import clip_path, new_recording_id
from nirvis_capture.profile import Profile

START = datetime(2026, 3, 1, 12, 30, 5, tzinfo=timezone.utc)


@pytest.fixture
def named(small_profile: Callable[..., Profile]) -> Callable[[str], Profile]:
    profile = small_profile()

    def name(pattern: str) -> Profile:
        return profile.model_copy(update={"recording": profile.recording.model_copy(update={"naming": pattern})})

    return name


@pytest.mark.parametrize(
    ("pattern", "place", "name"),
    [
        pytest.param("{start:%Y%m%dT%H%M%S}-{mode}-{recording_id}", "", "20260301T123005-day-c0ffee", id="default"),
        pytest.param("{place}-{recording_id}", "a b/c: d", "a-b-c-d-c0ffee", id="odd-place"),
        pytest.param("{place}", "../../etc", "etc", id="no-way-out"),
        pytest.param("{place}", "", "c0ffee", id="empty"),
        pytest.param("{place}", "Überführung", "Überführung", id="umlaut"),
    ],
)
def test_names(named: Callable[[str], Profile], tmp_path: Path, pattern: str, place: str, name: str) -> None:
    assert clip_path(named(pattern), tmp_path, START, place, "c0ffee") == tmp_path / f"{name}.clip.h5"


@pytest.mark.parametrize("suffix", [".clip.h5", ".clip.h5.part"])
def test_a_taken_name_gets_a_number(named: Callable[[str], Profile], tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"day{suffix}").touch()
    assert clip_path(named("{mode}"), tmp_path, START, "", "c0ffee").name == "day-2.clip.h5"


@pytest.mark.parametrize("pattern", ["{weather}", "{0}", "{mode", "{mode.nothing}"])
def test_a_pattern_that_cannot_be_filled_in(named: Callable[[str], Profile], tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ProfileError, match=r"recording\.naming: cannot be filled in"):
        clip_path(named(pattern), tmp_path, START, "", "c0ffee")


def test_ids_differ() -> None:
    assert len({new_recording_id() for _ in range(100)}) == 100
