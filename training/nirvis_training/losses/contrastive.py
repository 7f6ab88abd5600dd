"""Patches of one picture against each other: PatchNCE (Park et al. 2020, CUT)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.networks.initialisation import Initialisation, initialise

TAPS = (0, 4, 8, 12, 16)
"""Layers of a `ResnetGenerator` whose features are contrasted: pixels, both halvings, and what follows them."""
_SELF = -10.0
"""What a patch's similarity to itself is replaced by among its negatives."""


def patch_locations(features: Sequence[Tensor], patches: int) -> list[Tensor]:
    """Up to `patches` random positions in each feature map ``(N, C, H, W)``, as indices into its flattened H · W."""
    sizes = [tapped.shape[2] * tapped.shape[3] for tapped in features]
    return [torch.randperm(size)[:patches].to(features[0].device) for size in sizes]


class PatchProjector(nn.Module):
    """Feature vectors at chosen positions, through a two-layer perceptron per map, at length one.

    channels
        Of the feature maps, as `ResnetGenerator.feature_channels` gives them.
    units
        Width of the perceptrons; 256 in the papers.
    """

    def __init__(self, channels: Sequence[int], units: int = 256, initialisation: Initialisation = "normal") -> None:
        super().__init__()
        self.perceptrons = nn.ModuleList(
            nn.Sequential(nn.Linear(count, units), nn.ReLU(), nn.Linear(units, units)) for count in channels
        )
        initialise(self, initialisation)

    def forward(self, features: Sequence[Tensor], locations: Sequence[Tensor]) -> list[Tensor]:
        """Maps ``(N, C, H, W)`` and positions from `patch_locations` → ``(N, patches, units)`` each."""
        triples = zip(self.perceptrons, features, locations, strict=True)
        return [_unit_length(perceptron(vectors_at(tapped, where))) for perceptron, tapped, where in triples]


def vectors_at(features: Tensor, locations: Tensor) -> Tensor:
    """Feature vectors at positions of a map ``(N, C, H, W)`` → ``(N, patches, C)``."""
    return features.flatten(2)[..., locations].transpose(1, 2)


def patch_nce(query: Tensor, key: Tensor, temperature: float = 0.07) -> Tensor:
    """Cross entropy of finding each query's own key among those of its picture (Park et al. 2020, eq. 3-4).

    query, key
        Vectors of length one ``(N, patches, units)``, of fake and real; no gradient reaches the keys.

    Returns the term of every patch, ``(N, patches)``.
    """
    key = key.detach()
    positive = (query * key).sum(dim=2, keepdim=True)
    own = torch.eye(query.shape[1], dtype=torch.bool, device=query.device)
    negatives = (query @ key.transpose(1, 2)).masked_fill(own, _SELF)
    logits = torch.cat((positive, negatives), dim=2) / temperature
    return -F.log_softmax(logits, dim=2)[..., 0]


def contrasts(queries: Sequence[Tensor], keys: Sequence[Tensor], temperature: float) -> Tensor:
    """Mean `patch_nce` of each layer, ``(layers,)``."""
    pairs = zip(queries, keys, strict=True)
    return torch.stack([patch_nce(query, key, temperature).mean() for query, key in pairs])


def _unit_length(vectors: Tensor) -> Tensor:
    length: Tensor = vectors.norm(dim=-1, keepdim=True)
    return vectors / (length + 1e-7)
