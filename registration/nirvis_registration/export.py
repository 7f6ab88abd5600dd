"""A registration as JSON, for users of other tools: plain matrices whose names say their direction."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from nirvis_registration.distortion import NO_DISTORTION, middle_and_radius
from nirvis_registration.geometry import Matrix, mirror_x, normalised
from nirvis_registration.pair_file import SUFFIX as PAIRS_SUFFIX
from nirvis_registration.pair_file import PairsFile

SUFFIX = ".registration.json"
FORMAT = "nirvis-registration"


def raw_from_pair(pairs: PairsFile) -> tuple[Matrix, Matrix]:
    """Homographies from pixels of a registered pair to raw pixels of nir and of vis, mirrors included."""
    nir = pairs.geometry.frame_from_output
    if pairs.profile.nir.mirror:
        nir = mirror_x(pairs.geometry.frame[0]) @ nir
    return normalised(nir), normalised(np.linalg.inv(pairs.homography_vis_to_nir) @ nir)


def export_json(pairs_path: Path) -> Path:
    """Write the registration of a pairs file beside it. Raises `PairsFileError`."""
    with PairsFile.open(pairs_path) as pairs:
        nir, vis, crop = pairs.profile.nir, pairs.profile.vis, pairs.crop
        pair_to_nir, pair_to_vis = raw_from_pair(pairs)
        middle, radius_px = middle_and_radius((vis.roi.width, vis.roi.height))
        text = {
            "format": FORMAT,
            "version": 1 if pairs.distortion == NO_DISTORTION else 2,  # who knows 1 only would leave distortion out
            "clip": pairs.clip_name,
            "clip_sha256": pairs.clip_sha256,
            "coordinates": "pixels, x to the right, y down; the centre of the first pixel is (0, 0)",
            "nir": {"width": pairs.geometry.frame[0], "height": pairs.geometry.frame[1], "mirrored": nir.mirror},
            "vis": {"width": vis.roi.width, "height": vis.roi.height, "mirrored": vis.mirror},
            "pair": {"width": pairs.geometry.size[0], "height": pairs.geometry.size[1]},
            "crop_of_unmirrored_nir": crop.model_dump(),
            "homography_raw_vis_to_raw_nir": pairs.homography_vis_to_nir.tolist(),
            "homography_pair_to_raw_nir": pair_to_nir.tolist(),
            "homography_pair_to_raw_vis": pair_to_vis.tolist(),
            "distortion_of_vis": {
                "k1": pairs.distortion.k1,
                "k2": pairs.distortion.k2,
                "middle": middle.tolist(),
                "radius_px": radius_px,
                "meaning": "the homographies give an ideal point u of raw vis; it is seen at middle + (u - middle) * "
                "(1 + k1 r² + k2 r⁴), with r the distance of u from the middle, divided by radius_px",
            },
            "corner_covariance_px2": pairs.header.corner_covariance.tolist(),
            "corner_sigma_px": pairs.header.corner_sigma_px,
        }
    path = pairs_path.with_name(pairs_path.name.removesuffix(PAIRS_SUFFIX) + SUFFIX)
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    os.replace(draft, path)
    return path
