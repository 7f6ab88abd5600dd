"""Dark and flat frames that the profile of a clip names are applied before its arms are brought together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_capture.calibration import Calibration
from nirvis_registration.batch import register_clips
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.settings import PROCEDURE, RegistrationSettings

SETTINGS = RegistrationSettings(size=(200, 150), frames=1)
LEVEL_DN = 24.0


def dark_frames(level_dn: float, path: Path) -> Path:
    """As many counts of darkness everywhere."""
    frame = np.full((300, 400), level_dn, np.float32)
    taken = datetime(2026, 5, 17, tzinfo=timezone.utc)
    return Calibration("dark", frame, "TWIN-NIR", "BayerRG8", (0, 0), 6000.0, 0.0, 64, taken).save(path)


@pytest.fixture
def clip(
    tmp_path: Path, write_clip: Callable[..., Path], real_pair: Callable[[str], tuple[NDArray[Any], NDArray[Any]]]
) -> Path:
    """A real pair, by a profile that names dark frames beside the clip."""
    middle = np.s_[90:390, 120:520]
    nir, vis = (picture[middle] for picture in real_pair("vnir_train"))
    dark = {"nir.dark": str(tmp_path / "nir-dark.h5")}
    return write_clip(tmp_path / "a.clip.h5", [(nir, vis)], changes=dark)


def test_pairs_follow_the_dark_frames_and_tell_when_they_are_others(clip: Path, tmp_path: Path) -> None:
    sources = []
    for level_dn in (4.0, LEVEL_DN):
        dark_frames(level_dn, clip.with_name("nir-dark.h5"))
        for status in ("registered", "up to date"):
            (outcome,) = register_clips([clip], tmp_path, SETTINGS)
            assert (outcome.status, outcome.reason) == (status, "")
        assert outcome.path is not None
        with PairsFile.open(outcome.path) as pairs:
            sources.append(np.median(pairs.source(0)))
    # The homography is estimated anew, so that the crop is not quite the same.
    assert sources[0] - sources[1] == pytest.approx(LEVEL_DN - 4, abs=4)


def test_a_clip_whose_dark_frames_are_lost_says_so_and_can_be_registered_without(clip: Path, tmp_path: Path) -> None:
    (outcome,) = register_clips([clip], tmp_path, SETTINGS)
    assert outcome.status == "failed"
    assert "nir-dark.h5" in outcome.reason
    assert "--no-dark-flat" in outcome.reason
    without = SETTINGS.model_copy(update={"dark_and_flat": False})
    assert [o.status for o in register_clips([clip], tmp_path, without)] == ["registered"]


def test_settings_without_dark_and_flat_frames_have_the_fingerprint_that_they_always_had() -> None:
    assert RegistrationSettings().fingerprint() == (
        f'{{"procedure":{PROCEDURE},"settings":{{"size":[640,480],"crop":[1200,900],"frames":8,"every":1,'
        '"features":4000,"compression":"none"}}'
    )
