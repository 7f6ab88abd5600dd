"""Per-patch gradients of content-aware optimisation beside the naive way: one backward pass for each patch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from nirvis_training.losses.content_aware import (
    content_weights,
    last_layer_gradient_directions,
    token_gradient_directions,
)
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
    last = nn.Conv2d(5, 1, 4, padding=1)
    features = torch.randn(1, 5, 8, 8)
    verdicts = last(features)
    found = last_layer_gradient_directions(features, last.weight, 2 * (verdicts - 1))
    torch.testing.assert_close(found[0], _naive((verdicts[0, 0] - 1).square().flatten(), last), atol=1e-5, rtol=1e-4)


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
