"""What can be coloured, and how it is shown: a raw clip, a pairs file, a video, a folder of pictures, one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.clip import Clip
from nirvis_capture.corrected_clip import open_corrected
from nirvis_capture.errors import PictureError
from nirvis_capture.picture_file import PICTURE_SUFFIXES, in_eight_bits, read_picture
from nirvis_capture.raw import developed_as
from nirvis_registration.pair_file import PairsFile
from nirvis_training.model_contract import ModelContract
from nirvis_training.source_picture import source_picture

Picture = NDArray[np.uint8]
Colour = Callable[[Picture], Picture]
"""What colours a picture, RGB ``(H, W, 3)`` u8: an exported model, or a method while it is trained."""
DEFAULT_RATE_HZ = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One NIR picture to colour, RGB ``(H, W, 3)`` u8, and the visible one where it is known."""

    name: str
    source: Picture
    target: Picture | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """Pictures in their order, read one at a time."""

    count: int
    """0 where the file does not say."""
    rate_hz: float
    shots: Callable[[], Iterator[Shot]]


def coloured(shots: Iterable[Shot], colour: Colour, *, side_by_side: bool) -> Iterator[tuple[str, Picture]]:
    """Name and colour of each shot, one in memory at a time; `beside` input and truth if so asked."""
    for shot in shots:
        found = colour(shot.source)
        yield shot.name, beside(shot, found) if side_by_side else found


def beside(shot: Shot, colour: Picture) -> Picture:
    """Input | colour, and the visible truth beside them where the shot has it: ``(H, n W, 3)``."""
    truth = [] if shot.target is None else [shot.target]
    return np.hstack([shot.source, colour, *truth])


def open_footage(path: Path, contract: ModelContract | None = None) -> Footage:
    """What lies at `path`, by its suffix.

    contract
        Of the model that will colour it: the frames of a raw clip are cropped and scaled as in its training. Pictures
        and videos keep their size.

    Raises `PictureError`, or a `ClipError` for a clip that cannot be read.
    """
    if not path.exists():
        raise PictureError(f"there is nothing at {path}")
    if path.is_dir():
        return _folder(path)
    name = path.name.lower()
    if name.endswith((".clip.h5", ".clip.h5.part")):
        return _clip(path, contract)
    if name.endswith(".pairs.h5"):
        return _pairs(path)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return Footage(1, DEFAULT_RATE_HZ, lambda: iter([_still(path)]))
    return _video(path)


def _still(path: Path) -> Shot:
    return Shot(path.stem, in_eight_bits(read_picture(path)))


def _folder(path: Path) -> Footage:
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())
    if not files:
        raise PictureError(f"{path} holds no pictures ({', '.join(PICTURE_SUFFIXES)})")
    return Footage(len(files), DEFAULT_RATE_HZ, lambda: map(_still, files))


def _clip(path: Path, contract: ModelContract | None) -> Footage:
    with Clip.open(path) as clip:
        count, rate_hz = len(clip.arms["nir"]), clip.profile.trigger.rate_hz
        height, width = clip.arms["nir"].shape
        geometry = None if contract is None else contract.geometry_for(clip.mode, (width, height))

    def shots() -> Iterator[Shot]:
        with open_corrected(path) as clip:
            development = developed_as(clip.profile.nir)
            for index in range(count):
                yield Shot(f"{index:06d}", source_picture(clip.arms["nir"].frame(index), development, geometry))

    return Footage(count, rate_hz, shots)


def _pairs(path: Path) -> Footage:
    with PairsFile.open(path) as pairs:
        count, rate_hz = len(pairs), pairs.profile.trigger.rate_hz

    def shots() -> Iterator[Shot]:
        with PairsFile.open(path) as pairs:
            for index in range(count):
                yield Shot(f"{index:06d}", in_eight_bits(pairs.source(index)), in_eight_bits(pairs.target(index)))

    return Footage(count, rate_hz, shots)


def _video(path: Path) -> Footage:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            count, rate = stream.frames, stream.average_rate
    except (av.FFmpegError, IndexError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else "it has no picture track"
        raise PictureError(f"{path} is neither a clip, a pairs file, a picture nor a video: {reason}") from None
    return Footage(count, float(rate or DEFAULT_RATE_HZ), lambda: _decode(path))


def _decode(path: Path) -> Iterator[Shot]:
    try:
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                yield Shot(f"{index:06d}", frame.to_ndarray(format="rgb24"))
    except av.FFmpegError as error:
        raise PictureError(f"{path} cannot be decoded to its end: {error.strerror}") from None
