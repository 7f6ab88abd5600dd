"""One MP4 video that plays everywhere."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from nirvis_registration.warp import Picture

_ITU601 = 6
"""SMPTE 170M in the numbering of H.273."""
_QUALITY = "14"
"""Constant rate factor of x264; below the losses that an eye finds."""


class Mp4:
    """H.264, or MPEG-4 part 2 where this build of FFmpeg has no x264; yuv420p. An odd side gains one black row."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self._rate = Fraction(rate_hz or 25).limit_denominator(1001)
        self._stream: Any = None

    def write(self, picture: Picture) -> None:
        """Append one RGB picture ``(H, W, 3)`` u8."""
        height, width = picture.shape[:2]
        even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)))
        if self._stream is None:
            self._begin(even.shape[1], even.shape[0])
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def _begin(self, width: int, height: int) -> None:
        x264 = "libx264" in av.codecs_available
        options = {"crf": _QUALITY} if x264 else {"qscale": "2"}
        self._stream = self._container.add_stream("libx264" if x264 else "mpeg4", rate=self._rate, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _ITU601
