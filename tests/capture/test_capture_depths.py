"""Every pixel format: recorded, proved, shown, and told apart from depths that it cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Profile
from nirvis_capture.raw import picture
from nirvis_capture.verify import verify

SmallProfile = Callable[..., Profile]


def of_format(profile: Profile, pixel_format: str, bit_depth: int, **changes: str) -> Profile:
    arms = {
        f"{arm}.{key}": value
        for arm in ("nir", "vis")
        for key, value in (("pixel_format", pixel_format), ("sensor.bit_depth", bit_depth))
    }
    return profile.edited({**arms, **{key.replace("__", "."): value for key, value in changes.items()}})


@pytest.mark.parametrize("compression", ["none", "bitshuffle-lz4"])
@pytest.mark.parametrize(
    ("pixel_format", "bit_depth", "stored_format"),
    [
        ("BayerRG8", 8, "BayerRG8"),
        ("BayerRG12p", 12, "BayerRG12"),
        ("BayerRG12", 12, "BayerRG12"),
        ("BayerRG16", 12, "BayerRG16"),
        ("BayerRG16", 16, "BayerRG16"),
    ],
)
def test_a_clip_of_every_depth_is_recorded_proved_and_shown(
    small_profile: SmallProfile, tmp_path: Path, pixel_format: str, bit_depth: int, stored_format: str, compression: str
) -> None:
    profile = of_format(small_profile(), pixel_format, bit_depth, recording__compression=compression)
    path = record_clip(profile, tmp_path, pairs=8)
    assert verify(path).synchrony
    with Clip.open(path) as clip:
        nir, vis = clip.pair(7)
        assert (len(clip), clip.arms["vis"].pixel_format, clip.arms["vis"].bit_depth) == (8, stored_format, bit_depth)
        assert nir.dtype == (np.uint8 if bit_depth == 8 else np.uint16)
        assert (1 << bit_depth) // 8 < max(nir.max(), vis.max()) < 1 << bit_depth
        assert picture(vis, clip.profile.vis).std() > 1
    with h5py.File(path, "r") as file:
        assert file["entry/preview/image"][...].std() > 1


@pytest.mark.parametrize(
    ("pixel_format", "bit_depth"),
    [("BayerRG8", 12), ("BayerRG12p", 8), ("BayerRG12p", 16), ("BayerRG12", 16), ("BayerRG16", 8)],
)
def test_a_format_that_cannot_hold_the_depth_is_refused(
    small_profile: SmallProfile, pixel_format: str, bit_depth: int
) -> None:
    with pytest.raises(ProfileError, match=f"{pixel_format} does not hold {bit_depth} bit"):
        of_format(small_profile(), pixel_format, bit_depth)
