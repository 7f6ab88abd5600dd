"""Reads clips for the window in a thread of its own: what lies in a folder, and the frames that are played."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QTimer, pyqtSignal, pyqtSlot

from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.certificate import Certificate
from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import PART_SUFFIX, SUFFIX
from nirvis_capture.errors import ClipError
from nirvis_capture.pair_table import Event
from nirvis_capture.part_lock import is_being_written
from nirvis_capture.slot import Snapshot
from nirvis_gui.live_pictures import LivePictures, Look, Looking
from nirvis_gui.report_view import read_report
from nirvis_gui.texts import light_name, mode_name, tr
from nirvis_gui.workers import Worker
from nirvis_registration.pair_file import SUFFIX as PAIRS_SUFFIX

PLAY_PERIOD_MS = 66
"""Of the pictures; a second of the clip takes a second all the same."""
PAIRS_FOLDER = "pairs"
"""Where the registered pairs of the clips of a folder go."""

ClipState = Literal["certified", "integrity only", "recording", "unfinished", "rescued", "damaged"]
"""``rescued``: what is left of an unfinished clip that has its clip beside it."""


@dataclass(frozen=True)
class ClipRow:
    """One line of the browser."""

    path: Path
    state: ClipState
    megabytes: float
    start: datetime | None = None
    mode: str = ""
    place: str = ""
    pairs: int = 0
    seconds: float = 0.0
    registered: bool = False
    note: str = ""

    @property
    def name(self) -> str:
        """That of the recording's part: the same before and after it was closed or rescued."""
        return self.path.name.removesuffix(PART_SUFFIX).removesuffix(SUFFIX)


@dataclass(frozen=True, eq=False)
class OpenedClip:
    """A clip that can be played."""

    path: Path
    table: NDArray[np.void]
    """The pair table: ``nir_index vis_index residual_ns event``."""
    certificate: Certificate
    rate_hz: float
    header: tuple[tuple[str, str], ...]
    """What a person wrote or chose, as names and values."""


@dataclass(frozen=True, eq=False)
class PlayedRow:
    """The pictures of one row of the pair table."""

    path: Path
    row: int
    pictures: LivePictures | None
    """None where one arm has no frame."""


