"""One row of the catalogue: what a clip or a pairs file says of itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nirvis_capture.clip import Clip
from nirvis_capture.profile import Mode
from nirvis_datasets.errors import DatasetError, ExportRefused
from nirvis_datasets.frame_file import FramesFile
from nirvis_datasets.table import first_mistake
from nirvis_registration.pair_file import PairsFile

Kind = Literal["clip", "pairs", "frames"]
"""A raw clip; registered pairs; or pictures of one side without partners, as unpaired sets have them."""
UNKNOWN_TIME = datetime.fromtimestamp(0, timezone.utc)
"""Start of a recording whose time nobody wrote down."""

_HASH_BLOCK = 1 << 22


class Entry(BaseModel):
    """A clip, a pairs file or a file of frames, as written in one line of ``catalogue.csv``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    path: str
    """Relative to the folder of the catalogue, with forward slashes."""
    recording_id: str
    part: int = Field(default=1, ge=0)
    mode: Mode
    light: str = ""
    """``day``, ``dusk``, ``led_night``, or what the operator wrote."""
    place: str = ""
    """Where it was recorded; empty when unknown. May be filled in by hand: it stays while the file has none."""
    start_time: datetime | None = None
    """Empty when unknown, as of most imported sets."""
    pairs: int = Field(ge=0)
    """Complete pairs."""
    frames: int | None = None
    """Pictures of a file of frames."""
    side: Literal["", "source", "target"] = ""
    """What the frames are; empty of clips and pairs, which have both sides."""
    width: int | None = None
    height: int | None = None
    """Size of the pictures, in pixels."""
    bit_depth: int | None = None
    """Significant bits of what the pictures were made of."""
    seconds: float | None = None
    """Length of a clip."""
    lost: int | None = None
    """Rows of a clip's pair table that are no complete pair: drops, missed triggers, edges."""
    claim: str = ""
    """What the certificate of a clip claims: ``synchrony`` or ``integrity``."""
    residual_px: float | None = None
    """Median over the pairs of what registration left, in pixels of the stored pictures."""
    error_px: float | None = None
    """Reprojection error of the homography, in sensor pixels."""
    inliers: int | None = None
    sharpness: float | None = None
    """Median over the pairs."""
    saturation: float | None = None
    """Median over the pairs of the share of saturated pixels."""
    sha256: str
    """Of a clip: its identity in the certificate. Of a pairs file: of its bytes."""
    size_bytes: int = Field(ge=0)

    @property
    def stem(self) -> str:
        """Its path without suffix, fit to begin a file name and without dots; see `refuse_equal_stems`."""
        return re.sub(r"[/.]", "-", re.sub(r"\.[a-z]+\.h5$", "", self.path))


def refuse_equal_stems(entries: Iterable[Entry]) -> None:
    """Raises `ExportRefused` for two files whose pictures would have the same names when they lie beside each other."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.stem, entry)
        if first is not entry:
            raise ExportRefused(
                f"Pictures of {first.path} and of {entry.path} would both be called {entry.stem}-000000, so that one "
                "would replace the other. Rename one of the files and catalogue the folder again."
            )


def read_clip(path: Path, name: str) -> Entry:
    """Describe a clip by its header, pair table and certificate. Raises `ClipError`."""
    with Clip.open(path) as clip:
        return Entry(
            kind="clip",
            path=name,
            recording_id=clip.recording_id,
            part=clip.part,
            mode=clip.mode,
            light=clip.light,
            place=clip.place or "",
            start_time=clip.start_time,
            pairs=len(clip),
            seconds=round((clip.end_time - clip.start_time).total_seconds(), 3),
            lost=len(clip.pairs) - len(clip),
            claim=clip.certificate.claim,
            sha256=clip.sha256,
            size_bytes=path.stat().st_size,
        )


def read_pairs(path: Path, name: str) -> Entry:
    """Describe a pairs file by its provenance and its quality figures. Raises `NirvisError`."""
    with PairsFile.open(path) as pairs:
        return Entry(
            kind="pairs",
            path=name,
            recording_id=pairs.recording_id,
            part=pairs.part,
            mode=pairs.mode,
            light=pairs.light,
            place=pairs.place or "",
            start_time=_known(pairs.start_time),
            pairs=len(pairs),
            width=pairs.valid.shape[1],
            height=pairs.valid.shape[0],
            bit_depth=pairs.bit_depth,
            residual_px=_median(pairs.table["residual_px"]),
            error_px=_finite(pairs.error_px),
            inliers=pairs.inliers,
            sharpness=_median(pairs.table["sharpness"]),
            saturation=_median(pairs.table["saturation"]),
            sha256=sha256_of(path),
            size_bytes=path.stat().st_size,
        )


def read_frames(path: Path, name: str) -> Entry:
    """Describe a file of frames. Raises `FramesFileError`."""
    with FramesFile.open(path) as frames:
        header = frames.header
        return Entry(
            kind="frames",
            path=name,
            recording_id=header.recording_id,
            part=header.part,
            mode=header.mode,
            light=header.light,
            place=header.place,
            start_time=_known(header.start_time),
            pairs=0,
            frames=len(frames),
            side=header.side,
            width=frames.shape[1],
            height=frames.shape[0],
            bit_depth=header.bit_depth,
            sha256=sha256_of(path),
            size_bytes=path.stat().st_size,
        )


_READERS: dict[str, Callable[[Path, str], Entry]] = {
    ".clip.h5": read_clip,
    ".pairs.h5": read_pairs,
    ".frames.h5": read_frames,
}
SUFFIXES = tuple(_READERS)
"""How the names of files end that have an entry."""


def read_entry(folder: Path, name: str) -> Entry:
    """Describe one file below `folder`. Raises `NirvisError` with one line, whatever is wrong with the file."""
    suffix = next(suffix for suffix in SUFFIXES if name.endswith(suffix))
    try:
        return _READERS[suffix](folder / name, name)
    except ValidationError as error:
        raise DatasetError(f"{folder / name}: {first_mistake(error)}") from None
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        # What h5py raises where bytes of a file are damaged behind a sound header.
        raise DatasetError(f"{folder / name} cannot be read: {' '.join(str(error).split())}") from None


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _known(time: datetime) -> datetime | None:
    return None if time == UNKNOWN_TIME else time


def _median(values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return round(float(np.median(finite)), 4) if len(finite) else None


def _finite(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
