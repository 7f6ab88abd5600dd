"""Where coloured pictures go: an MP4 that plays everywhere, a folder of PNGs, or one PNG.

Each sink writes under a name ending in ``.part`` and takes the final name only when `finish` is reached, so that an
interrupted run leaves nothing that looks complete.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from nirvis_capture.errors import PictureError, WrongOption

Picture = NDArray[np.uint8]
_ITU601 = 6
"""SMPTE 170M in the numbering of H.273: what swscale converts with, said so that no player has to guess."""


class Sink(Protocol):
    """Takes RGB pictures ``(H, W, 3)`` u8 one at a time."""

    def write(self, name: str, picture: Picture) -> None: ...

    def finish(self) -> None:
        """Complete the output and give it its final name."""
        ...

    def discard(self) -> None:
        """Remove what was written so far."""
        ...


class Mp4:
    """An H.264 video (MPEG-4 part 2 where this build of FFmpeg has no x264), yuv420p, index at the front."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path, self._part = path, part_of(path)
        self._rate = Fraction(rate_hz).limit_denominator(1001)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._shape: tuple[int, ...] = ()

    def write(self, name: str, picture: Picture) -> None:
        if self._container is None or self._stream is None:
            self._open(picture.shape)
        if picture.shape != self._shape:
            raise PictureError(
                f"{name} is {_size(picture.shape)}, the video began with {_size(self._shape)}: all its pictures must "
                "have one size. Give a folder as --out instead."
            )
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(_even(picture)), format="rgb24")
        self._encode(frame.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG"))

    def finish(self) -> None:
        if self._container is None:
            raise PictureError(f"nothing was coloured, so {self._path} was not written")
        self._encode(None)
        self._container.close()
        os.replace(self._part, self._path)

    def discard(self) -> None:
        if self._container is not None:
            self._container.close()
        self._part.unlink(missing_ok=True)

    def _open(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        try:
            self._container = av.open(str(self._part), "w", format="mp4", options={"movflags": "faststart"})
        except OSError as error:
            raise PictureError(
                f"{self._path} cannot be written ({error.strerror}). Give --out another place."
            ) from None
        codec, options = _codec()
        stream = self._container.add_stream(codec, rate=self._rate, options=options)
        stream.height, stream.width, stream.pix_fmt = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2, "yuv420p"
        context = stream.codec_context
        context.thread_count = 2
        context.colorspace = context.color_primaries = context.color_trc = _ITU601
        self._stream = stream

    def _encode(self, frame: av.VideoFrame | None) -> None:
        if self._container is not None and self._stream is not None:
            self._container.mux(self._stream.encode(frame))


class PngFolder:
    """One PNG for each picture, under its own name."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, part_of(path)
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir(parents=True)

    def write(self, name: str, picture: Picture) -> None:
        write_png(self._part / f"{name}.png", picture)

    def finish(self) -> None:
        if not self._path.exists():
            os.replace(self._part, self._path)
            return
        for file in sorted(self._part.iterdir()):
            os.replace(file, self._path / file.name)
        self._part.rmdir()

    def discard(self) -> None:
        shutil.rmtree(self._part, ignore_errors=True)


class OnePng:
    def __init__(self, path: Path) -> None:
        self._path, self._part = path, part_of(path)
        self._written = False

    def write(self, name: str, picture: Picture) -> None:
        if self._written:
            raise PictureError(
                f"{name} is the second picture, and {self._path} holds one. Give an .mp4 or a folder as --out."
            )
        write_png(self._part, picture)
        self._written = True

    def finish(self) -> None:
        if not self._written:
            raise PictureError(f"nothing was coloured, so {self._path} was not written")
        os.replace(self._part, self._path)

    def discard(self) -> None:
        self._part.unlink(missing_ok=True)


def refuse_source(out: Path, *sources: Path) -> None:
    """Raises `WrongOption` where what is written would take the place of what it is made of."""
    for source in sources:
        if out.exists() and source.exists() and out.samefile(source):
            raise WrongOption(f"{out} is the source itself, which would be lost. Give --out another name.")


@contextmanager
def open_sink(path: Path, rate_hz: float) -> Iterator[Sink]:
    """The sink that the suffix of `path` asks for; finished on success, discarded on any failure.

    Raises `PictureError` for a suffix that is neither ``.mp4`` nor ``.png`` nor absent.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = _sink(path, rate_hz)
    except OSError as error:
        raise _not_writable(path, error) from None
    try:
        yield sink
        sink.finish()
    except BaseException:
        with suppress(OSError):
            sink.discard()
        raise


def _sink(path: Path, rate_hz: float) -> Sink:
    suffix = path.suffix.lower()
    if path.is_dir() or not suffix:
        if path.is_file():
            raise PictureError(f"{path} is a file, and without .mp4 or .png a folder is meant. Give another --out.")
        return PngFolder(path)
    if suffix == ".mp4":
        return Mp4(path, rate_hz)
    if suffix == ".png":
        return OnePng(path)
    raise PictureError(f"{path} ends in {suffix}; the colour can be written as .mp4, as .png, or into a folder of PNGs")


def _not_writable(path: Path, error: OSError) -> PictureError:
    return PictureError(f"{path} cannot be written ({error.strerror}). Give --out another place.")


def part_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def write_png(path: Path, picture: Picture) -> None:
    """Write RGB ``(H, W, 3)`` u8; light compression, because the disk is faster than zlib."""
    encoded = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    path.write_bytes(encoded.tobytes())


def _codec() -> tuple[Literal["libx264", "mpeg4"], dict[str, str]]:
    if "libx264" in av.codecs_available:
        return "libx264", {"crf": "18", "preset": "veryfast"}
    return "mpeg4", {"qscale": "3"}


def _even(picture: Picture) -> Picture:
    """Repeat the last row and column where the size is odd: yuv420p halves both."""
    rows, columns = picture.shape[0] % 2, picture.shape[1] % 2
    return np.pad(picture, ((0, rows), (0, columns), (0, 0)), "edge") if rows or columns else picture


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
