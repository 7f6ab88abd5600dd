"""Picture files of anybody: one reader, one meaning, one message."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nirvis_capture.errors import PictureUnusable
from nirvis_capture.picture_file import in_eight_bits, picture_size, read_picture

RGB: NDArray[np.uint8] = np.random.default_rng(3).integers(0, 256, (6, 10, 3), np.uint8)
GREY = RGB[..., 0]


def saved(path: Path, stored: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    assert cv2.imwrite(str(path), stored)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_colours_are_read_as_red_green_blue(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(RGB).save(path, lossless=True)
    np.testing.assert_array_equal(read_picture(path), RGB)
    assert picture_size(path) == (10, 6)


def test_sixteen_bits_stay_and_become_eight_over_their_range(tmp_path: Path) -> None:
    deep = RGB.astype(np.uint16) * 257
    found = read_picture(saved(tmp_path / "deep.png", deep[..., ::-1]))
    np.testing.assert_array_equal(found, deep)
    np.testing.assert_array_equal(in_eight_bits(found), RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_is_repeated(tmp_path: Path, dtype: type[np.uint8] | type[np.uint16]) -> None:
    found = read_picture(saved(tmp_path / "grey.png", GREY.astype(dtype)))
    np.testing.assert_array_equal(found, np.repeat(GREY[..., None], 3, axis=2))
    assert found.dtype == dtype


def test_transparency_is_dropped(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([RGB, np.full((6, 10), 7, np.uint8)])).save(tmp_path / "glass.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "glass.png"), RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_as_its_camera_was_held_and_its_size_agrees(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "held.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(path, exif=exif)
    found = read_picture(path)
    assert (found.shape[1], found.shape[0]) == picture_size(path)
    assert sorted(found.reshape(-1, 3).tolist()) == sorted(RGB.reshape(-1, 3).tolist())
    upright = {1: RGB, 3: RGB[::-1, ::-1], 6: np.rot90(RGB, -1), 8: np.rot90(RGB)}
    if orientation in upright:
        np.testing.assert_array_equal(found, upright[orientation])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "cannot be read (No such file or directory)", id="missing"),
        pytest.param(b"", "is no picture that can be decoded", id="empty"),
        pytest.param(b"<html>404</html>", "is no picture that can be decoded", id="foreign"),
        pytest.param(b"\x89PNG\r\n\x1a\n and no more", "is truncated after 20 bytes", id="truncated"),
    ],
)
def test_what_is_no_picture_is_said_in_one_line(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PictureUnusable) as refused:
        read_picture(path)
    assert str(refused.value) == f"{path} {said}. Mend the file, or take it away."


def test_numbers_with_a_point_are_refused(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "float.tiff"), RGB.astype(np.float32))
    with pytest.raises(PictureUnusable, match="float32 values; only 8 and 16 bit are known"):
        read_picture(tmp_path / "float.tiff")


def _encoded(suffix: str, *options: int) -> bytes:
    shades = np.random.default_rng(3).integers(0, 255, (96, 128, 3), np.uint8)
    return bytes(cv2.imencode(suffix, shades, list(options))[1])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_encoded(".jpg"), id="jpeg"),
        pytest.param(_encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1), id="progressive-jpeg"),
        pytest.param(_encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2), id="jpeg-with-restarts"),
        pytest.param(_encoded(".png"), id="png"),
    ],
)
def test_what_follows_the_end_of_a_picture_does_no_harm_and_a_missing_end_does(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    shown = read_picture(path)
    path.write_bytes(content + b"\0" * 2000 + content)
    assert np.array_equal(read_picture(path), shown)
    for left in (len(content) - 13, len(content) // 2, 40):
        path.write_bytes(content[:left])
        with pytest.raises(PictureUnusable, match=f"is truncated after {left} bytes"):
            read_picture(path)


def test_the_thumbnail_of_a_truncated_jpeg_is_not_taken_for_its_end(tmp_path: Path) -> None:
    content, thumbnail = _encoded(".jpg"), _encoded(".jpg", cv2.IMWRITE_JPEG_QUALITY, 5)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    path = tmp_path / "picture.jpg"
    path.write_bytes(content[:2] + segment + content[2:])
    assert read_picture(path).shape == (96, 128, 3)
    path.write_bytes(content[:2] + segment + content[2:900])
    with pytest.raises(PictureUnusable, match="is truncated"):
        read_picture(path)
