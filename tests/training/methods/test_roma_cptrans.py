"""ROMA and CPTrans: their terms, their ablations, and that a frozen transformer changes no update."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from adversarial_steps import close, random_batch, terms_of_one_step
from nirvis_training.config import TrainingConfig, validated
from nirvis_training.errors import FeaturesError
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Method
from nirvis_training.networks.token_discriminator import TokenDiscriminator, with_cell_means
from nirvis_training.networks.vision_transformer import random_vit
from nirvis_training.warp import content_flow, warp
from unpaired_steps import reached, train_for

FRAMES = {"roma": 2, "cptrans": 1}


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        pytest.param(
            "roma",
            {},
            {
                "adversarial": 1.03935,
                "global": 0.0128346,
                "local": 0.0175952,
                "motion": 0.00944707,
                "discriminator": 0.559871,
            },
            id="roma",
        ),
        pytest.param(
            "cptrans",
            {},
            {
                "adversarial": 1.28907,
                "similarity": 0.0075094,
                "temporal": 0.00123002,
                "real": 0.668173,
                "fake": 0.0259638,
            },
            id="cptrans",
        ),
        pytest.param(
            "cptrans",
            {"discriminator": "patches"},
            {
                "adversarial": 1.18656,
                "similarity": 0.0075094,
                "temporal": 0.00152794,
                "real": 0.801425,
                "fake": 8.36733e-09,
            },
            id="cptrans-patches",
        ),
    ],
)
def test_one_step_of_the_smallest_gives_the_same_values_ever_after(
    name: str, settings: Mapping[str, object], expected: Mapping[str, float]
) -> None:
    assert terms_of_one_step(_method(name, **settings), random_batch(frames=FRAMES[name])) == close(expected, 1e-3)


def test_terms_of_roma_are_those_of_its_equations() -> None:
    """Written down anew, row by row; with a grid of 4 every window of 7×7 is the whole picture, without class token."""
    method, batch = _method("roma"), random_batch(frames=2)
    with torch.no_grad():
        real, target = 2 * batch.source[0] - 1, 2 * batch.target[0] - 1
        fake = method.generator(real)
        seen, made = ([method.backbone(frame[None]) for frame in frames] for frames in (real, fake))
        whole = torch.arange(16)[None]
        windows = [[method.backbone(frame[None], whole) for frame in frames] for frames in (real, fake)]
        both, layers = (0, 1), (0, 1, 2)
        alike = [_distance(seen[t][k], made[t][k], made[t][k], seen[t][k]) for t in both for k in layers]
        inside = [[windows[side][t][k] for side in both] for t in both for k in layers]
        in_time = [_distance(seen[0][k], made[1][k], made[0][k], seen[1][k]) for k in layers]
        judged = {
            name: torch.stack(
                [method.discriminator(with_cell_means(tokens[-1], 4, overlap=False)) for tokens in frames]
            )
            for name, frames in {"fake": made, "real": [method.backbone(frame[None]) for frame in target]}.items()
        }
    assert terms_of_one_step(method, batch) == close(
        {
            "adversarial": float((judged["fake"] - 1).square().mean()),
            "global": 5 * sum(alike) / 6,
            "local": 5 * sum(_distance(s, t, t, s) for s, t in inside) / 6,
            "motion": sum(in_time),
            "discriminator": float((judged["real"] - 1).square().mean() + judged["fake"].square().mean()) / 2,
        },
        1e-3,
    )


def test_terms_of_cptrans_are_those_of_its_equations() -> None:
    """Written down anew; δ from one backward pass for each token."""
    method, batch = _method("cptrans"), random_batch()
    with torch.no_grad():
        real = 2 * batch.source - 1
        fake = method.generator(real)
        seen, made, wanted = (method.backbone(picture) for picture in (real, fake, 2 * batch.target - 1))
    verdicts = {"fake": method.discriminator(made[-1])[0], "real": method.discriminator(wanted[-1])[0]}
    weights = {name: _content_weights(method, verdicts[name], float(name == "real")) for name in verdicts}
    verdicts = {name: judged.detach() for name, judged in verdicts.items()}
    terms = terms_of_one_step(method, batch)
    torch.manual_seed(11)
    flow = content_flow(weights["fake"].reshape(1, 1, 4, 4), (64, 64), 8.0)
    with torch.no_grad():
        apart = method.generator(warp(real, flow)) - warp(fake, flow)
    assert terms == close(
        {
            "adversarial": float((weights["fake"][:, None] * (verdicts["fake"] - 1).square()).mean()),
            "similarity": 6 * sum(_distance(s, t, t, s) for s, t in zip(seen, made, strict=True)) / 3,
            "temporal": 10 * float(apart.square().mean()),
            "real": float((weights["real"][:, None] * (verdicts["real"] - 1).square()).mean()) / 2,
            "fake": float((weights["fake"][:, None] * verdicts["fake"].square()).mean()) / 2,
        },
        1e-3,
    )


def _distance(source_0: Tensor, translated_1: Tensor, translated_0: Tensor, source_1: Tensor) -> float:
    """Mean of |1 - cos| between the rows of S₀·T₁ᵀ and of T₀·S₁ᵀ, one token after another."""
    rows = []
    for s, t in zip(source_0[0], translated_0[0], strict=True):
        forth, back = translated_1[0] @ s, source_1[0] @ t
        rows.append(abs(1 - float(forth @ back / (forth.norm() * back.norm()))))
    return sum(rows) / len(rows)


def _content_weights(method: Method, verdicts: Tensor, wanted: float) -> Tensor:
    """Eq. 6: 4 / exp(|δ|) for the 6 of 16 tokens whose gradient is least like the mean, 1 for the others."""
    gradients = []
    for loss in (verdicts - wanted).square().mean(dim=1):
        parts = torch.autograd.grad(loss, list(method.discriminator.parameters()), retain_graph=True)
        gradients.append(torch.cat([part.flatten() for part in parts]))
    directions = F.cosine_similarity(torch.stack(gradients), torch.stack(gradients).mean(dim=0, keepdim=True))
    weights = torch.ones(len(verdicts))
    rich = directions.argsort()[:6]
    weights[rich] = 4 / directions[rich].abs().exp()
    return weights.detach()


def test_token_discriminator_has_the_published_size() -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in TokenDiscriminator().parameters()) == 1_181_184


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        pytest.param({"local_weight": 0.0}, "local", id="no-windows"),
        pytest.param({"global_weight": 0.0}, "global", id="no-whole"),
        pytest.param({"motion_weight": 0.0}, "motion", id="no-motion"),
    ],
)
def test_roma_leaves_out_what_has_no_weight(settings: Mapping[str, object], missing: str) -> None:
    whole = terms_of_one_step(_method("roma"), random_batch(frames=2)).keys()
    assert whole - terms_of_one_step(_method("roma", **settings), random_batch(frames=2)).keys() == {missing}


def test_motion_weight_is_multiplied_in_the_paper_variant_only() -> None:
    batch = random_batch(frames=2)
    released, paper = (
        terms_of_one_step(_method("roma", variant=variant, motion_weight=9.0), batch)["motion"]
        for variant in ("released", "paper")
    )
    assert paper == pytest.approx(9 * released / 3)


def test_cptrans_without_co_weighs_all_patches_alike() -> None:
    """A generator's plain least-squares term, computed here from the verdicts."""
    method, batch = _method("cptrans", content_aware=False), random_batch()
    found = terms_of_one_step(method, batch)["adversarial"]
    with torch.no_grad():
        fake = method.backbone(method.generator(2 * batch.source - 1))[-1]
        assert found == pytest.approx(float((method.discriminator(fake) - 1).square().mean()))
    assert terms_of_one_step(_method("cptrans"), batch)["adversarial"] > found


