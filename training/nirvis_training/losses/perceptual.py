"""Distances of pictures in the features of a VGG network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.networks.vgg import VggFeatures


def perceptual_l1(vgg: VggFeatures, predicted: Tensor, target: Tensor, weights: Sequence[float]) -> Tensor:
    """Scalar distance of two pictures ``(N, 3, H, W)`` in the features of `vgg`; no gradient reaches the target.

    weights
        One per layer; the mean over L layers is 1/L each.
    """
    with torch.no_grad():
        wanted = vgg(target)
    return weighted_l1(vgg(predicted), wanted, weights)


def weighted_l1(found: Sequence[Tensor], wanted: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Sum over layers of their weight times the mean absolute difference of their features."""
    triples = zip(weights, found, wanted, strict=True)
    return torch.stack([weight * F.l1_loss(one, other) for weight, one, other in triples]).sum()


def gram_matrix(features: Tensor) -> Tensor:
    """How channels go together, ``(N, C, H, W)`` → ``(N, C, C)``: inner products by C · H · W."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()
