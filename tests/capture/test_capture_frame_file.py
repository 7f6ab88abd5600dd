"""Frames on their way past the memory of the operating system: the same bytes, wherever they begin and end."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nirvis_capture import frame_file
from nirvis_capture.frame_file import ALIGNMENT_BYTES, FrameFile
from nirvis_capture.frame_memory import new_frame

NOISE = np.random.default_rng(3).integers(0, 256, 5 * ALIGNMENT_BYTES, np.uint8).tobytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "frames"
    made.write_bytes(bytes(len(NOISE) * 2))
    return made


@pytest.fixture
def frames(path: Path) -> Iterator[FrameFile]:
    opened = FrameFile(path)
    yield opened
    opened.close()
    opened.close()


@pytest.mark.parametrize("at", [0, 1, ALIGNMENT_BYTES, ALIGNMENT_BYTES + 512])
@pytest.mark.parametrize("length", [0, 1, ALIGNMENT_BYTES - 1, ALIGNMENT_BYTES, 3 * ALIGNMENT_BYTES + 320])
def test_every_byte_is_where_it_belongs(frames: FrameFile, path: Path, at: int, length: int) -> None:
    frames.write(at, NOISE[:length])
    held = path.read_bytes()
    assert held[at : at + length] == NOISE[:length]
    assert not any(held[:at])
    assert not any(held[at + length :])


def test_a_frame_of_two_bytes_a_pixel_goes_as_it_lies_in_memory(frames: FrameFile, path: Path) -> None:
    picture = np.frombuffer(NOISE, np.uint16).reshape(64, -1)
    frames.write(ALIGNMENT_BYTES, picture.data)
    assert path.read_bytes()[ALIGNMENT_BYTES:][: picture.nbytes] == NOISE


def test_a_frame_in_pages_of_its_own_goes_without_a_copy(frames: FrameFile, path: Path) -> None:
    picture = new_frame((5, ALIGNMENT_BYTES), np.uint8)
    picture[...] = np.frombuffer(NOISE, np.uint8).reshape(picture.shape)
    frames.write(ALIGNMENT_BYTES, picture.data)
    assert path.read_bytes()[ALIGNMENT_BYTES:][: picture.nbytes] == NOISE
    assert len(frames._pages) < picture.nbytes


def test_a_file_system_that_takes_the_flag_and_not_the_writing_gets_it_as_usual(
    frames: FrameFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not frames.direct:
        pytest.skip(f"no O_DIRECT in {path.parent}")
    usual, refused = os.pwrite, frames._past_memory

    def pwrite(descriptor: int, counts: memoryview, at: int) -> int:
        if descriptor == refused:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return usual(descriptor, counts, at)

    monkeypatch.setattr(frame_file.os, "pwrite", pwrite)
    frames.write(0, NOISE)
    assert not frames.direct
    assert path.read_bytes()[: len(NOISE)] == NOISE


def test_a_full_disk_is_told_and_the_frame_can_be_written_again(
    frames: FrameFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, full = os.pwrite, [True]

    def pwrite(descriptor: int, counts: memoryview, at: int) -> int:
        if full and at >= ALIGNMENT_BYTES:
            full.clear()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return usual(descriptor, counts[:ALIGNMENT_BYTES], at)

    monkeypatch.setattr(frame_file.os, "pwrite", pwrite)
    with pytest.raises(OSError, match="No space left"):
        frames.write(0, NOISE)
    frames.write(0, NOISE)
    assert path.read_bytes()[: len(NOISE)] == NOISE
