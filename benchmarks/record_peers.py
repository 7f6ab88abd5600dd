"""What else could store the frames of two cameras: each peer writes the same noise, and ends with it on the disk."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

Frames = Sequence[NDArray[np.uint8]]
"""A short loop of frames ``(H, W)``."""
Peer = Callable[[Path, Frames, int], None]
"""Writes so many pairs to the folder, one file or more for each arm, and returns when they are on the disk."""


def noise_frames(height: int, width: int, count: int = 8) -> Frames:
    """Incompressible frames."""
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (height, width), dtype=np.uint8) for _ in range(count)]


def write_raw(folder: Path, frames: Frames, pairs: int) -> None:
    """``write()`` of the bytes, as every program does it: the limit."""
    with open(folder / "raw", "wb", buffering=0) as file:
        for frame in _all(frames, 2 * pairs):
            file.write(frame.data)
        os.fsync(file.fileno())


def write_raw_direct(folder: Path, frames: Frames, pairs: int) -> None:
    """The same past the page cache, each frame filled up to whole pages: what the disk itself takes."""
    size = -(-frames[0].nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    pages = [mmap.mmap(-1, size) for _ in frames]
    for page, frame in zip(pages, frames, strict=True):
        page.write(frame.tobytes())
    descriptor = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
    try:
        for page in islice(cycle(pages), 2 * pairs):
            os.write(descriptor, page)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bmp(folder: Path, frames: Frames, pairs: int) -> None:
    """A BMP file for each frame, as the authors of VSIAD stored theirs."""
    for number, frame in enumerate(_all(frames, 2 * pairs)):
        cv2.imwrite(str(folder / f"{number:06d}.bmp"), frame)
    _sync(folder)


def write_h5py_default(folder: Path, frames: Frames, pairs: int) -> None:
    """A dataset for each arm that grows by a frame, with h5py's own choice of chunks."""
    _write_h5py(folder, frames, pairs, chunks=True)


def write_h5py_frames(folder: Path, frames: Frames, pairs: int) -> None:
    """The same with one frame a chunk."""
    _write_h5py(folder, frames, pairs, chunks=(1, *frames[0].shape))


def write_tifffile(folder: Path, frames: Frames, pairs: int) -> None:
    """A BigTIFF for each arm, a page for each frame."""
    import tifffile

    shape = frames[0].shape
    with (
        tifffile.TiffWriter(folder / "nir.tif", bigtiff=True) as nir,
        tifffile.TiffWriter(folder / "vis.tif", bigtiff=True) as vis,
    ):
        for number, frame in enumerate(_all(frames, 2 * pairs)):
            (nir, vis)[number % 2].write(frame, contiguous=True, photometric="minisblack", shape=shape, dtype="u1")
    _sync(folder)


def write_zarr(folder: Path, frames: Frames, pairs: int) -> None:
    """An array for each arm, a chunk for each frame, not compressed."""
    import zarr

    shape = frames[0].shape
    as_it_is = {"dtype": "u1", "chunks": (1, *shape), "compressors": None, "filters": None}
    arms = [zarr.create_array(folder / f"{arm}.zarr", shape=(pairs, *shape), **as_it_is) for arm in ("nir", "vis")]
    for number, frame in enumerate(_all(frames, 2 * pairs)):
        arms[number % 2][number // 2] = frame
    _sync(folder)


def peers() -> dict[str, Peer]:
    """Those that are installed, by their name."""
    found: dict[str, Peer] = {
        "raw_write": write_raw,
        "raw_direct": write_raw_direct,
        "bmp": write_bmp,
        "h5py_default": write_h5py_default,
        "h5py_frames": write_h5py_frames,
    }
    if find_spec("tifffile"):
        found["tifffile"] = write_tifffile
    if find_spec("zarr"):
        found["zarr"] = write_zarr
    return found


def _write_h5py(folder: Path, frames: Frames, pairs: int, chunks: bool | tuple[int, ...]) -> None:
    with h5py.File(folder / "pairs.h5", "w") as file:
        arms = [
            file.create_dataset(arm, (0, *frames[0].shape), "u1", maxshape=(None, *frames[0].shape), chunks=chunks)
            for arm in ("nir", "vis")
        ]
        for number, frame in enumerate(_all(frames, 2 * pairs)):
            arm, index = arms[number % 2], number // 2
            arm.resize(index + 1, axis=0)
            arm[index] = frame
    _sync(folder)


def _all(frames: Frames, count: int) -> Iterator[NDArray[np.uint8]]:
    return islice(cycle(frames), count)


def _sync(folder: Path) -> None:
    """Every file of the folder, and the folder, to the disk."""
    for path in (*folder.rglob("*"), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
