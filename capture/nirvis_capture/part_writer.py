"""The clips of one recording, one after the other, as the writer thread makes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nirvis_capture.anchor import Anchor
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.errors import NirvisError
from nirvis_capture.row import Row


@dataclass(frozen=True, slots=True)
class Part:
    """What the rows after it belong to."""

    number: int
    """From 1."""
    anchor: Anchor | None
    start_time: datetime
    """Of its first exposure, as the recording counts."""


class PartWriter:
    """Writes rows into the clip of the part that was begun last; a part without rows leaves no file.

    A full part is certified in the background: to bring its last bytes safely to the disk may take as long as the ring
    lasts, and rows go on coming. Never more than one is, so that a slow disk cannot pile them up.

    open_part
        Opens the clip of a part.
    """

    def __init__(self, open_part: Callable[[Part], ClipWriter]) -> None:
        self.clip: Path | None = None
        """The last clip that was certified."""
        self.rows = 0
        """Rows that were written, in all parts."""
        self._open_part = open_part
        self._part: Part | None = None
        self._writer: ClipWriter | None = None
        self._closing: threading.Thread | None = None
        self._failure: Exception | None = None
        self._previous = ""

    def begin(self, part: Part) -> None:
        """Rows belong to this part from now on."""
        self._part = part

    def write(self, row: Row) -> None:
        """Raises what the disk said, of this row or of the clip that was certified meanwhile."""
        self._raise_failure()
        if self._part is not None:
            part, self._part = self._part, None
            self._leave_for(part)
            self._writer = self._open_part(part)
        if self._writer is not None:
            self._writer.write(row)
            self.rows += 1

    def close(self, ended: str) -> None:
        """Certify what is open. Raises `NirvisError` or `OSError` when the disk refuses."""
        self._wait()
        writer, self._writer = self._writer, None
        if writer is not None:
            self._close(writer, ended)

    def abort(self) -> None:
        """Leave what is open as it is."""
        if self._closing is not None:
            self._closing.join()
        if self._writer is not None:
            self._writer.abort()

    def _leave_for(self, part: Part) -> None:
        """Certify the clip of the part before, if there is one."""
        self._wait()
        writer, self._writer = self._writer, None
        if writer is not None:
            ended = f"its length was reached; goes on in part {part.number}"
            self._closing = threading.Thread(
                target=self._close_in_background, args=(writer, ended), name="certifier", daemon=True
            )
            self._closing.start()

    def _close(self, writer: ClipWriter, ended: str) -> None:
        try:
            self.clip = writer.close(ended, previous=self._previous)
            self._previous = writer.sha256
        except BaseException:
            writer.abort()
            raise

    def _close_in_background(self, writer: ClipWriter, ended: str) -> None:
        try:
            self._close(writer, ended)
        except (OSError, RuntimeError, ValueError, NirvisError) as failure:
            self._failure = failure

    def _wait(self) -> None:
        if self._closing is not None:
            self._closing.join()
            self._closing = None
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
