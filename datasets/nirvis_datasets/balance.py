"""Put indivisible units into sets so that several totals come close to given shares at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Generic, TypeVar

S = TypeVar("S", bound=str)
"""The name of a set."""
Weights = Mapping[str, int]
"""How much a unit adds to each total: pairs by mode."""

_EXCHANGE_AT_MOST = 40
"""Exchanges cost the square of the units, and only few units can need one."""
_GAIN = 1e-9
_GROSS_ERROR = 0.005
"""Gain that an exchange must bring, about shares that are 5 % off; exchanging for less would leave the seed no say."""


def balance(
    weights: Mapping[str, Weights],
    order: Sequence[str],
    shares: Mapping[S, float],
    needed: Mapping[str, Iterable[S]],
    fixed: Mapping[str, S],
) -> dict[str, S]:
    """Assign a set to every unit: first no needed set empty, then the least sum of squared errors of the shares.

    Units are placed greedily in the given order and then moved while that gains; the result is a local optimum, and a
    function of the arguments alone.

    weights
        Unit → total → amount, of all units.
    order
        The units to place.
    shares
        Set → the part of each total that it should get; a set of share 0 stays empty.
    needed
        Total → the sets that should get at least one of its units.
    fixed
        Unit → set of those placed already, which stay.
    """
    sets = [name for name, share in shares.items() if share > 0]
    placement = _Placement(weights, shares, needed)
    for unit, name in fixed.items():
        placement.put(unit, name)
    for unit in order:
        placement.put(unit, placement.best_set(unit, sets)[1])
    while _move(placement, order, sets) or _exchange(placement, order):
        pass
    return placement.sets


class _Placement(Generic[S]):
    """Units in sets, with the totals of each set kept up to date."""

    def __init__(
        self, weights: Mapping[str, Weights], shares: Mapping[S, float], needed: Mapping[str, Iterable[S]]
    ) -> None:
        self.sets: dict[str, S] = {}
        self._weights = weights
        self._shares = shares
        self._needed = [(total, name) for total, names in needed.items() for name in names]
        self._whole = Counter[str]()
        for amounts in weights.values():
            self._whole.update(amounts)
        self._amount = Counter[tuple[str, S]]()
        self._units = Counter[tuple[str, S]]()

    def put(self, unit: str, name: S) -> None:
        """Place a unit, or move it."""
        former = self.sets.get(unit)
        if former is not None:
            self._add(unit, former, -1)
        self._add(unit, name, 1)
        self.sets[unit] = name

    def take(self, unit: str) -> None:
        self._add(unit, self.sets.pop(unit), -1)

    def cost(self) -> tuple[int, float]:
        """(needed sets that are empty, sum of squared errors of the shares)"""
        empty = sum(self._units[key] == 0 for key in self._needed)
        error = sum(
            (self._amount[total, name] / whole - share) ** 2
            for total, whole in self._whole.items()
            for name, share in self._shares.items()
        )
        return empty, error

    def cost_with(self, changes: Mapping[str, S]) -> tuple[int, float]:
        """The cost if these units were put there."""
        former = {unit: self.sets.get(unit) for unit in changes}
        for unit, name in changes.items():
            self.put(unit, name)
        cost = self.cost()
        for unit, before in former.items():
            if before is None:
                self.take(unit)
            else:
                self.put(unit, before)
        return cost

    def best_set(self, unit: str, sets: Sequence[S]) -> tuple[tuple[int, float], S]:
        """The least cost, and the set in which the unit gives it."""
        return min(((self.cost_with({unit: name}), name) for name in sets), key=lambda trial: trial[0])

    def _add(self, unit: str, name: S, sign: int) -> None:
        for total, amount in self._weights[unit].items():
            self._amount[total, name] += sign * amount
            self._units[total, name] += sign


def _move(placement: _Placement[S], order: Sequence[str], sets: Sequence[S]) -> bool:
    """Move each unit once to where it fits best; True when that gained anything."""
    gained = False
    for unit in order:
        now = placement.cost()
        best, name = placement.best_set(unit, sets)
        if _better(best, now):
            placement.put(unit, name)
            gained = True
    return gained


def _exchange(placement: _Placement[S], order: Sequence[str]) -> bool:
    """Exchange two units where that fills a needed set or mends a gross error, as no move can; True when it did."""
    if len(order) > _EXCHANGE_AT_MOST:
        return False
    now = placement.cost()
    for first, second in combinations(order, 2):
        exchanged = {first: placement.sets[second], second: placement.sets[first]}
        if _better(placement.cost_with(exchanged), now, _GROSS_ERROR):
            for unit, name in exchanged.items():
                placement.put(unit, name)
            return True
    return False


def _better(cost: tuple[int, float], than: tuple[int, float], gain: float = _GAIN) -> bool:
    return cost[0] < than[0] or (cost[0] == than[0] and cost[1] < than[1] - gain)
