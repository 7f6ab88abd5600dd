"""Picture files of anybody: what they hold is checked before it is believed."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nirvis_capture.errors import PictureUnusable

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")

Picture = NDArray[np.uint8] | NDArray[np.uint16]
"""RGB ``(H, W, 3)``."""

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_SCAN, _END_OF_JPEG = 0xDA, 0xD9
_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
"""A marker that ends the coded data of a scan: within, a 0 or the number of a restart follows 0xFF."""
_ORIENTATION = 0x0112
_LYING = range(5, 9)
"""Orientations of EXIF that exchange width and height."""


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height from the header alone. Raises `PictureUnusable`."""
    try:
        # Pillow warns of what read_picture refuses or what does no harm.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                lying = picture.getexif().get(_ORIENTATION) in _LYING
                return (picture.height, picture.width) if lying else (picture.width, picture.height)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureUnusable(path, f"is no picture that can be read ({_one_line(error)})") from None


def read_picture(path: Path) -> Picture:
    """RGB ``(H, W, 3)`` in the depth that it was stored in, u8 or u16, upright as its camera says.

    Grey is repeated, transparency dropped. Raises `PictureUnusable` for a missing, truncated or foreign file, and for
    other kinds of numbers.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PictureUnusable(path, f"cannot be read ({error.strerror})") from None
    if _truncated(content):
        raise PictureUnusable(path, f"is truncated after {len(content)} bytes")
    try:
        flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR
        bgr: NDArray[Any] | None = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error as error:
        raise PictureUnusable(path, f"cannot be decoded ({_one_line(error)})") from None
    if bgr is None:
        raise PictureUnusable(path, "is no picture that can be decoded")
    if bgr.dtype not in (np.uint8, np.uint16):
        raise PictureUnusable(path, f"holds {bgr.dtype} values; only 8 and 16 bit are known")
    return np.ascontiguousarray(bgr[..., ::-1])


def why_unusable(path: Path) -> str | None:
    """The reason why a picture cannot be used, found by reading all of it; None when it can."""
    try:
        picture_size(path)
        read_picture(path)
    except PictureUnusable as error:
        return error.reason
    return None


def in_eight_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture of 16 bits over its full range, as one of 8 bits."""
    scaled = cv2.convertScaleAbs(picture, alpha=255 / 65535) if picture.dtype == np.uint16 else picture
    return np.asarray(scaled, np.uint8)


def _truncated(content: bytes) -> bool:
    """Whether a picture ends before its format says so: decoders give half a grey picture without a word instead.

    What a camera or a program put behind the end, such as a second picture, does no harm.
    """
    if content.startswith(b"BM"):
        return len(content) < int.from_bytes(content[2:6], "little")
    if content.startswith(_PNG):
        return not _png_ends(content)
    return content.startswith(_JPEG) and not _jpeg_ends(content)


def _png_ends(content: bytes) -> bool:
    """Whether chunk after chunk leads to the last one."""
    at = len(_PNG)
    while at + 12 <= len(content):
        if content[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    return False


def _jpeg_ends(content: bytes) -> bool:
    """Whether segment after segment leads to the end marker; a thumbnail inside a segment has one of its own."""
    at = len(_JPEG)
    while at + 2 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == _END_OF_JPEG:
            return True
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == _SCAN:
            found = _AFTER_SCAN.search(content, at)
            at = found.end() - 2 if found else len(content)
    return False


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
