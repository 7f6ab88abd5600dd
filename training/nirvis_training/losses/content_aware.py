"""Content-aware optimisation: patches whose gradients differ from all others' weigh more (CPTrans, Yu et al. 2023).

A discriminator learns from the mean over patches, and the many alike ones (sky, road) decide that mean. The direction
of each patch's gradient with respect to the discriminator's weights, beside the mean's, tells which patches are rich
in content. Naively that is one backward pass for each patch; here it costs a few products of matrices, because the
gradient of a linear layer from one token is the outer product of its error and its input.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.networks.patchgan import PatchGan
from nirvis_training.networks.token_discriminator import TokenDiscriminator

_TINY = 1e-12
_BAND = 72
"""Tokens whose products with all later ones are computed at once."""


def content_weights(directions: Tensor, share: float, increase: float) -> Tensor:
    """Weight of each patch (eq. 6): λ / exp(|δ|) for the patches least like the mean, 1 for all others.

    directions
        δ, cosine of each patch's gradient to the mean gradient, ``(N, patches)``.
    share
        η, part of the patches of each picture that counts as rich in content; 0.4 in the paper.
    increase
        λ_inc. The paper's text does not state it; above e every such weight is above 1.
    """
    rich = math.floor(share * directions.shape[1])
    chosen = directions.topk(rich, dim=1, largest=False).indices
    weights = torch.ones_like(directions)
    return weights.scatter(1, chosen, increase * torch.exp(-directions.gather(1, chosen).abs()))


@torch.no_grad()
def token_gradient_directions(
    discriminator: TokenDiscriminator, tokens: Tensor, hidden: Tensor, error: Tensor
) -> Tensor:
    """δ of every token, exactly: cosine between its gradient and the mean gradient over all weights (eq. 4 and 5).

    With input x, hidden h, output error e and hidden error d of a token, its gradients are d·xᵀ, d, e·hᵀ and e; so
    both the product with the mean and the norm need nothing but these vectors.

    tokens
        ``(N, tokens, C)``.
    hidden
        What the first layer makes of them, before GELU, as the discriminator gives it together with its verdicts.
    error
        Verdicts minus what the squared error of each aims at: 1 for real, 0 for fake. Its scale does not matter.

    Returns ``(N, tokens)``; the mean is over the tokens of each picture.
    """
    hidden_error = (error @ discriminator.verdict.weight) * _gelu_slope(hidden)
    layers = ((error, F.gelu(hidden)), (hidden_error, tokens))
    products = [_product_with_mean(*layer) for layer in layers]
    norms = [_squared_norm(*layer) for layer in layers]
    return _cosine_to_mean(products[0] + products[1], norms[0] + norms[1])


@torch.no_grad()
def patch_gradient_directions(discriminator: PatchGan, features: Tensor, error: Tensor) -> Tensor:
    """δ of every patch of a convolutional discriminator, from the gradients of its last layer alone.

    Exact for that layer, and ranks patches nearly as the gradients of all layers do, at none of their cost.

    features
        What the last layer sees, ``(N, C, H, W)``.
    error
        Logits ``(N, 1, h, w)`` minus what the squared error of each aims at: 1 for real, 0 for fake.

    Returns ``(N, h * w)``.
    """
    head = discriminator.head
    patches = F.unfold(features, head.kernel_size, padding=head.padding).transpose(1, 2)  # type: ignore[arg-type]
    errors = error.flatten(2).transpose(1, 2)
    return _cosine_to_mean(_product_with_mean(errors, patches), _squared_norm(errors, patches))


def _cosine_to_mean(product: Tensor, squared_norm: Tensor) -> Tensor:
    """From ⟨gᵢ, ḡ⟩ and ‖gᵢ‖²; the mean of the products is ‖ḡ‖²."""
    mean_norm = product.mean(dim=1, keepdim=True).clamp(min=0).sqrt()
    return product / (squared_norm.sqrt() * mean_norm).clamp(min=_TINY)


def _product_with_mean(error: Tensor, value: Tensor) -> Tensor:
    """⟨gᵢ, ḡ⟩ of a linear layer with bias, whose gradients are errorᵢ·valueᵢᵀ and errorᵢ; ``(N, tokens)``."""
    tokens, outgoing, incoming = error.shape[1], error.shape[2], value.shape[2]
    if tokens * (outgoing + incoming) < 4 * outgoing * incoming:
        # Not many more tokens than numbers in each: the mean over j of (errorᵢ·errorⱼ) (valueᵢ·valueⱼ + 1) costs less.
        return (_products_of_rows(error) * (_products_of_rows(value) + 1)).mean(dim=2)
    mean = error.transpose(1, 2) @ value / error.shape[1]
    return ((error @ mean) * value).sum(dim=2) + (error * error.mean(dim=1, keepdim=True)).sum(dim=2)


def _products_of_rows(rows: Tensor) -> Tensor:
    """Every row with every row, ``(N, T, C)`` → ``(N, T, T)``; what is the same on both sides is computed once."""
    count = rows.shape[1]
    products = rows.new_empty(len(rows), count, count)
    for begin in range(0, count, _BAND):
        band, later = slice(begin, begin + _BAND), slice(begin, None)
        found = rows[:, later] @ rows[:, band].mT
        products[:, later, band], products[:, band, later] = found, found.mT
    return products


def _squared_norm(error: Tensor, value: Tensor) -> Tensor:
    return error.square().sum(dim=2) * (value.square().sum(dim=2) + 1)


def _gelu_slope(value: Tensor) -> Tensor:
    """Φ(x) + x·φ(x)."""
    density = torch.exp(-value.square() / 2) / math.sqrt(2 * math.pi)
    return (1 + torch.erf(value / math.sqrt(2))) / 2 + value * density
