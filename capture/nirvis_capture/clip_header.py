"""Make the file of a new clip: every object with its final type, every attribute, before the first frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import h5py
import numpy as np
from pydantic import TypeAdapter

from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, Arm, CameraInfo
from nirvis_capture.certificate import software
from nirvis_capture.clip_file import ClipFile
from nirvis_capture.clip_layout import (
    CERTIFICATE_BYTES,
    END_TIME_BYTES,
    FORMAT,
    FRAME_TABLES,
    PAIR_TABLES,
    TABLE_CHUNK,
    TIMING_FIELDS,
    UNITS,
    VERSION,
    Group,
)
from nirvis_capture.clip_preview import preview_shape
from nirvis_capture.compression import filters
from nirvis_capture.frame_file import ALIGNMENT_BYTES
from nirvis_capture.pairing import Event
from nirvis_capture.profile import Profile


@dataclass(frozen=True, slots=True)
class ClipHeader:
    """What the operator and the recorder say about a clip."""

    recording_id: str
    part: int
    """Number of the clip in its recording, from 1."""
    place: str
    light: str
    notes: str
    operator: str
    start_time: datetime
    """Aware of its time zone."""


ANCHOR: TypeAdapter[Anchor | None] = TypeAdapter(Anchor | None)
"""What the pairing of a clip began with, as JSON. Who rescues an unfinished clip pairs its frames from there."""


def create_clip(
    clip_file: ClipFile, header: ClipHeader, profile: Profile, cameras: Mapping[Arm, CameraInfo], anchor: Anchor | None
) -> Group:
    """Lay out an empty file, and give it open; SWMR is for the caller to start."""
    file = h5py.File(
        clip_file, "w", libver="latest", alignment_threshold=ALIGNMENT_BYTES * 16, alignment_interval=ALIGNMENT_BYTES
    )
    file.attrs.update({"default": "entry", "format": FORMAT, "version": VERSION, "NX_class": "NXroot"})
    entry = _group(file, "entry", "NXentry", default=profile.trigger.primary)
    _write_texts(entry, header, profile, anchor)
    instrument = _group(entry, "instrument", "NXinstrument")
    for arm in ARMS:
        _create_detector(instrument, arm, profile, cameras[arm])
        _create_plot(entry, instrument[arm], arm)
    _create_pairs(entry)
    _create_reserved(entry, preview_shape(cameras))
    return file


def _write_texts(entry: Group, header: ClipHeader, profile: Profile, anchor: Anchor | None) -> None:
    texts = {
        "title": f"{profile.rig} {profile.mode} {header.recording_id}",
        "start_time": header.start_time.isoformat(timespec="microseconds"),
        "mode": profile.mode,
        "light": header.light,
        "place": header.place,
        "notes": header.notes,
        "operator": header.operator,
        "recording_id": header.recording_id,
        "profile": profile.text,
        "anchor": ANCHOR.dump_json(anchor).decode(),
        "software": software(),
    }
    for name, text in texts.items():
        _text(entry, name, text)
    entry["part"] = np.int64(header.part)


def _create_detector(instrument: Group, arm: Arm, profile: Profile, camera: CameraInfo) -> None:
    settings = profile.arm(arm)
    detector = _group(
        instrument,
        arm,
        "NXdetector",
        serial=camera.serial,
        model=camera.model,
        pixel_format=camera.pixel_format,
        cfa=settings.cfa,
        bit_depth=camera.bit_depth,
        black_level_dn=camera.black_level_dn,
        mirror=settings.mirror,
        filter=settings.filter.name,
        passband_nm=np.array(settings.filter.passband_nm),
        pixel_size_um=settings.sensor.pixel_size_um,
        timestamp_resolution_ns=camera.timestamp_resolution_ns,
        **({} if camera.temperature_c is None else {"temperature_c": camera.temperature_c}),
    )
    frame = (camera.height, camera.width)
    counts = detector.create_dataset(
        "data",
        (0, *frame),
        camera.dtype,
        maxshape=(None, *frame),
        chunks=(1, *frame),
        # Chunks are written whole and in order, so none is ever filled before it is written.
        fill_time="never",
        **(filters(profile.recording.compression) or {"dcpl": _placed_early()}),
    )
    counts.attrs.update({"interpretation": "image", "long_name": f"{arm} raw counts, {settings.cfa}"})
    _create_tables(detector, FRAME_TABLES)


def _placed_early() -> Any:
    """A frame has its place in the file as soon as the dataset is long enough for it."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    return settings


def _create_plot(entry: Group, detector: Group, arm: Arm) -> None:
    """The same datasets once more, as NeXus viewers look for them."""
    plot = _group(entry, arm, "NXdata", signal="data", axes=["timestamp_ns", ".", "."])
    for name in ("data", "timestamp_ns"):
        plot[name] = detector[name]


def _create_pairs(entry: Group) -> None:
    pairs = _group(entry, "pairs", "NXcollection")
    _create_tables(pairs, PAIR_TABLES)
    pairs["event"].attrs["names"] = [f"{event.value} {event.name}" for event in Event]


def _create_tables(group: Group, columns: Mapping[str, np.dtype[Any]]) -> None:
    for name, dtype in columns.items():
        table = group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(TABLE_CHUNK,))
        if name in UNITS:
            table.attrs["units"] = UNITS[name]


def _create_reserved(entry: Group, preview: tuple[int, int, int]) -> None:
    """What is filled in at the close. Written once now, so that its space on the disk is taken."""
    entry.create_dataset("end_time", data=b"", dtype=h5py.string_dtype("utf-8", END_TIME_BYTES))
    entry.create_dataset("certificate", data=b"", dtype=h5py.string_dtype("utf-8", CERTIFICATE_BYTES))
    timing = _group(entry, "timing", "NXcollection", fields=list(TIMING_FIELDS))
    for name in ("write_ms", "flush_ms"):
        timing.create_dataset(name, data=np.zeros(len(TIMING_FIELDS)))
        timing[name].attrs["units"] = UNITS[name]
    image = _group(entry, "preview", "NXdata", signal="image").create_dataset("image", data=np.zeros(preview, np.uint8))
    for name, text in {
        "CLASS": "IMAGE",
        "IMAGE_VERSION": "1.2",
        "IMAGE_SUBCLASS": "IMAGE_TRUECOLOR",
        "INTERLACE_MODE": "INTERLACE_PIXEL",
        "interpretation": "rgb-image",
    }.items():
        # The HDF5 image specification asks for texts of fixed length, and HDFView reads no others here.
        image.attrs[name] = np.bytes_(text)


def _group(parent: Group, name: str, nx_class: str, **attributes: object) -> Group:
    group = parent.create_group(name)
    group.attrs.update({"NX_class": nx_class, **attributes})
    return group


def _text(group: Group, name: str, text: str) -> None:
    """A text of fixed length: HDF5 keeps those of variable length in a heap that a crash can tear."""
    encoded = text.encode()
    group.create_dataset(name, data=encoded, dtype=h5py.string_dtype("utf-8", max(1, len(encoded))))
