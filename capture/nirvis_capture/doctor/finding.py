"""What the doctor says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nirvis_capture.disk import line_rate_bytes_s
from nirvis_capture.profile import Profile

Level = Literal["ok", "warning", "stop"]
"""``stop``: a recording would fail or lose frames; ``warning``: it might."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    level: Level
    found: str
    remedy: str = ""
    """What to do; empty where nothing has to be done."""


def uses_usb(profile: Profile | None) -> bool:
    """Whether its cameras are plugged into USB; without a profile nobody knows, and nothing is demanded."""
    if profile is None:
        return False
    by_aravis = profile.nir.backend == "aravis" and profile.aravis.interface == "usb3"
    return by_aravis or profile.nir.backend == "spinnaker"


def pair_mb(profile: Profile | None) -> float:
    """Megabytes of the frames of both arms; without a profile those of a Grasshopper3 and a 6 MP Blackfly S."""
    return 7.7 if profile is None else line_rate_bytes_s(profile) / profile.trigger.rate_hz / 1e6


def text_of(path: Path) -> str:
    """Text of a file of the system; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
