"""Tokens of a frozen vision transformer (Dosovitskiy et al. 2021), whole or in windows, from a file of the user.

ROMA and CPTrans compare pictures by the tokens of ViT-B/16 at 384×384 px: 24×24 tokens of 768 numbers, read behind
the blocks 1, 3 and 5 of twelve, each through the last LayerNorm; later blocks are never computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.errors import FeaturesError

TAPS = (1, 3, 5)
"""Blocks behind which tokens are read, counted from 0."""
_PATCH_PX = 16
_HEAD_CHANNELS = 64
_MLP_RATIO = 4
_NORM_EPSILON = 1e-6


class VisionTransformer(nn.Module):
    """The first blocks of a ViT/16 as a fixed function of its picture; gradients reach the picture, never the weights.

    Weights are buffers outside the state of whatever method holds this: they are read from the user's file again.

    weights
        Names and shapes of timm's ViT: ``patch_embed.proj.weight``, ``pos_embed``, ``blocks.N.attn.qkv.weight`` …;
        width and number of tokens follow from them.

    Raises `FeaturesError` when a tensor is missing or has another shape.
    """

    def __init__(self, weights: Mapping[str, Tensor], taps: Sequence[int] = TAPS) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.width = _width(weights)
        self.grid = _grid(weights)
        self.heads = max(1, self.width // _HEAD_CHANNELS)
        for name, shape in vit_shapes(self.width, self.grid, max(taps) + 1).items():
            self.register_buffer(name.replace(".", "_"), _checked(weights, name, shape), persistent=False)

    def forward(self, picture: Tensor, windows: Tensor | None = None) -> list[Tensor]:
        """Tokens behind each tap: RGB in [-1, 1] ``(N, 3, H, W)`` of any size → ``(N, grid², width)`` each.

        windows
            Places of the tokens ``(W, k)`` of windows of one picture, which then see nothing but themselves: →
            ``(W, k, width)`` each.
        """
        embedded = self.embed(picture)
        if windows is not None:
            return self._through_blocks(embedded[0, windows])
        class_token = (self._weight("cls_token") + self._weight("pos_embed")[:, :1]).expand(len(embedded), -1, -1)
        return [found[:, 1:] for found in self._through_blocks(torch.cat((class_token, embedded), dim=1))]

    def embed(self, picture: Tensor) -> Tensor:
        """Patches with their place, before the first block: ``(N, grid², width)``."""
        side = self.grid * _PATCH_PX
        resized = F.interpolate(picture, (side, side), mode="bilinear", align_corners=False)
        patches = F.conv2d(
            resized, self._weight("patch_embed.proj.weight"), self._weight("patch_embed.proj.bias"), stride=_PATCH_PX
        )
        return patches.flatten(2).transpose(1, 2) + self._weight("pos_embed")[:, 1:]

    def _through_blocks(self, tokens: Tensor) -> list[Tensor]:
        found = []
        for block in range(max(self.taps) + 1):
            tokens = tokens + self._attention(block, self._norm(f"blocks.{block}.norm1", tokens))
            tokens = tokens + self._mlp(block, self._norm(f"blocks.{block}.norm2", tokens))
            if block in self.taps:
                found.append(self._norm("norm", tokens))
        return found

    def _attention(self, block: int, tokens: Tensor) -> Tensor:
        many, count, width = tokens.shape
        joint = self._linear(f"blocks.{block}.attn.qkv", tokens)
        query, key, value = joint.view(many, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self._linear(f"blocks.{block}.attn.proj", attended.transpose(1, 2).reshape(many, count, width))

    def _mlp(self, block: int, tokens: Tensor) -> Tensor:
        return self._linear(f"blocks.{block}.mlp.fc2", F.gelu(self._linear(f"blocks.{block}.mlp.fc1", tokens)))

    def _linear(self, name: str, tokens: Tensor) -> Tensor:
        return F.linear(tokens, self._weight(f"{name}.weight"), self._weight(f"{name}.bias"))

    def _norm(self, name: str, tokens: Tensor) -> Tensor:
        scale, shift = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return F.layer_norm(tokens, (self.width,), scale, shift, _NORM_EPSILON)

    def _weight(self, name: str) -> Tensor:
        return self.get_buffer(name.replace(".", "_"))


def vit_shapes(width: int, grid: int, blocks: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that `blocks` blocks need, as timm stores them."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, grid * grid + 1, width),
        "patch_embed.proj.weight": (width, 3, _PATCH_PX, _PATCH_PX),
        "patch_embed.proj.bias": (width,),
    }
    for block in range(blocks):
        for layer, (outgoing, incoming) in _layers(width).items():
            shapes[f"blocks.{block}.{layer}.weight"] = (outgoing, incoming)
            shapes[f"blocks.{block}.{layer}.bias"] = (outgoing,)
        shapes |= _norm_shapes(f"blocks.{block}.norm1", width) | _norm_shapes(f"blocks.{block}.norm2", width)
    return shapes | _norm_shapes("norm", width)


def random_vit(width: int, grid: int, blocks: int = max(TAPS) + 1, seed: int = 0) -> dict[str, Tensor]:
    """Random weights in the shape of a ViT, the same for the same seed; for trying things out only."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in vit_shapes(width, grid, blocks).items():
        if "norm" in name:
            weights[name] = torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
        else:
            fan_in = torch.Size(shape[1:]).numel() if name.endswith("weight") else width
            weights[name] = torch.randn(shape, generator=generator) / fan_in**0.5
    return weights


def _layers(width: int) -> dict[str, tuple[int, int]]:
    """Linear layers of a block: name → channels out and in."""
    return {
        "attn.qkv": (3 * width, width),
        "attn.proj": (width, width),
        "mlp.fc1": (_MLP_RATIO * width, width),
        "mlp.fc2": (width, _MLP_RATIO * width),
    }


def _norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _width(weights: Mapping[str, Tensor]) -> int:
    token = weights.get("cls_token")
    return token.shape[-1] if isinstance(token, Tensor) else 768


def _grid(weights: Mapping[str, Tensor]) -> int:
    places = weights.get("pos_embed")
    return isqrt(places.shape[1] - 1) if isinstance(places, Tensor) and places.dim() == 3 else 24


def _checked(weights: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    tensor = weights.get(name)
    if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
        given = tuple(tensor.shape) if isinstance(tensor, Tensor) else "nothing"
        raise FeaturesError(
            f"These weights are no ViT/16 as timm stores it: {name} should have shape {shape}, found {given}."
        )
    return tensor.detach().float()
