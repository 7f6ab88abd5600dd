"""Memory of frames: pages, used again once nobody looks at them, and never more of them kept than agreed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from nirvis_capture import frame_memory
from nirvis_capture.frame_memory import KEPT_BYTES, new_frame, release_frames

SHAPE = (120, 160)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    release_frames()
    yield
    release_frames()


def address(counts: np.ndarray) -> int:
    return int(counts.__array_interface__["data"][0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_frame_begins_with_a_page_and_is_to_be_filled(dtype: type) -> None:
    frame = new_frame(SHAPE, dtype)
    assert (frame.shape, frame.dtype) == (SHAPE, np.dtype(dtype))
    assert address(frame) % 4096 == 0
    frame[...] = 7


def test_two_frames_share_nothing() -> None:
    assert not np.shares_memory(new_frame(SHAPE, np.uint8), new_frame(SHAPE, np.uint8))


def test_the_pages_of_a_frame_that_is_gone_serve_the_next() -> None:
    frame = new_frame(SHAPE, np.uint8)
    before = address(frame)
    del frame
    assert address(new_frame(SHAPE, np.uint8)) == before


@pytest.mark.parametrize("view_of", [lambda frame: frame[4:, 4:], lambda frame: frame.data, lambda frame: frame.T])
def test_a_view_keeps_the_pages(view_of: object) -> None:
    frame = new_frame(SHAPE, np.uint8)
    frame[...] = 7
    view = view_of(frame)  # type: ignore[operator]
    del frame
    new_frame(SHAPE, np.uint8)[...] = 9
    assert (np.asarray(view) == 7).all()


def test_what_waits_is_bounded() -> None:
    shape = (1024, 1024)
    frames = [new_frame(shape, np.uint8) for _ in range(2 * KEPT_BYTES // (1 << 20))]
    frames.clear()
    assert sum(map(len, frame_memory._free[1 << 20])) == KEPT_BYTES
