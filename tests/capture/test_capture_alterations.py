"""Whatever is altered in a clip, raw or compressed, ``nirvis verify`` refuses it: every attribute, every value."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import ClipError
from nirvis_capture.verify import verify
from small_rig import profile

WriteClip = Callable[..., Path]
Alter = Callable[[h5py.File], None]
COMPRESSIONS = ["none", "bitshuffle-lz4"]


def is_refused(path: Path) -> bool:
    """True when the clip cannot be read, or reads and does not hold."""
    try:
        return not verify(path).ok
    except ClipError:
        return True


def refused_after(path: Path, alter: Alter) -> bool:
    """Alter a copy of a clip, and verify that."""
    copy = path.with_name(f"altered-{path.name}")
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        alter(file)
    return is_refused(copy)


def objects(path: Path) -> Iterator[tuple[str, list[str], tuple[int, ...] | None]]:
    """Path of every object, names of its attributes, and the shape of a dataset."""
    with h5py.File(path, "r") as file:
        paths: list[str] = []
        file.visit(paths.append)
        for name in ["/", *paths]:
            node = file[name]
            yield name, list(node.attrs), node.shape if isinstance(node, h5py.Dataset) else None


def another(value: object) -> object:
    """A value of the same type that is not the same."""
    if isinstance(value, bytes):
        return (b"X" if value[:1] != b"X" else b"Y") + value[1:]
    if isinstance(value, str):
        return f"{value}X"
    array = np.array(value)
    if array.dtype.kind in "OUS":
        return [f"{item}X" for item in array.ravel().tolist()]
    if array.dtype.kind == "b":
        return not array
    return array + array.dtype.type(1)


def test_every_attribute_is_covered(write_clip: WriteClip) -> None:
    path = write_clip(pulses=7)
    missed = []
    for name, attributes, _ in objects(path):
        for attribute in attributes:

            def alter(file: h5py.File, name: str = name, attribute: str = attribute) -> None:
                attrs = file[name].attrs
                attrs[attribute] = another(attrs[attribute])

            if not refused_after(path, alter):
                missed.append(f"{name} @{attribute}")
    assert missed == []


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_value_is_covered(write_clip: WriteClip, compression: str) -> None:
    """One of the first values and the last one of every dataset; texts at their first letter."""
    path = write_clip(pulses=7, compression=compression)
    missed = []
    for name, _, shape in objects(path):
        if shape is None:
            continue
        places = [()] if shape == () else [tuple(int(share * (n - 1)) for n in shape) for share in (0.2, 1)]
        for place in places:

            def alter(file: h5py.File, name: str = name, place: tuple[int, ...] = place) -> None:
                file[name][place] = another(file[name][place])

            if not refused_after(path, alter):
                missed.append(f"{name} {place}")
    assert missed == []


@pytest.mark.parametrize(("arm", "compression"), [("nir", "none"), ("vis", "bitshuffle-lz4")])
def test_every_stored_byte_of_a_frame_is_covered(write_clip: WriteClip, compression: str, arm: str) -> None:
    """In the file itself; of compressed frames also bytes that would decompress to the same counts."""
    path = write_clip(pulses=7, compression=compression)
    with h5py.File(path, "r") as file:
        chunk = file[f"entry/instrument/{arm}/data"].id.get_chunk_info(3)
    clean = path.read_bytes()
    for at in [*range(14), *np.linspace(14, chunk.size - 1, 20, dtype=int).tolist()]:
        altered = bytearray(clean)
        altered[chunk.byte_offset + at] ^= 1 << (at % 8)
        path.write_bytes(altered)
        assert is_refused(path), f"byte {at} of {chunk.size}"


def swap_frames(file: h5py.File) -> None:
    frames = file["entry/instrument/vis/data"].id
    (_, first), (_, second) = frames.read_direct_chunk((2, 0, 0)), frames.read_direct_chunk((3, 0, 0))
    frames.write_direct_chunk((2, 0, 0), second)
    frames.write_direct_chunk((3, 0, 0), first)


def swap_the_arms(file: h5py.File) -> None:
    file.move("entry/instrument/nir", "entry/instrument/third")
    file.move("entry/instrument/vis", "entry/instrument/nir")
    file.move("entry/instrument/third", "entry/instrument/vis")


def show_other_stamps(file: h5py.File) -> None:
    del file["entry/nir/timestamp_ns"]
    file["entry/nir/timestamp_ns"] = file["entry/instrument/nir/host_ns"]


def drop_the_last_rows(file: h5py.File) -> None:
    for name in ("nir_index", "vis_index", "residual_ns", "event"):
        file[f"entry/pairs/{name}"].resize(11, axis=0)


def drop_the_anchor(file: h5py.File) -> None:
    del file["entry/anchor"]


def compress_again(file: h5py.File) -> None:
    """The same counts in other bytes."""
    old = file["entry/instrument/nir/data"]
    counts, attributes = old[...], dict(old.attrs)
    for name in ("entry/instrument/nir/data", "entry/nir/data"):
        del file[name]
    data = file.create_dataset(
        "entry/instrument/nir/data", data=counts, maxshape=(None, *counts.shape[1:]), chunks=old.chunks,
        **hdf5plugin.LZ4(),
    )  # fmt: skip
    data.attrs.update(attributes)
    file["entry/nir/data"] = data


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize(
    "alter", [swap_frames, swap_the_arms, show_other_stamps, drop_the_last_rows, drop_the_anchor, compress_again]
)
def test_what_is_moved_or_left_out_is_found(write_clip: WriteClip, alter: Alter, compression: str) -> None:
    assert refused_after(write_clip(compression=compression), alter)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_an_unaltered_copy_holds(write_clip: WriteClip, compression: str) -> None:
    assert not refused_after(write_clip(compression=compression), lambda _: None)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip as the recorder makes it, of simulated cameras."""
    small = profile().edited({"rig": f"test-{os.getpid()}", "recording.min_free_gb": 0})
    return record_clip(small, tmp_path_factory.mktemp("clean"), pairs=20)


