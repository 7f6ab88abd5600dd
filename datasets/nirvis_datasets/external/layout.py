"""How a set of somebody else lies on disk: which picture is which side, and what its path says about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nirvis_capture.picture_file import PICTURE_SUFFIXES
from nirvis_capture.profile import Mode
from nirvis_datasets.split import Subset

PUBLISHED: Mapping[str, Subset] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
}  # fmt: skip
"""Names that sets are published under."""


@dataclass(frozen=True)
class Rule:
    """Two patterns over paths that are alike but for the side.

    The patterns are matched against the end of a path, whole folders at a time, so that it does not matter how deep the
    set was unpacked; case is ignored. ``SUFFIX`` stands for the endings of pictures. Named groups say what the path
    tells: ``name`` (equal in both sides of a pair), ``recording`` (without it: the folders before), ``place``, ``set``,
    ``light``, ``scene``.
    """

    source: str
    target: str
    paired: bool = True
    tiles: int = 1
    """Frames side by side in one file, consecutive in time from left to right."""
    video: bool = True
    """False for single pictures: nothing is consecutive, whatever the numbers in their names."""

    @cached_property
    def patterns(self) -> Mapping[str, re.Pattern[str]]:
        return {"source": _compiled(self.source), "target": _compiled(self.target)}


@dataclass(frozen=True)
class Layout:
    """A public set, or a family of sets that lie alike."""

    name: str
    title: str
    example: str
    """Where one source picture lies, for whoever pointed at the wrong folder."""
    rules: tuple[Rule, ...]
    mode: Mode = "night"
    """``night``: the source sees infrared only; ``day``: it sees visible light too."""
    band: str = "thermal"
    """What the source camera sees; see `BANDS_NM`."""
    licence: str = ""
    scene_modes: Mapping[str, Mode] = field(default_factory=dict)
    """Group ``scene`` → mode, where a set holds both."""
    sets: Mapping[str, Subset] = field(default_factory=lambda: PUBLISHED)
    """Group ``set`` → set that it was published as."""
    lights: Mapping[str, str] = field(default_factory=dict)
    """Group ``light`` → light."""
    lists: Mapping[Subset, str] = field(default_factory=dict)
    """Set → text file in the folder that lists the names of its pictures, where paths do not tell."""


BANDS_NM: Mapping[str, tuple[float, float]] = {
    "thermal": (8000, 14000), "nir": (750, 1100), "nir850": (825, 875), "vnir": (400, 1000), "visible": (400, 700),
}  # fmt: skip


def _compiled(pattern: str) -> re.Pattern[str]:
    suffix = f"(?:{'|'.join(suffix.removeprefix('.') for suffix in PICTURE_SUFFIXES)})"
    return re.compile(rf"(?:(?P<prefix>.*?)/)??{pattern.replace('SUFFIX', suffix)}", re.IGNORECASE)
