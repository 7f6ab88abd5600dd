"""What the window remembers between two starts; a file of it that cannot be read costs a warning and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import tomlkit
from pydantic import ValidationError
from tomlkit.exceptions import TOMLKitError

from nirvis_capture.profile import Light
from nirvis_capture.settings import Settings, mistakes
from nirvis_gui.memory import USUAL_PROFILE

Theme = Literal["dark", "light"]


class Preferences(Settings):
    """Content of window.toml."""

    profile: str = USUAL_PROFILE
    """Name of a shipped profile, or a path."""
    look: Theme = "dark"
    operator: str = ""
    place: str = ""
    light: Light = "day"
    clips_folder: str = ""
    dataset_folder: str = ""


def read_preferences(path: Path) -> tuple[Preferences, str]:
    """What is remembered, and why the file could not be read; empty when it could, or is not there."""
    try:
        table = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
        return Preferences.model_validate(table), ""
    except FileNotFoundError:
        return Preferences(), ""
    except ValidationError as error:
        reason = "; ".join(mistakes(error, Preferences))
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        reason = " ".join(str(error).split())
    return Preferences(), reason


def write_preferences(path: Path, preferences: Preferences) -> None:
    """Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(tomlkit.dumps(preferences.model_dump()), encoding="utf-8")
    os.replace(part, path)
