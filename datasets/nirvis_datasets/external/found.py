"""What was found to be imported: the recordings of a set, and what is left out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nirvis_capture.profile import Mode
from nirvis_datasets.errors import ImportRefused
from nirvis_datasets.external.shots import Shots
from nirvis_datasets.frame_file import Side
from nirvis_datasets.split import Subset
from nirvis_registration.geometry import Size


@dataclass(frozen=True)
class Facts:
    """What is known of one recording before it is imported."""

    name: str
    mode: Mode
    light: str = ""
    place: str = ""
    subset: Subset | None = None


@dataclass(frozen=True)
class Found:
    """One file to be written: both sides of a recording, or one."""

    facts: Facts
    part: int
    sides: Mapping[Side, Shots]

    @property
    def size(self) -> Size:
        return next(iter(self.sides.values())).size

    def __len__(self) -> int:
        return len(next(iter(self.sides.values())))


@dataclass
class Gathered:
    """What a set holds."""

    found: list[Found] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """One line for each picture, or for each folder of pictures, that is not imported, with the reason."""
    notes: list[str] = field(default_factory=list)


def size_text(size: Size) -> str:
    return f"{size[0]}×{size[1]} px"


def refuse_path(name: str) -> None:
    """Raises `ImportRefused` for a name of a recording that no file can begin with."""
    if "/" in name or name.startswith("."):
        raise ImportRefused(f"A recording cannot be called {name!r}: files will begin with its name. Choose another.")
