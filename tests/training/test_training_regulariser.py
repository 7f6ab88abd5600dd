"""The temporal regulariser: nothing where a prediction moves with its source, and a term of every method's step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from adversarial_steps import random_batch
from nirvis_training import step
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.distribution import Team
from nirvis_training.losses.steadiness import random_motion, temporal_consistency
from nirvis_training.methods import make_method
from nirvis_training.regulariser import TemporalRegulariser
from nirvis_training.step import Stepper
from nirvis_training.warp import warp


def test_a_prediction_that_looks_at_each_pixel_alone_moves_with_its_source() -> None:
    """Interpolation is linear, so that a linear function of the colour commutes with any motion."""
    picture = torch.rand(2, 3, 32, 40)
    flow = random_motion(TemporalRegulariser(), picture)
    found = temporal_consistency(lambda x: 0.5 * x + 0.2, picture, 0.5 * picture + 0.2, flow)
    assert found.item() == pytest.approx(0, abs=1e-10)


def test_what_stays_where_it_was_painted_costs_what_the_motion_changes() -> None:
    painted = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    flow = random_motion(TemporalRegulariser(displacement_px=3.0), painted)
    found = temporal_consistency(lambda _: painted, torch.zeros_like(painted), painted, flow)
    torch.testing.assert_close(found, (painted - warp(painted, flow)).square().mean())
    assert found > 0.01


@pytest.mark.parametrize("motion", ["ctn", "synthetic"])
def test_motion_is_smooth_and_as_large_as_asked_for(motion: str) -> None:
    torch.manual_seed(0)
    settings = TemporalRegulariser.model_validate({"motion": motion, "displacement_px": 4.0})
    flow = random_motion(settings, torch.zeros(4, 3, 256, 256))
    assert flow.shape == (4, 2, 256, 256)
    step: Tensor = (flow[..., 1:] - flow[..., :-1]).abs().max()
    assert step < 2
    assert 1 < flow.abs().mean() < 12


@pytest.mark.parametrize(
    "method",
    [
        pytest.param('name = "ssn"\nperceptual_weight = 0.0', id="paired"),
        pytest.param('name = "cut"\nblocks = 1\npatches = 8', id="unpaired"),
    ],
)
def test_a_step_has_the_term_when_it_is_asked_for(method: str) -> None:
    with_it, without = (_terms(method, temporal) for temporal in ("temporal = {}\n", ""))
    assert with_it.keys() - without.keys() == {"temporal_regulariser"}
    assert with_it["temporal_regulariser"] > 0


@pytest.mark.parametrize(
    "method",
    [
        pytest.param('name = "pix2pix"\ndowns = 6\ndropout = true', id="dropout-of-features"),
        pytest.param('name = "berg"', id="dropout-and-batch-norm"),
    ],
)
def test_a_scene_at_rest_costs_nothing_whatever_a_network_drops(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "random_motion", lambda _, source: source.new_zeros(len(source), 2, 64, 64))
    assert _terms(method, "temporal = {}\n")["temporal_regulariser"] == pytest.approx(0, abs=1e-10)


def test_running_statistics_are_those_of_a_step_without_the_term() -> None:
    """What is predicted for the term, moved pictures among it, is none of what the method was shown."""
    states = []
    for temporal in ("temporal = {}\n", ""):
        config = _config('name = "ssn"\nperceptual_weight = 0.0', temporal)
        method = make_method(config).train()
        Stepper(method, config, Team()).step([random_batch()], 0)
        states.append({name: tensor for name, tensor in method.named_buffers() if "running" in name or "num" in name})
    assert states[0]
    assert all(torch.equal(states[1][name], tensor) for name, tensor in states[0].items())


def test_a_prediction_becomes_steadier() -> None:
    config = _config(
        'name = "ssn"\nperceptual_weight = 0.0\nstructure_weight = 0.0\ncolour_weight = 0.0', "temporal = {}\n"
    )
    method = make_method(config)
    stepper = Stepper(method, config, Team())
    values = [stepper.step([random_batch()], 0)["temporal_regulariser"] for _ in range(12)]
    assert values[-1] < 0.6 * values[0]


def _terms(method: str, temporal: str) -> dict[str, float]:
    config = _config(method, temporal)
    return Stepper(make_method(config), config, Team()).step([random_batch()], 0)


def _config(method: str, temporal: str) -> TrainingConfig:
    text = f"samples = 4\nbatch_size = 1\ncrop = 64\nlearning_rate = 2e-3\n{temporal}[method]\nwidth = 4\n{method}\n"
    return parse_config(text)
