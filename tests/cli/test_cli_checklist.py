"""The hardware checklist names commands, profiles and files that exist: nobody looks them up with a camera in hand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import nirvis_capture
import nirvis_profiles
from nirvis.app import app

CHECKLIST = Path(__file__).parents[2] / "docs" / "hardware-checklist.md"
TEXT = CHECKLIST.read_text(encoding="utf-8")
COMMANDS = sorted({line for line in re.findall(r"(?:^|`)(nirvis [^`\n]+)", TEXT, re.MULTILINE)})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    app.parse_args(shlex.split(command)[1:], exit_on_error=False, print_error=False)


def test_every_place_in_the_code_is_there() -> None:
    folder = Path(nirvis_capture.__file__).parent
    names = set(re.findall(r"`(?:capture/nirvis_capture/(?:cameras/)?)?(\w+\.py)`", TEXT))
    assert len(names) > 4
    assert names <= {path.name for path in folder.rglob("*.py")}


def test_every_profile_is_shipped() -> None:
    assert set(re.findall(r"(?:gs3|bfs)_(?:day|night)", TEXT)) <= set(nirvis_profiles.names())
