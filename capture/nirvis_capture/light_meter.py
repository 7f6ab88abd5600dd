"""Find the joint exposure of a rig by looking through it: arm, look, change both arms, arm again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from nirvis_capture.camera import ARMS, Arm, Backend, Frame
from nirvis_capture.cameras import open_backend
from nirvis_capture.errors import CameraError
from nirvis_capture.exposure import (
    SHORTEST_US,
    Range,
    Rule,
    exposure_changes,
    exposures_of,
    joint_exposure,
    set_ratio,
    told,
)
from nirvis_capture.look import looking
from nirvis_capture.optics import Figures, figures, split_ratio
from nirvis_capture.profile import ArmSettings, Metering, Profile
from nirvis_capture.trigger import MARGIN, secondary_pace

ROUNDS = 8
LOOKS = 5
"""Pairs of one round; the middle one counts, so that a car that shines in the sun does not."""
NOTHING_SEEN = 0.05
"""Level of the bright parts, as a share of the range, below which there is noise to be metered and no scene."""
_WARM_UP = 2


@dataclass(frozen=True, slots=True, eq=False)
class Metered:
    """What was found."""

    profile: Profile
    """With the new exposures, and otherwise as it was."""
    seen: Mapping[Arm, Figures]
    """With these exposures."""
    frames: Mapping[Arm, Frame]
    """An exposure of each arm with these settings."""
    settled: bool
    """False where the light changed faster than the rounds."""
    note: str
    """What keeps the aim from being reached; empty when nothing does."""

    @property
    def sees_nothing(self) -> bool:
        """Neither arm sees anything, with the longest exposure and the highest gain that it may have."""
        return max(figures.bright for figures in self.seen.values()) < NOTHING_SEEN

    @property
    def warning(self) -> str:
        """What the operator should know; empty when both arms are as the rule wants them."""
        if not self.settled:
            return "The light changes faster than the exposures follow."
        return self.note and f"Metered as far as it goes: {self.note}."

    @property
    def split_ratio(self) -> float | None:
        """See `optics.split_ratio`."""
        amounts = {arm: exposure.amount for arm, exposure in exposures_of(self.profile).items()}
        return split_ratio({arm: self.seen[arm].level for arm in ARMS}, amounts)


def rule_for(profile: Profile, metering: Metering | None = None) -> Rule:
    """How bright both arms should be, within what the trigger rate leaves to them, in the ratio that is set.

    metering
        Instead of that of the profile.
    """
    asked = profile.metering if metering is None else metering
    limits = dict.fromkeys(ARMS, MARGIN * 1e6 / profile.trigger.rate_hz)
    pace = secondary_pace(profile)
    if pace is not None:
        # A delay that centres a shorter exposure lies within that of the primary.
        own = replace(pace, delay_us=0.0) if asked.centred else pace
        limits[profile.trigger.secondary] = own.longest_exposure_us(profile.trigger.rate_hz) or SHORTEST_US
    if asked.longest_us is not None:
        limits = {arm: min(limit, asked.longest_us) for arm, limit in limits.items()}
    ranges = {arm: Range(SHORTEST_US, max(SHORTEST_US, limits[arm]), asked.highest_gain_db) for arm in ARMS}
    return Rule(ranges, asked.bright, ratio=set_ratio(profile), centred=asked.centred)


def meter(
    profile: Profile,
    rule: Rule,
    open_cameras: Callable[[Profile], Backend] = open_backend,
    progress: Callable[[int, int], None] | None = None,
) -> Metered:
    """Change the exposures of a profile until the arms are as bright as the rule wants. Raises `CameraError`."""
    for done in range(1, ROUNDS + 1):
        frames = _look(profile, open_cameras(profile))
        seen = {arm: _figures(frames[arm], profile.arm(arm)) for arm in ARMS}
        step = joint_exposure(exposures_of(profile), seen, rule)
        if progress is not None:
            progress(done, ROUNDS)
        if step.settled:
            break
        if done < ROUNDS:
            profile = profile.edited(exposure_changes(profile, step.exposures, rule.centred))
    final = profile.edited(exposure_changes(profile, exposures_of(profile), rule.centred))
    return Metered(final, seen, frames, step.settled, step.note)


def metered_or_kept(
    profile: Profile,
    rule: Rule,
    open_cameras: Callable[[Profile], Backend] = open_backend,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Profile, str]:
    """The profile with the exposures of this moment, and what the operator should know; empty when all is well.

    Where the light cannot be metered the exposures stay as they are, and the text says why.
    """
    try:
        found = meter(profile, rule, open_cameras, progress)
    except CameraError as error:
        return profile, _kept(profile, str(error))
    if found.sees_nothing:
        longest = "the longest exposure and the highest gain that metering may use"
        return profile, _kept(profile, f"neither arm sees anything, with {longest}. Is it night, or a lens capped?")
    return found.profile, found.warning


def _kept(profile: Profile, reason: str) -> str:
    return (
        f"The light could not be metered, so the exposures stay as they were ({told(exposures_of(profile))}): {reason}"
    )


def _look(profile: Profile, backend: Backend) -> Mapping[Arm, Frame]:
    """The middle of a few exposures of each arm, by brightness."""
    with looking(profile, backend) as look:
        looks = list(islice(look, _WARM_UP, _WARM_UP + LOOKS))

    def middle(arm: Arm) -> Frame:
        by_brightness = sorted(looks, key=lambda pair: _figures(pair[arm], profile.arm(arm)).bright)
        return by_brightness[LOOKS // 2][arm]

    return {arm: middle(arm) for arm in ARMS}


def _figures(frame: Frame, settings: ArmSettings) -> Figures:
    return figures(frame.pixels, settings.cfa, settings.black_level_dn, settings.sensor.bit_depth)
