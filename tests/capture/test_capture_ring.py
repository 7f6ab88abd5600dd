"""The ring bounds memory, keeps the order, and says when it is full."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirvis_capture.ring import Ring, WhenFull


def ring_of(capacity: int, when_full: WhenFull = "refuse") -> Ring[bytes]:
    return Ring(capacity, len, when_full)


def test_rows_come_out_in_order() -> None:
    ring = ring_of(100)
    for row in (b"a", b"b", b"c"):
        assert ring.put(row)
    assert [ring.get(0), ring.get(0), ring.get(0)] == [b"a", b"b", b"c"]


def test_a_full_ring_refuses_and_keeps_what_it_has() -> None:
    ring = ring_of(10)
    assert ring.put(b"x" * 6)
    assert not ring.put(b"y" * 6)
    assert ring.fill == pytest.approx(0.6)
    assert ring.get(0) == b"x" * 6
    assert ring.put(b"y" * 6)


def test_the_last_rows_of_a_recording_always_fit() -> None:
    ring = ring_of(10)
    ring.put(b"x" * 10)
    ring.put_anyway(b"y" * 5)
    ring.put_anyway(b"z")
    ring.close()
    assert ring.fill > 1
    assert [ring.get(0) for _ in range(4)] == [b"x" * 10, b"y" * 5, b"z", None]
    assert ring.drained


def test_nothing_enters_after_closing() -> None:
    ring = ring_of(10)
    ring.close()
    assert not ring.put(b"x")
    ring.put_anyway(b"y")
    assert len(ring) == 0


def test_get_gives_up_when_nothing_comes() -> None:
    assert ring_of(10).get(0.001) is None


def test_alarms_at_three_quarters_and_when_full() -> None:
    ring = ring_of(100)
    alarms = []
    for _ in range(10):
        ring.put(b"x" * 10)
        alarms.append(ring.alarm)
    assert alarms == [""] * 7 + ["filling", "filling", "full"]
    for _ in range(5):
        ring.get(0)
    assert (ring.fill, ring.peak, ring.alarm) == (0.5, 1.0, "full")


def test_a_ring_that_makes_its_writer_wait_raises_no_alarm() -> None:
    ring = ring_of(10, "wait")
    ring.put(b"x" * 10)
    assert (ring.fill, ring.alarm) == (1.0, "")


def test_rows_that_come_all_at_once_get_room_of_their_own() -> None:
    ring = ring_of(10)
    ring.make_room(20)
    assert all(ring.put(b"x" * 10) for _ in range(2))
    assert ring.fill == ring.peak == 0
    assert ring.put(b"y" * 8)
    assert ring.fill == pytest.approx(0.8)
    assert not ring.put(b"z" * 3)


def test_closing_wakes_the_reader() -> None:
    ring = ring_of(10)
    found: list[bytes | None] = []
    reader = threading.Thread(target=lambda: found.append(ring.get(60)))
    reader.start()
    ring.close()
    reader.join(10)
    assert found == [None]


def test_a_waiting_ring_slows_the_writer_down_and_loses_nothing() -> None:
    ring = ring_of(3, "wait")
    writer = threading.Thread(target=lambda: [ring.put(bytes([i])) for i in range(100)])
    writer.start()
    assert [ring.get(10) for _ in range(100)] == [bytes([i]) for i in range(100)]
    writer.join(10)
    assert not writer.is_alive()


def test_closing_wakes_a_waiting_writer() -> None:
    ring = ring_of(1, "wait")
    ring.put(b"x")
    answers: list[bool] = []
    writer = threading.Thread(target=lambda: answers.append(ring.put(b"y")))
    writer.start()
    ring.close()
    writer.join(10)
    assert answers == [False]


def test_a_row_larger_than_the_ring_passes_alone() -> None:
    ring = ring_of(2)
    assert ring.put(b"large")
    assert not ring.put(b"x")


@given(st.lists(st.one_of(st.binary(max_size=8), st.none()), max_size=60))
def test_fill_is_what_is_inside(actions: list[bytes | None]) -> None:
    """Any order of put (bytes) and get (None) keeps the count of bytes right and below the capacity."""
    ring = ring_of(20)
    inside: list[bytes] = []
    for action in actions:
        if action is None:
            assert ring.get(0) == (inside.pop(0) if inside else None)
        elif ring.put(action):
            inside.append(action)
        assert ring.fill * 20 == pytest.approx(sum(map(len, inside)))
        assert ring.fill <= 1
