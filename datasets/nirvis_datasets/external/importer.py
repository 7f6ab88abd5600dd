"""Write what was gathered as pairs and frames files, catalogued and, where its authors divided it, split."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nirvis_capture.disk import is_full
from nirvis_capture.wording import counted
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import UNKNOWN_TIME
from nirvis_datasets.errors import ImportRefused, SplitError
from nirvis_datasets.external.depth import looks_like_bits, over_full_range
from nirvis_datasets.external.found import Found, Gathered
from nirvis_datasets.external.shots import Shots
from nirvis_datasets.external.stand_in_profile import stand_in_profile
from nirvis_datasets.external.videos import Video
from nirvis_datasets.frame_file import FramesHeader, FramesWriter, Side
from nirvis_datasets.split import SPLITS_NAME, Split, SplitRow
from nirvis_datasets.table import write_atomically
from nirvis_registration.aligned_pairs import aligned_header
from nirvis_registration.errors import PairsDiskFull
from nirvis_registration.pair_writer import PART_SUFFIX, PairsWriter
from nirvis_registration.quality import pair_quality
from nirvis_registration.warp import Picture

LEFT_OUT_SUFFIX = ".left-out.txt"
DEFAULT_RATE_HZ = 25.0
"""Of pictures in folders: nobody wrote down their rate."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Source:
    """Where a set comes from, as far as it is written into every file."""

    name: str
    origin: str
    band: str
    compression: str | None = None
    bits: int | None = None
    """Significant bits of 16-bit pictures; None: all."""


