"""Write a raw clip at line rate.

Every object is made before SWMR starts, with its final type; after that only frames, tables and the values that were
reserved are written. One thread writes both arms. The file carries the suffix ``.part`` until a clean close.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, Arm, CameraInfo, Frame
from nirvis_capture.certificate import certify
from nirvis_capture.clip_exposures import exposure_summary
from nirvis_capture.clip_file import ClipFile
from nirvis_capture.clip_header import ClipHeader, create_clip
from nirvis_capture.clip_layout import (
    CERTIFICATE_BYTES,
    PAIR_TABLES,
    arm_path,
    header_sha256,
    scalar_sha256,
)
from nirvis_capture.clip_preview import preview_picture
from nirvis_capture.clip_track import TableWriter, TrackWriter
from nirvis_capture.compression import Encoded, Encoder
from nirvis_capture.disk import CLOSING_BYTES, BackgroundSync, Reserve, free_gb, is_full, sync
from nirvis_capture.errors import ClipNotWritten, DiskFull
from nirvis_capture.histogram import Timing
from nirvis_capture.pair_table import Stamp, numbers
from nirvis_capture.pairing import Event, Pairer, PairRow
from nirvis_capture.part_lock import hold
from nirvis_capture.profile import Profile
from nirvis_capture.row import Row, frames_of

__all__ = ["ClipHeader", "ClipWriter"]

_log = logging.getLogger(__name__)
FLUSH_EVERY_S = 1.0


class ClipWriter:
    """Writes one clip; a context manager that aborts when the block fails and closes otherwise.

    Its pair table says what its own frames say: they are paired again as they are written, as ``nirvis verify`` will do
    it. So a clip can end after any frame, and still be proved.

    path
        Final name, ``*.clip.h5``; until the close the file is ``*.clip.h5.part``.
    anchor
        What the `Pairer` of these frames was given.

    Raises `ClipNotWritten` when the name is taken or the disk refuses. What was flushed until then stays in the
    ``.part`` file. Raises `DiskFull` instead of taking a row once the disk is full; the clip can still be closed.
    """

    def __init__(
        self,
        path: Path,
        header: ClipHeader,
        profile: Profile,
        cameras: Mapping[Arm, CameraInfo],
        anchor: Anchor | None,
    ) -> None:
        self.path = path
        self.part_path = path.with_name(path.name + ".part")
        self.sha256 = ""
        """Identity of the clip, once it is closed."""
        self.bytes_written = 0
        self.write_timing = Timing()
        self.flush_timing = Timing()
        self._profile = profile
        self._proof: Pairer[Stamp] = Pairer(anchor, profile.trigger.period_ns, profile.trigger.primary)
        self._first_pair: tuple[int, int] | None = None
        self._flushed = time.monotonic()
        self._refuse_taken_name()
        self._reserve = self._reserved()
        try:
            self._clip_file = ClipFile(self.part_path)
        except OSError as error:
            self._reserve.release()
            raise ClipNotWritten(self.path, str(error)) from error
        try:
            self._file = create_clip(self._clip_file, header, profile, cameras, anchor)
            self._header_sha256 = header_sha256(self._file)
            self._file.swmr_mode = True
            self._sync = BackgroundSync(hold(self.part_path))
        except (OSError, RuntimeError) as error:
            # A file without a frame helps nobody.
            self._reserve.release()
            self._clip_file.close()
            self.part_path.unlink(missing_ok=True)
            raise ClipNotWritten(self.path, str(error)) from error
        self._encoder = Encoder(profile.recording.compression)
        self._tracks = {
            arm: TrackWriter(self.part_path, arm_path(arm), self._file[arm_path(arm)], cameras[arm]) for arm in ARMS
        }
        self._pairs = TableWriter("/entry/pairs", self._file["/entry/pairs"], PAIR_TABLES)

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @property
    def rows(self) -> int:
        """Rows of the pair table; a frame whose partner is not decided yet has none."""
        return self._pairs.length

    def write(self, row: Row) -> None:
        """Append the frames of a row; flushes once a second."""
        if self._reserve.released:
            raise DiskFull(self.path)
        began = time.perf_counter_ns()
        for arm, frame in frames_of(row):
            self.put(arm, frame)
        self.write_timing.add(time.perf_counter_ns() - began)
        if time.monotonic() - self._flushed > FLUSH_EVERY_S:
            self.flush()

    def put(self, arm: Arm, frame: Frame) -> None:
        """Append one frame, where it has no row yet; the frames of both arms come in the order of arrival."""
        self._tracks[arm].refuse_other(frame)
        self._store(self._encoder.feed(arm, frame))

    def flush(self) -> None:
        """Hand everything to the operating system: from here on a killed process loses none of it.

        It reaches the disk itself in the background, so a power loss costs a little more.
        """
        began = time.perf_counter_ns()
        self._store(self._encoder.rest())
        if free_gb(self.path.parent) * 1e9 < CLOSING_BYTES:
            # HDF5 forgets the rows of a table that it could not write, so it must not come to that.
            self._reserve.release()
        for table in (*(track.table for track in self._tracks.values()), self._pairs):
            self._keep(table.flush)
        self._keep(self._file.flush)
        self._sync.begin()
        self._flushed = time.monotonic()
        self.flush_timing.add(time.perf_counter_ns() - began)

    def close(self, ended: str = "stopped", previous: str = "", recovered: str = "") -> Path:
        """Certify the clip, put it safely on the disk, and give it its final name. Works after `DiskFull`.

        Safe to call twice.

        ended, previous, recovered
            For the certificate; see there. `previous` is that of the part before this one.
        """
        if not self._file:
            return self.path
        self._store(self._encoder.rest())
        self._append(self._proof.finish())
        self.flush()
        self._keep(self._write_preview)
        self._keep(self._write_timing)
        self._keep(partial(self._certify, ended, previous, recovered))
        self._keep(self._file.flush)
        # HDF5 closes under the lock of h5py: what the disk has already, the next part does not wait for.
        self._keep(partial(sync, self.part_path))
        self._keep(self._file.close)
        self._keep(partial(sync, self.part_path))
        self._keep(partial(os.replace, self.part_path, self.path))
        self._keep(partial(sync, self.path.parent))
        self._let_go()
        return self.path

    def abort(self) -> None:
        """Close without a certificate: what was recorded stays in the ``.part`` file; an empty one is removed.

        Safe to call twice, and after any failure.
        """
        if self._file:
            try:
                self.flush()
                self._file.close()
            except (OSError, RuntimeError, ClipNotWritten) as error:
                _log.warning("%s: not all of it reached the disk (%s)", self.part_path, error)
            if not any(track.table.length for track in self._tracks.values()):
                self.part_path.unlink(missing_ok=True)
        self._let_go()

    def _refuse_taken_name(self) -> None:
        if not self.path.parent.is_dir():
            raise ClipNotWritten(self.path, "there is no such folder")
        for taken in (self.path, self.part_path):
            if taken.exists():
                raise ClipNotWritten(self.path, f"{taken.name} exists already, and a clip is never overwritten")

    def _reserved(self) -> Reserve:
        try:
            return Reserve(self.path.parent)
        except OSError as error:
            raise ClipNotWritten(self.path, f"{error}; not even what closing it takes would fit") from error

    def _let_go(self) -> None:
        """Give back what is held beside the file. Safe to call twice."""
        self._encoder.close()
        self._reserve.release()
        for track in self._tracks.values():
            track.close()
        self._sync.close()
        self._clip_file.close()

    def _store(self, frames: Iterable[Encoded]) -> None:
        for encoded in frames:
            track, frame = self._tracks[encoded.arm], encoded.frame
            self._keep(partial(track.store, encoded))
            index = track.append(encoded)
            self.bytes_written += frame.pixels.nbytes
            stamp = Stamp(index, frame.frame_id, frame.timestamp_ns, frame.host_ns, int(frame.status))
            self._append(self._proof.feed(encoded.arm, stamp))

    def _append(self, rows: Iterable[PairRow[Stamp]]) -> None:
        for row in rows:
            stored = numbers(row)
            self._pairs.append(stored)
            if row.event is Event.PAIR and self._first_pair is None:
                self._first_pair = stored[:2]

    def _write_preview(self) -> None:
        if self._first_pair is None:
            return
        image = self._file["/entry/preview/image"]
        raws = {arm: self._tracks[arm].frame(i) for arm, i in zip(ARMS, self._first_pair, strict=True)}
        image[...] = preview_picture(raws, self._profile, image.shape)

    def _write_timing(self) -> None:
        self._file["/entry/timing/write_ms"][...] = self.write_timing.figures_ms()
        self._file["/entry/timing/flush_ms"][...] = self.flush_timing.figures_ms()

    def _certify(self, ended: str, previous: str, recovered: str) -> None:
        certificate = certify(
            self._proof.summary(),
            frames={arm: self._tracks[arm].table.length for arm in ARMS},
            rows=self.rows,
            ended=ended,
            end_time=datetime.now(timezone.utc).astimezone(),
            covers=self._digests(),
            profile=self._profile,
            exposures=exposure_summary(self._file, self._profile),
            previous=previous,
            recovered=recovered,
        )
        text = certificate.model_dump_json().encode()
        if len(text) > CERTIFICATE_BYTES:
            raise ClipNotWritten(self.path, f"its certificate has {len(text)} bytes, more than {CERTIFICATE_BYTES}")
        self.sha256 = certificate.sha256
        self._file["/entry/end_time"][()] = certificate.end_time.encode()
        self._file["/entry/certificate"][()] = text

    def _digests(self) -> dict[str, str]:
        digests = {"header": self._header_sha256}
        for track in self._tracks.values():
            digests |= track.digests()
        digests |= self._pairs.digests()
        for path in ("/entry/timing/write_ms", "/entry/timing/flush_ms", "/entry/preview/image"):
            digests[path] = scalar_sha256(self._file[path])
        return digests

    def _keep(self, step: Callable[[], object]) -> None:
        """Do one step on the disk; when that is full, once more with the reserve released.

        Raises `ClipNotWritten` with what HDF5 or the disk says.
        """
        try:
            step()
        except (OSError, RuntimeError) as error:
            if is_full(error) and self._reserve.release():
                self._keep(step)
                return
            kept = f"; what was flushed until then is kept in {self.part_path.name}" if self.part_path.exists() else ""
            raise ClipNotWritten(self.path, f"{error}{kept}") from error
