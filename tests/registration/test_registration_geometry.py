from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_registration.errors import RegistrationRefused, WrongPicture
from nirvis_registration.geometry import Rect, SourceGeometry, common_crop, corners, project, with_mirrors
from nirvis_registration.warp import positions_through, resample, valid_mask

GS3 = (1384, 1032)
PAPER = SourceGeometry(frame=GS3, crop=Rect(x=92, y=66, width=1200, height=900), size=(640, 480))


def shifted(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def test_the_crop_of_aligned_arms_is_the_centre() -> None:
    assert common_crop(np.eye(3), GS3, GS3, (1200, 900), 4 / 3) == Rect(x=92, y=66, width=1200, height=900)


def test_the_crop_is_the_centre_of_what_both_arms_see() -> None:
    crop = common_crop(shifted(100, -40), GS3, GS3, (1200, 900), 4 / 3)
    assert crop == Rect(x=142, y=46, width=1200, height=900)


@pytest.mark.parametrize("shift", [(300.0, 0.0), (-300.0, 0.0), (0.0, 300.0), (37.3, -211.8)])
def test_a_smaller_common_area_gives_a_smaller_crop_of_the_same_shape(shift: tuple[float, float]) -> None:
    crop = common_crop(shifted(*shift), GS3, GS3, (1200, 900), 4 / 3)
    assert crop.width < 1200
    assert crop.width / crop.height == pytest.approx(4 / 3, abs=0.01)
    assert all(value % 2 == 0 for value in (crop.x, crop.y, crop.width, crop.height))
    assert crop.x >= max(0, shift[0])
    assert crop.y >= max(0, shift[1])
    assert crop.x + crop.width <= GS3[0] + min(0, shift[0])
    assert crop.y + crop.height <= GS3[1] + min(0, shift[1])


def test_arms_with_nothing_in_common_are_refused() -> None:
    with pytest.raises(RegistrationRefused, match="in common"):
        common_crop(shifted(1350, 0), GS3, GS3, (1200, 900), 4 / 3)


@pytest.mark.parametrize(("nir", "vis"), [(None, None), (None, 640), (1384, None), (1384, 640)])
def test_mirrors_compose_to_what_each_arm_does(nir: int | None, vis: int | None) -> None:
    homography = np.array([[1.02, 0.01, 5.0], [-0.02, 0.98, -7.0], [1e-5, -2e-5, 1.0]])
    raw = with_mirrors(homography, nir, vis)
    points = corners((640, 480)) + 0.25
    seen = points.copy()
    if vis is not None:
        seen[:, 0] = vis - 1 - seen[:, 0]
    expected = project(homography, seen)
    if nir is not None:
        expected[:, 0] = nir - 1 - expected[:, 0]
    np.testing.assert_allclose(project(raw, points), expected, atol=1e-9)
    np.testing.assert_allclose(with_mirrors(raw, nir, vis), homography / homography[2, 2], atol=1e-9)


def test_a_geometry_survives_json() -> None:
    assert SourceGeometry.model_validate_json(PAPER.model_dump_json()) == PAPER
    assert PAPER.scale == 1.875


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_pixel_shows_the_middle_of_its_part_of_the_frame(dtype: type[np.unsignedinteger]) -> None:
    x, y = np.meshgrid(np.arange(GS3[0]), np.arange(GS3[1]))
    full = np.iinfo(dtype).max
    ramp = np.dstack([x * full / GS3[0], y * full / GS3[1], np.zeros_like(x)]).round().astype(dtype)
    seen = PAPER.apply(ramp).astype(float)
    assert seen.shape == (480, 640, 3)
    columns = (np.arange(640) + 0.5) * 1.875 - 0.5 + 92
    np.testing.assert_allclose(seen[240, :, 0] * GS3[0] / full, columns, atol=4 if dtype == np.uint8 else 0.1)
    np.testing.assert_allclose(seen[240, :, 0].mean() * GS3[0] / full, columns.mean(), atol=0.5)


def test_a_picture_of_another_camera_is_refused() -> None:
    with pytest.raises(WrongPicture, match="640×480"):
        PAPER.apply(np.zeros((480, 640, 3), np.uint8))


def zone_plate() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A pattern whose frequency grows with the distance from the centre, and that frequency in cycles per pixel."""
    x, y = np.meshgrid(np.arange(GS3[0]) - 692.0, np.arange(GS3[1]) - 516.0)
    radius = np.hypot(x, y)
    grey = 127.5 + 120 * np.cos(np.pi * radius**2 / 1384)
    return np.repeat(grey[..., None], 3, axis=2).round().astype(np.uint8), radius / 1384


def test_a_zone_plate_shows_no_false_pattern() -> None:
    plate, frequency = zone_plate()
    size = PAPER.size
    at_output = cv2.warpAffine(frequency, PAPER.frame_from_output[:2], size, flags=cv2.WARP_INVERSE_MAP) * PAPER.scale
    false, true = (at_output > 0.7) & (at_output < 0.8), (at_output > 0.05) & (at_output < 0.2)
    ours = PAPER.apply(plate)[..., 0].astype(float)
    plain = cv2.warpAffine(plate, PAPER.frame_from_output[:2], size, flags=cv2.WARP_INVERSE_MAP)[..., 0].astype(float)
    assert plain[false].std() > 35
    assert ours[false].std() < 12
    assert ours[true].std() > 0.85 * plate[(frequency * PAPER.scale > 0.05) & (frequency * PAPER.scale < 0.2)].std()


@pytest.mark.parametrize("turn_deg", [0.0, 1.5])
def test_where_a_sample_lies_between_pixels_does_not_blur_it(turn_deg: float) -> None:
    """Bilinear interpolation of what is not smooth shows bands of sharp and dull; after the low-pass there are none."""
    columns = np.arange(GS3[0])
    wave = 127.5 + 100 * np.cos(2 * np.pi * columns * 0.25 / PAPER.scale)
    plate = np.repeat(np.tile(wave, (GS3[1], 1))[..., None], 3, axis=2).round().astype(np.uint8)
    turn = np.vstack([cv2.getRotationMatrix2D((319.5, 239.5), turn_deg, 1.0), [0, 0, 1]])
    seen = resample(plate, PAPER.frame_from_output @ turn, PAPER.size)[..., 0].astype(float)
    blocks = seen[120:360, 80:560].reshape(10, 24, 12, 40).std(axis=(1, 3))
    assert blocks.min() > 0.9 * blocks.max()


def test_one_composed_warp_equals_crop_and_resize() -> None:
    plate, _ = zone_plate()
    smooth = cv2.GaussianBlur(plate, (0, 0), 3)
    homography = shifted(3.0, -2.0)
    moved = cv2.warpAffine(smooth, np.linalg.inv(homography)[:2], GS3, borderMode=cv2.BORDER_REFLECT)
    composed = resample(moved, np.linalg.inv(homography) @ PAPER.frame_from_output, PAPER.size)
    inner = (slice(10, -10), slice(10, -10))
    assert np.abs(composed[inner].astype(int) - PAPER.apply(smooth)[inner].astype(int)).max() <= 2


def test_the_valid_mask_ends_where_the_picture_ends() -> None:
    mask = valid_mask(positions_through(shifted(-10, 5), (100, 80)), (100, 80))
    assert not mask[:, :10].any()
    assert not mask[-5:].any()
    assert mask[:-5, 10:].all()


def test_an_enlargement_is_not_blurred() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    whole = SourceGeometry(frame=(64, 48), crop=Rect(x=0, y=0, width=64, height=48), size=(64, 48))
    np.testing.assert_array_equal(whole.apply(picture), picture)


@pytest.mark.parametrize(
    ("frame", "crop"),
    [
        pytest.param((1384, 1032), Rect(x=90, y=70, width=1200, height=900), id="its-own"),
        pytest.param((1920, 1080), Rect(x=240, y=0, width=1440, height=1080), id="wider"),
        pytest.param((514, 768), Rect(x=0, y=192, width=514, height=384), id="upright"),
    ],
)
def test_a_geometry_fits_frames_of_another_camera_about_their_middle(frame: tuple[int, int], crop: Rect) -> None:
    trained = SourceGeometry(frame=(1384, 1032), crop=Rect(x=90, y=70, width=1200, height=900), size=(640, 480))
    fitted = trained.fitted_to(frame)
    assert fitted.crop == crop
    assert fitted.apply(np.zeros((frame[1], frame[0], 3), np.uint8)).shape == (480, 640, 3)
