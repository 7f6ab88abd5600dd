"""Write a raw clip at line rate.

Every object is made before SWMR starts, with its final type; after that only frames, tables and the values that were
reserved are written. One thread writes both arms. The file carries the suffix ``.part`` until a clean close.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, Arm, CameraInfo, Frame
from nirvis_capture.certificate import certify
from nirvis_capture.clip_header import ClipHeader, create_clip
from nirvis_capture.clip_layout import (
    CERTIFICATE_BYTES,
    FRAME_TABLES,
    PAIR_TABLES,
    Group,
    arm_path,
    header_sha256,
    scalar_sha256,
)
from nirvis_capture.clip_preview import preview_picture
from nirvis_capture.digest import BackgroundSha256
from nirvis_capture.errors import ClipNotWritten
from nirvis_capture.histogram import Histogram
from nirvis_capture.pairing import Event, Pairer, PairRow
from nirvis_capture.profile import Profile

__all__ = ["ClipHeader", "ClipWriter"]

_log = logging.getLogger(__name__)
FLUSH_EVERY_S = 1.0


class ClipWriter:
    """Writes one clip; a context manager that aborts when the block fails and closes otherwise.

    path
        Final name, ``*.clip.h5``; until the close the file is ``*.clip.h5.part``.
    anchor
        What the `Pairer` of these rows was given; the certificate repeats its work from it.

    Raises `ClipNotWritten` when the name is taken or the disk refuses. What was flushed until then stays in the
    ``.part`` file.
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
        self.bytes_written = 0
        self.write_timing = Timing()
        self.flush_timing = Timing()
        self._profile = profile
        self._proof: Pairer[Frame] = Pairer(anchor, profile.trigger.period_ns, profile.trigger.primary)
        self._first_pair: tuple[int, int] | None = None
        self._flushed = time.monotonic()
        self._refuse_taken_name()
        with self._disk():
            self._file = create_clip(self.part_path, header, profile, cameras)
            self._tracks = {arm: _TrackWriter(self._file[arm_path(arm)], cameras[arm]) for arm in ARMS}
            self._pairs = _TableWriter(self._file["/entry/pairs"], PAIR_TABLES)
            self._header_sha256 = header_sha256(self._file)
            self._file.swmr_mode = True

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @property
    def rows(self) -> int:
        return self._pairs.length

    def write(self, row: PairRow[Frame]) -> None:
        """Append the frames of a row and the row itself; flushes once a second."""
        began = time.perf_counter_ns()
        with self._disk():
            nir_index, vis_index = self._put("nir", row.nir), self._put("vis", row.vis)
            self._pairs.append((nir_index, vis_index, row.residual_ns, int(row.event)))
        if row.event is Event.PAIR and self._first_pair is None:
            self._first_pair = (nir_index, vis_index)
        self.write_timing.add(time.perf_counter_ns() - began)
        if time.monotonic() - self._flushed > FLUSH_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system: from here on a killed process loses none of it."""
        began = time.perf_counter_ns()
        with self._disk():
            for table in (*(track.table for track in self._tracks.values()), self._pairs):
                table.flush()
            self._file.flush()
        self._flushed = time.monotonic()
        self.flush_timing.add(time.perf_counter_ns() - began)

    def close(self, ended: str = "stopped") -> Path:
        """Certify the clip, put it safely on the disk, and give it its final name.

        ended
            Why the recording ended, for the certificate.
        """
        self._proof.finish()
        self.flush()
        with self._disk():
            self._write_preview()
            self._file["/entry/timing/write_ms"][...] = self.write_timing.figures_ms()
            self._file["/entry/timing/flush_ms"][...] = self.flush_timing.figures_ms()
            self._certify(ended)
            self._file.close()
            _sync(self.part_path)
            os.replace(self.part_path, self.path)
            _sync(self.path.parent)
        return self.path

    def abort(self) -> None:
        """Close without a certificate: what was recorded stays in the ``.part`` file; an empty one is removed.

        Safe to call twice, and after any failure.
        """
        for track in self._tracks.values():
            track.sha256.close()
        if not self._file:
            return
        try:
            self.flush()
            self._file.close()
        except (OSError, RuntimeError, ClipNotWritten) as error:
            _log.warning("%s: not all of it reached the disk (%s)", self.part_path, error)
        if not self.rows:
            self.part_path.unlink(missing_ok=True)

    def _refuse_taken_name(self) -> None:
        if not self.path.parent.is_dir():
            raise ClipNotWritten(self.path, "there is no such folder")
        for taken in (self.path, self.part_path):
            if taken.exists():
                raise ClipNotWritten(self.path, f"{taken.name} exists already, and a clip is never overwritten")

    def _put(self, arm: Arm, frame: Frame | None) -> int:
        """Index of the frame in its arm; -1 for none."""
        if frame is None:
            return -1
        self._proof.feed(arm, frame)
        self.bytes_written += frame.pixels.nbytes
        return self._tracks[arm].append(frame)

    def _write_preview(self) -> None:
        if self._first_pair is None:
            return
        image = self._file["/entry/preview/image"]
        raws = {arm: self._tracks[arm].frame(i) for arm, i in zip(ARMS, self._first_pair, strict=True)}
        image[...] = preview_picture(raws, self._profile, image.shape)

    def _certify(self, ended: str) -> None:
        end_time = datetime.now(timezone.utc).astimezone()
        certificate = certify(
            self._proof.summary(),
            frames={arm: self._tracks[arm].table.length for arm in ARMS},
            rows=self.rows,
            ended=ended,
            end_time=end_time,
            covers=self._digests(),
            profile=self._profile,
        )
        text = certificate.model_dump_json().encode()
        if len(text) > CERTIFICATE_BYTES:
            raise ClipNotWritten(self.path, f"its certificate has {len(text)} bytes, more than {CERTIFICATE_BYTES}")
        self._file["/entry/end_time"][()] = certificate.end_time.encode()
        self._file["/entry/certificate"][()] = text

    def _digests(self) -> dict[str, str]:
        digests = {"header": self._header_sha256}
        for arm in ARMS:
            digests[f"{arm_path(arm)}/data"] = self._tracks[arm].sha256.hexdigest()
            digests |= self._tracks[arm].table.digests(arm_path(arm))
        digests |= self._pairs.digests("/entry/pairs")
        for path in ("/entry/timing/write_ms", "/entry/timing/flush_ms", "/entry/preview/image"):
            digests[path] = scalar_sha256(self._file[path])
        return digests

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """What goes wrong between HDF5 and the disk, in words."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            kept = f"; what was flushed until then is kept in {self.part_path.name}" if self.part_path.exists() else ""
            raise ClipNotWritten(self.path, f"{error}{kept}") from error


