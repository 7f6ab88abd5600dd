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
from nirvis_training.losses.perceptual import gram_matrix, perceptual_l1
from nirvis_training.losses.structure import dssim
from nirvis_training.method_settings import FeatureSettings
from nirvis_training.networks.vgg import Vgg, VggFeatures, random_vgg, vgg_weights

RANDOM = FeatureSettings(name="any", features="random")


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


@pytest.mark.parametrize(
    ("network", "taps", "positions"),
    [
        pytest.param("VGG-16", ("relu1_2", "relu2_2", "relu3_3", "relu4_3"), (3, 8, 15, 22), id="vgg-16"),
        pytest.param(
            "VGG-19", ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), (1, 6, 11, 20, 29), id="vgg-19"
        ),
    ],
)
def test_features_are_those_of_the_published_network(
    network: Vgg, taps: tuple[str, ...], positions: tuple[int, ...]
) -> None:
    layers = _vgg_layers(network, positions[-1])
    layers.load_state_dict({name.removeprefix("features."): t for name, t in random_vgg(network, taps[-1]).items()})
    picture = torch.rand(1, 3, 32, 48)
    expected = []
    with torch.no_grad():
        features = picture
        for position, layer in enumerate(layers):
            features = layer(features)
            if position in positions:
                expected.append(features)
    found = VggFeatures(network, taps, RANDOM)(picture)
    assert tuple(found[3].shape) == (1, 512, 4, 6)
    torch.testing.assert_close(found, expected)


def test_mean_and_deviation_of_imagenet_are_taken_out_on_request() -> None:
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    picture = torch.rand(1, 3, 16, 16)
    plain = VggFeatures("VGG-16", ("relu1_1",), RANDOM)
    normalising = VggFeatures("VGG-16", ("relu1_1",), RANDOM, normalise=True)
    torch.testing.assert_close(normalising(picture), plain((picture - mean) / deviation))


def test_layers_have_the_weights_they_are_given() -> None:
    first, second = torch.rand(2, 1, 3, 16, 16)
    features = VggFeatures("VGG-16", ("relu1_1", "relu1_2"), RANDOM)
    one, other = (float((a - b).abs().mean()) for a, b in zip(features(first), features(second), strict=True))
    assert float(perceptual_l1(features, first, second, (2.0, 0.5))) == pytest.approx(2 * one + 0.5 * other)


def test_gram_matrix_by_hand() -> None:
    features = torch.tensor([[[1.0, 2.0]], [[3.0, -1.0]]])[None]  # two channels of two pixels
    torch.testing.assert_close(gram_matrix(features), torch.tensor([[[5.0, 1.0], [1.0, 10.0]]]) / 4)


def test_features_are_fixed_and_no_part_of_the_state() -> None:
    features = VggFeatures("VGG-16", ("relu1_2",), RANDOM)
    predicted = torch.rand(1, 3, 16, 16, requires_grad=True)
    perceptual_l1(features, predicted, torch.rand(1, 3, 16, 16), (1.0,)).backward()
    assert predicted.grad is not None
    assert not list(features.parameters())
    assert not features.state_dict()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_of_features_is_read_and_proved(tmp_path: Path, suffix: str) -> None:
    weights = random_vgg("VGG-16", "relu4_3", seed=4)
    path = tmp_path / f"vgg16{suffix}"
    _write({**weights, "classifier.0.weight": torch.zeros(2, 2)}, path)
    found = _read(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    with pytest.raises(FeaturesError, match=r"has sha256 .* the settings want 000"):
        _read(path, "0" * 64)


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
        _read(path)
    assert "\n" not in str(refusal.value)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "features.pth"
    torch.save({"features.0.weight": _Evil(tmp_path / "ran")}, path)
    with pytest.raises(FeaturesError):
        _read(path)
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


def _read(path: Path, sha256: str | None = None) -> dict[str, torch.Tensor]:
    settings = FeatureSettings(name="any", features=str(path), features_sha256=sha256)
    return vgg_weights("VGG-16", "relu4_3", settings)


def _vgg_layers(network: Vgg, last: int) -> nn.Sequential:
    """The first layers of a VGG network's features, as its authors list them."""
    counts = {"VGG-16": (2, 2, 3, 3, 3), "VGG-19": (2, 2, 4, 4, 4)}[network]
    layers: list[nn.Module] = []
    channels = 3
    for count, out in zip(counts, (64, 128, 256, 512, 512), strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]
            channels = out
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[: last + 1])
