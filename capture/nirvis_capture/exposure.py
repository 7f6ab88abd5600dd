"""One exposure for both arms: a control law that keeps their set ratio, and never changes anything within a pair.

An exposure is constant from arming to disarming. A change is a new profile, which both cameras get before the first
pulse, so that no pair can hold two of them; docs/decisions/0008-exposure-changes-between-armings.md says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.profile import Profile
from nirvis_capture.settings import Changes

if TYPE_CHECKING:
    from nirvis_capture.optics import Figures

SHORTEST_US = 30.0
MAX_SATURATED = 0.002
"""Share of the sites of one colour that may be at full scale: lamps and glints."""
RATIO_TOLERANCE = 0.01
_BLIND_STEP = 0.4
"""What both exposures are multiplied by where saturation hides how bright it is."""
_BOLDEST_STEP = 8.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """How one camera gathers light."""

    exposure_us: float
    gain_db: float

    @property
    def amount(self) -> float:
        """What the counts above black are proportional to: exposure time times linear gain, in µs."""
        return self.exposure_us * 10 ** (self.gain_db / 20)


@dataclass(frozen=True, slots=True)
class Range:
    """What one camera can do at the rate of the trigger."""

    shortest_us: float
    longest_us: float
    highest_gain_db: float

    @property
    def least(self) -> float:
        return Exposure(self.shortest_us, 0).amount

    @property
    def most(self) -> float:
        return Exposure(self.longest_us, self.highest_gain_db).amount

    def exposure(self, amount: float) -> Exposure:
        """The exposure of that amount: gain adds noise, so it is used only where time has run out."""
        exposure_us = round(min(max(amount, self.shortest_us), self.longest_us), 1)
        gain_db = round(20 * math.log10(max(1.0, amount / exposure_us)), 2)
        return Exposure(exposure_us, min(gain_db, self.highest_gain_db))


@dataclass(frozen=True, slots=True)
class Rule:
    """What a joint exposure aims at."""

    ranges: Mapping[Arm, Range]
    bright: float = 0.8
    """Level of the bright sites of the arm that is nearer to saturation; see `optics.Figures.bright`."""
    dead_band: float = 0.06
    """A step smaller than this share is not worth a change."""
    ratio: float | None = None
    """See `set_ratio`; without it that of the exposures that are there is kept, with what rounding made of it."""
    centred: bool = False
    """Delay the secondary so that the middles of both exposures coincide; see `centring`."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the control law makes of one look at both arms."""

    exposures: Mapping[Arm, Exposure]
    settled: bool
    """Nothing is to be changed any more."""
    note: str = ""
    """What keeps the aim from being reached; empty when nothing does."""


def exposures_of(profile: Profile) -> dict[Arm, Exposure]:
    """The exposures that a profile sets; their amounts are the set ratio."""
    return {arm: Exposure(profile.arm(arm).exposure_us, profile.arm(arm).gain_db) for arm in ARMS}


def set_ratio(profile: Profile) -> float:
    """Amount of vis over amount of nir, as a profile sets them."""
    exposures = exposures_of(profile)
    return exposures["vis"].amount / exposures["nir"].amount


def told(exposures: Mapping[Arm, Exposure]) -> str:
    """Exposures in words."""
    return ", ".join(f"{arm} {each.exposure_us / 1e3:.3f} ms {each.gain_db:.2f} dB" for arm, each in exposures.items())


