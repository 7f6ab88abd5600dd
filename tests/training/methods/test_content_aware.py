"""Per-patch gradients of content-aware optimisation beside the naive way: one backward pass for each patch."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.losses.adversarial import discrimination
from nirvis_training.losses.content_aware import (
    content_weights,
    patch_gradient_directions,
    token_gradient_directions,
)
from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.token_discriminator import TokenDiscriminator, with_cell_means


@pytest.mark.parametrize("wanted", [pytest.param(1.0, id="real"), pytest.param(0.0, id="fake")])
@pytest.mark.parametrize(("count", "width"), [(9, 12), (90, 12), (90, 48)])
def test_directions_of_tokens_are_those_of_one_backward_pass_each(wanted: float, count: int, width: int) -> None:
    torch.manual_seed(0)
    discriminator, tokens = TokenDiscriminator(width), torch.randn(2, count, width)
    hidden, verdicts = discriminator.with_hidden(tokens)
    found = token_gradient_directions(discriminator, tokens, hidden, verdicts - wanted)
    for picture in range(2):
        losses = (discriminator(tokens[picture]) - wanted).square().mean(dim=1)
        torch.testing.assert_close(found[picture], _naive(losses, discriminator), atol=1e-5, rtol=1e-4)


def test_directions_of_patches_are_exact_for_the_last_convolution() -> None:
    torch.manual_seed(0)
    discriminator, picture = PatchGan(width=4), torch.randn(2, 3, 64, 64)
    *_, features, logits = discriminator.features(picture)
    found = patch_gradient_directions(discriminator, features, logits - 1)
    for number in range(2):
        losses = (logits[number].flatten() - 1).square()
        torch.testing.assert_close(found[number], _naive(losses, discriminator.head), atol=1e-5, rtol=1e-4)


def test_directions_of_the_last_layer_rank_patches_as_those_of_all_layers_do() -> None:
    """Of a discriminator that has learnt a little, as those that weigh patches have."""
    discriminator, picture = _trained_discriminator()
    *_, features, logits = discriminator.features(picture)
    found = patch_gradient_directions(discriminator, features, logits - 1)[0]
    exact = _naive((logits.flatten() - 1).square(), discriminator)
    ranks = torch.stack([values.argsort().argsort().double() for values in (found, exact)])
    assert torch.corrcoef(ranks)[0, 1] >= 0.85
    rich = math.floor(0.4 * len(exact))
    chosen, wanted = (set(values.topk(rich, largest=False).indices.tolist()) for values in (found, exact))
    assert len(chosen & wanted) >= 0.8 * rich


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


def _trained_discriminator() -> tuple[PatchGan, Tensor]:
    """Twenty steps of telling smooth pictures from noisy ones, and a picture of the former."""
    torch.manual_seed(0)
    discriminator = PatchGan(width=8)
    optimiser = torch.optim.Adam(discriminator.parameters(), 2e-3, betas=(0.5, 0.999))
    for _ in range(20):
        real = F.interpolate(torch.rand(2, 3, 9, 9), (128, 128), mode="bicubic", align_corners=False)
        fake = real + 0.1 * torch.randn_like(real)
        optimiser.zero_grad()
        discrimination(discriminator(real), discriminator(fake)).backward()
        optimiser.step()
    return discriminator, real[:1]


def _naive(losses: Tensor, network: nn.Module) -> Tensor:
    """Cosine of each loss's gradient to the mean gradient, all weights of the network together."""
    gradients = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)])
        for loss in losses
    ]
    stacked = torch.stack(gradients)
    return torch.cosine_similarity(stacked, stacked.mean(dim=0, keepdim=True))
