"""One press of the button: rows go through a ring to one writer thread, and certified clips come out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from nirvis_capture.anchor import Anchor
from nirvis_capture.calibration import keep_beside
from nirvis_capture.camera import Arm, CameraInfo
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.disk import free_gb
from nirvis_capture.errors import DiskFull, NirvisError, RecorderError
from nirvis_capture.naming import new_recording_id, part_path
from nirvis_capture.pair_stream import Then
from nirvis_capture.pairing import Event
from nirvis_capture.part_writer import Part, PartWriter
from nirvis_capture.profile import Light, Profile
from nirvis_capture.ring_size import ring_for
from nirvis_capture.row import Row, row_bytes
from nirvis_capture.write_rate import WriteRate

log = logging.getLogger(__name__)

OpenWriter = Callable[[Path, ClipHeader, Profile, Mapping[Arm, CameraInfo], Anchor | None], ClipWriter]

_GUARD_EVERY_S = 1.0
_WAIT_S = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """When a recording ends by itself; None: never."""

    pulses: int | None = None
    """Trigger pulses, recorded or lost: a length in time."""
    pairs: int | None = None
    """Reached, not kept to: what the pairing holds then completes the recording."""

    @classmethod
    def lasting(cls, profile: Profile, seconds: float | None, pairs: int | None = None) -> Limits:
        """A length in seconds, counted in pulses of the trigger, or in pairs."""
        return cls(None if seconds is None else max(1, round(seconds * profile.trigger.rate_hz)), pairs)


UNLIMITED = Limits()


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
    """A `RowSink` that writes the clips of one recording: one, or parts of ``recording.part_minutes``.

    Its thread ends with the last clip certified, or with `error` set.

    path
        What the clip is called if it is the only one; parts are numbered on top of it.
    """

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
        self.part = 0
        """Number of the part that rows are taken for."""
        self.pulses = 0
        self.pulses_before = 0
        """Those of them that came before the recording was asked for."""
        self.pairs = 0
        self.counts: Mapping[Event, int] | None = None
        """What its pairing found; known when it has ended."""
        self.on_end: Callable[[], None] = lambda: None
        """Called after the last row, from the thread that fed it."""
        self.message = ""
        """Why it ended, where nobody asked for that."""
        self.error: NirvisError | None = None
        self.rate = WriteRate()
        self._profile = profile
        self._cameras = cameras
        self._limits = limits
        self._open_writer = open_writer
        self._pulses_of_a_part = _pulses_of_a_part(profile)
        self._part_pulses = 0
        self._told_to_end = False
        self._gave_up = False
        self._offered = 0
        self._parts = PartWriter(self._open_part)
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Length in pulses, as time; what the pre-trigger kept is part of it."""
        return self.pulses / self._profile.trigger.rate_hz

    @property
    def seconds_before(self) -> float:
        """How much of that came before the recording was asked for."""
        return self.pulses_before / self._profile.trigger.rate_hz

    @property
    def clip(self) -> Path | None:
        """The last clip that was certified."""
        return self._parts.clip

    @property
    def lost_rows(self) -> int:
        """Rows that were paired and never reached a clip, after the disk failed."""
        return self._offered - self._parts.rows if self._gave_up else 0

    def begin(self, anchor: Anchor | None, kept: Sequence[Row] = ()) -> None:
        if kept:
            self.pulses_before = sum(map(self._is_pulse, kept))
            self.ring.make_room(sum(map(row_bytes, kept)))
            before = timedelta(seconds=self.seconds_before)
            self.header = replace(self.header, start_time=self.header.start_time - before)
        self.part += 1
        self._part_pulses = 0
        start = self.header.start_time + timedelta(seconds=self.seconds)
        self.ring.put_anyway(Part(self.part, anchor, start))

    def take(self, row: Row) -> Then:
        self._offered += 1
        if self.ring.put(row) or self._find_room(row):
            is_pulse = self._is_pulse(row)
            self.pulses += is_pulse
            self._part_pulses += is_pulse
            self.pairs += row.event is Event.PAIR
        if self._told_to_end or self._is_long_enough():
            return "end"
        full = self._pulses_of_a_part is not None and self._part_pulses >= self._pulses_of_a_part
        return "next part" if full else "go on"

    def end(self, counts: Mapping[Event, int]) -> None:
        self.counts = counts
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
        """Wait until the last clip is closed; True when it is."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def result(self) -> Path:
        """Wait for the last certified clip. Raises `NirvisError` with the reason when there is none."""
        self.wait()
        if self.error is not None:
            raise self.error
        if self.clip is None:
            raise RecorderError(f"No frame came, so {self.path.name} was not written.")
        return self.clip

    def _is_long_enough(self) -> bool:
        pulses, pairs = self._limits.pulses, self._limits.pairs
        after = self.pulses - self.pulses_before
        return (pulses is not None and after >= pulses) or (pairs is not None and self.pairs >= pairs)

    def _is_pulse(self, row: Row) -> bool:
        """Without an anchor each frame has a row of its own; there the frames of the primary are counted."""
        primary = row.nir if self._profile.trigger.primary == "nir" else row.vis
        return row.event is not Event.UNANCHORED or primary is not None

    def _find_room(self, row: Row) -> bool:
        """The ring is full, or the writer gave up and closed it; False when the row is lost."""
        if self._gave_up:
            return False
        if not self._told_to_end:
            slow = "disk" if self._profile.recording.compression == "none" else "disk or the compression"
            self.note(
                f"The {slow} is too slow: it fell {self._profile.recording.ring_seconds:g} s behind after "
                f"{self.seconds:.1f} s, and the memory for that is full. Recording ended; all until then is in the "
                "clip. Use a faster disk, a lower trigger rate, or a larger recording.ring_seconds."
            )
        # The clip has to hold what its pairing has seen, or nobody could repeat the pairing from the file.
        self.ring.put_anyway(row)
        return True

    def _open_part(self, part: Part) -> ClipWriter:
        path = self.path if self._pulses_of_a_part is None else part_path(self.path, part.number)
        header = replace(self.header, part=part.number, start_time=part.start_time)
        return self._open_writer(path, header, self._profile, self._cameras, part.anchor)

    def _write(self) -> None:
        keep_beside(self._profile, self.path.parent)
        try:
            self._write_what_comes()
            self._parts.close(self.message or self._asked_end())
        except (OSError, RuntimeError, ValueError, NirvisError) as error:
            log.exception("%s: writing failed", self.path.name)
            self._fail(error)
            self._parts.abort()

    def _asked_end(self) -> str:
        return "its length was reached" if self._is_long_enough() else "stopped"

    def _write_what_comes(self) -> None:
        guarded = 0.0
        try:
            while not self.ring.drained:
                item = self.ring.get(_WAIT_S)
                if item is not None and time.monotonic() - guarded > _GUARD_EVERY_S:
                    self._guard_disk()
                    guarded = time.monotonic()
                if isinstance(item, Part):
                    self._parts.begin(item)
                elif item is not None:
                    self._write_row(item)
        except DiskFull as full:
            if not self._parts.rows:
                raise
            self.note(str(full))
            self._give_up()

    def _write_row(self, row: Row) -> None:
        began = time.monotonic()
        self._parts.write(row)
        self.rate.add(row_bytes(row), time.monotonic() - began)

    def _guard_disk(self) -> None:
        free, least = free_gb(self.path.parent), self._profile.recording.min_free_gb
        if free < least and not self._told_to_end:
            self.note(
                f"Disk nearly full: {free:.2f} GB free in {self.path.parent}, and recording.min_free_gb is "
                f"{least:g}. Recording ended with its clip complete; free some space, or record to another folder."
            )

    def _fail(self, error: Exception) -> None:
        self.error = error if isinstance(error, NirvisError) else RecorderError(f"Writing {self.path} failed: {error}.")
        self.message = str(self.error)
        self._give_up()

    def _give_up(self) -> None:
        """Rows that come now, and those that wait, are lost, and counted."""
        self._told_to_end = self._gave_up = True
        self.ring.close()


def _pulses_of_a_part(profile: Profile) -> int | None:
    minutes = profile.recording.part_minutes
    return None if minutes is None else max(1, round(minutes * 60 * profile.trigger.rate_hz))
