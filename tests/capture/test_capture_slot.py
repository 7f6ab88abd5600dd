"""The newest pictures pass between processes, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from nirvis_capture.errors import RecorderError
from nirvis_capture.runtime import private_folder
from nirvis_capture.slot import Slot

SHAPE = (64, 96)


@pytest.fixture
def slot(tmp_path: Path) -> Slot:
    return Slot.create(tmp_path / "preview", 2 * 64 * 96 * 2)


def pair(value: int) -> dict[str, np.ndarray]:
    return {"nir": np.full(SHAPE, value, np.uint8), "vis": np.full(SHAPE, value, np.uint16)}


def test_reader_sees_what_was_published(slot: Slot) -> None:
    slot.publish({"pairs": 7, "nir": {"cfa": "RGGB"}}, pair(3))
    snapshot = Slot.attach(slot.path).newest()
    assert snapshot is not None
    assert snapshot.sequence == 1
    assert snapshot.meta == {"pairs": 7, "nir": {"cfa": "RGGB"}}
    assert snapshot.arrays["vis"].dtype == np.uint16
    np.testing.assert_array_equal(snapshot.arrays["nir"], np.full(SHAPE, 3))


def test_only_the_newest_is_kept(slot: Slot) -> None:
    for value in range(5):
        slot.publish({}, pair(value))
    snapshot = slot.newest()
    assert snapshot is not None
    assert snapshot.sequence == 5
    assert snapshot.arrays["nir"][0, 0] == 4


def test_nothing_new_is_none(slot: Slot) -> None:
    assert slot.newest() is None
    slot.publish({}, pair(1))
    assert slot.newest(after=1) is None


def test_what_is_withdrawn_is_not_seen_and_what_follows_is(slot: Slot) -> None:
    slot.publish({}, pair(1))
    slot.publish({}, pair(2))
    slot.withdraw()
    reader = Slot.attach(slot.path)
    assert reader.newest() is None
    slot.publish({}, pair(3))
    snapshot = reader.newest()
    assert snapshot is not None
    assert snapshot.arrays["nir"][0, 0] == 3


def test_snapshot_is_a_copy(slot: Slot) -> None:
    slot.publish({}, pair(1))
    snapshot = slot.newest()
    for value in (2, 3, 4):
        slot.publish({}, pair(value))
    assert snapshot is not None
    assert (snapshot.arrays["nir"] == 1).all()


def test_sizes_may_change_within_the_capacity(slot: Slot) -> None:
    slot.publish({}, pair(1))
    slot.publish({}, {"nir": np.zeros((10, 4), np.uint8)})
    snapshot = slot.newest()
    assert snapshot is not None
    assert {name: array.shape for name, array in snapshot.arrays.items()} == {"nir": (10, 4)}


def test_too_large_a_snapshot_is_refused_and_the_last_one_stays(slot: Slot) -> None:
    slot.publish({}, pair(1))
    with pytest.raises(ValueError, match="do not fit a slot"):
        slot.publish({}, {"nir": np.zeros((2000, 2000), np.uint8)})
    snapshot = slot.newest()
    assert snapshot is not None
    assert snapshot.sequence == 1


WRITER = """
import sys, threading, numpy as np
from pathlib import Path
from nirvis_capture.slot import Slot
slot = Slot.create(Path(sys.argv[1]), 2_000_000)
print("ready", flush=True)
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
value = 0
while not ended.is_set():
    value = (value + 1) % 250
    slot.publish({"value": value}, {"nir": np.full((1000, 1000), value, np.uint8)})
"""


@pytest.fixture
def busy_writer(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "busy"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdin=PIPE, stdout=PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        yield path
        writer.kill()


def test_no_picture_is_torn_while_another_process_writes(busy_writer: Path) -> None:
    seen = last = 0
    deadline = time.monotonic() + 20
    with Slot.attach(busy_writer) as slot:
        while seen < 200 and time.monotonic() < deadline:
            snapshot = slot.newest(after=last)
            if snapshot is not None:
                last, seen = snapshot.sequence, seen + 1
                assert (snapshot.arrays["nir"] == snapshot.meta["value"]).all()
    assert seen == 200


def test_reader_learns_that_the_writer_closed(slot: Slot) -> None:
    reader = Slot.attach(slot.path)
    assert not reader.ended
    slot.close()
    assert reader.ended
    assert not slot.path.exists()


def test_reader_learns_that_another_writer_took_over(slot: Slot) -> None:
    reader = Slot.attach(slot.path)
    Slot.create(slot.path, 100)
    assert reader.ended


def test_closing_an_old_writer_keeps_the_file_of_the_new_one(slot: Slot) -> None:
    Slot.create(slot.path, 100)
    slot.close()
    assert slot.path.exists()


def test_attach_says_that_nothing_is_published(tmp_path: Path) -> None:
    with pytest.raises(RecorderError, match="start its writer first"):
        Slot.attach(tmp_path / "nothing")


def test_attach_refuses_another_file(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"x" * 200)
    with pytest.raises(RecorderError, match="no slot of this version"):
        Slot.attach(path)


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(RecorderError, match="belongs to another user"):
        private_folder(tmp_path / "link")
