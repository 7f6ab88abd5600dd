"""Scalars and pictures for TensorBoard, written by whoever tells them and not by a thread."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import image, scalar

_VERSION = "brain.Event:2"


class EventFile:
    """A new event file in `folder`.

    TensorBoard's own writer writes from a thread, which a full disk ends with a traceback and for good. Here it is the
    caller who gets the `OSError`, of an event that is missing whole, and the next ones are written where there is room
    again.

    from_step
        Events from this step on that lie in the folder already are of a future that did not happen.
    """

    def __init__(self, folder: Path, from_step: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        name = f"events.out.tfevents.{seconds:010d}.{socket.gethostname()}.{os.getpid()}.{nanoseconds:09d}"
        self._file = _WholeWrites(folder / name)
        self._records = RecordWriter(self._file)
        self._write(Event(file_version=_VERSION))
        if from_step is not None:
            self._write(Event(step=from_step, session_log=SessionLog(status=SessionLog.START)))

    def scalar(self, name: str, value: float, step: int) -> None:
        self._tell(scalar(name, value), step)  # type: ignore[no-untyped-call]

    def picture(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """RGB ``(H, W, 3)``."""
        self._tell(image(name, picture, dataformats="HWC"), step)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self._file.close()

    def _tell(self, summary: Summary, step: int) -> None:
        self._write(Event(summary=summary, step=step))

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())


class _WholeWrites:
    """A file that takes what is written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)

    def write(self, record: bytes) -> None:
        end = self._file.tell()
        left = memoryview(record)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(end)
            self._file.seek(end)
            raise

    def close(self) -> None:
        self._file.close()
