"""The compact network: small, the same for frames that differ by noise, taught by the truth or by another run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from nirvis_training.config import TrainingConfig, load_config, parse_config
from nirvis_training.errors import ConfigError, TeacherError
from nirvis_training.methods import load_method, make_method
from nirvis_training.methods.base import Batch, Method
from nirvis_training.networks.compact import CompactNetwork, transformed
from nirvis_training.run_folder import RunFolder

SMALL = 'samples = 8\nlearning_rate = 5e-3\n[method]\nname = "compact"\nwidth = 8\n'


def make(**changes: str | float) -> Method:
    return make_method(config(**changes))


def config(**changes: str | float) -> TrainingConfig:
    return parse_config(SMALL, changes={f"method.{name}": value for name, value in changes.items()})


def test_the_shipped_network_stays_below_two_million_parameters() -> None:
    with torch.device("meta"):
        network = CompactNetwork(load_config("compact_demo").method.width)
    assert sum(p.numel() for p in network.parameters()) == 1_502_988


def test_nothing_depends_on_the_statistics_of_a_single_frame() -> None:
    """Instance and group norms would change all colours when a bright car passes."""
    norms = [m for m in CompactNetwork(8).modules() if "Norm" in type(m).__name__]
    assert norms
    assert all(isinstance(norm, nn.BatchNorm2d) for norm in norms)


def test_a_new_network_shows_what_the_camera_saw() -> None:
    picture = torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(CompactNetwork(8).eval()(picture), picture)


def test_twelve_numbers_are_a_matrix_and_an_offset() -> None:
    rows = torch.tensor([[0.5, 0.25, 0.0, 0.1], [0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, -1.0]])
    picture = torch.tensor([0.4, 0.8, 0.2]).reshape(1, 3, 1, 1)
    found = transformed(picture, rows.reshape(1, 12, 1, 1))
    torch.testing.assert_close(found.flatten(), torch.tensor([0.5, 0.8, 0.4]))


def test_terms_of_a_known_prediction() -> None:
    """Grey of 0.5 where 0.25 was to be seen: L1 is 0.25, and SSIM (2 x y + C1) / (x² + y² + C1)."""
    method = make(noise=0.0, structure_weight=2.0, stability_weight=1.0).eval()
    batch = Batch(torch.full((1, 3, 16, 16), 0.5), torch.full((1, 3, 16, 16), 0.25), torch.ones(1, 1, 16, 16))
    terms = {name: term.item() for name, term in method.losses(method.phases[0], batch).items()}
    similarity = (2 * 0.125 + 1e-4) / (0.25 + 0.0625 + 1e-4)
    torch.testing.assert_close(
        terms, {"colour": 0.25, "structure": 1 - similarity, "stability": 0.0}, atol=1e-4, rtol=0
    )


def test_losses_are_those_of_before(four_pairs: Batch) -> None:
    """A regression: values of this implementation."""
    method = make(stability_weight=1.0)
    nn.init.normal_(method.generator.head.weight, std=0.1, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(3)
    values = [term.item() for term in method.losses(method.phases[0], four_pairs).values()]
    torch.testing.assert_close(values, [0.76334, 0.04611, 0.22214], atol=2e-4, rtol=0)


def test_what_was_not_seen_is_not_learnt(four_pairs: Batch) -> None:
    method = make(noise=0.0).eval()
    four_pairs.valid[..., :10] = 0
    spoilt = Batch(four_pairs.source, four_pairs.target.clone(), four_pairs.valid)
    spoilt.target[..., :10] = 1
    first, second = (method.losses(method.phases[0], batch) for batch in (four_pairs, spoilt))
    torch.testing.assert_close(first, second)


def test_four_pairs_are_learnt_by_heart(gained_db: Callable[[Method, int], float]) -> None:
    assert gained_db(make(width=16), 60) > 13


def test_a_teacher_is_followed_and_is_no_part_of_the_pupil(finished: RunFolder, four_pairs: Batch) -> None:
    pupil = make(teacher=str(finished.path), teacher_weight=2.0, noise=0.0).eval()
    terms = pupil.losses(pupil.phases[0], four_pairs)
    taught = load_method(finished).predict(four_pairs.source)
    torch.testing.assert_close(terms["teacher"], 2 * (four_pairs.source - taught).abs().mean())
    sum(terms.values()).backward()
    assert pupil.state_dict().keys() == make().state_dict().keys()
    assert not any("teacher" in name for name, _ in pupil.named_parameters())


def test_a_pupil_predicts_without_its_teacher(finished: RunFolder) -> None:
    settings = config(teacher=str(finished.path)).method
    assert settings.without_losses().teacher is None
    assert Path(settings.teacher) == finished.path


def test_another_teacher_than_the_one_asked_for_is_refused(finished: RunFolder) -> None:
    make(teacher=str(finished.path), teacher_sha256=finished.weights_sha256)
    with pytest.raises(TeacherError, match=r"its best weights have sha256 .*teacher_sha256 wants 0000"):
        make(teacher=str(finished.path), teacher_sha256="0" * 64)


def test_settings_of_another_method_are_mistakes_of_this_one() -> None:
    with pytest.raises(ConfigError, match=r"method\.perceptual_weight: unknown key"):
        config(perceptual_weight=1.0)
