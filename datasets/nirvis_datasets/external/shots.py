"""The pictures of one side of a recording, in order: files, or tiles of files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from nirvis_capture.picture_file import picture_size, read_picture
from nirvis_datasets.errors import ImportRefused
from nirvis_registration.geometry import Size
from nirvis_registration.warp import Picture

STILL = -1
"""The number of a picture that is no frame of a video."""


class Shots(Protocol):
    """What the importer needs of one side; it never holds more than one picture in memory."""

    @property
    def size(self) -> Size: ...

    def __len__(self) -> int: ...

    def pictures(self) -> Iterator[Picture]:
        """RGB pictures ``(H, W, 3)`` in order. Raises `PictureUnusable` for one that cannot be used."""

    def index(self) -> Sequence[int]:
        """A rising number of each; those that follow each other were consecutive exposures. Or `STILL` of all."""

    def part(self, begin: int, end: int) -> Shots:
        """Those from one number on to before another."""

    def sha256(self) -> str:
        """Of the names and sizes of the files: tells imports apart, and proves nothing about their bytes."""


@dataclass(frozen=True)
class Still:
    """One file, or one tile of it."""

    path: Path
    name: str
    size: Size
    tile: int = 0

    def read(self) -> Picture:
        picture = read_picture(self.path)
        left = self.tile * self.size[0]
        return picture[:, left : left + self.size[0]]


def tiles_of(path: Path, name: str, tiles: int) -> list[Still]:
    """The frames that lie side by side in one file. Raises `DatasetError` when its width does not divide."""
    width, height = picture_size(path)
    if width % tiles:
        raise ImportRefused(f"{path} is {width} px wide, which is not {tiles} frames side by side.")
    return [Still(path, name, (width // tiles, height), tile) for tile in range(tiles)]


@dataclass(frozen=True)
class Stills:
    """Pictures of one size in the order of their names."""

    stills: Sequence[Still]
    video: bool

    @property
    def size(self) -> Size:
        return self.stills[0].size

    def __len__(self) -> int:
        return len(self.stills)

    def pictures(self) -> Iterator[Picture]:
        for still in self.stills:
            yield still.read()

    def index(self) -> Sequence[int]:
        """Of single frames the numbers in their names; strips follow each other with a gap."""
        tiles = max(still.tile for still in self.stills) + 1
        if tiles > 1:
            return [at + at // tiles for at in range(len(self))]
        numbers = [_number(still.name) for still in self.stills]
        rising = all(first < second for first, second in pairwise(numbers))
        return numbers if self.video and rising else [STILL] * len(self)

    def part(self, begin: int, end: int) -> Stills:
        return replace(self, stills=self.stills[begin:end])

    def sha256(self) -> str:
        paths = sorted({still.path for still in self.stills})
        return digest(f"{path.name} {path.stat().st_size}" for path in paths)


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorting key by which 9 comes before 10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part)


def _number(name: str) -> int:
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1][-15:]) if numbers else -1


def digest(lines: Iterable[str]) -> str:
    """SHA-256 of some lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