def test_cptrans_without_ctn_has_no_temporal_term() -> None:
    assert "temporal" not in terms_of_one_step(_method("cptrans", temporal_weight=0.0), random_batch())


def test_weights_of_content_are_between_their_bounds() -> None:
    """λ / e to λ for the two fifths rich in content, 1 for the others: 16 tokens, so 6 of them."""
    method, batch = _method("cptrans", content_increase=4.0), random_batch()
    method.losses(method.phases[0], batch)
    content = batch.kept["content"].flatten()
    rich = content[content != 1]
    assert len(rich) == 6
    assert rich.min() > 4 / 2.7183
    assert rich.max() <= 4


@pytest.mark.parametrize("name", ["roma", "cptrans"])
def test_each_phase_trains_its_own_networks(name: str) -> None:
    method, batch = _method(name), random_batch(frames=FRAMES[name])
    assert [reached(method, phase, batch) for phase in method.phases] == [{"generator"}, {"discriminator"}]


@pytest.mark.parametrize("name", ["roma", "cptrans"])
def test_regions_relate_more_alike_while_it_learns(name: str) -> None:
    method, batch = _method(name, learning_rate=1e-3), random_batch(frames=FRAMES[name])
    term = "global" if name == "roma" else "similarity"
    before = terms_of_one_step(method, batch)[term]
    train_for(method, batch, steps=15)
    assert terms_of_one_step(method, batch)[term] < before


def test_a_method_that_only_predicts_needs_no_transformer_and_the_same_weights_fit() -> None:
    method = _method("cptrans")
    predicting = make_method(_predicting_config())
    predicting.load_state_dict(method.state_dict())
    picture = torch.rand(1, 3, 50, 61)
    torch.testing.assert_close(predicting.eval().predict(picture), method.eval().predict(picture))


def test_a_file_that_is_no_such_transformer_is_named(tmp_path: Path) -> None:
    save_file(random_vit(width=32, grid=4), tmp_path / "small.safetensors")
    with pytest.raises(FeaturesError, match=r"small.safetensors is no ViT-B/16 at 384 px"):
        _method("roma", features=str(tmp_path / "small.safetensors"), token_width=64)


def test_a_transformer_from_a_file_gives_the_same_as_in_memory(tmp_path: Path) -> None:
    save_file(random_vit(width=32, grid=4), tmp_path / "vit.safetensors")
    from_file = _method("cptrans", features=str(tmp_path / "vit.safetensors"))
    assert terms_of_one_step(from_file, random_batch()) == terms_of_one_step(_method("cptrans"), random_batch())


def _method(name: str, learning_rate: float = 1e-5, **settings: object) -> Method:
    return make_method(_config(name, learning_rate, settings))


def _predicting_config() -> TrainingConfig:
    config = _config("cptrans", 1e-5, {})
    return config.model_copy(update={"method": config.method.without_losses()})


def _config(name: str, learning_rate: float, settings: Mapping[str, object]) -> TrainingConfig:
    small = {"name": name, "width": 4, "blocks": 1, "features": "random", "token_width": 32, "token_grid": 4}
    windows = {"windows": 4} if name == "roma" else {}
    table = {
        "samples": 4,
        "batch_size": 1,
        "crop": 64,
        "learning_rate": learning_rate,
        "method": small | windows | dict(settings),
    }
    return validated(table, "test")
