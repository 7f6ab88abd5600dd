"""What users of other tools get: the exported matrices give the same pictures with OpenCV alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirvis_capture.camera import Arm
from nirvis_capture.clip import Clip
from nirvis_capture.raw import demosaic, gains
from nirvis_registration.batch import register_clip
from nirvis_registration.export import export_json
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.settings import RegistrationSettings


@pytest.mark.parametrize("mirrored", [(), ("vis",), ("nir",)], ids=["none", "vis", "nir"])
def test_opencv_and_the_json_give_the_pairs(
    mirrored: Sequence[Arm],
    tmp_path: Path,
    write_clip: Callable[..., Path],
    real_pair: Callable[[str], tuple[np.ndarray, np.ndarray]],
) -> None:
    nir, vis = real_pair("vnir_train")
    clip_path = write_clip(tmp_path / "a.clip.h5", [(nir[90:390, 120:520], vis[90:390, 123:523])], mirrored)
    path = register_clip(clip_path, tmp_path, RegistrationSettings(size=(256, 192), frames=1))
    exported = json.loads(export_json(path).read_text())
    assert exported["nir"] == {"width": 400, "height": 300, "mirrored": "nir" in mirrored}
    size = (exported["pair"]["width"], exported["pair"]["height"])
    with PairsFile.open(path) as pairs, Clip.open(clip_path) as clip:
        for arm, raw, ours in zip(("nir", "vis"), clip.pair(0), (pairs.source(0), pairs.target(0)), strict=True):
            settings = clip.profile.arm(arm)
            rgb = demosaic(raw, settings.cfa, settings.black_level_dn, 8, gains(settings))
            matrix = np.array(exported[f"homography_pair_to_raw_{arm}"])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            theirs = cv2.warpPerspective(rgb, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            blurred = (cv2.GaussianBlur(picture, (0, 0), 2).astype(int) for picture in (ours, theirs))
            difference = next(blurred) - next(blurred)
            assert np.abs(difference[8:-8, 8:-8]).mean() < 1.5
        onto = np.array(exported["homography_raw_vis_to_raw_nir"])
        np.testing.assert_allclose(onto, pairs.homography_vis_to_nir)
