"""Which frames of a clip are matched: sharp ones with content that the others do not show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS
from nirvis_capture.clip import Clip
from nirvis_capture.raw import gains, superpixel
from nirvis_registration.errors import RegistrationRefused
from nirvis_registration.features import Grey, grey
from nirvis_registration.quality import sharpness, why_swapped, why_unusable
from nirvis_registration.views import scene_picture

_CANDIDATES_PER_FRAME = 3
_THUMBNAIL = (40, 30)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A pair that may be matched."""

    index: int
    """Of the complete pairs of the clip."""
    sharpness: float
    """Of the less sharp arm."""
    thumbnail: NDArray[np.float32]
    """Small grey picture of the nir arm, ``(30, 40)``."""


def chosen_frames(clip: Clip, count: int) -> list[int]:
    """Indices of at most `count` complete pairs, the most telling first.

    Farthest-point selection: the sharpest first, then again and again the one that differs most from all before it,
    weighted by its sharpness.
    """
    wanted = np.unique(np.linspace(0, len(clip) - 1, min(len(clip), _CANDIDATES_PER_FRAME * count)).round().astype(int))
    return farthest_first([_candidate(clip, int(i)) for i in wanted], count)


def farthest_first(candidates: list[Candidate], count: int) -> list[int]:
    sharp = np.array([c.sharpness for c in candidates])
    thumbnails = np.stack([c.thumbnail for c in candidates])
    chosen: list[int] = []
    distance = np.ones(len(candidates))
    for _ in range(min(count, len(candidates))):
        score = sharp * distance
        score[chosen] = -1.0
        best = int(score.argmax())
        to_best = np.abs(thumbnails - thumbnails[best]).mean(axis=(1, 2))
        distance = np.minimum(distance, to_best) if chosen else to_best
        chosen.append(best)
    return [candidates[i].index for i in chosen]


def grey_pairs(clip: Clip, indices: list[int]) -> Iterator[tuple[Grey, Grey]]:
    """Scene-handed grey pictures (nir, vis) of the usable ones of these pairs.

    Raises `RegistrationRefused` with the reason when none is usable.
    """
    reason: str | None = None
    usable = 0
    for index in indices:
        pictures = [scene_picture(raw, clip.profile.arm(arm)) for raw, arm in zip(clip.pair(index), ARMS, strict=True)]
        why = next((w for p, arm in zip(pictures, ARMS, strict=True) if (w := why_unusable(p, arm))), None)
        why = why or why_swapped(*pictures)
        if why is not None:
            reason = why
            continue
        usable += 1
        yield grey(pictures[0]), grey(pictures[1])
    if reason is not None and not usable:
        raise RegistrationRefused(reason)


def _candidate(clip: Clip, index: int) -> Candidate:
    lumas = []
    for raw, arm in zip(clip.pair(index), ARMS, strict=True):
        settings = clip.profile.arm(arm)
        rgb = superpixel(raw, settings.cfa, settings.black_level_dn, settings.sensor.bit_depth, gains(settings))
        lumas.append(cast(Grey, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)))
    thumbnail = cv2.resize(lumas[0], _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    return Candidate(index, min(sharpness(luma) for luma in lumas), thumbnail)
