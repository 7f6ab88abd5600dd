"""Rescue an unfinished clip: every frame until the last flush, paired and certified anew.

A recorder that was killed, lost its power or its disk leaves a ``.part`` file. What can be read of it is copied to a
clip of its own, and the ``.part`` file is only read: the rescued clip gets the final name once it is complete and
verified.
"""

from __future__ import annotations

import heapq
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray
from pydantic import ValidationError

from nirvis_capture.camera import ARMS, Arm, CameraInfo, Frame, FrameStatus, Raw
from nirvis_capture.clip import Clip
from nirvis_capture.clip_frames import read_frame
from nirvis_capture.clip_header import ANCHOR
from nirvis_capture.clip_layout import (
    FORMAT,
    FRAME_TABLES,
    PART_SUFFIX,
    SUFFIX,
    TABLE_CHUNK,
    VERSION,
    Group,
    arm_path,
    text,
)
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.disk import RESERVE_BYTES, free_gb
from nirvis_capture.errors import ClipError, ClipNotWritten, NewerClip, NotRecovered, ProfileError
from nirvis_capture.part_lock import is_being_written
from nirvis_capture.profile import Light, parse_profile
from nirvis_capture.unclosed import open_unclosed
from nirvis_capture.verify import verify
from nirvis_capture.wording import counted

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rescue:
    """What became of an unfinished clip."""

    path: Path
    """The rescued clip."""
    frames: Mapping[Arm, int]
    lost: Mapping[Arm, int]
    """Frames that the file names and that could not be read."""


def recover(part_path: Path, progress: Progress | None = None) -> Rescue:
    """Rescue a ``*.clip.h5.part`` file to ``*.clip.h5`` beside it. The ``.part`` file stays as it is.

    progress
        Called with (frames done, frames in all) while they are copied.

    Raises `NotRecovered` when there is nothing to rescue or no room for it; nothing is left behind then.
    """
    try:
        return _recover(part_path, progress)
    except (OSError, ClipNotWritten) as error:
        raise NotRecovered(part_path, f"the rescued clip could not be written ({error})") from error


def _recover(part_path: Path, progress: Progress | None) -> Rescue:
    path = _checked(part_path)
    workplace = Path(tempfile.mkdtemp(prefix=".recover-", dir=part_path.parent))
    try:
        rescue = _rescue(part_path, workplace / path.name, progress)
        _publish(rescue.path, path, part_path)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return Rescue(path, rescue.frames, rescue.lost)


def final_path(part_path: Path) -> Path:
    """Where the rescued clip goes: ``NAME.clip.h5.part`` → ``NAME.clip.h5``."""
    return part_path.with_name(part_path.name.removesuffix(PART_SUFFIX) + SUFFIX)


def is_recovered(part_path: Path) -> bool:
    """Whether a clip that was rescued from it lies beside an unfinished clip already."""
    try:
        with Clip.open(final_path(part_path)) as clip:
            return part_path.name in (clip.certificate.recovered or "")
    except ClipError:
        return False


def _checked(part_path: Path) -> Path:
    if not part_path.is_file():
        raise NotRecovered(part_path, "there is no such file")
    if not part_path.name.endswith(PART_SUFFIX):
        raise NotRecovered(part_path, f"only *{PART_SUFFIX} files are unfinished clips, and no other is touched")
    if is_being_written(part_path):
        raise NotRecovered(part_path, "its recording still runs; stop that, and the clip will be complete")
    path = final_path(part_path)
    _refuse_taken(path, part_path)
    needed, free = (part_path.stat().st_size + RESERVE_BYTES) / 1e9, free_gb(part_path.parent)
    if free < needed:
        raise NotRecovered(part_path, f"the rescued clip needs {needed:.2f} GB beside it, and {free:.2f} GB are free")
    return path


def _rescue(part_path: Path, path: Path, progress: Progress | None) -> Rescue:
    try:
        with open_unclosed(part_path) as file:
            _check_format(part_path, file)
            columns = {arm: _columns(file[arm_path(arm)]) for arm in ARMS}
            return _rewritten(part_path, file, columns, path, progress)
    except (KeyError, OSError, RuntimeError, ValueError, ValidationError, ProfileError) as error:
        reason = " ".join(str(error).split())[:200]
        raise NotRecovered(part_path, f"too little of it was flushed before it ended ({reason})") from None


def _rewritten(
    part_path: Path,
    file: Group,
    columns: Mapping[Arm, Mapping[str, NDArray[Any]]],
    path: Path,
    progress: Progress | None,
) -> Rescue:
    with _writer(file["entry"], path) as writer:
        lost = _copy(file, columns, writer, progress)
        frames = {arm: len(columns[arm]["frame_id"]) - lost[arm] for arm in ARMS}
        if not any(frames.values()):
            raise NotRecovered(part_path, "it holds no frame that can be read")
        told = _told(part_path, text(file["entry/software"]), frames, lost)
        writer.close(ended="unknown: its recorder did not close it", recovered=told)
    return Rescue(path, frames, lost)


