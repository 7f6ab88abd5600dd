"""Spatially-correlative maps: how each place of a picture resembles its surroundings (Zheng et al. 2021)."""

from __future__ import annotations

from math import sqrt
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Comparison = Literal["product", "cosine"]
_SOFTNESS = 10.0


def similarity_windows(height: int, width: int, queries: int, window: int) -> tuple[Tensor, Tensor]:
    """Random places, and for each the places of the window around it, shifted inward at the borders.

    Returns indices into the flattened map, ``(queries,)`` and ``(queries, window²)``; fewer where the map is smaller.
    """
    rows_in, columns_in = min(window, height), min(window, width)
    places = torch.randperm(height * width)[:queries]
    top = (places // width - rows_in // 2).clamp(0, height - rows_in)
    left = (places % width - columns_in // 2).clamp(0, width - columns_in)
    rows = top[:, None, None] + torch.arange(rows_in)[None, :, None]
    columns = left[:, None, None] + torch.arange(columns_in)[None, None, :]
    return places, (rows * width + columns).flatten(1)


def self_similarity(features: Tensor, places: Tensor, windows: Tensor, comparison: Comparison) -> Tensor:
    """Spatially-correlative map at some places (eq. 1): ``(N, C, H, W)`` → ``(N, queries, window²)``.

    Features are centred over the picture; the product is divided by C and squashed, tanh(q·k / 10).
    """
    centred = features - features.mean((2, 3), keepdim=True)
    scaled = F.normalize(centred, dim=1) if comparison == "cosine" else centred / sqrt(features.shape[1])
    flat = scaled.flatten(2).transpose(1, 2)
    query, surroundings = flat[:, places], flat[:, windows]
    similar = (surroundings @ query.unsqueeze(3)).squeeze(3)
    return similar if comparison == "cosine" else torch.tanh(similar / _SOFTNESS)


def correlative_distance(source: Tensor, translated: Tensor, kept_share: float) -> Tensor:
    """Scalar 1 - cos between maps (eq. 5), over the most similar places of the source alone.

    source, translated
        From `self_similarity`, of the same places.
    """
    kept = max(1, int(kept_share * source.shape[2]))
    best = source.detach().topk(kept, dim=2).indices
    return 1 - F.cosine_similarity(source.gather(2, best), translated.gather(2, best), dim=2).mean()


def correlative_contrast(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Scalar InfoNCE (eq. 3): the map of a place is nearest to that of the same place in another look of the picture.

    one, other
        Maps ``(N, queries, window²)`` of two looks of the same pictures; negatives are all other places of the batch.
    """
    first, second = (F.normalize(maps.flatten(0, 1), dim=1) for maps in (one, other))
    own = torch.arange(len(first), device=first.device)
    return F.cross_entropy(first @ second.T / temperature, own)