@dataclass(frozen=True)
class Imported:
    """What an import made."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def write_imported(
    gathered: Gathered, out: Path, source: Source, published_split: bool = False, progress: Progress | None = None
) -> Imported:
    """Write every recording that was found into `out`, with its catalogue, and a list of what was left out.

    published_split
        Keep the sets of the authors even where they share a place; otherwise such sets are not written down.
    progress
        Called with (pictures done, pictures in all) of one side.

    Raises `ImportRefused` when nothing is left to import, or the disk is too small, and `PictureUnusable`.
    """
    if not gathered.found:
        raise ImportRefused(_nothing(gathered, source))
    _refuse_full_disk(gathered, out, source.compression)
    out.mkdir(parents=True, exist_ok=True)
    total, done = sum(map(len, gathered.found)), 0
    files: list[Path] = []
    for found in gathered.found:
        path = out / _file_name(found)
        if path in files:
            raise ImportRefused(f"Two recordings of {source.origin} would both be {path.name}; import them apart.")
        for _ in _written(found, path, source, gathered.notes):
            done += 1
            if progress is not None:
                progress(done, total)
        files.append(path)
    left_out = out / f"{source.name}{LEFT_OUT_SUFFIX}"
    if gathered.left_out:
        write_atomically(left_out, "".join(f"{line}\n" for line in gathered.left_out))
    else:
        left_out.unlink(missing_ok=True)
    Catalogue.build(out).write()
    notes = [*gathered.notes, *_split_notes(gathered, out, published_split)]
    return Imported(tuple(files), tuple(gathered.left_out), tuple(notes))


def _written(found: Found, path: Path, source: Source, notes: list[str]) -> Iterator[None]:
    """Write one file, a step for each picture or pair. Raises `ImportRefused` when the disk or a video ends early."""
    try:
        write = _write_pairs if len(found.sides) == 2 else _write_frames
        yield from write(found, path, source, notes)
    except (OSError, RuntimeError, PairsDiskFull) as error:
        path.with_name(path.name + PART_SUFFIX).unlink(missing_ok=True)
        if isinstance(error, PairsDiskFull) or is_full(error):
            raise ImportRefused(
                f"The disk of {path} is full: nothing of this recording was kept. Free some space, or choose another "
                f"disk{'' if source.compression else ' or --compression gzip'}, and import again."
            ) from None
        raise ImportRefused(f"{path} cannot be written: {' '.join(str(error).split())}.") from None
    except ValueError as error:
        raise ImportRefused(f"{path.name} was not written: {error}.") from None


def _write_pairs(found: Found, path: Path, source: Source, notes: list[str]) -> Iterator[None]:
    width, height = found.size
    sides = (_Side(found, "source", source), _Side(found, "target", source))
    deep = any(side.deep for side in sides)
    header = aligned_header(
        found.facts.name,
        found.size,
        _profile(found, source, deep),
        mode=found.facts.mode,
        start_time=UNKNOWN_TIME,
        part=found.part,
        light=found.facts.light,
        place=found.facts.place,
        origin=source.origin,
        origin_sha256=found.sides["source"].sha256(),
        bit_depth=16 if deep else 8,
        settings=json.dumps({"imported": source.name}),
    )
    with PairsWriter(path, header, np.ones((height, width), bool), len(found), source.compression) as writer:
        index = found.sides["source"].index()
        for number, *pictures in zip(index, *(side.pictures() for side in sides), strict=False):
            seen, wanted = (_deepened(picture, deep) for picture in pictures)
            writer.write(number, seen, wanted, pair_quality(seen, wanted))
            yield
    notes += [note for side in sides for note in side.notes()]


def _write_frames(found: Found, path: Path, source: Source, notes: list[str]) -> Iterator[None]:
    ((side, shots),) = found.sides.items()
    pictures = _Side(found, side, source)
    header = FramesHeader(
        side=side,
        recording_id=found.facts.name,
        part=found.part,
        mode=found.facts.mode,
        light=found.facts.light,
        place=found.facts.place,
        start_time=UNKNOWN_TIME,
        origin=source.origin,
        origin_sha256=shots.sha256(),
        profile_text=_profile(found, source, pictures.deep),
        bit_depth=16 if pictures.deep else 8,
    )
    shape = (found.size[1], found.size[0])
    with FramesWriter(path, header, shape, np.asarray(shots.index(), np.int64), source.compression) as writer:
        for picture in pictures.pictures():
            writer.write(picture)
            yield
    notes += pictures.notes()


class _Side:
    """The pictures of one side as they are written: all like the first, 16 bits over their full range."""

    def __init__(self, found: Found, side: Side, source: Source) -> None:
        self.deep = _deep(found.sides[side])
        self._found = found
        self._side = side
        self._bits = source.bits
        self._highest = 0

    def pictures(self) -> Iterator[Picture]:
        for picture in self._found.sides[self._side].pictures():
            whole = _checked(picture, self._found, self.deep)
            self._highest = max(self._highest, int(whole.max()))
            yield whole if self._bits is None else over_full_range(whole, self._bits, self._found.facts.name)

    def notes(self) -> list[str]:
        """Afterwards: what is odd about their values."""
        bits = looks_like_bits(self._highest) if self.deep and self._bits is None else None
        if bits is None:
            return []
        return [
            f"{self._found.facts.name}: no {self._side} has a value above {self._highest} of 65535, and all are nearly "
            f"black. If they hold {bits} bits, import them again with --bits {bits}"
        ]


def _profile(found: Found, source: Source, deep: bool) -> str:
    rates = [shots.rate_hz for shots in found.sides.values() if isinstance(shots, Video)]
    band = source.band if source.band != "nir850" or found.facts.mode == "night" else "vnir"
    rate_hz = min(rates) if rates else DEFAULT_RATE_HZ
    return stand_in_profile(source.name, found.facts.mode, band, found.size, rate_hz, 16 if deep else 8)


def _deep(shots: Shots) -> bool:
    """Whether the first picture has 16 bits; the others have to agree."""
    return next(iter(shots.pictures())).dtype == np.uint16


def _checked(picture: Picture, found: Found, deep: bool) -> Picture:
    """A picture that is as large and as deep as the first of its side. Raises `ImportRefused`."""
    if picture.shape[:2] != (found.size[1], found.size[0]) or (picture.dtype == np.uint16) != deep:
        raise ImportRefused(
            f"{found.facts.name} mixes pictures of {found.size[0]}×{found.size[1]} px and {16 if deep else 8} bit with "
            f"one of {picture.shape[1]}×{picture.shape[0]} px and {8 * picture.itemsize} bit: import them apart."
        )
    return picture


def _deepened(picture: Picture, deep: bool) -> Picture:
    """As u16 over the full range where `deep`; white stays white."""
    return picture.astype(np.uint16) * 257 if deep and picture.dtype == np.uint8 else picture


def _file_name(found: Found) -> str:
    part = f"-{found.part}" if found.part > 1 else ""
    kind = "pairs" if len(found.sides) == 2 else f"{next(iter(found.sides))}.frames"
    return f"{found.facts.name}{part}.{kind}.h5"


def _bytes(found: Found) -> int:
    """As the pictures lie in memory, which is more than a JPEG takes."""
    deep = any(_deep(shots) for shots in found.sides.values())
    return len(found.sides) * len(found) * found.size[0] * found.size[1] * 3 * (2 if deep else 1)


def _refuse_full_disk(gathered: Gathered, out: Path, compression: str | None) -> None:
    needed = sum(_bytes(found) for found in gathered.found)
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free and compression is None:
        raise ImportRefused(
            f"{needed / 1e9:.1f} GB are needed in {out} and {free / 1e9:.1f} GB are free. Choose another disk, or "
            "--compression gzip."
        )


def _nothing(gathered: Gathered, source: Source) -> str:
    reasons = f", the first: {gathered.left_out[0]}" if gathered.left_out else ""
    alone = any("has no partner" in line for line in gathered.left_out)
    advice = " If order rather than names says what belongs together: --pair-by index" if alone else ""
    left_out = counted(len(gathered.left_out), "picture")
    return f"{source.origin} holds nothing to import; left out: {left_out}{reasons}.{advice}"


def _split_notes(gathered: Gathered, out: Path, published_split: bool) -> list[str]:
    """Write splits.csv where the authors divided all of their set, and say when that was not done."""
    facts = sorted({found.facts for found in gathered.found}, key=lambda known: known.name)
    if not all(known.subset for known in facts):
        return []
    csv = out / SPLITS_NAME
    former = Split.read(csv).rows if csv.exists() else ()
    names = {known.name for known in facts}
    rows = [row for row in former if row.recording_id not in names] + [
        SplitRow(
            recording_id=known.name,
            place="" if published_split else known.place,
            mode=known.mode,
            set=known.subset or "train",
        )
        for known in facts
    ]
    try:
        Split.checked(rows).write(csv)
    except SplitError as error:
        return [
            f"splits.csv was not written: in the sets of its authors {str(error).splitlines()[0]} "
            "To have them all the same: --published-split"
        ]
    return [f"splits.csv has the sets that its authors published{', places not compared' if published_split else ''}"]
