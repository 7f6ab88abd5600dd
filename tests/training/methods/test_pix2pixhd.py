"""pix2pixHD by hand, its coarse-to-fine generator, and that pairs are learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from adversarial_steps import Line, close, even_batch, small_method, terms_of_one_step
from nirvis_training.errors import FeaturesError
from nirvis_training.methods.base import Method
from nirvis_training.methods.pix2pixhd import feature_matching


class TwoScales(nn.Module):
    """Two scales of one layer and logits each: the picture behind the source, and twice it."""

    def forward(self, stacked: Tensor) -> list[list[Tensor]]:
        return [[stacked[:, 3:], stacked[:, 3:]], [2 * stacked[:, 3:], 2 * stacked[:, 3:]]]


def test_terms_by_hand() -> None:
    method = small_method("pix2pixhd", crop=32, downs=2, blocks=1, perceptual_weight=0.0)
    method.generator, method.discriminator = Line(b=0.1), TwoScales()
    assert terms_of_one_step(method, even_batch([0.5], [-0.5])) == close(
        {
            "adversarial": (0.6 - 1) ** 2 + (1.2 - 1) ** 2,
            # 4 / (3 + 1) for each layer, half for each of two scales.
            "matching": 10 * (1.1 + 2.2) / 2,
            "discriminator": (1.5**2 + 0.6**2) / 2 + (2.0**2 + 1.2**2) / 2,
        }
    )


def test_logits_are_not_matched() -> None:
    features = [[torch.zeros(1), torch.full((1,), 9.0)]]
    assert float(feature_matching(features, [[torch.ones(1), torch.zeros(1)]])) == 1


def test_paper_has_no_perceptual_term() -> None:
    settings = {"crop": 32, "downs": 2, "blocks": 1}
    method = small_method("pix2pixhd", variant="paper", **settings)
    assert method.vgg is None
    assert small_method("pix2pixhd", features="random", **settings).vgg is not None


def test_enhancer_begins_with_a_trained_global_generator(tmp_path: Path) -> None:
    settings = {"crop": 32, "downs": 2, "blocks": 1, "perceptual_weight": 0.0}
    coarse = small_method("pix2pixhd", width=8, **settings)
    with torch.no_grad():
        for parameter in coarse.generator.parameters():
            parameter.add_(1)
    save_file(
        {n: t for n, t in coarse.state_dict().items() if n.startswith("generator.")}, tmp_path / "best.safetensors"
    )
    path = str(tmp_path / "best.safetensors")
    fine = small_method("pix2pixhd", width=4, enhancer=True, coarse_weights=path, **settings)
    assert fine.multiple_of == 8
    found, wanted = fine.generator.coarse.state_dict(), coarse.generator.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert fine.predict(torch.rand(1, 3, 40, 50)).shape == (1, 3, 40, 50)
    with pytest.raises(FeaturesError, match="global generator"):
        small_method("pix2pixhd", width=8, enhancer=True, coarse_weights=path, **settings)


@pytest.mark.parametrize("enhancer", [False, True])
def test_four_pairs_are_learnt_by_heart(enhancer: bool, gained_db: Callable[[Method, int], float]) -> None:
    settings = {"crop": 32, "downs": 2, "blocks": 1, "perceptual_weight": 0.0, "enhancer": enhancer}
    method = small_method("pix2pixhd", width=8, learning_rate=2e-3, **settings)
    assert gained_db(method, 40) > 6.5