class ClipLibrary(Worker):
    """Lists the clips of a folder, and plays one of them."""

    listed = pyqtSignal(object)
    """List of `ClipRow`, newest first."""
    formats_found = pyqtSignal(object)
    """Names of export formats."""
    opened = pyqtSignal(object)
    """`OpenedClip`."""
    played = pyqtSignal(object)
    """`PlayedRow`; answer with `taken`."""
    report_read = pyqtSignal(object)
    """`ReadReport`."""
    stopped = pyqtSignal()
    """Playing came to the end, or was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Path, tuple[int, ClipRow]] = {}
        self._clip: Clip | None = None
        self._row = 0
        self._step = 1
        self._look, self._looking = Look(), Looking()
        self._free = True
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._play_on)

    def look_at(self, folder: Path) -> None:
        """Look what is in a folder, at any depth."""
        self.post("clips", lambda: self.listed.emit(self._rows(folder)))

    def find_formats(self) -> None:
        """Tell into which formats datasets are exported; reading their modules takes a while."""
        self.post("formats", self._find_formats)

    def open(self, path: Path) -> None:
        self.post("clip", lambda: self._open(path))

    def show(self, row: int) -> None:
        """Read one row of the pair table."""
        self.post("frame", lambda: self._show(row))

    def read_report(self, path: Path) -> None:
        """Read a report with its pictures."""
        self.post("report", lambda: self.report_read.emit(read_report(path)))

    def play(self) -> None:
        """Go on from the row that is shown."""
        self.post("frame", lambda: self._timer.start(PLAY_PERIOD_MS))

    def pause(self) -> None:
        self.post("frame", self._pause)

    def look(self, look: Look) -> None:
        """How the pictures are wanted; the row that is shown is shown again."""
        self.post("frame", lambda: self._look_as(look))

    def taken(self) -> None:
        """The window has painted what was played."""
        self._free = True

    def release(self) -> None:
        self._timer.stop()
        if self._clip is not None:
            self._clip.close()
        self._clip = None

    def _find_formats(self) -> None:
        from nirvis_datasets.export.formats import FORMATS

        self.formats_found.emit(list(FORMATS))

    def _rows(self, folder: Path) -> list[ClipRow]:
        found = [p for p in folder.rglob("*.clip.h5*") if p.name.endswith((SUFFIX, PART_SUFFIX)) and p.is_file()]
        visible = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
        registered = {p.name.removesuffix(PAIRS_SUFFIX) for p in folder.rglob(f"*{PAIRS_SUFFIX}")}
        rows = [row for path in visible if (row := self._row_of(path, registered))]
        return sorted(rows, key=lambda row: row.path.name, reverse=True)

    def _row_of(self, path: Path, registered: set[str]) -> ClipRow | None:
        """None where the file was renamed meanwhile: its recording has just ended."""
        try:
            if path.name.endswith(PART_SUFFIX):
                return unfinished_row(path)
            changed = path.stat().st_mtime_ns + (path.name.removesuffix(SUFFIX) in registered)
            known = self._known.get(path)
            if known is None or known[0] != changed:
                self._known[path] = known = (changed, read_row(path, registered))
            return known[1]
        except FileNotFoundError:
            return None
        except OSError as error:
            return ClipRow(path, "damaged", 0.0, note=str(error))

    def _open(self, path: Path) -> None:
        self.release()
        self._clip = clip = Clip.open(path)
        self._row, self._looking, self._free = 0, Looking(), True
        rate_hz = clip.profile.trigger.rate_hz
        self._step = max(1, round(rate_hz * PLAY_PERIOD_MS / 1000))
        self.opened.emit(OpenedClip(path, clip.pairs, clip.certificate, rate_hz, _header(clip)))
        # The first row with pictures: a clip may begin with an exposure of one arm.
        self._show(int(np.argmax(clip.pairs["event"] == Event.PAIR)))

    def _show(self, row: int) -> None:
        clip = self._clip
        if clip is None or not 0 <= row < len(clip.pairs):
            return
        self._row = row
        frames = {arm: self._frame(clip, arm, int(clip.pairs[f"{arm}_index"][row])) for arm in ARMS}
        pictures = None
        if all(raw is not None for raw, _ in frames.values()):
            meta: dict[str, Any] = {arm: values for arm, (_, values) in frames.items()}
            snapshot = Snapshot(row, meta, {arm: raw for arm, (raw, _) in frames.items() if raw is not None})
            pictures = self._looking.pictures(snapshot, self._look, row / clip.profile.trigger.rate_hz)
        self.played.emit(PlayedRow(clip.path, row, pictures))

    def _frame(self, clip: Clip, arm: Arm, index: int) -> tuple[Raw | None, dict[str, Any]]:
        return (None, {}) if index < 0 else (clip.arms[arm].frame(index), _meta(clip, arm, index))

    def _look_as(self, look: Look) -> None:
        self._look, self._looking = look, Looking()
        self._show(self._row)

    # Without the decoration PyQt would call it in the thread that the object was made in.
    @pyqtSlot()
    def _play_on(self) -> None:
        if self._clip is None or self._row + self._step >= len(self._clip.pairs):
            self._pause()
        elif self._free:
            self._free = False
            self._show(self._row + self._step)

    def _pause(self) -> None:
        self._timer.stop()
        self.stopped.emit()


def unfinished_row(path: Path) -> ClipRow:
    """What the browser shows of a ``.part`` file."""
    megabytes = path.stat().st_size / 1e6
    if is_being_written(path):
        return ClipRow(path, "recording", megabytes, note=tr("This clip is being recorded."))
    if path.with_name(path.name.removesuffix(PART_SUFFIX) + SUFFIX).exists():
        return ClipRow(path, "rescued", megabytes, note=tr("What could be read is in the clip of the same name."))
    return ClipRow(path, "unfinished", megabytes, note=tr("Its recording was cut off: Recover rescues it."))


def read_row(path: Path, registered: set[str]) -> ClipRow:
    """What the browser shows of a clip."""
    megabytes = path.stat().st_size / 1e6
    try:
        with Clip.open(path) as clip:
            proved = clip.certificate.claim == "synchrony"
            return ClipRow(
                path=path,
                state="certified" if proved else "integrity only",
                megabytes=megabytes,
                start=clip.start_time,
                mode=mode_name(clip.mode),
                place=clip.place,
                pairs=clip.certificate.pairs,
                seconds=(clip.end_time - clip.start_time).total_seconds(),
                registered=path.name.removesuffix(SUFFIX) in registered,
                note=clip.notes,
            )
    except ClipError as error:
        return ClipRow(path, "damaged", megabytes, note=str(error))


def _meta(clip: Clip, arm: Arm, index: int) -> dict[str, Any]:
    track, balance = clip.arms[arm], clip.profile.arm(arm).white_balance
    return {
        "cfa": track.cfa,
        "mirror": track.mirror,
        "black_level_dn": track.black_level_dn,
        "bit_depth": track.bit_depth,
        "white_balance": (balance.red, 1.0, balance.blue),
        "exposure_us": float(track.exposure_us[index]),
        "gain_db": float(track.gain_db[index]),
        "frame_id": int(track.frame_id[index]),
        "timestamp_ns": int(track.timestamp_ns[index]),
    }


def _header(clip: Clip) -> tuple[tuple[str, str], ...]:
    return (
        (tr("recording"), tr("{recording}, part {part}").format(recording=clip.recording_id, part=clip.part)),
        (tr("start"), f"{clip.start_time:%Y-%m-%d %H:%M:%S}"),
        (tr("mode"), mode_name(clip.mode)),
        (tr("light"), light_name(clip.light)),
        (tr("place"), clip.place),
        (tr("operator"), clip.operator),
        (tr("notes"), clip.notes),
    )
