"""Endless batches that are known for any step."""

from __future__ import annotations

from collections import Counter
from itertools import chain, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirvis_datasets.sampler import DrawSampler

quick = settings(deadline=None, max_examples=60)


@quick
@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 40))
def test_a_resumed_run_sees_what_it_would_have_seen(n: int, batch_size: int, step: int) -> None:
    whole = list(islice(DrawSampler(n, batch_size, seed=4), step + 3))
    resumed = list(islice(DrawSampler(n, batch_size, seed=4, start_step=step), 3))
    assert resumed == whole[step:]
    assert DrawSampler(n, batch_size, seed=4).batch(step) == whole[step]


@quick
@given(st.integers(1, 30), st.integers(1, 12))
def test_every_pair_is_seen_once_in_each_pass(n: int, batch_size: int) -> None:
    seen = list(islice(chain.from_iterable(DrawSampler(n, batch_size)), 3 * n))
    assert Counter(seen) == Counter((draw, index) for draw in range(3) for index in range(n))
    assert [draw for draw, _ in seen] == sorted(draw for draw, _ in seen)


@quick
@given(st.integers(1, 5), st.integers(1, 12))
def test_every_batch_is_whole(n: int, batch_size: int) -> None:
    assert all(len(batch) == batch_size for batch in islice(DrawSampler(n, batch_size), 10))


@quick
@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 4), st.integers(0, 9))
def test_ranks_share_the_batch_of_one_process(n: int, batch_size: int, ranks: int, step: int) -> None:
    together = [DrawSampler(n, batch_size, 3, rank=rank, ranks=ranks).batch(step) for rank in range(ranks)]
    assert list(chain.from_iterable(together)) == DrawSampler(n, ranks * batch_size, 3).batch(step)


@pytest.mark.parametrize("rank", [-1, 2])
def test_a_rank_that_is_none_of_them_is_refused(rank: int) -> None:
    with pytest.raises(ValueError, match="one of 0 … 1; got"):
        DrawSampler(4, 2, rank=rank, ranks=2)


def test_seed_and_pass_decide_the_order() -> None:
    first, second = islice(DrawSampler(50, 50, seed=1), 2)
    other = DrawSampler(50, 50, seed=2).batch(0)
    orders = [tuple(index for _, index in batch) for batch in (first, second, other)]
    assert len(set(orders)) == 3


def test_two_iterators_do_not_disturb_each_other() -> None:
    sampler = DrawSampler(7, 3)
    assert [*islice(sampler, 4)] == [*islice(sampler, 4)]


@pytest.mark.parametrize(("n", "batch_size", "start_step"), [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_impossible_numbers_are_refused(n: int, batch_size: int, start_step: int) -> None:
    with pytest.raises(ValueError, match="begin at 1"):
        DrawSampler(n, batch_size, start_step=start_step)
