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

from nirvis_training.networks.token_discriminator import TokenDiscriminator

_TINY = 1e-12


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
def token_gradient_directions(discriminator: TokenDiscriminator, tokens: Tensor, wanted: float) -> Tensor:
    """δ of every token, exactly: cosine between its gradient and the mean gradient over all weights (eq. 4 and 5).

    With input x, hidden h, output error e and hidden error d of a token, its gradients are d·xᵀ, d, e·hᵀ and e; so
    both the product with the mean and the norm need nothing but these vectors.

    tokens
        ``(N, tokens, C)``.
    wanted
        What the squared error of every verdict aims at: 1 for real, 0 for fake.

    Returns ``(N, tokens)``; the mean is over the tokens of each picture.
    """
    hidden_in = discriminator.hidden(tokens)
    hidden = F.gelu(hidden_in)
    # The scale of the error does not matter to a cosine.
    error = discriminator.verdict(hidden) - wanted
    hidden_error = (error @ discriminator.verdict.weight) * _gelu_slope(hidden_in)
    product = _product_with_mean(error, hidden) + _product_with_mean(hidden_error, tokens)
    norm = (_squared_norm(error, hidden) + _squared_norm(hidden_error, tokens)).sqrt()
    mean_norm = product.mean(dim=1, keepdim=True).clamp(min=0).sqrt()
    return product / (norm * mean_norm).clamp(min=_TINY)


@torch.no_grad()
def last_layer_gradient_directions(features: Tensor, weight: Tensor, error: Tensor) -> Tensor:
    """δ of every patch of a convolutional discriminator, from the gradients of its last layer alone.

    Exact for that layer; in place of all layers it ranks patches nearly as they would be.

    features
        Input of the last convolution, stride 1 and padding 1, ``(N, C, H, W)``.
    weight
        Of that convolution, ``(1, C, k, k)``; only its size matters.
    error
        Derivative of each patch's loss by its verdict, ``(N, 1, h, w)``.

    Returns ``(N, h * w)``.
    """
    patches = F.unfold(features, weight.shape[-1], padding=1).transpose(1, 2)
    slope = error.flatten(2).transpose(1, 2)
    product = _product_with_mean(slope, patches)
    norm = _squared_norm(slope, patches).sqrt()
    mean_norm = product.mean(dim=1, keepdim=True).clamp(min=0).sqrt()
    return product / (norm * mean_norm).clamp(min=_TINY)


def _product_with_mean(error: Tensor, value: Tensor) -> Tensor:
    """⟨gᵢ, ḡ⟩ of a linear layer with bias, whose gradients are errorᵢ·valueᵢᵀ and errorᵢ; ``(N, tokens)``."""
    mean = error.transpose(1, 2) @ value / error.shape[1]
    return ((error @ mean) * value).sum(dim=2) + (error * error.mean(dim=1, keepdim=True)).sum(dim=2)


def _squared_norm(error: Tensor, value: Tensor) -> Tensor:
    return error.square().sum(dim=2) * (value.square().sum(dim=2) + 1)


def _gelu_slope(value: Tensor) -> Tensor:
    """Φ(x) + x·φ(x)."""
    density = torch.exp(-value.square() / 2) / math.sqrt(2 * math.pi)
    return (1 + torch.erf(value / math.sqrt(2))) / 2 + value * density
