"""The newest pictures on their way to the window: read, demosaiced and made small in a thread of their own.

Nothing queues here. The feed looks at the newest snapshot about twenty times a second, and not before the window has
painted the last one: a slow window skips pairs, and the recorder never waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PyQt5.QtCore import Qt, QTimer, pyqtSignal, pyqtSlot

from nirvis_capture import optics
from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.errors import RecorderError
from nirvis_capture.raw import demosaic, superpixel
from nirvis_capture.slot import Slot, Snapshot
from nirvis_gui.live_view import Extent, Picture
from nirvis_gui.workers import Worker

PERIOD_MS = 45


@dataclass(frozen=True, eq=False)
class ArmPicture:
    """One arm, as a person at the rig sees the scene."""

    picture: Picture
    extent: Extent
    exposure_us: float
    gain_db: float
    saturated: float
    """Share of the raw counts at full scale, of the colour that has most of them."""
    focus: float
    """See `nirvis_capture.optics.focus`: larger is sharper, of one scene."""
    frame_id: int
    timestamp_ns: int
    rate_hz: float | None = None
    """Exposures per second since the picture before, by the counter and clock of the camera."""
    not_corrected: str = ""
    """Why the dark and flat frames of the profile were not applied; empty when they were, or when it names none."""

    @property
    def caption(self) -> str:
        rate = f"{self.rate_hz:.1f} Hz · " if self.rate_hz else ""
        doubt = " · not corrected" if self.not_corrected else ""
        light = f"{self.exposure_us / 1000:.1f} ms · {self.gain_db:.1f} dB · {self.saturated:.1%} sat."
        return f"{rate}{light} · focus {self.focus:.2f}{doubt}"


@dataclass(frozen=True, eq=False)
class LivePictures:
    """The newest pair."""

    sequence: int
    arms: dict[Arm, ArmPicture]


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
        self._full = False
        self._before: LivePictures | None = None

    def watch(self, slot: Path | None) -> None:
        """Show what the recorder publishes at `slot`; None for nothing."""
        self.post("pictures", lambda: self._watch(self._pair, slot))

    def watch_colour(self, slot: Path | None) -> None:
        """Show what the colorizer publishes at `slot`; None for nothing."""
        self.post("colour", lambda: self._watch(self._colour, slot))

    def set_full(self, full: bool) -> None:
        """Every pixel of the sensor, for a view that is zoomed in; else one for every four."""
        self._full = full

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
        self._before = None
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
        self._before = with_rates(live_pictures(snapshot, full=self._full), self._before)
        self.arrived.emit(self._before)


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


def live_pictures(snapshot: Snapshot, *, full: bool) -> LivePictures:
    """The pair of a snapshot as two pictures that look the same way."""
    arms = {arm: arm_picture(snapshot.arrays[arm], snapshot.meta[arm], full=full) for arm in ARMS}
    return LivePictures(snapshot.sequence, arms)


def arm_picture(raw: Raw, meta: dict[str, Any], *, full: bool) -> ArmPicture:
    """Raw counts ``(H, W)`` of one arm as RGB u8, ``(H/2, W/2, 3)`` or all of it, with the mirror undone."""
    depth = meta["bit_depth"]
    settings = (meta["cfa"], meta["black_level_dn"], depth, tuple(meta["white_balance"]))
    rgb = demosaic(raw, *settings) if full else superpixel(raw, *settings)
    if rgb.dtype == np.uint16:
        rgb = (rgb >> 8).astype(np.uint8)
    scene = np.ascontiguousarray(rgb[:, ::-1] if meta["mirror"] else rgb).astype(np.uint8, copy=False)
    saturated = max(optics.saturated(raw, meta["cfa"], depth))
    focus = optics.focus(raw, meta["cfa"], meta["black_level_dn"])
    height, width = raw.shape
    extent = (0.0, 0.0, float(width), float(height))
    return ArmPicture(
        picture=scene,
        extent=extent,
        exposure_us=meta["exposure_us"],
        gain_db=meta["gain_db"],
        saturated=saturated,
        focus=focus,
        frame_id=meta["frame_id"],
        timestamp_ns=meta["timestamp_ns"],
        not_corrected=meta.get("not_corrected", ""),
    )


def with_rates(pictures: LivePictures, before: LivePictures | None) -> LivePictures:
    """The same pictures with the frame rate of each arm since those before."""
    if before is None:
        return pictures
    arms = {
        arm: replace(picture, rate_hz=_rate_hz(picture, before.arms[arm])) for arm, picture in pictures.arms.items()
    }
    return replace(pictures, arms=arms)


def _rate_hz(now: ArmPicture, before: ArmPicture) -> float | None:
    elapsed_ns = now.timestamp_ns - before.timestamp_ns
    return (now.frame_id - before.frame_id) * 1e9 / elapsed_ns if elapsed_ns > 0 else None


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
