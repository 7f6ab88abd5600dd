"""Real recordings with a known or repeatable truth; they are not shipped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_registration.features import Grey, grey
from nirvis_registration.geometry import corner_distances, corners, project
from nirvis_registration.homography import estimate, estimate_from

DATA = Path(os.environ.get("NIRVIS_REAL_DATA", "/nonexistent"))
needs_real_data = pytest.mark.skipif(
    not (DATA / "nirscene").is_dir(), reason="set NIRVIS_REAL_DATA to the folder of real recordings"
)
MARGIN = 60


@needs_real_data
@pytest.mark.parametrize("scene", ["country/0006", "country/0019", "country/0031", "country/0046"])
def test_aerial_and_ground_scenes_agree_with_the_consensus_of_ten_estimators(
    scene: str, random_homography: Callable[[int, tuple[int, int]], NDArray[np.float64]]
) -> None:
    reference = json.loads((DATA / "nirscene" / "reference.json").read_text())[scene]
    stem = scene.replace("/", "_")
    nir, vis = (
        cv2.imread(str(DATA / "nirscene" / f"{stem}_{side}.jpg"), cv2.IMREAD_COLOR_RGB) for side in ("nir", "rgb")
    )
    size = (vis.shape[1], vis.shape[0])
    known = random_homography(13, size)
    moved = cv2.warpPerspective(vis, known, size, flags=cv2.INTER_CUBIC)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    into = np.array([[1.0, 0.0, MARGIN], [0.0, 1.0, MARGIN], [0.0, 0.0, 1.0]])
    truth = np.array(reference["H_vc_to_nir"]) @ np.linalg.inv(known) @ into
    found = estimate([(grey(nir), grey(moved))])
    wrong_px = corner_distances(found.homography_vis_to_nir, truth, (moved.shape[1], moved.shape[0])).mean()
    assert wrong_px < max(1.0, reference["spread_px"])


@needs_real_data
def test_one_rig_has_one_homography_whatever_it_looks_at() -> None:
    """CWFID: a prism camera over carrots. Deviation of each picture from the median of the others.

    From where its arms are alike, without features: what takes longest is tried on the pictures above.
    """
    size = (1296, 966)
    mapped = np.array([_prism_corners(path, size) for path in sorted((DATA / "cwfid").glob("*_image.png"))[:4]])
    others = [np.median(np.delete(mapped, i, axis=0), axis=0) for i in range(len(mapped))]
    deviation_px = [np.linalg.norm(m - o, axis=1).mean() for m, o in zip(mapped, others, strict=True)]
    assert np.median(deviation_px) < 0.1
    assert np.abs(mapped.mean(axis=0) - corners(size)).max() > 2  # the lens magnifies red and NIR differently


def _prism_corners(path: Path, size: tuple[int, int]) -> NDArray[np.float64]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    nir, red = (_channel(picture, i) for i in (1, 0))
    found = estimate_from(np.eye(3), [(nir, red)])
    assert found is not None
    return project(found.homography_vis_to_nir, corners(size))


def _channel(picture: NDArray[np.uint8], index: int) -> Grey:
    return grey(np.repeat(picture[..., index : index + 1], 3, axis=2))
