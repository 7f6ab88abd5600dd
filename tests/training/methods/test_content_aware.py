"""Per-patch gradients of content-aware optimisation beside the naive way: one backward pass for each patch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from nirvis_training.losses.content_aware import (
    content_weights,
    patch_gradient_directions,
    token_gradient_directions,
)
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.token_discriminator import TokenDiscriminator, with_cell_means


@pytest.mark.parametrize("wanted", [pytest.param(1.0, id="real"), pytest.param(0.0, id="fake")])
def test_directions_of_tokens_are_those_of_one_backward_pass_each(wanted: float) -> None:
    torch.manual_seed(0)
    discriminator, tokens = TokenDiscriminator(12), torch.randn(2, 9, 12)
    found = token_gradient_directions(discriminator, tokens, wanted)
    for picture in range(2):
        losses = (discriminator(tokens[picture]) - wanted).square().mean(dim=1)
        torch.testing.assert_close(found[picture], _naive(losses, discriminator), atol=1e-5, rtol=1e-4)


def test_directions_of_patches_are_exact_for_the_last_convolution() -> None:
    torch.manual_seed(0)
    discriminator, picture = PatchGan(width=4), torch.randn(2, 3, 64, 64)
    found, places = patch_gradient_directions(discriminator, picture, wanted=1.0)
    logits = discriminator(picture)
    assert places == tuple(logits.shape[1:])
    for number in range(2):
        losses = (logits[number].flatten() - 1).square()
        torch.testing.assert_close(found[number], _naive(losses, discriminator.head), atol=1e-5, rtol=1e-4)


def test_directions_of_the_last_layer_rank_patches_as_those_of_all_layers_do() -> None:
    torch.manual_seed(0)
    discriminator, picture = PatchGan(width=8), torch.rand(1, 3, 64, 64)
    found, _ = patch_gradient_directions(discriminator, picture, wanted=1.0)
    exact = _naive((discriminator(picture).flatten() - 1).square(), discriminator)
    ranks = torch.stack([values.argsort().argsort().double() for values in (found[0], exact)])
    assert torch.corrcoef(ranks)[0, 1] > 0.5


def test_weights_of_a_worked_example() -> None:
    """η = 0.5 of four patches: the two least like the mean get 4 / exp(|δ|)."""
    weights = content_weights(torch.tensor([[0.9, 0.1, -0.5, 0.8]]), share=0.5, increase=4.0)
    torch.testing.assert_close(weights, torch.tensor([[1.0, 4 * math.exp(-0.1), 4 * math.exp(-0.5), 1.0]]))


def test_no_patch_is_rich_where_the_share_is_nothing() -> None:
    assert content_weights(torch.tensor([[0.9, 0.1]]), share=0.4, increase=4.0).tolist() == [[1, 1]]


def test_785_tokens_of_a_full_picture() -> None:
    assert with_cell_means(torch.zeros(1, 576, 8), grid=24).shape == (1, 785, 8)


def test_cell_means_share_a_row_as_the_published_windows_do() -> None:
    rows = torch.arange(4.0).repeat_interleave(4).view(1, 16, 1)
    assert with_cell_means(rows, grid=4)[0, 16:, 0].tolist() == pytest.approx([1, 1, 8 / 3, 8 / 3, 9 / 5])
    assert with_cell_means(rows, grid=4, overlap=False)[0, 16:, 0].tolist() == pytest.approx([0.5, 0.5, 2.5, 2.5, 1.5])


def _naive(losses: Tensor, network: nn.Module) -> Tensor:
    """Cosine of each loss's gradient to the mean gradient, all weights of the network together."""
    gradients = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)])
        for loss in losses
    ]
    stacked = torch.stack(gradients)
    return torch.cosine_similarity(stacked, stacked.mean(dim=0, keepdim=True))
