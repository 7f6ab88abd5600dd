"""What ``nirvis gui`` refuses before a window opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirvis.commands.gui import gui
from nirvis_capture.errors import NirvisError, ProfileError


def test_unknown_profile_names_the_shipped_ones() -> None:
    with pytest.raises(ProfileError, match="twin_day"):
        gui(profile="twin_noon")


def test_missing_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NirvisError, match="nirvis export"):
        gui(model=tmp_path / "model.onnx")


def test_without_a_display_it_names_the_command_that_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NirvisError, match="nirvis record"):
        gui()
