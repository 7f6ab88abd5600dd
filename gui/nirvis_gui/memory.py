"""Where the window finds what it remembers; nothing is imported here that takes time."""

from __future__ import annotations

import os
from pathlib import Path

USUAL_PROFILE = "twin_day"
"""Of a window that remembers none."""


def preferences_path() -> Path:
    """In XDG_CONFIG_HOME, else in ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "nirvis" / "window.toml"
