"""Where things are in a clip: NeXus-flavoured HDF5, format ``nirvis-clip`` version 1.

::

    / @default=entry @format=nirvis-clip @version=1
    /entry                     title start_time end_time mode light place notes operator recording_id part profile
                               anchor software
    /entry/instrument/<arm>    data (N,H,W), and per frame: frame_id timestamp_ns host_ns exposure_us gain_db status
    /entry/<arm>               NXdata: the same datasets again, as viewers expect them
    /entry/pairs               nir_index vis_index residual_ns event
    /entry/certificate         JSON of `nirvis_capture.certificate.Certificate`
    /entry/timing              write_ms flush_ms: last, max, mean, p99, p99.9
    /entry/preview/image       nir | vis, RGB
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

FORMAT = "nirvis-clip"
VERSION = 1
SUFFIX = ".clip.h5"
PART_SUFFIX = ".clip.h5.part"

Group: TypeAlias = Any
"""An h5py group or dataset; h5py has no type hints."""

FRAME_TABLES: dict[str, np.dtype[Any]] = {
    "frame_id": np.dtype("<i8"),
    "timestamp_ns": np.dtype("<i8"),
    "host_ns": np.dtype("<i8"),
    "exposure_us": np.dtype("<f8"),
    "gain_db": np.dtype("<f8"),
    "status": np.dtype("u1"),
}
PAIR_TABLES: dict[str, np.dtype[Any]] = {
    "nir_index": np.dtype("<i8"),
    "vis_index": np.dtype("<i8"),
    "residual_ns": np.dtype("<i8"),
    "event": np.dtype("u1"),
}
UNITS = {
    "timestamp_ns": "ns",
    "host_ns": "ns",
    "exposure_us": "us",
    "gain_db": "dB",
    "residual_ns": "ns",
    "write_ms": "ms",
    "flush_ms": "ms",
}
TABLE_CHUNK = 1024
CERTIFICATE_BYTES = 65_536
END_TIME_BYTES = 64
TIMING_FIELDS = ("last", "max", "mean", "p99", "p99.9")

WRITTEN_LATER = ("/entry/end_time", "/entry/certificate", "/entry/timing", "/entry/preview/image")
"""What is filled in at the close, and therefore no part of the header."""


def arm_path(arm: str) -> str:
    return f"/entry/instrument/{arm}"


def header_sha256(file: Group) -> str:
    """Digest of everything that stands before the first frame: names, types, every attribute, every fixed text.

    Frames and tables, which grow, and what is filled in at the close have digests of their own.
    """
    digest = hashlib.sha256()
    for path, node in _walk(file, ""):
        digest.update(f"{path}\n{_kind(node)}\n".encode())
        for name in sorted(node.attrs):
            digest.update(f"@{name}\n".encode())
            digest.update(_canonical(node.attrs[name]))
        if isinstance(node, h5py.Dataset) and node.shape == () and not path.startswith(WRITTEN_LATER):
            digest.update(_canonical(node[()]))
    return digest.hexdigest()


def _walk(group: Group, path: str) -> Iterator[tuple[str, Group]]:
    yield path or "/", group
    for name in sorted(group):
        child = group[name]
        if isinstance(child, h5py.Group):
            yield from _walk(child, f"{path}/{name}")
        else:
            yield f"{path}/{name}", child


def _kind(node: Group) -> str:
    if isinstance(node, h5py.Group):
        return "group"
    grows = node.maxshape and None in node.maxshape
    shape = f"{'*' if grows else ''}{node.shape[1:] if grows else node.shape}"
    return " ".join([f"{node.dtype.str} {shape} {node.chunks}", *map(str, filters_of(node))])


def filters_of(dataset: Group) -> list[tuple[Any, ...]]:
    """Number, flags and settings of every filter that HDF5 applies to the chunks of a dataset."""
    settings = dataset.id.get_create_plist()
    return [settings.get_filter(index) for index in range(settings.get_nfilters())]


def _canonical(value: object) -> bytes:
    """Bytes of an attribute or a scalar that do not depend on how h5py hands it out."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"text " + value + b"\n"
    array: NDArray[Any] = np.asarray(value)
    if array.dtype.kind in "OU":
        return b"texts " + "\x1f".join(str(item) for item in array.ravel()).encode() + b"\n"
    return f"{array.dtype.str} {array.shape} ".encode() + array.tobytes() + b"\n"


def table_sha256(column: Group, block: int) -> str:
    """Digest of a column of a table, `block` rows at a time; memory does not grow with its length."""
    digest = hashlib.sha256()
    for start in range(0, column.shape[0], block):
        digest.update(np.ascontiguousarray(column[start : start + block]).data)
    return digest.hexdigest()


def scalar_sha256(dataset: Group) -> str:
    """Digest of a small dataset as a whole."""
    return hashlib.sha256(_canonical(dataset[()])).hexdigest()


def text(dataset: Group) -> str:
    """A text of fixed length, as it was written."""
    value = dataset[()]
    return value.decode() if isinstance(value, bytes) else str(value)


def temperature_c(detector: Group) -> float | None:
    """Of the sensor when the recording began; None where the camera did not tell, and in older clips."""
    return float(detector.attrs["temperature_c"]) if "temperature_c" in detector.attrs else None
