"""The same moment as the infrared camera saw it, translated, and in truth: whatever of these there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import PictureError
from nirvis_capture.settings import Settings
from nirvis_training.colorizer import Colorizer
from nirvis_training.footage import open_footage

Picture = NDArray[np.uint8]
"""RGB ``(H, W, 3)``."""
View = Literal["input", "translation", "truth"]


class Companions(Settings):
    """Where the other views of a recording come from; picture by picture, in the same order."""

    model: Path | None = None
    """model.onnx of nirvis that translates the source."""
    translated: Path | None = None
    """Instead of a model: the translation, as nirvis colorize wrote it."""
    truth: Path | None = None
    """Visible pictures of the same moments, where the source has none."""


class Views:
    """A recording picture by picture, in one pass through every file.

    source
        A raw clip, a pairs file (which has the truth as well), a video, a folder of pictures, or one picture.

    Raises `PictureError`, `ModelError`, or a `ClipError`.
    """

    def __init__(self, source: Path, companions: Companions | None = None) -> None:
        named = companions or Companions()
        if named.translated is not None and named.model is not None:
            raise PictureError("give either a translated video or a model that translates, not both")
        self._colorizer = None if named.model is None else Colorizer(named.model)
        self._source = open_footage(source, None if self._colorizer is None else self._colorizer.contract)
        others: dict[View, Path | None] = {"translation": named.translated, "truth": named.truth}
        self._others = {view: open_footage(path) for view, path in others.items() if path is not None}
        self.count = self._source.count
        self.rate_hz = self._source.rate_hz

    def __iter__(self) -> Iterator[tuple[str, dict[View, Picture]]]:
        """Name of each picture, and its views."""
        others = [footage.shots() for footage in self._others.values()]
        for number, (shot, *beside) in enumerate(zip_longest(self._source.shots(), *others)):
            if shot is None or None in beside:
                raise PictureError(
                    f"one of the videos has {number} pictures and another has more: they are not of one recording"
                )
            views: dict[View, Picture] = {"input": shot.source}
            if self._colorizer is not None:
                views["translation"] = self._colorizer.colorize(shot.source)
            if shot.target is not None:
                views["truth"] = shot.target
            views |= {view: other.source for view, other in zip(self._others, beside, strict=True)}
            yield shot.name, views
