"""Losses against independent implementations, and files of pretrained features that are not what they should be."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage.metrics import structural_similarity
from torch import nn

from nirvis_training.errors import FeaturesError
from nirvis_training.losses.perceptual import PerceptualLoss, random_vgg16, read_vgg16
from nirvis_training.losses.structure import dssim


def test_dssim_is_half_of_what_scikit_image_finds_dissimilar() -> None:
    first, second = torch.rand(2, 1, 1, 40, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    _, similarity = structural_similarity(
        first[0, 0].numpy(),
        second[0, 0].numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        full=True,
    )
    inside = np.mean(similarity[5:-5, 5:-5])
    torch.testing.assert_close(dssim(first, second).item(), (1 - inside) / 2, atol=1e-7, rtol=0)


def test_dssim_of_equal_pictures_is_zero() -> None:
    picture = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(dssim(picture, picture), torch.tensor(0.0), atol=1e-6, rtol=0)


def test_dssim_alone_cannot_tell_a_picture_from_its_negative() -> None:
    """Why a method without a perceptual term needs another one that holds lightness."""
    picture = 0.2 + 0.6 * torch.rand(1, 1, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert dssim(-picture, picture) < 0.02


def test_features_are_those_of_vgg_16() -> None:
    weights = random_vgg16()
    layers = _vgg16_layers()
    layers.load_state_dict({name.removeprefix("features."): tensor for name, tensor in weights.items()})
    picture = torch.rand(1, 3, 32, 48)
    expected = []
    with torch.no_grad():
        features = picture
        for position, layer in enumerate(layers):
            features = layer(features)
            if position in (3, 8, 15, 22):  # relu1_2, relu2_2, relu3_3, relu4_3
                expected.append(features)
    found = PerceptualLoss(weights, "mean").features(picture)
    assert [tuple(f.shape) for f in found] == [(1, 64, 32, 48), (1, 128, 16, 24), (1, 256, 8, 12), (1, 512, 4, 6)]
    torch.testing.assert_close(found, expected)


def test_paper_sums_over_layers_what_the_code_averages() -> None:
    first, second = torch.rand(2, 1, 3, 16, 16)
    weights = random_vgg16()
    summed, averaged = (PerceptualLoss(weights, reduction)(first, second) for reduction in ("sum", "mean"))
    torch.testing.assert_close(summed, 4 * averaged)


def test_features_are_fixed_and_no_part_of_the_state() -> None:
    loss = PerceptualLoss(random_vgg16(), "mean")
    predicted = torch.rand(1, 3, 16, 16, requires_grad=True)
    loss(predicted, torch.rand(1, 3, 16, 16)).backward()
    assert predicted.grad is not None
    assert not list(loss.parameters())
    assert not loss.state_dict()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_of_features_is_read_and_proved(tmp_path: Path, suffix: str) -> None:
    weights = random_vgg16(seed=4)
    path = tmp_path / f"vgg16{suffix}"
    _write({**weights, "classifier.0.weight": torch.zeros(2, 2)}, path)
    found = read_vgg16(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    with pytest.raises(FeaturesError, match=r"has sha256 .* the settings want 000"):
        read_vgg16(path, "0" * 64)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(None, "There is no file", id="missing"),
        pytest.param(b"nonsense", "holds no state dict", id="nonsense"),
        pytest.param({"features.0.weight": torch.zeros(64, 3, 3, 3)}, "features.0.bias should have", id="half"),
        pytest.param({"conv1.weight": torch.zeros(2)}, "is no VGG-16", id="another-network"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_vgg_16_is_refused_in_one_line(
    tmp_path: Path, suffix: str, content: bytes | dict[str, torch.Tensor] | None, complaint: str
) -> None:
    path = tmp_path / f"features{suffix}"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        _write(content, path)
    with pytest.raises(FeaturesError, match=complaint) as refusal:
        read_vgg16(path)
    assert "\n" not in str(refusal.value)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "features.pth"
    torch.save({"features.0.weight": _Evil(tmp_path / "ran")}, path)
    with pytest.raises(FeaturesError):
        read_vgg16(path)
    assert not (tmp_path / "ran").exists()


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def _write(state: dict[str, torch.Tensor], path: Path) -> None:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)


def _vgg16_layers() -> nn.Sequential:
    """The first 23 layers of VGG-16's features, as its authors list them."""
    layers: list[nn.Module] = []
    channels = 3
    for block, (count, out) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512)]):
        if block:
            layers.append(nn.MaxPool2d(2))
        for _ in range(count):
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]
            channels = out
    return nn.Sequential(*layers)
