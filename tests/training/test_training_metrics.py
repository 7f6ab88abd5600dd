"""Metrics against scikit-image and published values; baselines against their definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import color
from skimage import metrics as reference
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from nirvis_training.baselines import as_it_is, grey_world, mean_colour
from nirvis_training.metrics import (
    ciede2000,
    delta_e_2000,
    luma_correlation,
    ms_ssim,
    psnr,
    psnr_lab,
    quantised,
    similarity_map,
    ssim,
)

Metric = Callable[..., Tensor]
quick = settings(deadline=None, max_examples=30)
METRICS = [pytest.param(metric, id=metric.__name__) for metric in (psnr, ssim, ciede2000)]

SHARMA_2005_TABLE_1 = """\
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195
50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


def tensor(pictures: NDArray[np.float64]) -> Tensor:
    """``(N, H, W, 3)`` as scikit-image has it → ``(N, 3, H, W)``."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


@pytest.fixture
def pictures() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two targets and their noisy predictions, ``(2, 40, 33, 3)``."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:40, 0:33] / 40
    target = np.stack([np.stack([rows, columns, 1 - rows], -1), np.stack([columns**2, rows, rows * columns], -1)])
    predicted = np.clip(target + random.normal(0, [[[[0.05]]], [[[0.2]]]], target.shape), 0, 1)
    return predicted, target


def test_psnr_is_that_of_scikit_image(pictures: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    predicted, target = pictures
    expected = [reference.peak_signal_noise_ratio(t, p, data_range=1) for p, t in zip(predicted, target, strict=True)]
    np.testing.assert_allclose(psnr(tensor(predicted), tensor(target)), expected, rtol=1e-12)


def test_ssim_is_that_of_scikit_image(pictures: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    predicted, target = pictures
    expected = [
        reference.structural_similarity(
            t, p, data_range=1, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for p, t in zip(predicted, target, strict=True)
    ]
    np.testing.assert_allclose(ssim(tensor(predicted), tensor(target)), expected, rtol=1e-9)


def test_psnr_of_lab_is_that_of_scikit_image(pictures: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    predicted, target = ((color.rgb2lab(rgb) + np.array([0, 128, 128])) / [100, 255, 255] for rgb in pictures)
    expected = [reference.peak_signal_noise_ratio(t, p, data_range=1) for p, t in zip(predicted, target, strict=True)]
    np.testing.assert_allclose(psnr_lab(*map(tensor, pictures)), expected, rtol=1e-5)


def ms_ssim_of_scipy(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Wang, Simoncelli & Bovik (2003) once more, ``(3, H, W)``, with scipy's Gaussian and its border cut off."""

    def blurred(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = gaussian_filter(picture, (0, 1.5, 1.5), truncate=3.5)
        return np.asarray(whole[:, 5:-5, 5:-5])

    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mean_1, mean_2 = blurred(first), blurred(second)
        variances = blurred(first**2) - mean_1**2 + blurred(second**2) - mean_2**2
        terms = (2 * (blurred(first * second) - mean_1 * mean_2) + 9e-4) / (variances + 9e-4)
        if scale == 4:
            terms = terms * (2 * mean_1 * mean_2 + 1e-4) / (mean_1**2 + mean_2**2 + 1e-4)
        product *= max(float(terms.mean()), 0) ** weight
        first, second = (side.reshape(3, side.shape[1] // 2, 2, -1, 2).mean((2, 4)) for side in (first, second))
    return product


def test_ms_ssim_is_its_definition_and_close_to_that_of_torchmetrics() -> None:
    """torchmetrics mirrors the border of the coarsest scale, which changes the fourth digit."""
    random = torch.Generator().manual_seed(3)
    coarse = torch.rand(2, 3, 12, 14, generator=random, dtype=torch.float64)
    target = torch.nn.functional.interpolate(coarse, (192, 224), mode="bicubic").clamp(0, 1)
    deviation = torch.tensor([0.03, 0.2], dtype=torch.float64).view(2, 1, 1, 1)
    predicted = (target + deviation * torch.randn(target.shape, generator=random, dtype=torch.float64)).clamp(0, 1)
    found = ms_ssim(predicted, target)
    expected = [ms_ssim_of_scipy(p.numpy(), t.numpy()) for p, t in zip(predicted, target, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    theirs = multiscale_structural_similarity_index_measure(predicted, target, data_range=1.0, reduction="none")
    torch.testing.assert_close(found, theirs, rtol=1e-3, atol=1e-3)


def test_ms_ssim_knows_valid_pixels_and_its_least_size() -> None:
    random = torch.Generator().manual_seed(4)
    target, predicted = (torch.rand(1, 3, 192, 224, generator=random) for _ in range(2))
    valid = torch.zeros(1, 1, 192, 224)
    valid[..., :176, 32:] = 1
    inside = ms_ssim(predicted[..., :176, 32:], target[..., :176, 32:])
    torch.testing.assert_close(ms_ssim(predicted, target, valid), inside, rtol=1e-9, atol=1e-9)
    assert ms_ssim(predicted[..., :175], target[..., :175]).isnan().all()
    assert not ms_ssim(predicted[..., :176, :176], target[..., :176, :176]).isnan().any()


def test_pictures_are_quantised_as_they_are_stored() -> None:
    picture = torch.tensor([-0.1, 99.7 / 255, 1.2], dtype=torch.float64)
    assert (quantised(picture, "round") * 255).tolist() == [0, 100, 255]
    assert (quantised(picture, "trunc") * 255).tolist() == [0, 99, 255]
    torch.testing.assert_close(quantised(picture, "none") * 255, torch.tensor([0, 99.7, 255], dtype=torch.float64))


def test_ciede2000_of_pictures_is_that_of_scikit_image(
    pictures: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    predicted, target = pictures
    difference = color.deltaE_ciede2000(color.rgb2lab(predicted), color.rgb2lab(target))
    np.testing.assert_allclose(ciede2000(tensor(predicted), tensor(target)), difference.mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("line", SHARMA_2005_TABLE_1.splitlines())
def test_delta_e_has_the_published_values(line: str) -> None:
    values = [float(cell) for cell in line.split()]
    first, second = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1) for v in (values[:3], values[3:6]))
    assert delta_e_2000(first, second).item() == pytest.approx(values[6], abs=5e-5)


lab_colours = arrays(np.float64, (1, 3, 4), elements=st.floats(-110, 110, width=32)).map(
    lambda lab: torch.from_numpy(np.concatenate([np.abs(lab[:, :1]).clip(0, 100), lab[:, 1:]], axis=1))
)


@quick
@given(lab_colours, lab_colours)
def test_delta_e_is_that_of_scikit_image_for_any_colours(first: Tensor, second: Tensor) -> None:
    expected = color.deltaE_ciede2000(first.numpy(), second.numpy(), channel_axis=1)
    np.testing.assert_allclose(delta_e_2000(first, second), expected, rtol=1e-6, atol=1e-6)


def noise(seed: int, darkest: float, brightest: float) -> Tensor:
    picture = torch.rand(1, 3, 12, 13, generator=torch.Generator().manual_seed(seed))
    return darkest + (brightest - darkest) * picture


rgb_pictures = st.builds(noise, st.integers(0, 99), st.floats(0, 1), st.floats(0, 1))


@quick
@given(rgb_pictures, rgb_pictures)
def test_no_metric_knows_which_picture_came_first(first: Tensor, second: Tensor) -> None:
    for metric in (psnr, ssim, ciede2000):
        torch.testing.assert_close(metric(first, second), metric(second, first), rtol=1e-9, atol=1e-9)


@quick
@given(rgb_pictures, rgb_pictures)
def test_metrics_stay_within_their_limits(first: Tensor, second: Tensor) -> None:
    assert psnr(first, second).item() >= -1e-6
    assert -1 - 1e-9 <= ssim(first, second).item() <= 1 + 1e-9
    assert 0 <= ciede2000(first, second).item() < 130


@quick
@given(rgb_pictures)
def test_a_picture_is_perfect_against_itself(picture: Tensor) -> None:
    assert psnr(picture, picture).item() == math.inf
    assert ssim(picture, picture).item() == pytest.approx(1)
    assert ciede2000(picture, picture).item() == 0


@pytest.mark.parametrize("metric", METRICS)
def test_only_valid_pixels_count(metric: Metric) -> None:
    random = torch.Generator().manual_seed(1)
    target = torch.rand(1, 3, 30, 40, generator=random)
    predicted = torch.rand(1, 3, 30, 40, generator=random)
    valid = torch.zeros(1, 1, 30, 40)
    valid[..., 5:28, 10:35] = 1
    spoilt = torch.where(valid.bool(), predicted, torch.nan)
    expected = metric(predicted[..., 5:28, 10:35], target[..., 5:28, 10:35])
    torch.testing.assert_close(metric(predicted, target, valid), expected)
    if metric is not ssim:
        torch.testing.assert_close(metric(spoilt, target, valid), expected)


@pytest.mark.parametrize("metric", METRICS)
def test_a_picture_without_valid_pixels_has_no_value(metric: Metric) -> None:
    picture = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    valid = torch.stack([torch.zeros(1, 16, 16), torch.ones(1, 16, 16)])
    values = metric(picture, 1 - picture, valid)
    assert values.isnan().tolist() == [True, False]


def test_similarity_is_known_only_where_the_window_fits() -> None:
    assert similarity_map(torch.rand(2, 1, 20, 11), torch.rand(2, 1, 20, 11)).shape == (2, 1, 10, 1)


def test_grey_world_gives_every_channel_the_mean_of_the_picture() -> None:
    source = torch.tensor([0.2, 0.4, 0.3]).view(1, 3, 1, 1) * torch.tensor([[0.5, 1.0], [1.0, 1.5]])
    balanced = grey_world(source)
    torch.testing.assert_close(balanced.mean(dim=(2, 3)), torch.full((1, 3), 0.3))
    torch.testing.assert_close(balanced[:, 1], source[:, 1] * 0.75)


def test_grey_world_stays_finite_and_in_range() -> None:
    source = torch.zeros(2, 3, 4, 4)
    source[0, 0] = 0.9
    source[1] = torch.eye(4)
    balanced = grey_world(source)
    assert balanced.isfinite().all()
    assert balanced.min() >= 0
    assert balanced.max() <= 1


def test_mean_colour_is_the_best_constant() -> None:
    random = torch.Generator().manual_seed(2)
    targets = torch.rand(3, 3, 8, 8, generator=random)
    valid = (torch.rand(3, 1, 8, 8, generator=random) > 0.3).float()
    baseline = mean_colour(zip(targets, valid, strict=True))
    error = ((baseline(targets) - targets).square() * valid).sum()
    for step in (0.01, -0.01):
        moved = baseline(targets) + torch.tensor([step, 0, 0]).view(1, 3, 1, 1)
        assert ((moved - targets).square() * valid).sum() > error


def test_mean_colour_needs_a_valid_pixel() -> None:
    with pytest.raises(ValueError, match="no valid pixel"):
        mean_colour([(torch.rand(3, 2, 2), torch.zeros(1, 2, 2))])


def test_the_input_is_a_baseline_too() -> None:
    source = torch.rand(1, 3, 2, 2)
    assert as_it_is(source) is source


def test_luma_correlation_is_pearsons_where_pixels_count_and_tells_a_negative() -> None:
    picture, other = torch.rand(2, 2, 3, 12, 16, generator=torch.Generator().manual_seed(1))
    valid = torch.zeros(2, 1, 12, 16)
    valid[:, :, 2:9, 3:14] = 1
    luma = [np.tensordot((0.2125, 0.7154, 0.0721), one[0, :, 2:9, 3:14].double(), axes=1) for one in (picture, other)]
    expected = np.corrcoef(luma[0].ravel(), luma[1].ravel())[0, 1]
    assert float(luma_correlation(picture, other, valid)[0]) == pytest.approx(expected)
    assert luma_correlation(picture / 2, picture).tolist() == pytest.approx([1, 1])
    assert luma_correlation(1 - picture, picture).tolist() == pytest.approx([-1, -1])
    assert luma_correlation(torch.full_like(picture, 0.3), picture, valid).tolist() == [0, 0]
    assert luma_correlation(picture, other, 0 * valid).isnan().all()
