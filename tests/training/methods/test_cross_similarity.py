"""Cross-similarity of tokens, and the transformer that they come from, beside independent implementations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nirvis_training.errors import FeaturesError
from nirvis_training.losses.cross_similarity import cross_similarity, cross_similarity_in_time, random_windows
from nirvis_training.networks.vision_transformer import VisionTransformer, random_vit


def test_cross_similarity_of_a_worked_example() -> None:
    """S = I and T = [[1, 1], [0, 1]]: rows of T^T are (1, 0), (1, 1), of T are (1, 1), (0, 1); all cosines 1/sqrt 2."""
    source = torch.eye(2)[None]
    translated = torch.tensor([[[1.0, 1.0], [0.0, 1.0]]])
    assert cross_similarity(source, translated).item() == pytest.approx(1 - 0.5**0.5, abs=1e-6)


def test_a_picture_is_like_itself_and_like_itself_scaled() -> None:
    tokens = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(0))
    assert cross_similarity(tokens, tokens).item() == pytest.approx(0, abs=1e-6)
    assert cross_similarity(tokens, 3 * tokens).item() == pytest.approx(0, abs=1e-6)


def test_still_scenes_have_the_same_distance_in_time() -> None:
    source, translated = torch.randn(2, 1, 5, 4, generator=torch.Generator().manual_seed(1))
    still = cross_similarity_in_time(source, translated, translated, source)
    torch.testing.assert_close(still, cross_similarity(source, translated))


def test_windows_stay_inside_and_are_squares() -> None:
    torch.manual_seed(0)
    windows = random_windows(grid=24, count=64)
    assert windows.shape == (64, 49)
    rows, columns = windows // 24, windows % 24
    assert (rows.max(1).values - rows.min(1).values == 6).all()
    assert (columns.max(1).values - columns.min(1).values == 6).all()
    assert 0 <= int(windows.min()) <= int(windows.max()) < 576


def test_tokens_equal_those_of_torch_own_encoder() -> None:
    """nn.TransformerEncoderLayer with its norms first is the same block under other names."""
    weights = random_vit(width=128, grid=2)
    vit = VisionTransformer(weights)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    embedded = torch.cat((weights["cls_token"] + weights["pos_embed"][:, :1], vit.embed(picture)), dim=1)
    expected = nn.functional.layer_norm(_encoded(weights, embedded, blocks=6), (128,), eps=1e-6)
    torch.testing.assert_close(vit(picture)[-1], expected[:, 1:], atol=1e-4, rtol=1e-4)


def test_published_size_has_43_million_weights_in_six_blocks() -> None:
    from nirvis_training.networks.vision_transformer import vit_shapes

    assert sum(torch.Size(shape).numel() for shape in vit_shapes(768, 24, 6).values()) == 43_563_264


def test_gradient_reaches_the_picture_and_no_weight() -> None:
    vit = VisionTransformer(random_vit(width=64, grid=2))
    picture = torch.rand(1, 3, 40, 40, requires_grad=True)
    vit(picture)[0].square().sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().max() > 0
    assert list(vit.parameters()) == []
    assert vit.state_dict() == {}


def test_foreign_weights_are_named() -> None:
    weights = random_vit(width=64, grid=2)
    del weights["blocks.3.attn.qkv.bias"]
    with pytest.raises(
        FeaturesError, match=r"no ViT/16.*blocks.3.attn.qkv.bias should have shape \(192,\), found nothing"
    ):
        VisionTransformer(weights)


def _encoded(weights: dict[str, Tensor], tokens: Tensor, blocks: int) -> Tensor:
    for number in range(blocks):
        layer = nn.TransformerEncoderLayer(
            128,
            nhead=2,
            dim_feedforward=512,
            dropout=0,
            activation="gelu",
            layer_norm_eps=1e-6,
            batch_first=True,
            norm_first=True,
        )
        own = {name.split(f"blocks.{number}.")[1]: t for name, t in weights.items() if f"blocks.{number}." in name}
        names = {
            "attn.qkv.weight": "self_attn.in_proj_weight",
            "attn.qkv.bias": "self_attn.in_proj_bias",
            "attn.proj.weight": "self_attn.out_proj.weight",
            "attn.proj.bias": "self_attn.out_proj.bias",
            "mlp.fc1.weight": "linear1.weight",
            "mlp.fc1.bias": "linear1.bias",
            "mlp.fc2.weight": "linear2.weight",
            "mlp.fc2.bias": "linear2.bias",
        }
        layer.load_state_dict({names.get(name, name): tensor for name, tensor in own.items()})
        tokens = layer(tokens)
    return tokens
