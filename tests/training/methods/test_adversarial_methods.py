"""What holds for every adversarial method: gradients by phase, sizes of the papers, and values that must not change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from adversarial_steps import close, random_batch, small_method, terms_of_one_step
from nirvis_training.config import TrainingConfig, load_config
from nirvis_training.losses.contrastive import TAPS
from nirvis_training.methods import METHODS
from nirvis_training.methods.base import Method
from unpaired_steps import reached, train_for

CYCLE = {
    "adversarial_source": 1.13837,
    "adversarial_target": 1.22876,
    "cycle_source": 3.00419,
    "cycle_target": 4.40349,
    "discriminator_source": 0.618811,
    "discriminator_target": 0.622055,
}
SIDES = ("source", "target")
PLAIN = {"unsup_recycle": {"content_weight": 0.0}}
WITH_FEATURES = ("unsup_recycle", "pcsgan", "pix2pixhd", "i2vgan", "roma", "cptrans")
IDENTITY = {"identity_source": 1.47243, "identity_target": 2.19607}
CASES = {
    "cyclegan": (1, {"blocks": 2}, CYCLE | IDENTITY),
    "mehri_sappa": (1, {"blocks": 2}, CYCLE),
    "nyberg": (1, {"blocks": 2}, CYCLE | IDENTITY),
    "recyclegan": (
        3,
        {"blocks": 2, "predictor_downs": 4},
        {
            "recycle_source": 3.15476,
            "recycle_target": 4.89884,
            "recurrent_source": 2.70162,
            "recurrent_target": 4.46762,
            "adversarial_source": 3.46274,
            "adversarial_target": 3.73308,
            "discriminator_source": 2.60273,
            "discriminator_target": 2.77453,
        },
    ),
    "unsup_recycle": (
        1,
        {"blocks": 2, "features": "random"},
        {
            "adversarial_source": 1.13837,
            "adversarial_target": 1.22876,
            "spatial_source": 1.52827,
            "recycle_source": 3.15706,
            "content_source": 0.963449,
            "spatial_target": 1.61255,
            "recycle_target": 4.46452,
            "content_target": 0.962549,
            "discriminator_source": 0.618811,
            "discriminator_target": 0.622055,
        },
    ),
    "pcsgan": (
        1,
        {"blocks": 2, "features": "random"},
        CYCLE
        | {
            "synthesized_source": 4.44412,
            "synthesized_target": 6.62614,
            "perceptual_source": 0.0438682,
            "perceptual_target": 0.101552,
        },
    ),
    "mocyclegan": (
        2,
        {"blocks": 2},
        {
            "adversarial_source": 1.19063,
            "adversarial_target": 1.24554,
            "cycle_source": 2.95517,
            "cycle_target": 4.50425,
            "motion_cycle_source": 0.0,
            "motion_cycle_target": 0.0,
            "motion_translation_source": 1.56276,
            "motion_translation_target": 1.68077,
            "discriminator_source": 0.627056,
            "discriminator_target": 0.657461,
        },
    ),
    "pix2pix": (1, {"downs": 6}, {"l1": 42.1434, "adversarial": 0.7076, "discriminator": 0.705972}),
    "pix2pixhd": (
        1,
        {"blocks": 2, "downs": 2, "features": "random"},
        {"adversarial": 2.892, "matching": 13.0352, "perceptual": 1.84286, "discriminator": 1.55269},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_first_terms_of_a_seeded_network_stay_what_they_are(name: str) -> None:
    frames, settings, expected = CASES[name]
    method = small_method(name, **settings)
    assert terms_of_one_step(method, random_batch(frames)) == close(expected, relative=1e-3)


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        pytest.param("cyclegan", ("cycle", "identity"), id="cyclegan"),
        pytest.param("recyclegan", ("recycle", "recurrent"), id="recyclegan"),
        pytest.param("unsup_recycle", ("spatial", "recycle"), id="unsup_recycle"),
        pytest.param("mocyclegan", ("cycle", "motion_translation"), id="mocyclegan"),
    ],
)
def test_what_holds_the_way_back_together_falls_in_a_short_training(name: str, terms: tuple[str, ...]) -> None:
    frames, settings, _ = CASES[name]
    method = small_method(
        name, crop=32, learning_rate=2e-3, **settings | {"width": 8, "blocks": 1} | PLAIN.get(name, {})
    )
    batch = random_batch(frames, side=32)
    before = terms_of_one_step(method, batch)
    train_for(method, batch, steps=20)
    after = terms_of_one_step(method, batch)
    assert all(after[f"{term}_{side}"] < 0.95 * before[f"{term}_{side}"] for term in terms for side in SIDES)


@pytest.mark.parametrize("name", CASES)
def test_each_phase_trains_its_networks_and_no_others(name: str) -> None:
    frames, settings, _ = CASES[name]
    method, batch = small_method(name, **settings), random_batch(frames)
    trained = [network for phase in method.phases for network in phase.networks]
    with_parameters = [n for n, network in method.named_children() if list(network.parameters())]
    assert sorted(trained) == sorted(with_parameters)
    for phase in method.phases:
        assert reached(method, phase, batch) == set(phase.networks)


@pytest.mark.parametrize(
    ("name", "generator", "whole"),
    [
        pytest.param("cyclegan", 11_378_179, 2 * (11_378_179 + 2_764_737), id="cyclegan"),
        pytest.param("recyclegan", 11_378_179, None, id="recyclegan"),
        pytest.param("unsup_recycle", 7_837_699, 2 * (7_837_699 + 2_764_737), id="unsup_recycle"),
        pytest.param("pcsgan", 11_378_179, 2 * (11_378_179 + 2_764_737), id="pcsgan"),
        pytest.param("mocyclegan", 11_378_179, None, id="mocyclegan"),
        pytest.param("pix2pix", 54_413_955, 54_413_955 + 2_768_705, id="pix2pix"),
        pytest.param("pix2pixhd", 182_443_267, 182_443_267 + 5_535_618, id="pix2pixhd"),
        pytest.param("i2vgan", 7_837_699, 2 * (7_837_699 + 41_828_739 + 2_764_737 + 560_384), id="i2vgan"),
        pytest.param("cut", 11_378_179, 11_378_179 + 2_764_737 + 560_384, id="cut"),
        pytest.param("fastcut", 11_378_179, 11_378_179 + 2_764_737 + 560_384, id="fastcut"),
        pytest.param("roma", 11_378_179, 11_378_179 + 1_181_184, id="roma"),
        pytest.param("cptrans", 11_378_179, 11_378_179 + 1_181_184, id="cptrans"),
    ],
)
def test_shipped_configuration_has_the_sizes_of_the_paper(name: str, generator: int, whole: int | None) -> None:
    method = _of_the_paper(name)
    assert sum(p.numel() for p in method.get_submodule("generator").parameters()) == generator
    if whole is not None:
        assert sum(p.numel() for p in method.parameters()) == whole
    assert method(torch.zeros(1, 3, 256, 256, device="meta")).shape == (1, 3, 256, 256)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        pytest.param("cyclegan", [(3, 262), (128, 128), (256, 64), (256, 64), (256, 64)], id="cyclegan"),
        pytest.param("i2vgan", [(3, 262), (128, 128), (256, 64), (256, 64), (256, 128)], id="i2vgan"),
        *(
            pytest.param(name, [(3, 262), (128, 256), (256, 128), (256, 64), (256, 64)], id=name)
            for name in ("cut", "fastcut", "roma", "cptrans")
        ),
    ],
)
def test_shipped_configuration_resamples_as_published(name: str, shapes: list[tuple[int, int]]) -> None:
    """Blurs have no parameters: what lies behind the published numbers of layers tells where they are."""
    generator = _of_the_paper(name).generator
    found = generator.features(torch.zeros(1, 3, 256, 256, device="meta"), TAPS)
    assert [tuple(tapped.shape[1:3]) for tapped in found] == shapes


@pytest.mark.parametrize(
    ("name", "resize", "flip"),
    [
        pytest.param("cyclegan", (286, 286), True, id="cyclegan"),
        pytest.param("nyberg", (286, 286), True, id="nyberg-as-cyclegan"),
        pytest.param("i2vgan", (256, 256), False, id="i2vgan-whole-frames"),
    ],
)
def test_shipped_configuration_shows_pictures_as_published(name: str, resize: tuple[int, int], flip: bool) -> None:
    shipped = _shipped(name)
    assert (shipped.resize, shipped.flip, shipped.crop) == (resize, flip, 256)


@pytest.mark.parametrize("name", CASES)
def test_shipped_configuration_has_the_optimiser_of_the_paper(name: str) -> None:
    config = _shipped(name)
    assert (config.learning_rate, config.batch_size, config.crop) == (2e-4, 1, 256)
    for phase in _of_the_paper(name).phases:
        (group,) = phase.optimiser([torch.nn.Parameter(torch.zeros(1))]).param_groups
        assert (group["lr"], group["betas"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 0)


@pytest.mark.parametrize("name", CASES)
def test_prediction_is_a_picture_of_any_size(name: str) -> None:
    settings = CASES[name][1]
    predicted = small_method(name, **settings).eval().predict(torch.rand(1, 3, 70, 90))
    assert predicted.shape == (1, 3, 70, 90)
    assert predicted.min() >= 0
    assert predicted.max() <= 1


@pytest.mark.parametrize("name", ["cyclegan", "recyclegan"])
def test_pools_have_the_size_of_the_crops_and_are_part_of_the_state(name: str) -> None:
    frames, settings, _ = CASES[name]
    method = small_method(name, crop=32, **settings | {"pool_size": 6})
    terms_of_one_step(method, random_batch(frames, side=32))
    state = method.state_dict()
    assert state["pool_target.pictures"].shape == (6, 3, 32, 32)
    assert state["pool_target.count"] == {"cyclegan": 1, "recyclegan": 4}[name]
    again = small_method(name, crop=32, **settings | {"pool_size": 6})
    again.load_state_dict(state)
    assert terms_of_one_step(again, random_batch(frames, side=32)) == terms_of_one_step(
        method, random_batch(frames, side=32)
    )


def _shipped(name: str) -> TrainingConfig:
    config = load_config(name, {"method.features": "random"} if name in WITH_FEATURES else {})
    return config.model_copy(update={"method": config.method.without_losses()})


def _of_the_paper(name: str) -> Method:
    config = _shipped(name)
    make: Callable[..., Method] = METHODS[config.method.name]
    with torch.device("meta"):
        return make(config.method, config.learning_rate)
