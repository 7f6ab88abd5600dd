"""From the counts of a colour filter array to pictures and back. RGB order everywhere, never BGR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Raw
from nirvis_capture.frame_memory import new_frame

if TYPE_CHECKING:
    from nirvis_capture.profile import ArmSettings, Cfa

Rgb8 = NDArray[np.uint8]
"""``(H, W, 3)`` red, green, blue."""

_Pixel = TypeVar("_Pixel", bound=np.generic)
_CHANNEL_OF = {"R": 0, "G": 1, "B": 2}
# OpenCV names a pattern by the second and third site of its second row, so its BayerBG is the RGGB of everyone else.
_DEMOSAIC = {
    "RGGB": cv2.COLOR_BayerBG2RGB_EA,
    "GRBG": cv2.COLOR_BayerGB2RGB_EA,
    "GBRG": cv2.COLOR_BayerGR2RGB_EA,
    "BGGR": cv2.COLOR_BayerRG2RGB_EA,
}


def sites(cfa: Cfa) -> tuple[tuple[int, int, int], ...]:
    """``(row, column, channel)`` of the four sites of a filter array; channels 0, 1, 2 are red, green, blue."""
    return tuple((i // 2, i % 2, _CHANNEL_OF[letter]) for i, letter in enumerate(cfa))


def full_scale_dn(bit_depth: int) -> int:
    """The largest count of a pixel of that depth."""
    return (1 << bit_depth) - 1


def unpacked_format(pixel_format: str) -> str:
    """PFNC name of what a frame holds once it is unpacked: ``BayerRG12`` for ``BayerRG12p``, others as they are."""
    return pixel_format.removesuffix("p")


def unpack(stored: NDArray[np.uint8], pixel_format: str, shape: tuple[int, int]) -> Raw:
    """Counts out of the bytes that a camera sent; a copy, always.

    stored
        Bytes of one frame, any shape; what follows the frame is not looked at.
    pixel_format
        PFNC name: ``BayerRG8``, ``BayerRG12`` and ``BayerRG16`` (16 bits a pixel, low byte first), ``BayerRG12p`` (two
        pixels in three bytes, lowest bits first) and their kin.
    shape
        Height and width of the frame; the width is even.

    Returns ``(H, W)``, u8 for 8 bit formats, else u16. Raises `ValueError` when there are too few bytes.
    """
    pixels = shape[0] * shape[1]
    needed = pixels * 3 // 2 if pixel_format.endswith("12p") else pixels if pixel_format.endswith("8") else pixels * 2
    flat = np.ascontiguousarray(stored).reshape(-1)[:needed]
    if flat.size < needed:
        raise ValueError(f"{flat.size} bytes are no {pixel_format} frame of {shape[1]} × {shape[0]} pixels: too few")
    if pixel_format.endswith("12p"):
        return _unpacked_12p(flat, shape)
    counts = flat if pixel_format.endswith("8") else flat.view("<u2")
    frame = cast(Raw, new_frame(shape, counts.dtype.newbyteorder("=")))
    np.copyto(frame, counts.reshape(shape))
    return frame


def _unpacked_12p(packed: NDArray[np.uint8], shape: tuple[int, int]) -> Raw:
    """Both pixels of three bytes lie within two of them: the first in bytes 0 and 1, the second in bytes 1 and 2."""
    frame = cast(Raw, new_frame(shape, np.uint16))
    counts = frame.reshape(-1)
    first, second = (np.ndarray(counts.size // 2, "<u2", packed.data, offset, (3,)) for offset in (0, 1))
    np.bitwise_and(first, 0x0FFF, out=counts[0::2])
    np.right_shift(second, 4, out=counts[1::2])
    return frame


def demosaic(
    raw: Raw,
    cfa: Cfa,
    black_level_dn: float = 0.0,
    bit_depth: int = 8,
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Rgb8 | NDArray[np.uint16]:
    """Raw counts to RGB, edge-aware.

    raw
        ``(H, W)`` counts, H and W even.
    black_level_dn
        Counts without light; subtracted, and the rest stretched to the full range.
    white_balance
        Gains of red, green and blue.

    Returns ``(H, W, 3)``: u8 when `bit_depth` is 8, else u16 over its full range.
    """
    balanced = _balance(raw, cfa, black_level_dn, bit_depth, white_balance)
    return cast(Raw, cv2.cvtColor(balanced, _DEMOSAIC[cfa]))


def mosaic(rgb: NDArray[_Pixel], cfa: Cfa) -> NDArray[_Pixel]:
    """Keep of each pixel of ``(H, W, 3)`` the channel that its site of the filter array lets through: ``(H, W)``."""
    raw: NDArray[_Pixel] = np.empty(rgb.shape[:2], rgb.dtype)
    for row, column, channel in sites(cfa):
        raw[row::2, column::2] = rgb[row::2, column::2, channel]
    return raw


def superpixel(
    raw: Raw,
    cfa: Cfa,
    black_level_dn: float = 0.0,
    bit_depth: int = 8,
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Rgb8:
    """One RGB pixel for every four raw ones, ``(H/2, W/2, 3)`` u8: the quick picture of a live view."""
    planes: list[list[Raw]] = [[], [], []]
    for row, column, channel in sites(cfa):
        planes[channel].append(raw[row::2, column::2])
    rgb = np.empty((raw.shape[0] // 2, raw.shape[1] // 2, 3), np.uint8)
    stretch = 255.0 / (full_scale_dn(bit_depth) - black_level_dn)
    for channel, plane in enumerate(planes):
        gain = white_balance[channel] * stretch
        share = gain / len(plane)
        # dtype does the rounding and the saturation in one pass over the picture
        rgb[..., channel] = cv2.addWeighted(
            plane[0], share, plane[-1], share if len(plane) > 1 else 0.0, -black_level_dn * gain, dtype=cv2.CV_8U
        )
    return rgb


@dataclass(frozen=True, slots=True)
class Development:
    """What it takes to make a picture of the raw counts of one arm."""

    cfa: Cfa
    black_level_dn: float = 0.0
    bit_depth: int = 8
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mirror: bool = False

    @classmethod
    def published(cls, meta: Mapping[str, Any]) -> Development:
        """As the recorder says it beside each live picture (`nirvis_capture.preview`)."""
        red, green, blue = meta["white_balance"]
        return cls(meta["cfa"], meta["black_level_dn"], meta["bit_depth"], (red, green, blue), meta["mirror"])


def developed_as(settings: ArmSettings) -> Development:
    """As a profile has it."""
    return Development(
        settings.cfa, settings.black_level_dn, settings.sensor.bit_depth, gains(settings), settings.mirror
    )


def picture(raw: Raw, settings: ArmSettings) -> Rgb8:
    """`develop` as the profile has it."""
    return develop(raw, developed_as(settings))


def develop(raw: Raw, how: Development) -> Rgb8:
    """The picture of one arm as a person standing at the rig would see it: ``(H, W, 3)`` u8, mirror undone."""
    rgb = demosaic(raw, how.cfa, how.black_level_dn, how.bit_depth, how.white_balance)
    if rgb.dtype == np.uint16:
        rgb = cast(Rgb8, cv2.convertScaleAbs(rgb, alpha=255.0 / 65535.0))
    return np.ascontiguousarray(np.fliplr(rgb) if how.mirror else rgb).astype(np.uint8, copy=False)


def gains(settings: ArmSettings) -> tuple[float, float, float]:
    """White balance of an arm as gains of red, green and blue."""
    return settings.white_balance.red, 1.0, settings.white_balance.blue


def _balance(
    raw: Raw, cfa: Cfa, black_level_dn: float, bit_depth: int, white_balance: tuple[float, float, float]
) -> Raw:
    """Black level off, white balance on, stretched to the full range of the data type."""
    depth, top = (cv2.CV_8U, 255.0) if bit_depth == 8 else (cv2.CV_16U, 65535.0)
    stretch = top / (full_scale_dn(bit_depth) - black_level_dn)
    if len(set(white_balance)) == 1:
        return _stretched(raw, black_level_dn, stretch * white_balance[0], depth)
    balanced = np.empty_like(raw)
    for row, column, channel in sites(cfa):
        site = raw[row::2, column::2]
        balanced[row::2, column::2] = _stretched(site, black_level_dn, stretch * white_balance[channel], depth)
    return balanced


def _stretched(counts: Raw, black_level_dn: float, gain: float, depth: int) -> Raw:
    if black_level_dn == 0 and gain == 1:
        return counts
    return cast(Raw, cv2.addWeighted(counts, gain, counts, 0.0, -black_level_dn * gain, dtype=depth))
