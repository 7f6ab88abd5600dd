"""Compressed clips: the same counts in fewer bytes, as the HDF5 filter itself would store them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nirvis_capture.camera import Frame, Raw
from nirvis_capture.clip import Clip
from nirvis_capture.clip_frames import STORED
from nirvis_capture.compression import Encoder, compress, decompress, filters
from nirvis_capture.verify import verify

WriteClip = Callable[..., Path]


def frame(pixels: Raw, number: int = 0) -> Frame:
    return Frame(pixels, number, number, number, 6000.0, 0.0)


def by_the_filter(pixels: Raw) -> bytes:
    """What HDF5 stores when its own filter compresses."""
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        chunks = (1, *pixels.shape)
        data = file.create_dataset("data", data=pixels[None], chunks=chunks, **hdf5plugin.Bitshuffle(cname="lz4"))
        stored: bytes = data.id.read_direct_chunk((0, 0, 0))[1]
        return stored


@given(
    height=st.integers(1, 40).map(lambda half: 2 * half),
    width=st.integers(1, 90).map(lambda half: 2 * half),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    noise=st.sampled_from([1, 5, 250]),
    seed=st.integers(0, 99),
)
def test_workers_compress_as_the_filter_does(height: int, width: int, dtype: Any, noise: int, seed: int) -> None:
    pixels: NDArray[Any] = np.random.default_rng(seed).integers(0, noise, (height, width)).astype(dtype)
    assert compress(pixels) == by_the_filter(pixels)
    assert (decompress(by_the_filter(pixels), pixels.shape, pixels.dtype) == pixels).all()


@given(
    seed=st.integers(0, 999),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 30),
)
def test_a_damaged_frame_is_refused_or_read_but_never_crashes(
    seed: int, dtype: Any, flips: list[tuple[int, int]], cut: int
) -> None:
    pixels: NDArray[Any] = np.random.default_rng(seed).integers(0, 20, (70, 90)).astype(dtype)
    stored = bytearray(compress(pixels))
    assert (decompress(bytes(stored), pixels.shape, pixels.dtype) == pixels).all()
    for at, bits in flips:
        stored[at % len(stored)] ^= bits
    try:
        read = decompress(bytes(stored[: len(stored) - cut]), pixels.shape, pixels.dtype)
    except OSError:
        return
    assert read.shape == pixels.shape


def test_frames_come_back_in_their_order() -> None:
    encoder = Encoder("bitshuffle-lz4")
    rng = np.random.default_rng(7)
    given = [frame(rng.integers(0, 250, (400, 400), dtype=np.uint8), number) for number in range(60)]
    back = [encoded for sent in given for encoded in encoder.feed("vis", sent)]
    back += encoder.rest()
    encoder.close()
    assert [encoded.frame for encoded in back] == given
    assert [encoded.stored for encoded in back] == [by_the_filter(sent.pixels) for sent in given]


def test_frames_that_are_not_compressed_are_stored_as_they_are() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    (encoded,) = Encoder("none").feed("nir", frame(pixels))
    assert bytes(encoded.stored) == pixels.tobytes()
    assert filters("none") == {}


def test_a_compressed_clip_holds_the_same_counts_and_proves_both_forms(write_clip: WriteClip) -> None:
    raw, small = write_clip("raw.clip.h5"), write_clip("small.clip.h5", compression="bitshuffle-lz4")
    assert verify(small).findings == ()
    with Clip.open(raw) as one, Clip.open(small) as other:
        for k in range(len(one)):
            assert all((a == b).all() for a, b in zip(one.pair(k), other.pair(k), strict=True))
        path = "/entry/instrument/nir/data"
        assert one.certificate.covers[path] == other.certificate.covers[path]
        assert path + STORED in other.certificate.covers
        assert path + STORED not in one.certificate.covers


def test_an_encoder_that_is_closed_early_ends_its_workers() -> None:
    encoder = Encoder("bitshuffle-lz4")
    pixels = np.zeros((400, 400), np.uint8)
    for number in range(5):
        list(encoder.feed("nir", replace(frame(pixels), frame_id=number)))
    encoder.close()
    encoder.close()
    assert list(encoder.rest()) == []