def joint_exposure(now: Mapping[Arm, Exposure], seen: Mapping[Arm, Figures], rule: Rule) -> Step:
    """One step towards the aim of a rule: both arms are multiplied by one factor, so that their ratio stays.

    The factor is that of the arm that would saturate first. Where a camera is at the end of its range, the other stops
    there too.
    """
    wanted = min(_factor(seen[arm], rule) for arm in ARMS)
    least = max(rule.ranges[arm].least / now[arm].amount for arm in ARMS)
    most = min(rule.ranges[arm].most / now[arm].amount for arm in ARMS)
    factor = max(min(wanted, most), least)
    note = _limit_note(wanted, factor, now, rule)
    if abs(math.log(factor)) < rule.dead_band:
        return Step(now, settled=True, note=note)
    amounts = {arm: now[arm].amount * factor for arm in ARMS}
    if rule.ratio is not None:
        amounts["vis"] = amounts["nir"] * rule.ratio
    return Step({arm: rule.ranges[arm].exposure(amounts[arm]) for arm in ARMS}, settled=False, note=note)


def centring(primary_us: float, secondary_us: float) -> tuple[float, float]:
    """Trigger delay that lets the middles of both exposures coincide, and how far apart they stay, both in µs.

    The secondary starts with the exposure of the primary, and can only start later. A shorter secondary then lies
    within the exposure of the primary, so that the delay costs no rate. A longer one cannot be centred: its middle
    stays half of the difference behind; let the arm with the longer exposure be the primary.
    """
    ahead_us = (primary_us - secondary_us) / 2
    return max(0.0, ahead_us), max(0.0, -ahead_us)


def exposure_changes(profile: Profile, exposures: Mapping[Arm, Exposure], centred: bool = False) -> Changes:
    """The changes, for `Profile.edited`, that set these exposures and, where asked for, the delay that centres them."""
    primary, secondary = profile.trigger.primary, profile.trigger.secondary
    changes: dict[str, float] = {}
    for arm in ARMS:
        changes[f"{arm}.exposure_us"] = exposures[arm].exposure_us
        changes[f"{arm}.gain_db"] = exposures[arm].gain_db
    if centred:
        changes["trigger.delay_us"] = round(
            centring(exposures[primary].exposure_us, exposures[secondary].exposure_us)[0], 1
        )
    return changes


def pairs_off_ratio(
    exposure_us: Mapping[Arm, NDArray[np.float64]], gain_db: Mapping[Arm, NDArray[np.float64]], ratio: float
) -> NDArray[np.intp]:
    """Pairs whose arms were exposed by two different settings, as the cameras themselves say with each frame.

    exposure_us, gain_db
        Of the frames of each pair, ``(N,)``.
    ratio
        See `set_ratio`; kept within `RATIO_TOLERANCE`, as cameras round times and gains.
    """
    nir, vis = (exposure_us[arm] * 10 ** (gain_db[arm] / 20) for arm in ARMS)
    off: NDArray[np.intp] = np.flatnonzero(np.abs(vis - nir * ratio) > RATIO_TOLERANCE * nir * ratio)
    return off


def _factor(seen: Figures, rule: Rule) -> float:
    """What the amount of one arm should be multiplied by, if it were alone."""
    if seen.worst_saturated > MAX_SATURATED:
        return _BLIND_STEP if seen.bright >= 0.99 else min(0.8, rule.bright / seen.bright)
    return min(_BOLDEST_STEP, rule.bright / max(seen.bright, 1e-3))


def _limit_note(wanted: float, factor: float, now: Mapping[Arm, Exposure], rule: Rule) -> str:
    if math.isclose(wanted, factor, rel_tol=rule.dead_band):
        return ""
    if wanted > factor:
        arm = min(ARMS, key=lambda a: rule.ranges[a].most / now[a].amount)
        most = rule.ranges[arm]
        return (
            f"{arm} is at its longest exposure of {most.longest_us:g} µs and {most.highest_gain_db:g} dB, and the "
            "picture is still dark; open the iris, lower the rate, or change the ratio of the arms"
        )
    arm = max(ARMS, key=lambda a: rule.ranges[a].least / now[a].amount)
    return (
        f"{arm} is at its shortest exposure of {rule.ranges[arm].shortest_us:g} µs, and an arm still saturates; "
        "close the iris, or change the ratio of the arms"
    )
