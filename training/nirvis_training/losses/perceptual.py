"""Distances of pictures in the features of a VGG network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.networks.vgg import VggFeatures


class PerceptualLoss(nn.Module):
    """Weighted sum over layers of the L1 distance of their features.

    features
        Gives the features of a picture, layer by layer.
    weights
        One per layer; the mean over L layers is 1/L each.
    """

    def __init__(self, features: VggFeatures, weights: Sequence[float]) -> None:
        super().__init__()
        self.features = features
        self.weights = tuple(weights)

    def forward(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Scalar distance of two pictures ``(N, 3, H, W)``; no gradient reaches the target."""
        with torch.no_grad():
            wanted = self.features(target)
        return weighted_l1(self.features(predicted), wanted, self.weights)


def weighted_l1(found: Sequence[Tensor], wanted: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Sum over layers of their weight times the mean absolute difference of their features."""
    triples = zip(weights, found, wanted, strict=True)
    return torch.stack([weight * F.l1_loss(one, other) for weight, one, other in triples]).sum()


def gram_matrix(features: Tensor) -> Tensor:
    """How channels go together, ``(N, C, H, W)`` → ``(N, C, C)``: inner products by C · H · W."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()
