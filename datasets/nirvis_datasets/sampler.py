"""Which pairs a training step sees: endless, and known for any step without replaying those before it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

Draw = tuple[int, int]
"""(draw, index): which pass over the pairs this is, and which pair; together they decide the random crop."""


class DrawSampler(Sampler[list[Draw]]):
    """Endless batches of (draw, index) for ``DataLoader(batch_sampler=...)``, a function of (seed, step) only.

    All pairs are shuffled anew in every pass, and every pair is seen once before any is seen again; a batch may span
    two passes, so that all batches are whole.

    n
        Pairs in the dataset, at least 1.
    batch_size
        Of one rank.
    start_step
        The step to begin with: a run that is resumed at step k goes on exactly as if it had never stopped.
    rank, ranks
        Which of how many processes that train together this is. Their batches of a step, in order of rank, are the one
        batch of ``ranks * batch_size`` that a single process would have seen.
    """

    def __init__(
        self, n: int, batch_size: int, seed: int = 0, start_step: int = 0, rank: int = 0, ranks: int = 1
    ) -> None:
        if n < 1 or batch_size < 1 or start_step < 0:
            raise ValueError(f"n and batch_size begin at 1, start_step at 0; got {n}, {batch_size} and {start_step}")
        if not 0 <= rank < ranks:
            raise ValueError(f"rank has to be one of 0 … {ranks - 1}; got {rank}")
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.start_step = start_step
        self.rank = rank
        self.ranks = ranks

    def __iter__(self) -> Iterator[list[Draw]]:
        stride = self.batch_size * self.ranks
        position = self.start_step * stride + self.rank * self.batch_size
        passing, order = -1, np.empty(0, np.intp)
        while True:
            batch: list[Draw] = []
            for at in range(position, position + self.batch_size):
                if at // self.n != passing:
                    passing = at // self.n
                    order = self._order(passing)
                batch.append((passing, int(order[at % self.n])))
            yield batch
            position += stride

    def batch(self, step: int) -> list[Draw]:
        """The batch of one step."""
        return next(iter(DrawSampler(self.n, self.batch_size, self.seed, step, self.rank, self.ranks)))

    def _order(self, passing: int) -> NDArray[np.intp]:
        return np.random.default_rng([self.seed, passing]).permutation(self.n)
