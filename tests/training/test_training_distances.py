"""FID and KID against torchmetrics and the definition with scipy, on features that are given."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torchmetrics.image.kid import poly_mmd

from nirvis_capture.profile import Mode
from nirvis_datasets.entry import Entry
from nirvis_training.conclusion import distances_of
from nirvis_training.feature_distance import frechet_distance, kernel_distance
from nirvis_training.judgement import TARGET
from nirvis_training.protocol import Protocol
from nirvis_training.scoring import Featured, Findings

Features = NDArray[np.float64]


def features(seed: int, pictures: int, wide: int = 16) -> Features:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(wide, wide))
    return random.normal(size=(pictures, wide)) @ mixing + random.normal(size=wide)


def by_definition(first: Features, second: Features) -> float:
    covariances = [np.cov(of, rowvar=False) for of in (first, second)]
    root = sqrtm(covariances[0] @ covariances[1])
    between = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    return float(between + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root).real)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(features(0, 300), features(1, 200), id="more-pictures-than-features"),
        pytest.param(features(2, 9, wide=24), features(3, 40, wide=24), id="fewer-on-one-side"),
    ],
)
def test_fid_is_its_definition(first: Features, second: Features) -> None:
    assert frechet_distance(first, second) == pytest.approx(by_definition(first, second), rel=1e-5)


def test_fid_of_known_gaussians() -> None:
    """Means 3 apart, deviations 1 and 2 in each of two dimensions: 3² + 2 · (2 - 1)²."""
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3) / 2
    assert frechet_distance(corners, 2 * corners + [3, 0]) == pytest.approx(11)
    assert frechet_distance(corners, corners) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("degree", [3, 21])
def test_kid_of_the_whole_collection_is_that_of_torchmetrics(degree: int) -> None:
    first, second = features(4, 50), features(5, 50)
    expected = poly_mmd(torch.from_numpy(first), torch.from_numpy(second), degree=degree, gamma=None, coef=1.0)
    found = kernel_distance(first, second, degree)
    assert found.mean == pytest.approx(expected.item(), rel=1e-9)
    assert found.spread is None


def test_kid_by_hand() -> None:
    """x·y/d is ½ within both sides and 0 between them: 2 · 1.5³ - 2."""
    first, second = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert kernel_distance(first, second).mean == pytest.approx(2 * 1.5**3 - 2)


def test_kid_of_unequal_collections_is_a_mean_over_subsets_that_a_seed_decides() -> None:
    first, second = features(6, 400), features(7, 30)
    found = kernel_distance(first, second, seed=1)
    assert found == kernel_distance(first, second, seed=1)
    assert found.spread is not None
    assert found.spread > 0
    whole = np.mean([kernel_distance(first[i : i + 30], second).mean for i in range(0, 390, 30)])
    assert found.mean == pytest.approx(whole, rel=0.1)


def test_one_picture_has_no_distance() -> None:
    with pytest.raises(ValueError, match="two pictures"):
        frechet_distance(features(0, 1), features(1, 5))


def test_collections_are_compared_by_mode_place_hour_and_rig() -> None:
    """Four pictures of a bridge by night, six of a square by day and one of a harbour, which is too few for a place."""
    seen = [(clip("night", "bridge", 22), "first")] * 4 + [(clip("day", "square", 9), "second")] * 6
    seen.append((clip("day", "harbour", 9), "second"))
    of = {TARGET: features(0, 11), "run": features(1, 11)}
    found = Findings(
        features={
            name: [Featured(where, rig, vector) for (where, rig), vector in zip(seen, vectors, strict=True)]
            for name, vectors in of.items()
        }
    )
    distances = distances_of(found, Protocol())
    assert {group: sorted(values) for group, values in distances.items()} == {
        "all": ["all"],
        "mode": ["day", "night"],
        "place": ["bridge", "square"],
        "hour": ["09", "22"],
        "rig": ["first", "second"],
    }
    bridge, everything = distances["place"]["bridge"]["run"], distances["all"]["all"]["run"]
    assert bridge.values["fid"] == pytest.approx(frechet_distance(of["run"][:4], of[TARGET][:4]))
    assert everything.values["fid"] == pytest.approx(frechet_distance(of["run"], of[TARGET]))
    for group, value in (("mode", "night"), ("hour", "22"), ("rig", "first")):
        assert distances[group][value]["run"] == bridge


def clip(mode: Mode, place: str, hour: int) -> Entry:
    return Entry(
        kind="pairs",
        path=f"{place}.pairs.h5",
        recording_id=place,
        mode=mode,
        place=place,
        start_time=datetime(2026, 6, 21, hour, tzinfo=timezone.utc),
        pairs=9,
        sha256="0" * 64,
        size_bytes=1,
    )
