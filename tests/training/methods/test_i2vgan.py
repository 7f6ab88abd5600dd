"""I2V-GAN: its terms one by one, its ablations, and that encoding once changes nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from adversarial_steps import close, random_batch, terms_of_one_step
from nirvis_training.config import TrainingConfig, validated
from nirvis_training.losses.contrastive import TAPS
from nirvis_training.losses.perceptual_cycle import STYLE_TAPS, PerceptualDistance
from nirvis_training.method_settings.i2vgan import I2vGanSettings
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Method
from nirvis_training.methods.i2vgan import I2vGan, course
from nirvis_training.networks.vgg import VggFeatures
from unpaired_steps import reached, train_for

PIXELS = {"perceptual": False}


def test_one_step_of_the_smallest_gives_the_same_values_ever_after() -> None:
    assert terms_of_one_step(_method(**PIXELS), random_batch(frames=3)) == close(
        {
            "visible_adversarial": 3.62534,
            "visible_cycle": 5.83402,
            "visible_recurrent": 2.65486,
            "visible_recycle": 2.82953,
            "visible_identity": 2.95586,
            "visible_external": 1.96972,
            "visible_internal": 1.06735,
            "infrared_adversarial": 2.26478,
            "infrared_cycle": 8.70349,
            "infrared_recurrent": 4.43316,
            "infrared_recycle": 4.52079,
            "infrared_identity": 4.66556,
            "infrared_external": 1.83148,
            "infrared_internal": 3.91445,
            "visible_discriminator": 2.4125,
            "infrared_discriminator": 1.64544,
        },
        1e-3,
    )


def test_all_frames_are_judged_as_the_third_is_predicted() -> None:
    """Discriminators that say 0.5 everywhere: three fakes cost (0.5 - 1)² each, four comparisons (0.25 + 0.25) / 2."""
    method = _method(**PIXELS)
    for judge in (method.discriminator, method.discriminator_back):
        torch.nn.init.zeros_(judge.head.weight)
        torch.nn.init.constant_(judge.head.bias, 0.5)
    terms = terms_of_one_step(method, random_batch(frames=3))
    assert terms["visible_adversarial"] == pytest.approx(0.75)
    assert terms["infrared_adversarial"] == pytest.approx(0.75)
    assert terms["visible_discriminator"] == pytest.approx(1.0)


def test_course_of_a_worked_example() -> None:
    """n12 / n01 for every layer, from vectors whose contrasts are known: equal pairs against all alike."""
    apart, alike = torch.eye(4)[None], torch.ones(1, 4, 4) / 2
    found = -F.log_softmax(torch.tensor([1.0, -10.0, 0.0, 0.0, 0.0]), dim=0)[0]
    lost = -F.log_softmax(torch.tensor([0.5, -10.0, 0.5, 0.5, 0.5]), dim=0)[0]
    torch.testing.assert_close(course([[apart], [apart], [alike]], temperature=1.0), (lost / found)[None])


def test_features_on_the_way_are_those_of_an_encoding_of_its_own() -> None:
    """What lets the step encode each frame once."""
    method, frame = _method(**PIXELS), random_batch().source
    _, on_the_way = method.generator.with_features(frame, TAPS)
    torch.testing.assert_close(on_the_way, method.generator.features(frame, TAPS))


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        pytest.param({"external_weight": 0.0}, {"external"}, id="no-external-similarity"),
        pytest.param({"internal_weight": 0.0}, {"internal"}, id="no-internal-similarity"),
        pytest.param({"external_weight": 0.0, "internal_weight": 0.0}, {"external", "internal"}, id="neither"),
        pytest.param({"variant": "paper"}, {"identity"}, id="paper-has-no-identity"),
    ],
)
def test_a_term_without_weight_is_not_there(settings: dict[str, object], missing: set[str]) -> None:
    whole = terms_of_one_step(_method(**PIXELS), random_batch(frames=3)).keys()
    left = terms_of_one_step(_method(**PIXELS, **settings), random_batch(frames=3)).keys()
    assert whole - left == {f"{side}_{term}" for side in ("visible", "infrared") for term in missing}


def test_perceptual_distance_of_a_picture_to_itself_is_nothing_and_of_others_the_sum_of_three() -> None:
    settings = I2vGanSettings(name="i2vgan", features="random")
    distance = PerceptualDistance(settings, VggFeatures("VGG-19", STYLE_TAPS, settings))
    one, other = (torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert distance(one, distance.look(one)).item() == 0
    content = F.l1_loss(distance.vgg(one)[3], distance.vgg(other)[3])
    style = sum(
        weight * F.mse_loss(_gram(a), _gram(b))
        for weight, a, b in zip((1 / 32, 1 / 16, 1 / 8, 1, 1), distance.vgg(one), distance.vgg(other), strict=True)
    )
    torch.testing.assert_close(distance(one, distance.look(other)), F.l1_loss(one, other) + content + 100 * style)


def test_projectors_are_trained_unless_the_published_mistake_is_asked_for() -> None:
    assert {"projector", "projector_back"} <= set(_method(**PIXELS).phases[0].networks)
    assert not {"projector", "projector_back"} & set(_method(**PIXELS, train_projector=False).phases[0].networks)


def test_each_phase_trains_its_own_networks() -> None:
    method, batch = _method(**PIXELS), random_batch(frames=3)
    for phase in method.phases:
        assert reached(method, phase, batch) == set(phase.networks)


def test_cycles_close_while_it_learns() -> None:
    method = _method(learning_rate=2e-3, external_weight=0.0, internal_weight=0.0, **PIXELS)
    batch = random_batch(frames=3, side=32)
    before = terms_of_one_step(method, batch)
    train_for(method, batch, steps=20)
    after = terms_of_one_step(method, batch)
    for term in ("visible_cycle", "infrared_cycle", "visible_recycle"):
        assert after[term] < 0.9 * before[term]


def _gram(features: Tensor) -> Tensor:
    flat = features[0].flatten(1)
    return flat @ flat.T / features.numel()


def _method(learning_rate: float = 2e-4, **settings: object) -> I2vGan:
    method: Method = make_method(_config(learning_rate, settings))
    assert isinstance(method, I2vGan)
    return method


def _config(learning_rate: float, settings: dict[str, object]) -> TrainingConfig:
    small = {
        "name": "i2vgan",
        "width": 4,
        "blocks": 1,
        "predictor_width": 4,
        "predictor_downs": 5,
        "patches": 16,
        "projector_units": 16,
    }
    table = {"samples": 4, "batch_size": 1, "crop": 64, "learning_rate": learning_rate, "method": small | settings}
    return validated(table, "test")
