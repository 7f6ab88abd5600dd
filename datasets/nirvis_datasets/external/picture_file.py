"""Pictures in files of strangers: what they hold is checked before it is believed."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from PIL import Image

from nirvis_datasets.errors import PictureUnusable
from nirvis_registration.geometry import Size
from nirvis_registration.warp import Picture

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")

_END = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
"""First bytes of a format → what its last bytes hold; decoders give half a grey picture without a word instead."""
_TAIL = 512


def picture_size(path: Path) -> Size:
    """Width and height from the header alone. Raises `PictureUnusable`."""
    try:
        # Pillow warns of what read_picture refuses or what does no harm.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                return picture.width, picture.height
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureUnusable(path, f"is no picture that can be read ({_one_line(error)})") from None


def read_picture(path: Path) -> Picture:
    """RGB ``(H, W, 3)`` in the depth that it was stored in, u8 or u16; grey is repeated, transparency dropped.

    Raises `PictureUnusable` for a truncated or foreign file, and for other kinds of numbers.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PictureUnusable(path, f"cannot be read ({error.strerror})") from None
    if _truncated(content):
        raise PictureUnusable(path, f"is truncated after {len(content)} bytes")
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    except cv2.error as error:
        raise PictureUnusable(path, f"cannot be decoded ({_one_line(error)})") from None
    if decoded is None:
        raise PictureUnusable(path, "is no picture that can be decoded")
    if decoded.dtype not in (np.uint8, np.uint16):
        raise PictureUnusable(path, f"holds {decoded.dtype} values; only 8 and 16 bit are known")
    planes = decoded[..., None] if decoded.ndim == 2 else decoded
    rgb = np.repeat(planes[..., :1], 3, axis=2) if planes.shape[2] < 3 else planes[..., 2::-1]
    return cast("Picture", np.ascontiguousarray(rgb))


def why_unusable(path: Path) -> str | None:
    """The reason why a picture cannot be used, found by reading all of it; None when it can."""
    try:
        picture_size(path)
        read_picture(path)
    except PictureUnusable as error:
        return error.reason
    return None


def deepened(picture: Picture, deep: bool) -> Picture:
    """The picture as u16 over its full range where `deep`; white stays white."""
    return picture.astype(np.uint16) * 257 if deep and picture.dtype == np.uint8 else picture


def _truncated(content: bytes) -> bool:
    if content[:2] == b"BM":
        return len(content) < int.from_bytes(content[2:6], "little")
    return any(content.startswith(begin) and end not in content[-_TAIL:] for begin, end in _END.items())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