class Timing:
    """How long each call took."""

    def __init__(self) -> None:
        self._us = Histogram()

    def add(self, duration_ns: int) -> None:
        self._us.add(duration_ns // 1000)

    @property
    def p99_ms(self) -> float:
        return self._us.percentile(99) / 1e3

    def figures_ms(self) -> NDArray[np.float64]:
        """Last, maximum, mean and 99th percentile, in ms."""
        us = self._us
        return np.array([us.last, us.maximum, us.mean, us.percentile(99)]) / 1e3


class _TrackWriter:
    """The frames of one arm."""

    def __init__(self, group: Group, camera: CameraInfo) -> None:
        self.sha256 = BackgroundSha256()
        self.table = _TableWriter(group, FRAME_TABLES)
        self._frames = group["data"]
        self._shape = (camera.height, camera.width)
        self._dtype = camera.dtype

    def append(self, frame: Frame) -> int:
        pixels = frame.pixels
        if pixels.shape != self._shape or pixels.dtype != self._dtype:
            raise ValueError(f"a frame of {pixels.shape} {pixels.dtype} in a clip of {self._shape} {self._dtype}")
        counts = np.ascontiguousarray(pixels).data
        index = self.table.length
        self._frames.resize(index + 1, axis=0)
        self._frames.id.write_direct_chunk((index, 0, 0), counts)
        self.sha256.update(counts)
        self.table.append(
            (frame.frame_id, frame.timestamp_ns, frame.host_ns, frame.exposure_us, frame.gain_db, int(frame.status))
        )
        return index

    def frame(self, index: int) -> NDArray[Any]:
        counts: NDArray[Any] = self._frames[index]
        return counts


class _TableWriter:
    """Columns that grow together; rows wait in memory until the next flush."""

    def __init__(self, group: Group, columns: Mapping[str, np.dtype[Any]]) -> None:
        self.length = 0
        self._columns = {name: (group[name], dtype, hashlib.sha256()) for name, dtype in columns.items()}
        self._waiting: list[tuple[float, ...]] = []

    def append(self, row: tuple[float, ...]) -> None:
        self._waiting.append(row)
        self.length += 1

    def flush(self) -> None:
        if not self._waiting:
            return
        written = self.length - len(self._waiting)
        for (dataset, dtype, sha256), values in zip(
            self._columns.values(), zip(*self._waiting, strict=True), strict=True
        ):
            column = np.array(values, dtype)
            dataset.resize(self.length, axis=0)
            dataset[written:] = column
            sha256.update(column.tobytes())
        self._waiting.clear()

    def digests(self, path: str) -> dict[str, str]:
        return {f"{path}/{name}": sha256.hexdigest() for name, (_, _, sha256) in self._columns.items()}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