def _check_format(part_path: Path, file: Group) -> None:
    if file.attrs.get("format") != FORMAT:
        raise NotRecovered(part_path, "it is no unfinished nirvis clip")
    if int(file.attrs["version"]) > VERSION:
        raise NewerClip(part_path, int(file.attrs["version"]), VERSION)


def _writer(entry: Group, path: Path) -> ClipWriter:
    """A clip that begins as the unfinished one did."""
    header = ClipHeader(
        recording_id=text(entry["recording_id"]),
        part=int(entry["part"][()]),
        place=text(entry["place"]),
        light=cast(Light, text(entry["light"])),
        notes=text(entry["notes"]),
        operator=text(entry["operator"]),
        start_time=datetime.fromisoformat(text(entry["start_time"])),
    )
    cameras = {arm: _camera(entry[f"instrument/{arm}"]) for arm in ARMS}
    profile = parse_profile(text(entry["profile"]), origin=f"profile in {path.name}")
    anchor = ANCHOR.validate_json(text(entry["anchor"]))
    return ClipWriter(path, header, profile, cameras, anchor)


def _camera(detector: Group) -> CameraInfo:
    frames, named = detector["data"], detector.attrs
    return CameraInfo(
        serial=str(named["serial"]),
        model=str(named["model"]),
        pixel_format=str(named["pixel_format"]),
        width=int(frames.shape[2]),
        height=int(frames.shape[1]),
        bit_depth=int(named["bit_depth"]),
        black_level_dn=float(named["black_level_dn"]),
        timestamp_resolution_ns=int(named["timestamp_resolution_ns"]),
    )


def _columns(detector: Group) -> dict[str, NDArray[Any]]:
    """The tables of an arm, as far as all of them and the frames reach."""
    columns = {name: _readable(detector[name]) for name in FRAME_TABLES}
    length = min(detector["data"].shape[0], *(len(values) for values in columns.values()))
    return {name: values[:length] for name, values in columns.items()}


def _readable(dataset: Group) -> NDArray[Any]:
    """The values up to the first chunk that cannot be read."""
    length = dataset.shape[0]
    try:
        values: NDArray[Any] = dataset[:]
    except OSError:
        length = next(start for start in range(0, length, TABLE_CHUNK) if not _can_be_read(dataset, start))
        values = dataset[:length]
    return values


def _can_be_read(dataset: Group, start: int) -> bool:
    try:
        dataset[start : start + TABLE_CHUNK]
    except OSError:
        return False
    return True


def _copy(
    file: Group, columns: Mapping[Arm, Mapping[str, NDArray[Any]]], writer: ClipWriter, progress: Progress | None
) -> dict[Arm, int]:
    """Give the writer every frame that can be read, in the order of arrival; count the others."""
    total = sum(len(columns[arm]["frame_id"]) for arm in ARMS)
    lost: dict[Arm, int] = dict.fromkeys(ARMS, 0)
    arrivals = heapq.merge(*(_arrivals(arm, columns[arm]["host_ns"]) for arm in ARMS), key=lambda arrival: arrival[0])
    for done, (_, arm, index) in enumerate(arrivals, 1):
        try:
            pixels = read_frame(file[f"{arm_path(arm)}/data"], index)
        except OSError:
            lost[arm] += 1
            continue
        writer.put(arm, _frame(pixels, {name: values[index] for name, values in columns[arm].items()}))
        if done % TABLE_CHUNK == 0:
            writer.flush()
        if progress is not None:
            progress(done, total)
    return lost


def _arrivals(arm: Arm, host_ns: NDArray[Any]) -> Iterator[tuple[int, Arm, int]]:
    for index, at_ns in enumerate(host_ns.tolist()):
        yield at_ns, arm, index


def _frame(pixels: Raw, row: Mapping[str, Any]) -> Frame:
    return Frame(
        pixels,
        int(row["frame_id"]),
        int(row["timestamp_ns"]),
        int(row["host_ns"]),
        float(row["exposure_us"]),
        float(row["gain_db"]),
        FrameStatus(int(row["status"])),
    )


def _told(part_path: Path, software: str, frames: Mapping[Arm, int], lost: Mapping[Arm, int]) -> str:
    kept = " and ".join(f"{counted(frames[arm], 'frame')} of {arm}" for arm in ARMS)
    unread = " and ".join(f"{lost[arm]} of {arm}" for arm in ARMS)
    missing = f"; {unread} could not be read" if any(lost.values()) else ""
    return f"from {part_path.name}, recorded by {software}: {kept}{missing}"


def _publish(rescued: Path, path: Path, part_path: Path) -> None:
    """Give a rescued clip its final name, once it is proved from its file."""
    verdict = verify(rescued)
    if not verdict.ok:
        raise NotRecovered(part_path, f"the rescued clip does not hold ({'; '.join(verdict.findings)[:300]})")
    _refuse_taken(path, part_path)
    os.replace(rescued, path)


def _refuse_taken(path: Path, part_path: Path) -> None:
    if path.exists():
        raise NotRecovered(part_path, f"{path.name} exists already, and a clip is never overwritten")
