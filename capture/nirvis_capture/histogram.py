"""Percentiles of a stream in constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FINE_BITS = 5
_BINS = 64 << _FINE_BITS


class Histogram:
    """Counts non-negative integers in bins that are 3 % wide; keeps last, maximum and sum exactly."""

    __slots__ = ("_bins", "count", "last", "maximum", "total")

    def __init__(self) -> None:
        self._bins = [0] * _BINS
        self.count = 0
        self.last = 0
        self.maximum = 0
        self.total = 0

    def add(self, value: int) -> None:
        """Take in one value, 0 ≤ value < 2⁶³."""
        octave = max(0, value.bit_length() - _FINE_BITS - 1)
        self._bins[(octave << _FINE_BITS) + (value >> octave)] += 1
        self.count += 1
        self.last = value
        self.total += value
        if value > self.maximum:
            self.maximum = value

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def percentile(self, percent: float) -> int:
        """Upper edge of the bin that holds this percentile; 0 when nothing was counted."""
        wanted = self.count * percent / 100
        seen = 0
        for index, held in enumerate(self._bins):
            seen += held
            if held and seen >= wanted:
                return min(self.maximum, _upper_edge(index))
        return 0


class Timing:
    """How long each call took."""

    def __init__(self) -> None:
        self._us = Histogram()

    def add(self, duration_ns: int) -> None:
        self._us.add(duration_ns // 1000)

    @property
    def p99_ms(self) -> float:
        return self._us.percentile(99) / 1e3

    def figures_ms(self) -> NDArray[np.float64]:
        """Last, maximum, mean, 99th and 99.9th percentile, in ms."""
        us = self._us
        return np.array([us.last, us.maximum, us.mean, us.percentile(99), us.percentile(99.9)]) / 1e3


def _upper_edge(index: int) -> int:
    octave = max(0, (index >> _FINE_BITS) - 1)
    return ((index - (octave << _FINE_BITS) + 1) << octave) - 1
