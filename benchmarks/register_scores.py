"""Pictures whose homography is known, and how close methods come to it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from register_peers import Method

from nirvis_registration.features import Grey
from nirvis_registration.geometry import (
    Matrix,
    Size,
    corner_distances,
    corners,
    from_corners,
    normalised,
)

MARGIN_PX = 60
"""What is cut off a picture that was moved, whose edge that left black."""
FAILED_PX = 1000.0
"""Error of a method that found nothing."""


@dataclass(frozen=True, eq=False)
class Case:
    """Pictures with a known homography between them."""

    name: str
    nir: Grey
    vis: Grey
    truth: Matrix

    @property
    def vis_size(self) -> Size:
        return self.vis.shape[1], self.vis.shape[0]


@dataclass
class Scores:
    """Errors in px and times in ms of each method, case by case."""

    error_px: dict[str, list[float]] = field(default_factory=dict)
    ms: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, error_px: float, ms: float) -> None:
        self.error_px.setdefault(name, []).append(error_px)
        self.ms.setdefault(name, []).append(ms)

    def table(self, title: str) -> None:
        print(f"{title:24} {'cases':>5} {'<1 px':>6} {'<3 px':>6} {'<5 px':>6} {'median':>8} {'p95':>8} {'ms':>7}")
        for name, errors in self.error_px.items():
            wrong = np.array(errors)
            shares = " ".join(f"{(wrong < limit).mean():>6.0%}" for limit in (1, 3, 5))
            figures = f"{np.median(wrong):>8.3f} {np.percentile(wrong, 95):>8.2f} {np.median(self.ms[name]):>7.0f}"
            print(f"  {name:22} {len(wrong):>5} {shares} {figures}", flush=True)


def judge(cases: Iterable[Case], methods: dict[str, Method], scores: Scores) -> None:
    """Every method on every case, in turn from the other end so that none has the cache."""
    for name in methods:
        scores.error_px.setdefault(name, [])
        scores.ms.setdefault(name, [])
    for i, case in enumerate(cases):
        for name in methods if i % 2 else reversed(methods):
            found, ms = timed(methods[name], case.nir, case.vis)
            wrong = FAILED_PX if found is None else corner_distances(found, case.truth, case.vis_size).mean()
            scores.add(name, min(FAILED_PX, float(wrong)), ms)
        print(case.name, *(f"{name} {errors[-1]:.2f}" for name, errors in scores.error_px.items()), flush=True)


def timed(method: Method, nir: Grey, vis: Grey) -> tuple[Matrix | None, float]:
    began = time.perf_counter()
    found = method(nir, vis)
    return found, (time.perf_counter() - began) * 1e3


def random_homography(random: np.random.Generator, size: Size) -> Matrix:
    """Rotation ±2°, shift ±20 px, scale ±2 %, corners ±3 px."""
    before = corners(size)
    angle, scale = np.deg2rad(random.uniform(-2, 2)), 1 + random.uniform(-0.02, 0.02)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = before.mean(axis=0)
    after = (before - middle) @ turn.T + middle + random.uniform(-20, 20, 2) + random.uniform(-3, 3, (4, 2))
    return from_corners(before, after)


def onto_inner(truth: Matrix, known: Matrix) -> Matrix:
    """The truth of a vis picture that was moved, and lost its margin."""
    into = np.array([[1.0, 0.0, MARGIN_PX], [0.0, 1.0, MARGIN_PX], [0.0, 0.0, 1.0]])
    return normalised(truth @ np.linalg.inv(known) @ into)
