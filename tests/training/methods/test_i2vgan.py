"""I2V-GAN: its terms one by one, its ablations, and that encoding once changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adversarial_steps import Between, Line, close, even_batch, random_batch, terms_of_one_step
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


class Encoding(Line):
    """A line that is asked for features on the way, of which there are none."""

    def with_features(self, picture: Tensor, taps: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        del taps
        return self(picture), []


class Onward(nn.Module):
    """The second of two frames behind each other, and as much again."""

    def forward(self, frames: Tensor) -> Tensor:
        return 2 * frames[:, 3:] - frames[:, :3]


def test_terms_of_known_networks_by_hand() -> None:
    """G(x) = x + 0.1 makes 0.3 and 0.5 of the source, whose third is predicted as 0.4 between them; F(y) = y / 2 makes
    -0.1 and -0.2 of the target, whose third is predicted as -0.3, going on."""
    method = _method(external_weight=0.0, internal_weight=0.0, **PIXELS)
    method.generator, method.generator_back = Encoding(b=0.1), Encoding(a=0.5)
    method.predictor, method.predictor_back = Between(), Onward()
    method.discriminator, method.discriminator_back = Line(), Line(a=2)
    assert terms_of_one_step(method, even_batch([0.2, 0.4, 0.7], [-0.2, -0.4, -0.8])) == close(
        {
            "visible_adversarial": 0.7**2 + 0.5**2 + 0.6**2,
            "visible_cycle": 10 * (abs(0.15 - 0.2) + abs(0.25 - 0.4)),
            "visible_recurrent": 10 * abs(0.6 - 0.7),
            "visible_recycle": 10 * abs(0.2 - 0.7),
            "visible_identity": 5 * (abs(0.1 - 0.2) + abs(0.2 - 0.4)),
            "infrared_adversarial": 1.2**2 + 1.4**2 + 1.6**2,
            "infrared_cycle": 10 * (abs(0.0 + 0.2) + abs(-0.1 + 0.4)),
            "infrared_recurrent": 10 * abs(-0.3 + 0.8),
            "infrared_recycle": 10 * abs(-0.2 + 0.8),
            "infrared_identity": 5 * (abs(-0.1 + 0.2) + abs(-0.3 + 0.4)),
            # Real frames 0, 1, 2 and 2 against three fakes and the prediction from real frames.
            "visible_discriminator": (1.2**2 + 1.4**2 + 2 * 1.8**2 + 0.3**2 + 0.5**2 + 0.4**2 + 0.3**2) / 2,
            "infrared_discriminator": (0.6**2 + 0.2**2 + 2 * 0.4**2 + 0.2**2 + 0.4**2 + 0.6**2 + 1.2**2) / 2,
        }
    )


@pytest.mark.parametrize("variant", ["released", "paper"])
@pytest.mark.parametrize("side", ["visible", "infrared"])
def test_similarities_are_those_of_the_equations(side: str, variant: str) -> None:
    """Eq. 9 to 14 written down anew, every place of every feature map against every other."""
    method, batch = _method(variant=variant, patches=10_000, **PIXELS), random_batch(frames=3, side=32)
    if side == "visible":
        near, encoder, predictor, projector = batch.source, method.generator, method.predictor, method.projector
    else:
        near, encoder, predictor = batch.target, method.generator_back, method.predictor_back
        projector = method.projector_back
    real = [2 * frame - 1 for frame in near.unbind(1)]
    with torch.no_grad():
        fake = [encoder(frame) for frame in real]
        if variant == "released":
            fake[2] = predictor(torch.cat(fake[:2], dim=1))
        vectors = [[_everywhere(projector, encoder.features(f, TAPS)) for f in frames] for frames in (real, fake)]
    seen, made = vectors
    external = torch.stack([_found(query, key) for query, key in zip(made, seen, strict=True)]).sum(dim=0)
    courses = [_found(frames[1], frames[2]) / _found(frames[0], frames[1]) for frames in (seen, made)]
    cosine = (courses[0] * courses[1]).sum() / (courses[0].norm() * courses[1].norm())
    terms = terms_of_one_step(method, batch)
    layers = external.mean() if variant == "released" else external.sum()
    assert terms[f"{side}_external"] == pytest.approx(0.1 * float(layers), rel=1e-4)
    assert terms[f"{side}_internal"] == pytest.approx(40 * float(1 - cosine), rel=1e-3, abs=1e-4)


def _everywhere(projector: nn.Module, features: list[Tensor]) -> list[Tensor]:
    """Vectors of length one at every place of every map, ``(places, units)``."""
    maps = [perceptron(f[0].flatten(1).T) for perceptron, f in zip(projector.perceptrons, features, strict=True)]
    return [vectors / (vectors.norm(dim=1, keepdim=True) + 1e-7) for vectors in maps]


def _found(queries: list[Tensor], keys: list[Tensor]) -> Tensor:
    """Mean cross entropy of finding the own key, layer by layer; its second chance among the negatives counts -10."""
    layers = []
    for query, key in zip(queries, keys, strict=True):
        alike = query @ key.T
        others = torch.exp(alike / 0.07).sum(dim=1) - torch.exp(alike.diag() / 0.07)
        own = torch.exp(alike.diag() / 0.07)
        layers.append(-torch.log(own / (own + others + torch.exp(torch.tensor(-10 / 0.07)))).mean())
    return torch.stack(layers)


def test_the_paper_may_have_an_identity_term_too() -> None:
    terms = terms_of_one_step(_method(variant="paper", identity_weight=5.0, **PIXELS), random_batch(frames=3))
    released = terms_of_one_step(_method(**PIXELS), random_batch(frames=3))
    assert terms["visible_identity"] == released["visible_identity"]


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


def test_what_is_only_compared_with_is_encoded_without_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the frames that are encoded by themselves: the third source, and three translations."""
    method, graphs = _method(**PIXELS), []
    features = method.generator.features

    def noted(picture: Tensor, taps: Sequence[int]) -> list[Tensor]:
        found = features(picture, taps)
        graphs.append(found[-1].requires_grad)
        return found

    monkeypatch.setattr(method.generator, "features", noted)
    terms_of_one_step(method, random_batch(frames=3))
    assert graphs == [False, True, True, True]


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
