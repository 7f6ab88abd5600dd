"""Pairs that nirvis did not register, because their pictures lie on each other already."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from nirvis_capture.profile import Mode
from nirvis_registration.geometry import Rect, Size, SourceGeometry
from nirvis_registration.pair_file import PairsHeader


def aligned_header(
    recording_id: str,
    size: Size,
    profile_text: str,
    *,
    mode: Mode,
    start_time: datetime,
    part: int = 1,
    light: str = "",
    place: str = "",
    origin: str = "",
    origin_sha256: str = "0" * 64,
    bit_depth: int = 8,
    settings: str = "{}",
) -> PairsHeader:
    """The header of such pairs: all of both pictures was used, and nothing was estimated.

    size
        Width and height in pixels.
    origin, origin_sha256
        What the pictures were made of, in the place of a clip.
    settings
        JSON of what made them.
    """
    width, height = size
    return PairsHeader(
        recording_id=recording_id,
        part=part,
        mode=mode,
        light=light,
        place=place,
        start_time=start_time,
        clip_name=origin,
        clip_sha256=origin_sha256,
        profile_text=profile_text,
        geometry=SourceGeometry(frame=size, crop=Rect(x=0, y=0, width=width, height=height), size=size),
        homography_vis_to_nir=np.eye(3),
        corner_covariance=np.full((8, 8), math.nan),
        inliers=0,
        matches=0,
        error_px=math.nan,
        corner_sigma_px=math.nan,
        frames_pooled=0,
        bit_depth=bit_depth,
        settings=settings,
    )
