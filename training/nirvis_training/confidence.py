"""How far a mean over clips can be trusted; no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEAST_FREEDOM = 2
"""Fewer degrees of freedom say next to nothing: at one, an interval is 25 standard errors wide."""


def half_width(values: NDArray[np.float64], strata: Sequence[str], level: float = 0.95) -> float | None:
    """Half the width of Student's interval of the mean of clips; None where too few of them show how far they spread.

    Clips of a stratum spread about its own mean, as far in each: how many clips of each stratum there are was chosen,
    and so the step from one to the next is no uncertainty of the mean.

    values
        One of each clip, all of them finite, ``(n,)``.
    strata
        The stratum of each clip, such as its mode.
    """
    names, of = np.unique(np.asarray(strata), return_inverse=True)
    freedom = len(values) - len(names)
    if freedom < LEAST_FREEDOM:
        return None
    means = np.bincount(of, values) / np.bincount(of)
    variance = float(np.square(values - means[of]).sum()) / freedom
    return student_quantile((1 + level) / 2, freedom) * math.sqrt(variance / len(values))


def student_quantile(p: float, freedom: int) -> float:
    """The p-quantile of Student's t, within 1 % from two degrees of freedom on (Abramowitz & Stegun, eq. 26.7.5)."""
    z = NormalDist().inv_cdf(p)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum((term / float(freedom**power) for power, term in enumerate(terms, start=1)), z)
