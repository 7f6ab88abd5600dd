"""The parts that adversarial methods share: sizes of the published networks, and values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log

import pytest
import torch
from torch import nn

from nirvis_training.losses.adversarial import adversarial, discrimination, patch_terms, signed, unsigned
from nirvis_training.losses.contrastive import TAPS, PatchProjector, patch_locations, patch_nce, vectors_at
from nirvis_training.networks.blur import BlurDown, BlurUp
from nirvis_training.networks.image_pool import ImagePool
from nirvis_training.networks.patchgan import MultiscalePatchGan, PatchGan
from nirvis_training.networks.resnet_generator import LocalEnhancer, ResnetGenerator
from nirvis_training.networks.unet import Unet
from nirvis_training.warp import content_flow, synthetic_flow, warp


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        pytest.param(lambda: ResnetGenerator(blocks=6, blur_up=True), 7_837_699, id="resnet-6"),
        pytest.param(lambda: ResnetGenerator(blur_down=True, blur_up=True), 11_378_179, id="resnet-9-cut"),
        pytest.param(lambda: ResnetGenerator(), 11_378_179, id="resnet-9"),
        pytest.param(lambda: ResnetGenerator(downs=4), 182_443_267, id="pix2pixhd-global"),
        pytest.param(lambda: Unet(downs=7, channels=6), 41_828_739, id="predictor"),
        pytest.param(lambda: Unet(downs=8, norm="affine"), 54_413_955, id="pix2pix"),
        pytest.param(lambda: PatchGan(), 2_764_737, id="patchgan"),
        pytest.param(lambda: PatchGan(6, affine=True), 2_768_705, id="pix2pix-discriminator"),
        pytest.param(lambda: MultiscalePatchGan(6), 5_535_618, id="pix2pixhd-discriminator"),
        pytest.param(lambda: PatchProjector((3, 128, 256, 256, 256)), 560_384, id="projector"),
    ],
)
def test_networks_have_the_published_size(make: Callable[[], nn.Module], parameters: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in make().parameters()) == parameters


@pytest.mark.parametrize(
    ("network", "shapes"),
    [
        pytest.param(
            lambda: ResnetGenerator(blocks=6, blur_up=True),
            [(3, 262), (128, 128), (256, 64), (256, 64), (256, 128)],
            id="plain-down-6-blocks",
        ),
        pytest.param(
            lambda: ResnetGenerator(blocks=9, blur_up=True),
            [(3, 262), (128, 128), (256, 64), (256, 64), (256, 64)],
            id="plain-down-9-blocks",
        ),
        pytest.param(
            lambda: ResnetGenerator(blocks=9, blur_down=True, blur_up=True),
            [(3, 262), (128, 256), (256, 128), (256, 64), (256, 64)],
            id="blur-down-9-blocks",
        ),
    ],
)
def test_taps_are_numbered_as_published(network: Callable[[], ResnetGenerator], shapes: list[tuple[int, int]]) -> None:
    with torch.device("meta"):
        generator = network()
        features = generator.features(torch.zeros(1, 3, 256, 256), TAPS)
        assert generator(torch.zeros(1, 3, 256, 256)).shape == (1, 3, 256, 256)
    assert [tuple(tapped.shape[1:3]) for tapped in features] == shapes
    assert generator.feature_channels(TAPS) == [channels for channels, _ in shapes]


def test_layers_after_the_last_tap_are_not_computed() -> None:
    generator = ResnetGenerator(4, blocks=1)
    picture = torch.rand(1, 3, 16, 16)
    output, features = generator.with_features(picture, TAPS[:3])
    torch.testing.assert_close(output, generator(picture))
    generator.layers[9] = nn.Linear(1, 1)  # would fail on any picture
    torch.testing.assert_close(generator.features(picture, TAPS[:3]), features)


def test_patches_of_a_discriminator_are_as_published() -> None:
    with torch.device("meta"):
        assert PatchGan()(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)
        assert PatchGan(blur_down=True)(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)
        fine, coarse = MultiscalePatchGan()(torch.zeros(1, 6, 256, 256))
        assert LocalEnhancer()(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 64, 96)
    assert [tapped.shape[1] for tapped in fine] == [64, 128, 256, 512, 1]
    assert (fine[-1].shape[-1], coarse[-1].shape[-1]) == (35, 19)


def test_blur_is_binomial_and_keeps_what_is_even() -> None:
    even = torch.full((1, 2, 6, 6), 0.7)
    torch.testing.assert_close(BlurDown()(even), torch.full((1, 2, 3, 3), 0.7))
    torch.testing.assert_close(BlurUp()(even), torch.full((1, 2, 12, 12), 0.7))
    point = torch.zeros(1, 1, 8, 8)
    point[..., 4, 4] = 1
    assert BlurDown()(point)[0, 0, 2, 1:4].tolist() == [0, 0.25, 0]
    assert BlurUp()(point)[0, 0, 8, 6:12].tolist() == pytest.approx([0, 3 / 16, 9 / 16, 9 / 16, 3 / 16, 0])


def test_least_squares_and_logistic_terms_by_hand() -> None:
    logits = torch.tensor([0.0, 3.0])
    assert patch_terms(logits, True).tolist() == [1, 4]
    assert patch_terms(logits, False).tolist() == [0, 9]
    assert patch_terms(logits, True, "logistic").tolist() == pytest.approx([log(2), log(1 + exp(-3))])
    assert patch_terms(logits, False, "logistic").tolist() == pytest.approx([log(2), 3 + log(1 + exp(-3))])
    assert float(discrimination(logits, logits)) == (2.5 + 4.5) / 2


def test_weights_of_patches_multiply_their_terms() -> None:
    logits = torch.tensor([[[[0.0, 3.0]]]])
    assert float(adversarial(logits, True, weights=torch.tensor([[[[2.0, 0.5]]]]))) == (2 * 1 + 0.5 * 4) / 2


def test_pool_fills_then_exchanges_half_of_the_time() -> None:
    torch.manual_seed(1)
    pool = ImagePool(4, side=1)
    given = torch.arange(204.0).reshape(204, 1, 1, 1).expand(-1, 3, -1, -1)
    handed = torch.cat([pool(picture[None]) for picture in given])
    assert torch.equal(handed[:4], given[:4])
    own = (handed == given)[4:, 0, 0, 0].float().mean()
    assert 0.4 < own < 0.6
    # What went in comes out at most once, or is still inside.
    assert sorted([*handed[4:, 0, 0, 0].tolist(), *pool.pictures[:, 0, 0, 0].tolist()]) == list(range(204))


def test_pool_goes_on_exactly_from_its_state() -> None:
    pool, other = ImagePool(3, side=2), ImagePool(3, side=2)
    for _ in range(5):
        pool(torch.rand(2, 3, 2, 2))
    other.load_state_dict(pool.state_dict())
    asked = torch.rand(6, 3, 2, 2, requires_grad=True)
    answers = []
    for each in (pool, other):
        torch.manual_seed(7)
        answers.append(each(asked))
    assert torch.equal(*answers)
    assert not answers[0].requires_grad
    assert torch.equal(ImagePool(0, side=2)(asked), asked)


def test_patch_nce_by_hand() -> None:
    query = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    key = torch.tensor([[[1.0, 0.0], [0.6, 0.8]]], dtype=torch.float64, requires_grad=True)
    # The first query finds 1 with its own key against 0.6 with the other, the second 0.8 against 0; the patch itself
    # stands among the negatives with -10.
    expected = [log(1 + exp((0.6 - 1) / 0.07) + exp(-11 / 0.07)), log(1 + exp(-0.8 / 0.07) + exp(-10.8 / 0.07))]
    assert patch_nce(query, key)[0].tolist() == pytest.approx(expected)
    assert not patch_nce(query, key).requires_grad


def test_projected_patches_lie_where_they_are_asked_for_at_length_one() -> None:
    features = [torch.rand(2, 3, 4, 5), torch.rand(2, 8, 2, 2)]
    where = patch_locations(features, 6)
    assert [len(each) for each in where] == [6, 4]
    assert len(set(where[0].tolist())) == 6
    row, column = divmod(int(where[0][3]), 5)
    torch.testing.assert_close(vectors_at(features[0], where[0])[:, 3], features[0][:, :, row, column])
    first, second = PatchProjector((3, 8), units=16)(features, where)
    assert (first.shape, second.shape) == ((2, 6, 16), (2, 4, 16))
    torch.testing.assert_close(first.norm(dim=2), torch.ones(2, 6), atol=1e-3, rtol=0)


def test_warp_takes_what_lies_where_the_flow_points() -> None:
    picture = torch.arange(12.0).reshape(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    torch.testing.assert_close(warp(picture, flow), picture)
    flow[:, 0] = 1  # one to the right
    assert warp(picture, flow)[0, 0, 0].tolist() == pytest.approx([1, 2, 3, 3])
    flow[:, 0], flow[:, 1] = 0, 0.5
    assert warp(picture, flow)[0, 0, :, 0].tolist() == pytest.approx([2, 6, 8])


def test_synthetic_flow_is_smooth_and_moves() -> None:
    torch.manual_seed(2)
    flow = synthetic_flow(torch.zeros(64, 3, 100, 150))
    assert flow.shape == (64, 2, 100, 150)
    # A shift drawn from -10 to 10 has a deviation of 6.06; the normal part adds a little.
    assert 5 < float(flow.mean((2, 3)).std()) < 10
    assert float((flow[..., 1:] - flow[..., :-1]).abs().max()) < 1
    assert synthetic_flow(torch.zeros(1, 3, 32, 32)).shape == (1, 2, 32, 32)


def test_content_moves_by_gamma_and_its_absence_little() -> None:
    torch.manual_seed(3)
    content = torch.zeros(8, 1, 8, 8)
    content[..., :4] = 2
    flow = content_flow(content, (128, 128), scale_px=8.0)
    torch.testing.assert_close(flow.square().mean((1, 2, 3)).sqrt(), torch.full((8,), 8.0))
    assert flow[..., 100:].abs().max() < 1e-3
    even = content_flow(torch.ones(1, 1, 4, 4), (64, 64))
    assert torch.isfinite(even).all()
    assert even.abs().max() > 1


def test_pictures_go_to_minus_one_to_one_and_back() -> None:
    picture = torch.tensor([0.0, 0.25, 1.0])
    assert signed(picture).tolist() == [-1, -0.5, 1]
    torch.testing.assert_close(unsigned(signed(picture)), picture)


def test_unet_of_the_predictor_is_symmetric_and_drops_where_pix2pix_does() -> None:
    network = Unet(4, downs=8, norm="affine", dropout=True)
    dropping = [any(isinstance(layer, nn.Dropout) for layer in stage) for stage in network.up]
    assert dropping == [False, False, False, True, True, True, False]
    picture = torch.rand(1, 6, 32, 64)
    assert Unet(4, downs=5, channels=6)(picture).shape == (1, 3, 32, 64)
