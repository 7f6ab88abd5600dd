"""Folders of picture pairs: one infrared and one visible picture of the same view, told apart by their names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import PictureError, PictureUnusable
from nirvis_capture.picture_file import PICTURE_SUFFIXES, in_eight_bits, read_picture
from nirvis_capture.profile import Mode

SOURCE_WORDS = ("nir", "vnir", "src", "source", "ir", "infrared")
TARGET_WORDS = ("vis", "rgb", "vc", "visible", "tar", "target")
TABLE = "pairs.csv"

_NAMED = 8
"""How many files a message names before it counts the rest."""
_NAMES_SAID = (
    f"Pictures are paired by name, NAME_{SOURCE_WORDS[0]}.png with NAME_{TARGET_WORDS[0]}.png "
    f"(also {', '.join(SOURCE_WORDS[1:])}; {', '.join(TARGET_WORDS[1:])}), "
    f"in two sub-folders of such names, or by {TABLE}."
)


@dataclass(frozen=True)
class PicturePair:
    """One view, seen twice."""

    name: str
    source: Path
    """The infrared picture."""
    target: Path
    """The visible picture."""
    mode: Mode | None = None
    """Filter set, where the name or the table tells: ``vnir`` is day, ``nir`` is night."""
    place: str | None = None


def picture_pairs(folder: Path) -> list[PicturePair]:
    """The pairs of a folder, sorted by name: by its ``pairs.csv``, two sub-folders, or the ends of the names.

    Files that are no picture, or whose name says neither infrared nor visible, are ignored.
    Raises `PictureError` naming pictures without a partner, or when there is no pair at all.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PictureError(f"There is no folder {folder}. {_NAMES_SAID}")
    if (folder / TABLE).is_file():
        return _listed(folder)
    sides = _by_folder(folder) or _by_ending(folder)
    pairs = sorted(_matched(folder, *sides), key=lambda pair: pair.name)
    if not pairs:
        raise PictureError(f"{folder} holds no picture pairs. {_NAMES_SAID}")
    return pairs


def read_side(path: Path) -> NDArray[np.uint8]:
    """A picture as a sensor can show it: RGB u8, ``(H, W, 3)``, cropped to even sides. Raises `PictureUnusable`."""
    rgb = in_eight_bits(read_picture(path))
    if min(rgb.shape[:2]) < 2:
        raise PictureUnusable(path, f"is {_size(rgb)}, and no sensor is that small")
    return rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]


def read_pair(pair: PicturePair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Source and target as RGB u8. Raises `PictureError` when one is unreadable or their sizes differ."""
    source, target = read_side(pair.source), read_side(pair.target)
    if source.shape != target.shape:
        raise PictureError(
            f"{pair.source.name} is {_size(source)} and {pair.target.name} is {_size(target)}: "
            "both sides of a pair need one size."
        )
    return source, target


def chosen(pairs: Sequence[PicturePair], name: str | None) -> list[PicturePair]:
    """All pairs, or the one of that name. Raises `PictureError` when there is none."""
    if name is None:
        return list(pairs)
    found = [pair for pair in pairs if pair.name == name]
    if not found:
        raise PictureError(f"There is no picture pair {name}; there are {_some([pair.name for pair in pairs])}.")
    return found


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]}×{picture.shape[0]}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())


Side = Mapping[str, tuple[Path, str]]
"""By name of the pair: the picture, and the word that told its side."""


def _by_folder(folder: Path) -> tuple[Side, Side] | None:
    """Both sides from two sub-folders; None when there are not exactly one of either kind."""
    sides = []
    for words in (SOURCE_WORDS, TARGET_WORDS):
        named = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name.lower() in words]
        if len(named) != 1:
            return None
        sides.append(_unique((path.stem, path, named[0].name.lower()) for path in _pictures(named[0])))
    return sides[0], sides[1]


def _by_ending(folder: Path) -> tuple[Side, Side]:
    sides = []
    for words in (SOURCE_WORDS, TARGET_WORDS):
        ending = re.compile(rf"(.+)[_-]({'|'.join(words)})", re.IGNORECASE)
        found = ((ending.fullmatch(path.stem), path) for path in _pictures(folder))
        sides.append(_unique((match[1], path, match[2].lower()) for match, path in found if match))
    return sides[0], sides[1]


def _unique(named: Iterable[tuple[str, Path, str]]) -> Side:
    side: dict[str, tuple[Path, str]] = {}
    for name, path, word in named:
        if name in side:
            raise PictureError(f"{side[name][0]} and {path.name} are the same side of one pair; keep one of them.")
        side[name] = path, word
    return side


def _matched(folder: Path, sources: Side, targets: Side) -> list[PicturePair]:
    alone = [path.relative_to(folder) for name, (path, _) in sources.items() if name not in targets]
    alone += [path.relative_to(folder) for name, (path, _) in targets.items() if name not in sources]
    if alone:
        raise PictureError(
            f"Pictures without a partner in {folder}: {_some([str(path) for path in sorted(alone)])}. {_NAMES_SAID}"
        )
    return [
        PicturePair(name, path, targets[name][0], _mode(f"{name}_{word}")) for name, (path, word) in sources.items()
    ]


def _mode(name: str) -> Mode | None:
    words = re.split(r"[^a-z0-9]+", name.lower())
    return "day" if "vnir" in words else "night" if "nir" in words or "850nm" in words else None


def _listed(folder: Path) -> list[PicturePair]:
    path = folder / TABLE
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = {"name", "source", "target"} - set(reader.fieldnames or ())
        if missing:
            raise PictureError(f"{path} has no column {', '.join(sorted(missing))}; it needs name, source, target.")
        pairs = [_row(folder, path, reader.line_num, row) for row in reader]
    if not pairs:
        raise PictureError(f"{path} lists no pairs.")
    absent = [str(picture) for pair in pairs for picture in (pair.source, pair.target) if not picture.is_file()]
    if absent:
        raise PictureError(f"{path} lists pictures that are not there: {_some(absent)}.")
    return pairs


def _row(folder: Path, table: Path, line: int, row: Mapping[str, str | None]) -> PicturePair:
    mode = row.get("mode") or None
    known = get_args(Mode)
    if mode is not None and mode not in known:
        raise PictureError(f"{table} line {line}: mode {mode} is unknown; it can be {' or '.join(known)}.")
    name, source, target = (row[key] or "" for key in ("name", "source", "target"))
    if not (name and source and target):
        raise PictureError(f"{table} line {line}: name, source and target must not be empty.")
    return PicturePair(name, folder / source, folder / target, cast(Mode | None, mode), row.get("place") or None)
