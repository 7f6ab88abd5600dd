"""Colour a whole recording, video or folder with an exported model; memory does not grow with its length."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from nirvis_training.colorizer import Colorizer, Precision
from nirvis_training.footage import coloured, open_footage
from nirvis_training.video import open_sink, refuse_source

Progress = Callable[[int, int], None]
"""Called with how many pictures are done and how many there are (0: unknown)."""


def colorize_to(
    model: Path,
    source: Path,
    out: Path,
    *,
    rate_hz: float | None = None,
    side_by_side: bool = False,
    precision: Precision = "auto",
    threads: int | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the colour of `source` to `out` and return `out`.

    source
        A raw clip (its nir arm), a pairs file, a video, a folder of pictures, or one picture.
    out
        ``.mp4``, ``.png`` for one picture, or a folder.
    rate_hz
        Pictures per second of the video; the rate of the source when None.
    side_by_side
        Show input | colour, and the visible truth beside them where the source has it.
    limit
        Stop after so many pictures.

    Raises `ModelError`, `PictureError`, or a `ClipError`.
    """
    refuse_source(out, source)
    colorizer = Colorizer(model, threads=threads, precision=precision)
    footage = open_footage(source, colorizer.contract)
    count = min(footage.count, limit) if limit else footage.count
    shots = islice(footage.shots(), limit)
    with open_sink(out, rate_hz or footage.rate_hz) as sink:
        for done, shown in enumerate(coloured(shots, colorizer.colorize, side_by_side=side_by_side), start=1):
            sink.write(*shown)
            if progress is not None:
                progress(done, count)
    return out
