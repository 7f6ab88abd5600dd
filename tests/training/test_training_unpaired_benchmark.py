"""benchmarks/train_unpaired.py counts and compares what it says it does, on small methods."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL: dict[str, dict[str, object]] = {
    "i2vgan": {
        "width": 4,
        "blocks": 2,
        "predictor_width": 4,
        "predictor_downs": 5,
        "perceptual": False,
        "patches": 16,
        "projector_units": 16,
    },
    "roma": {"width": 4, "blocks": 1, "token_width": 64, "token_grid": 8, "windows": 4},
}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("train_unpaired")
    monkeypatch.setattr(module, "SIZE", 32)
    return module


@pytest.mark.parametrize("name", SMALL)
def test_the_published_step_finds_the_same_loss_with_more_work(benchmark: ModuleType, name: str) -> None:
    def contestants() -> list[Any]:
        kinds = (benchmark.PEERS[name], None)
        return [benchmark.Contestant(name, kind=kind, run=benchmark.DIRECT, **SMALL[name]) for kind in kinds]

    losses = [float(sum(contestant.step())) for contestant in contestants()]
    assert losses[0] == pytest.approx(losses[1], rel=benchmark.SAME_LOSS)
    kept = [contestant.memory().activations for contestant in contestants()]
    work = [contestant.gflop() for contestant in contestants()]
    assert kept[1] < kept[0]
    assert work[1] < 0.9 * work[0]


@pytest.mark.parametrize("discriminator", ["tokens", "patches"])
def test_the_adversarial_part_knows_the_price_of_content_aware_weights(
    benchmark: ModuleType, discriminator: str
) -> None:
    """At most 16 of 14 products of matrices come on top: tokens of full length, as many as a picture has."""
    found = {
        aware: benchmark.Contestant(
            "cptrans",
            kind=benchmark.AdversarialPart,
            width=4,
            blocks=1,
            discriminator=discriminator,
            content_aware=aware,
        )
        for aware in (True, False)
    }
    terms = {aware: contestant.step() for aware, contestant in found.items()}
    assert len(terms[True]) == len(terms[False]) == 3
    assert terms[True] != terms[False]
    assert 1 < found[True].gflop() / found[False].gflop() < 1.6
