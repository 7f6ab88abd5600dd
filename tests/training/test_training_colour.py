"""Lab conversion against scikit-image."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from skimage import color

from nirvis_training.colour import denormalise_lab, lab_to_rgb, normalise_lab, rgb_to_lab


@pytest.fixture
def rgb() -> torch.Tensor:
    """Random colours with the corners of the cube and near-black ones among them."""
    random = torch.rand((2, 3, 24, 32), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    random[0, :, 0, :8] = torch.tensor([[i >> bit & 1 for i in range(8)] for bit in range(3)])
    random[0, :, 1] *= 0.01
    return random


def _last(planes: torch.Tensor) -> np.ndarray:
    return planes.permute(0, 2, 3, 1).numpy()


def test_lab_equals_scikit_image(rgb: torch.Tensor) -> None:
    np.testing.assert_allclose(_last(rgb_to_lab(rgb)), color.rgb2lab(_last(rgb)), atol=2e-5)


def test_rgb_equals_scikit_image_also_outside_the_gamut() -> None:
    lab = torch.rand((2, 3, 16, 16), dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    lab = lab * torch.tensor([100.0, 200, 200]).reshape(1, 3, 1, 1) - torch.tensor([0.0, 100, 100]).reshape(1, 3, 1, 1)
    with warnings.catch_warnings():
        # scikit-image warns of negative Z, which is what this test is about.
        warnings.simplefilter("ignore", UserWarning)
        expected = color.lab2rgb(_last(lab))
    np.testing.assert_allclose(_last(lab_to_rgb(lab)), expected, atol=1e-6)


def test_there_and_back_in_single_precision(rgb: torch.Tensor) -> None:
    single = rgb.float()
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(single)), single, atol=1e-5, rtol=0)


def test_normalised_lab_lies_in_the_unit_interval(rgb: torch.Tensor) -> None:
    lab = rgb_to_lab(rgb)
    normalised = normalise_lab(lab)
    assert normalised.min() >= 0
    assert normalised.max() <= 1 + 1e-6
    torch.testing.assert_close(denormalise_lab(normalised), lab)
    white = normalise_lab(rgb_to_lab(torch.ones(1, 3, 1, 1))).flatten()
    torch.testing.assert_close(white, torch.tensor([1, 128 / 255, 128 / 255]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("value", [0.0, 0.003, 0.04045, 0.5, 1.0])
def test_gradients_are_finite_everywhere(value: float) -> None:
    rgb = torch.full((1, 3, 1, 1), value, requires_grad=True)
    lab_to_rgb(rgb_to_lab(rgb)).sum().backward()
    assert rgb.grad is not None
    assert rgb.grad.isfinite().all()
