"""One press of the button: rows go through a ring to one writer thread, and a certified clip comes out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import Arm, CameraInfo
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.disk import free_gb
from nirvis_capture.errors import NirvisError, RecorderError
from nirvis_capture.naming import new_recording_id
from nirvis_capture.pair_stream import Row
from nirvis_capture.pairing import Event, PairingSummary
from nirvis_capture.profile import Light, Profile
from nirvis_capture.ring import Ring

log = logging.getLogger(__name__)

OpenWriter = Callable[[Path, ClipHeader, Profile, Mapping[Arm, CameraInfo], Anchor | None], ClipWriter]

_GUARD_EVERY_S = 1.0
_WAIT_S = 0.1
_UNPACED_PAIRS = 16
"""More would only cost memory: a camera that waits needs no room to run ahead."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a recording ends by itself; None: never."""

    pulses: int | None = None
    """Trigger pulses, recorded or lost: a length in time."""
    pairs: int | None = None

    @classmethod
    def lasting(cls, profile: Profile, seconds: float | None, pairs: int | None = None) -> Limits:
        """A length in seconds, counted in pulses of the trigger, or in pairs."""
        return cls(None if seconds is None else max(1, round(seconds * profile.trigger.rate_hz)), pairs)


UNLIMITED = Limits()


def row_bytes(row: Row) -> int:
    """Memory that the pixels of a row take."""
    return sum(frame.pixels.nbytes for frame in (row.nir, row.vis) if frame is not None)


def ring_for(profile: Profile, cameras: Mapping[Arm, CameraInfo]) -> Ring[Row]:
    """A ring of ``recording.ring_seconds`` at the trigger rate; a short one for cameras that can be slowed down."""
    pair_bytes = sum(camera.frame_bytes for camera in cameras.values())
    if not is_paced(profile):
        return Ring(_UNPACED_PAIRS * pair_bytes, row_bytes, "wait")
    capacity = round(profile.recording.ring_seconds * profile.trigger.rate_hz * pair_bytes)
    return Ring(max(capacity, pair_bytes), row_bytes, "refuse")


def is_paced(profile: Profile) -> bool:
    """True where exposures come in their own time, as with every real camera; False in fast pacing."""
    pacing = profile.replay.pacing if profile.nir.backend == "replay" and profile.replay else profile.twin.pacing
    return pacing == "real"


def new_header(place: str, light: Light, notes: str, operator: str) -> ClipHeader:
    """The header of a recording that begins now, under a new id."""
    return ClipHeader(
        recording_id=new_recording_id(),
        part=1,
        place=place,
        light=light,
        notes=notes,
        operator=operator,
        start_time=datetime.now().astimezone(),
    )


