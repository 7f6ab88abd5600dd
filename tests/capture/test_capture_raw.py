"""Counts of a filter array become pictures, and pictures counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirvis_capture.profile import ArmSettings, Cfa, WhiteBalance, load_profile
from nirvis_capture.raw import demosaic, mosaic, picture, sites, superpixel, unpack, unpacked_format

PATTERNS: list[Cfa] = ["RGGB", "GRBG", "GBRG", "BGGR"]


def flat(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((16, 24, 3), (red, green, blue), np.uint8)


def arm(**changes: object) -> ArmSettings:
    return load_profile("twin_day").vis.model_copy(update=changes)


@pytest.mark.parametrize("cfa", PATTERNS)
def test_a_flat_colour_survives_mosaic_and_demosaic_in_every_pattern(cfa: Cfa) -> None:
    assert np.array_equal(demosaic(mosaic(flat(200, 90, 30), cfa), cfa), flat(200, 90, 30))


@pytest.mark.parametrize("cfa", PATTERNS)
def test_a_superpixel_has_red_first_in_every_pattern(cfa: Cfa) -> None:
    assert np.array_equal(superpixel(mosaic(flat(200, 90, 30), cfa), cfa), flat(200, 90, 30)[::2, ::2])


def test_the_first_site_of_bayer_rg_is_red() -> None:
    assert sites("RGGB") == ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2))


def test_an_edge_stays_where_it_was() -> None:
    rgb = flat(20, 20, 20)
    rgb[:, 12:] = 220
    green = demosaic(mosaic(rgb, "RGGB"), "RGGB")[4:12, :, 1]
    assert (green[:, :11] < 70).all()
    assert (green[:, 13:] > 170).all()


def test_black_level_is_taken_off_and_the_rest_stretched() -> None:
    raw = np.full((8, 8), 16, np.uint8)
    raw[4:] = 255
    rgb = demosaic(raw, "RGGB", black_level_dn=16)
    assert (rgb[0] == 0).all()
    assert (rgb[-1] == 255).all()


def test_counts_below_black_do_not_wrap() -> None:
    assert (demosaic(np.full((8, 8), 3, np.uint8), "RGGB", black_level_dn=16) == 0).all()


def test_white_balance_acts_on_its_own_channel() -> None:
    rgb = demosaic(mosaic(flat(50, 100, 40), "GRBG"), "GRBG", white_balance=(2.0, 1.0, 2.5))
    assert np.array_equal(rgb, flat(100, 100, 100))


def test_twelve_bits_fill_the_range_of_sixteen() -> None:
    rgb = demosaic(np.full((8, 8), 4095, np.uint16), "RGGB", black_level_dn=64, bit_depth=12)
    assert rgb.dtype == np.uint16
    assert (rgb == 65535).all()


def test_a_picture_of_the_mirrored_arm_is_turned_back() -> None:
    rgb = flat(10, 10, 10)
    rgb[:, :8] = 200
    seen = picture(mosaic(np.ascontiguousarray(rgb[:, ::-1]), "RGGB"), arm(mirror=True, black_level_dn=0.0))
    assert seen[8, 2, 1] > 150
    assert seen[8, -3, 1] < 50


def test_a_picture_of_sixteen_bits_has_eight() -> None:
    sensor = arm().sensor.model_copy(update={"bit_depth": 16})
    plain = {"black_level_dn": 0.0, "mirror": False, "white_balance": WhiteBalance()}
    settings = arm(sensor=sensor, pixel_format="BayerGB16", **plain)
    seen = picture(mosaic(flat(200, 90, 30).astype(np.uint16) * 257, "GBRG"), settings)
    assert np.array_equal(seen, flat(200, 90, 30))


def slowly_unpacked(packed: bytes) -> list[int]:
    """Bit by bit, as PFNC has it: the lowest bit of the first pixel is the lowest bit of the first byte."""
    bits = [byte >> bit & 1 for byte in packed for bit in range(8)]
    return [sum(bit << place for place, bit in enumerate(bits[at : at + 12])) for at in range(0, len(bits), 12)]


@given(height=st.integers(1, 6), half_width=st.integers(1, 6), seed=st.integers(0, 9999), padding=st.integers(0, 5))
def test_packed_counts_are_those_of_a_slow_reader(height: int, half_width: int, seed: int, padding: int) -> None:
    packed = np.random.default_rng(seed).bytes(height * half_width * 3)
    counts = unpack(np.frombuffer(packed + bytes(padding), np.uint8), "BayerRG12p", (height, 2 * half_width))
    assert (counts.dtype, counts.shape) == (np.uint16, (height, 2 * half_width))
    assert counts.ravel().tolist() == slowly_unpacked(packed)


@pytest.mark.parametrize(
    ("pixel_format", "stored", "counts"),
    [
        ("BayerGB8", [1, 2, 3, 255], [1, 2, 3, 255]),
        ("BayerGB12", [0xBC, 0x0A, 0xFF, 0x0F, 0, 0, 1, 0], [0xABC, 4095, 0, 1]),
        ("BayerGB12p", [0xBC, 0xFA, 0xFF, 0, 0x10, 0], [0xABC, 4095, 0, 1]),
        ("BayerGB16", [0xBC, 0xFA, 0xFF, 0xFF, 0, 0, 1, 0], [0xFABC, 65535, 0, 1]),
    ],
)
def test_every_pixel_format_is_unpacked(pixel_format: str, stored: list[int], counts: list[int]) -> None:
    buffer = np.array(stored, np.uint8)
    unpacked = unpack(buffer, pixel_format, (2, 2))
    buffer[:] = 77
    assert unpacked.ravel().tolist() == counts


def test_too_few_bytes_are_no_frame() -> None:
    with pytest.raises(ValueError, match="BayerRG12p frame of 4 × 2"):
        unpack(np.zeros(11, np.uint8), "BayerRG12p", (2, 4))


def test_only_packed_formats_have_another_name_when_they_are_unpacked() -> None:
    assert [unpacked_format(f"BayerRG{bits}") for bits in ("8", "12", "12p", "16")] == [
        "BayerRG8",
        "BayerRG12",
        "BayerRG12",
        "BayerRG16",
    ]
