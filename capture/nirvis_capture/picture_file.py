"""Picture files of anybody: what they hold is checked before it is believed."""

from __future__ import annotations

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

_END = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
"""First bytes of a format → what its last bytes hold; decoders give half a grey picture without a word instead."""
_TAIL = 512
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
    if content[:2] == b"BM":
        return len(content) < int.from_bytes(content[2:6], "little")
    return any(content.startswith(begin) and end not in content[-_TAIL:] for begin, end in _END.items())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
