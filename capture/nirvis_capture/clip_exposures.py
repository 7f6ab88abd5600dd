"""What the frames of a clip say of their exposures, and whether its pairs kept the ratio that the profile sets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clip_layout import Group, arm_path
from nirvis_capture.exposure import pairs_off_ratio, set_ratio
from nirvis_capture.pairing import Event
from nirvis_capture.profile import Profile

_ROWS_AT_ONCE = 4096


class ExposureSummary(BaseModel):
    """Of all frames of a clip, as cameras told with each of them; where one tells nothing, as it was set."""

    model_config = ConfigDict(frozen=True)

    exposure_us: dict[Arm, tuple[float, float]]
    """Shortest and longest exposure; an arm without frames is missing."""
    gain_db: dict[Arm, tuple[float, float]]
    """Least and greatest gain."""
    set_ratio: float
    """What the profile sets; see `exposure.set_ratio`."""
    pairs_off_ratio: int
    """Pairs whose arms were exposed in another ratio; see `exposure.pairs_off_ratio`."""


def exposure_summary(file: Group, profile: Profile) -> ExposureSummary:
    """The summary of an open clip whose pair table names its frames in order."""
    ratio = set_ratio(profile)
    return ExposureSummary(
        exposure_us=_extremes(file, "exposure_us"),
        gain_db=_extremes(file, "gain_db"),
        set_ratio=ratio,
        pairs_off_ratio=sum(
            len(pairs_off_ratio(_of_frames(file, "exposure_us", pairs), _of_frames(file, "gain_db", pairs), ratio))
            for pairs in _pairs(file)
        ),
    )


def _extremes(file: Group, name: str) -> dict[Arm, tuple[float, float]]:
    found: dict[Arm, tuple[float, float]] = {}
    for arm in ARMS:
        table = file[f"{arm_path(arm)}/{name}"]
        for start in range(0, len(table), _ROWS_AT_ONCE):
            values = table[start : start + _ROWS_AT_ONCE]
            low, high = found.get(arm, (np.inf, -np.inf))
            found[arm] = min(low, float(values.min())), max(high, float(values.max()))
    return found


def _pairs(file: Group) -> Iterator[dict[Arm, NDArray[np.int64]]]:
    """Indices of the frames of complete pairs, some thousand at a time, in rising order."""
    table = file["/entry/pairs"]
    for start in range(0, len(table["event"]), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        complete = table["event"][rows] == Event.PAIR
        if complete.any():
            yield {arm: table[f"{arm}_index"][rows][complete] for arm in ARMS}


def _of_frames(file: Group, name: str, pairs: dict[Arm, NDArray[np.int64]]) -> dict[Arm, NDArray[np.float64]]:
    return {
        arm: file[f"{arm_path(arm)}/{name}"][index[0] : index[-1] + 1][index - index[0]] for arm, index in pairs.items()
    }
