"""The newest pictures on their way to the window: read, demosaiced and made small in a thread of their own.

Nothing queues here. The feed looks at the newest snapshot about twenty times a second, and not before the window has
painted the last one: a slow window skips pairs, and the recorder never waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import Qt, QTimer, pyqtSignal, pyqtSlot

from nirvis_capture.errors import RecorderError
from nirvis_capture.slot import Slot, Snapshot
from nirvis_gui.arm_picture import Extent, Picture
from nirvis_gui.live_pictures import Look, Looking
from nirvis_gui.workers import Worker

PERIOD_MS = 45


@dataclass(frozen=True, eq=False)
class ColourPicture:
    """The newest recovered colour."""

    picture: Picture
    extent: Extent | None
    """None when the model saw the whole picture of the nir arm."""
    rate_hz: float
    compute_ms: float
    model: str

    @property
    def caption(self) -> str:
        rate = f"{self.rate_hz:.1f} Hz" if self.rate_hz else "…"
        return f"{self.model} · {rate} · {self.compute_ms:.0f} ms"


class PictureFeed(Worker):
    """Reads the slots of the recorder and of the colorizer."""

    arrived = pyqtSignal(object)
    """`LivePictures`; answer with `taken` once they are painted."""
    colour_arrived = pyqtSignal(object)
    """`ColourPicture`; answer with `colour_taken`."""

    def __init__(self) -> None:
        super().__init__()
        self._pair, self._colour = _Reader(), _Reader()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._look)
        self._look_as = Look()
        self._looking = Looking()

    def watch(self, slot: Path | None) -> None:
        """Show what the recorder publishes at `slot`; None for nothing."""
        self.post("pictures", lambda: self._watch(self._pair, slot))

    def watch_colour(self, slot: Path | None) -> None:
        """Show what the colorizer publishes at `slot`; None for nothing."""
        self.post("colour", lambda: self._watch(self._colour, slot))

    def look(self, look: Look) -> None:
        """How the pictures are wanted from now on."""
        self._look_as = look

    def taken(self) -> None:
        """The window has painted the pair; called from its thread."""
        self._pair.free.set()

    def colour_taken(self) -> None:
        self._colour.free.set()

    def release(self) -> None:
        self._timer.stop()
        self._pair.leave()
        self._colour.leave()

    def _watch(self, reader: _Reader, slot: Path | None) -> None:
        reader.look_at(slot)
        self._looking = Looking()
        if self._pair.path or self._colour.path:
            self._timer.start(PERIOD_MS)
        else:
            self._timer.stop()

    # Without the decoration PyQt would call it in the thread that the object was made in.
    @pyqtSlot()
    def _look(self) -> None:
        self._pair.pass_on(self._pass_pair)
        self._colour.pass_on(lambda snapshot: self.colour_arrived.emit(colour_picture(snapshot)))

    def _pass_pair(self, snapshot: Snapshot) -> None:
        self.arrived.emit(self._looking.pictures(snapshot, self._look_as, time.monotonic()))


class _Reader:
    """One slot that may not be there yet, and may be replaced by another one at the same path."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.free = threading.Event()
        self._slot: Slot | None = None
        self._seen = 0

    def look_at(self, path: Path | None) -> None:
        self.leave()
        self.path = path
        self.free.set()

    def leave(self) -> None:
        if self._slot is not None:
            self._slot.close()
        self._slot, self._seen = None, 0

    def pass_on(self, receive: Callable[[Snapshot], None]) -> None:
        """Give the newest snapshot to `receive` if there is one and the last one was painted."""
        if not self.free.is_set() or not self._attached() or self._slot is None:
            return
        snapshot = self._slot.newest(self._seen)
        if snapshot is not None:
            self._seen = snapshot.sequence
            self.free.clear()
            receive(snapshot)

    def _attached(self) -> bool:
        if self._slot is not None and self._slot.ended:
            self.leave()
        if self._slot is None and self.path is not None:
            try:
                self._slot = Slot.attach(self.path)
            except RecorderError:
                return False
        return self._slot is not None


def colour_picture(snapshot: Snapshot) -> ColourPicture:
    """What the colorizer published."""
    meta = snapshot.meta
    extent = meta.get("extent")
    return ColourPicture(
        picture=snapshot.arrays["colour"],
        extent=(extent[0], extent[1], extent[2], extent[3]) if extent else None,
        rate_hz=meta["rate_hz"],
        compute_ms=meta["compute_ms"],
        model=meta["model"],
    )