@pytest.fixture
def recorded(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(clean, tmp_path))


@pytest.mark.parametrize("arm", ARMS)
class TestRecorded:
    """What the certificate of a recorded clip has to notice, one alteration at a time."""

    def test_itself(self, recorded: Path, arm: Arm) -> None:
        verdict = verify(recorded)
        assert (verdict.findings, verdict.certificate.claim, verdict.synchrony) == ((), "synchrony", True)
        assert verdict.certificate.frames[arm] == 20

    @pytest.mark.parametrize("frame", [0, 7, 19])
    def test_one_stored_byte_of_a_frame(self, recorded: Path, arm: Arm, frame: int) -> None:
        with h5py.File(recorded, "r") as file:
            chunk = file[f"entry/instrument/{arm}/data"].id.get_chunk_info(frame)
        stored = bytearray(recorded.read_bytes())
        stored[chunk.byte_offset + chunk.size // 3] ^= 1
        recorded.write_bytes(stored)
        assert any(f"/instrument/{arm}/data: its values" in found for found in verify(recorded).findings)

    def test_one_swapped_frame(self, recorded: Path, arm: Arm) -> None:
        with h5py.File(recorded, "r+") as file:
            frames = file[f"entry/instrument/{arm}/data"]
            frames[4], frames[5] = frames[5], frames[4]
        assert any(f"/instrument/{arm}/data: its values" in found for found in verify(recorded).findings)

    @pytest.mark.parametrize("column", ["timestamp_ns", "host_ns", "frame_id", "exposure_us", "status"])
    def test_one_edited_stamp(self, recorded: Path, arm: Arm, column: str) -> None:
        with h5py.File(recorded, "r+") as file:
            file[f"entry/instrument/{arm}/{column}"][9] += 1
        assert any(f"/instrument/{arm}/{column}: its values" in found for found in verify(recorded).findings)

    @pytest.mark.parametrize("attribute", ["serial", "model"])
    def test_one_edited_attribute(self, recorded: Path, arm: Arm, attribute: str) -> None:
        with h5py.File(recorded, "r+") as file:
            file[f"entry/instrument/{arm}"].attrs[attribute] = "another"
        assert any(found.startswith("header: an attribute") for found in verify(recorded).findings)
