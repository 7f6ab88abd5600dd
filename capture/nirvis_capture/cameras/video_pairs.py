"""Two video files, one for each arm, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import PictureError


@dataclass(frozen=True)
class VideoFacts:
    """What a file says before it is played."""

    width: int
    height: int
    frames: int
    rate_hz: float


def video_facts(path: Path) -> VideoFacts:
    """Size (cropped to even sides), length and rate. Raises `PictureError` when it cannot be played."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 25)
        width, height = stream.width // 2 * 2, stream.height // 2 * 2
        # The header may lie about the length, and some formats do not say it.
        frames = sum(packet.size > 0 for packet in container.demux(stream))
    if frames == 0 or width == 0 or height == 0:
        raise PictureError(f"{path} holds no frames.")
    return VideoFacts(width, height, frames, rate)


class VideoReader:
    """Frames of one file by number; cheap as long as the numbers rise."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frames: Iterator[NDArray[np.uint8]] = iter(())
        self._next = 0
        self._newest: NDArray[np.uint8] | None = None
        self._started = False

    def frame(self, number: int) -> NDArray[np.uint8] | None:
        """RGB u8 ``(H, W, 3)``, even sides; None beyond the end."""
        if not self._started or number < self._next - 1:
            self._started, self._next = True, 0
            self._frames = _decoded(self._path)
        while self._next <= number:
            self._newest = next(self._frames, None)
            self._next += 1
            if self._newest is None:
                return None
        return self._newest


def _decoded(path: Path) -> Iterator[NDArray[np.uint8]]:
    import av

    with _opened(path) as container:
        try:
            for frame in container.decode(video=0):
                rgb = frame.to_ndarray(format="rgb24")
                yield rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]
        except av.FFmpegError as error:
            raise PictureError(f"{path} is damaged: {error}.") from None


def _opened(path: Path) -> Any:
    import av

    if not path.is_file():
        raise PictureError(f"There is no video file {path}.")
    try:
        container = av.open(str(path))
    except av.FFmpegError as error:
        raise PictureError(f"{path} cannot be played as a video: {error}.") from None
    if not container.streams.video:
        container.close()
        raise PictureError(f"{path} has no video in it.")
    return container
