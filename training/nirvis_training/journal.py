"""What a run says of itself while it trains: metrics.jsonl, TensorBoard, pictures. Logging never stops a run."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import PictureError
from nirvis_training.run_folder import RunFolder, Status, replacing
from nirvis_training.video import open_sink, write_png

if TYPE_CHECKING:
    from nirvis_training.event_file import EventFile

logger = logging.getLogger(__name__)

PICTURES_KEPT = 32
_VIDEO_HZ = 10

Picture = NDArray[np.uint8]
"""RGB ``(H, W, 3)``."""


class Journal:
    """Writes what training tells; a disk that refuses is a warning, once, and never an error.

    samples
        Lines beyond this are of a future that did not happen, and are removed: a run that was killed had gone on for
        a while after its last checkpoint.
    """

    def __init__(self, run: RunFolder, samples: int = 0) -> None:
        self._run = run
        self._complained = False
        self._board: EventFile | None = None
        with self._tolerant():
            self._forget_after(samples)
        with self._tolerant():
            self._board = _event_file(run, samples)

    def line(self, samples: int, seconds: float, values: Mapping[str, float]) -> None:
        """Append one line: where the run is, and what was measured there."""
        entry = {"samples": samples, "seconds": round(seconds, 3), **values}
        with self._tolerant(), self._run.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        for name, value in values.items():
            with self._tolerant():
                if self._board is not None:
                    self._board.scalar(name, value, samples)

    def status(self, status: Status) -> None:
        """How far the run is; the newest replaces the one before."""
        with self._tolerant():
            self._run.write_status(status)

    def pictures(self, samples: int, pictures: Mapping[str, Picture]) -> None:
        """One PNG for each name, the newest of all validations kept; at half size in TensorBoard, which keeps all."""
        for name, picture in pictures.items():
            path = self._run.path / "pictures" / f"{samples:09d}-{name}.png"
            with self._tolerant(), replacing(path) as part:
                write_png(part, picture)
            with self._tolerant():
                if self._board is not None:
                    self._board.picture(name, picture[::2, ::2], samples)
        with self._tolerant():
            for old in self._run.pictures[:-PICTURES_KEPT]:
                old.unlink()

    def video(self, pictures: Iterable[Picture]) -> None:
        """A short film, the newest of all validations kept."""
        with self._tolerant(), open_sink(self._run.validation_video, _VIDEO_HZ) as sink:
            for picture in pictures:
                sink.write("validation", picture)

    def close(self) -> None:
        with self._tolerant():
            if self._board is not None:
                self._board.close()

    def _forget_after(self, samples: int) -> None:
        kept = [line for line in self._run.metrics() if line["samples"] <= samples]
        with replacing(self._run.metrics_file) as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError, PictureError) as error:
            if not self._complained:
                logger.warning("part of the log of %s is lost, training goes on: %s", self._run.path, error)
            self._complained = True


def _event_file(run: RunFolder, samples: int) -> EventFile | None:
    """None where TensorBoard is not installed."""
    with warnings.catch_warnings(), suppress(ImportError):
        # TensorBoard and protobuf deprecate each other's parts when they are imported.
        warnings.simplefilter("ignore")
        from nirvis_training.event_file import EventFile

        return EventFile(run.path / "tensorboard", samples + 1 if samples else None)
    return None
