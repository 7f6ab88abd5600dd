"""Real cameras belong to others: they are given back as they were, whatever ends the program."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping

from nirvis_capture.camera import Arm, Backend, Camera
from nirvis_capture.errors import CameraError
from nirvis_capture.patience import ANSWER_PATIENCE_S


class Borrowed:
    """A driver that is closed when the program ends without doing so, and never while it still opens a camera.

    Whoever closes it meanwhile waits: a camera that is half configured is in no list yet, and nobody would restore it.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._turn = threading.Lock()

    def serials(self) -> list[str]:
        with self._turn:
            return self._backend.serials()

    def open(self) -> Mapping[Arm, Camera]:
        # A program that ends without closing leaves cameras that stream, and a driver that may not let it end.
        atexit.register(self.close)
        try:
            with self._turn:
                return self._backend.open()
        except BaseException:
            atexit.unregister(self.close)
            raise

    def close(self) -> None:
        if not self._turn.acquire(timeout=ANSWER_PATIENCE_S):
            raise CameraError(
                "The driver hangs while it opens its cameras, so that they cannot be closed. Pull their plugs, and put "
                "them back."
            )
        try:
            self._backend.close()
        finally:
            self._turn.release()
        atexit.unregister(self.close)