class Recording:
    """A `RowSink` that writes one clip. Its thread ends with the clip certified, or with `error` set."""

    def __init__(
        self,
        path: Path,
        header: ClipHeader,
        profile: Profile,
        cameras: Mapping[Arm, CameraInfo],
        limits: Limits = UNLIMITED,
        open_writer: OpenWriter = ClipWriter,
    ) -> None:
        self.header = header
        self.path = path
        self.ring = ring_for(profile, cameras)
        self.pulses = 0
        self.pairs = 0
        self.summary: PairingSummary | None = None
        """What its pairing found; known when it has ended."""
        self.on_end: Callable[[], None] = lambda: None
        """Called after the last row, from the thread that fed it."""
        self.message = ""
        """Why it ended, where nobody asked for that."""
        self.error: NirvisError | None = None
        self.clip: Path | None = None
        self.rate = WriteRate()
        self._profile = profile
        self._cameras = cameras
        self._limits = limits
        self._open_writer = open_writer
        self._anchor: Anchor | None = None
        self._told_to_end = False
        self._offered = 0
        self._writer: ClipWriter | None = None
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Length in pulses, as time."""
        return self.pulses / self._profile.trigger.rate_hz

    @property
    def lost_rows(self) -> int:
        """Rows that were paired and never reached the file, after the disk failed."""
        written = 0 if self._writer is None else self._writer.rows
        return self._offered - written if self.error is not None else 0

    def begin(self, anchor: Anchor | None) -> None:
        self._anchor = anchor

    def take(self, row: Row) -> bool:
        self._offered += 1
        if self.ring.put(row) or self._find_room(row):
            self.pulses += self._is_pulse(row)
            self.pairs += row.event is Event.PAIR
        return not (self._told_to_end or self._is_long_enough())

    def end(self, summary: PairingSummary) -> None:
        self.summary = summary
        self.ring.close()
        self.on_end()

    def cancel(self) -> None:
        """The cameras did not start: end without a clip."""
        self.ring.close()

    def note(self, message: str) -> None:
        """Say why the recording ends, where nobody asked for it; the first reason counts."""
        if not self.message:
            log.warning("%s: %s", self.path.name, message)
            self.message = message
        self._told_to_end = True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the clip is closed; True when it is."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def result(self) -> Path:
        """Wait for the certified clip. Raises `NirvisError` with the reason when there is none."""
        self.wait()
        if self.clip is None:
            raise self.error or RecorderError(f"No frame came, so {self.path.name} was not written.")
        return self.clip

    def _is_long_enough(self) -> bool:
        pulses, pairs = self._limits.pulses, self._limits.pairs
        return (pulses is not None and self.pulses >= pulses) or (pairs is not None and self.pairs >= pairs)

    def _is_pulse(self, row: Row) -> bool:
        """Without an anchor each frame has a row of its own; there the frames of the primary are counted."""
        primary = row.nir if self._profile.trigger.primary == "nir" else row.vis
        return row.event is not Event.UNANCHORED or primary is not None

    def _find_room(self, row: Row) -> bool:
        """The ring is full, or the writer gave up and closed it; False when the row is lost."""
        if self.error is not None:
            return False
        if not self._told_to_end:
            self.note(
                f"The disk is too slow: it fell {self._profile.recording.ring_seconds:g} s behind after "
                f"{self.seconds:.1f} s, and the memory for that is full. Recording ended; all until then is in the "
                "clip. Use a faster disk, a lower trigger rate, or a larger recording.ring_seconds."
            )
        # The clip has to hold what its pairing has seen, or nobody could repeat the pairing from the file.
        self.ring.put_anyway(row)
        return True

    def _write(self) -> None:
        try:
            row = self._next_row()
            if row is not None:
                self._writer = self._open_writer(self.path, self.header, self._profile, self._cameras, self._anchor)
                self._drain(self._writer, row)
                self.clip = self._writer.close(self.message or self._asked_end())
        except (OSError, RuntimeError, ValueError, NirvisError) as error:
            log.exception("%s: writing failed", self.path.name)
            self._give_up(error)
            if self._writer is not None:
                self._writer.abort()

    def _asked_end(self) -> str:
        return "its length was reached" if self._is_long_enough() else "stopped"

    def _next_row(self) -> Row | None:
        while not self.ring.drained:
            row = self.ring.get(_WAIT_S)
            if row is not None:
                return row
        return None

    def _drain(self, writer: ClipWriter, row: Row | None) -> None:
        guarded = 0.0
        while row is not None:
            began = time.monotonic()
            if began - guarded > _GUARD_EVERY_S:
                self._guard_disk()
                guarded = began
            writer.write(row)
            self.rate.add(row_bytes(row), time.monotonic() - began)
            row = self._next_row()

    def _guard_disk(self) -> None:
        free, least = free_gb(self.path.parent), self._profile.recording.min_free_gb
        if free < least and not self._told_to_end:
            self.note(
                f"Disk nearly full: {free:.2f} GB free in {self.path.parent}, and recording.min_free_gb is "
                f"{least:g}. Recording ended with its clip complete; free some space, or record to another folder."
            )

    def _give_up(self, error: Exception) -> None:
        self._told_to_end = True
        self.error = error if isinstance(error, NirvisError) else RecorderError(f"Writing {self.path} failed: {error}.")
        self.message = str(self.error)
        self.ring.close()


class WriteRate:
    """Megabytes per second during the last second, and how long the slowest hundredth of the newest writes took."""

    def __init__(self) -> None:
        self._writes: deque[tuple[float, int]] = deque()
        self._durations_s: deque[float] = deque(maxlen=1000)

    def add(self, nbytes: int, duration_s: float) -> None:
        now = time.monotonic()
        self._writes.append((now, nbytes))
        self._durations_s.append(duration_s)
        while self._writes[0][0] < now - 1:
            self._writes.popleft()

    def mb_s(self) -> float:
        since = time.monotonic() - 1
        return sum(nbytes for at, nbytes in list(self._writes) if at >= since) / 1e6

    def p99_ms(self) -> float:
        durations = sorted(list(self._durations_s))
        return durations[int(0.99 * (len(durations) - 1))] * 1e3 if durations else 0.0
