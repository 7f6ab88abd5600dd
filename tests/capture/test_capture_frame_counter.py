"""Ids that only rise, out of counters that wrap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirvis_capture.frame_counter import CounterRule, FrameCounter, counter_rule

GIGE = CounterRule(bits=16, first=1, after_wrap=1)
RULES = [GIGE, CounterRule(bits=16), CounterRule(bits=32), CounterRule(bits=64)]


def unwrapped(rule: CounterRule, raws: list[int], start: int | None = None) -> list[int]:
    counter = FrameCounter(rule, start)
    return [counter.unwrap(raw) for raw in raws]


@pytest.mark.parametrize(
    ("rule", "raws", "ids"),
    [
        pytest.param(GIGE, [65534, 65535, 1, 2], [65534, 65535, 65536, 65537], id="zero-left-out"),
        pytest.param(CounterRule(16), [65535, 0, 1], [65535, 65536, 65537], id="zero-counted"),
        pytest.param(GIGE, [65535, 3], [65535, 65538], id="two-lost-at-the-wrap"),
        pytest.param(CounterRule(32), [2**32 - 1, 0], [2**32 - 1, 2**32], id="32-bit"),
        pytest.param(CounterRule(64), [0, 1, 70_000], [0, 1, 70_000], id="64-bit"),
        pytest.param(GIGE, [5, 7, 6, 8], [5, 7, 6, 8], id="one-delivered-late"),
        pytest.param(GIGE, [65535, 65536, 65537], [65535, 65536, 65537], id="more-bits-than-the-rule-says"),
    ],
)
def test_counters_are_unwrapped(rule: CounterRule, raws: list[int], ids: list[int]) -> None:
    assert unwrapped(rule, raws) == ids


def test_a_known_start_tells_that_it_wrapped_before_the_first_frame() -> None:
    assert unwrapped(GIGE, [2], start=65535) == [65537]
    assert unwrapped(GIGE, [2]) == [2]


@given(
    rule=st.sampled_from(RULES),
    first=st.integers(1, 2**33),
    gaps=st.lists(st.integers(1, 30_000), min_size=1, max_size=50),
)
def test_whatever_is_lost_the_ids_come_back(rule: CounterRule, first: int, gaps: list[int]) -> None:
    ids = [first]
    for gap in gaps:
        ids.append(ids[-1] + gap)
    raws = [rule.raw(frame_id) for frame_id in ids]
    assert all(rule.after_wrap <= raw < 2**rule.bits for raw in raws)
    assert unwrapped(rule, raws, start=first) == ids


def test_the_family_of_the_model_says_how_it_counts() -> None:
    assert counter_rule("GS3-U3-15S4C") == GIGE
    assert counter_rule("BFS-U3-63S4C") == CounterRule(bits=64)
    assert counter_rule("Fake") == CounterRule(bits=64)
