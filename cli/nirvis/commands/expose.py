"""``nirvis expose``: one exposure for both arms, measured through the rig."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.free_rig import refuse_taken
from nirvis.profile_copy import check_target, write_profile
from nirvis.progress import progress_bar
from nirvis_capture.camera import ARMS
from nirvis_capture.light_meter import Metered, meter, rule_for
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.white_balance import Patch, grey_balance


def _is_patch(_: object, value: str | None) -> None:
    if value is not None and not re.fullmatch(r"\d+,\d+,\d+,\d+", value):
        raise ValueError(f"a patch is written LEFT,TOP,WIDTH,HEIGHT in pixels, such as 600,400,80,80, not {value!r}")


def expose(
    profile: Annotated[str, Parameter(help="Hardware profile: a shipped name such as twin_day, or a .toml file.")],
    *,
    write: Path | None = None,
    bright: Annotated[float | None, Parameter(validator=Number(gte=0.1, lte=0.95))] = None,
    longest_us: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    highest_gain_db: Annotated[float | None, Parameter(validator=Number(gte=0, lte=48))] = None,
    centre: Annotated[bool, Parameter(negative="")] = False,
    white_balance: Annotated[bool, Parameter(negative="")] = False,
    patch: Annotated[str | None, Parameter(validator=_is_patch)] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Look through both arms and set their exposures together: their ratio stays as in the profile, neither saturates.

    Nothing is recorded. The cameras get new settings only between armings, so that no pair ever holds two. What is
    left out is as the table metering of the profile has it.

    Parameters
    ----------
    write
        Copy of the profile with what was found; without it, it is only printed.
    bright
        Level of the bright parts of the arm that is nearer to saturation, as a share of its range; usually 0.8.
    longest_us
        Longest exposure, against motion blur; usually what the trigger rate leaves.
    highest_gain_db
        Gain is used only where the exposure can grow no further; usually up to 24.
    centre
        Delay the trigger so that the middles of both exposures coincide.
    white_balance
        Set the white balance of vis too, as if the world were grey on average.
    patch
        Set it by something grey instead: LEFT,TOP,WIDTH,HEIGHT in pixels of the sensor of vis.
    as_json
        Print one JSON object.
    """
    settings = load_profile(profile)
    if write is not None:
        check_target(write, profile)
    refuse_taken(settings)
    asked = {"bright": bright, "longest_us": longest_us, "highest_gain_db": highest_gain_db, "centred": centre or None}
    given = {name: value for name, value in asked.items() if value is not None}
    rule = rule_for(settings, settings.metering.model_copy(update=given))
    with progress_bar("expose", "look", leave=False) as show:
        found = meter(settings, rule, progress=show)
    result = found.profile
    if white_balance or patch is not None:
        result = _balanced(found, patch)
    if as_json:
        print(json.dumps(_table(found, result), indent=1))
    else:
        print("\n".join(_lines(found, result)))
    if write is not None:
        print(write_profile(result, write))


def _balanced(found: Metered, patch: str | None) -> Profile:
    vis = found.profile.vis
    area: Patch | None = None
    if patch is not None:
        left, top, width, height = (int(part) for part in patch.split(","))
        area = left, top, width, height
    grey = grey_balance(found.frames["vis"].pixels, vis.cfa, vis.black_level_dn, vis.sensor.bit_depth, area)
    return found.profile.edited({"vis.white_balance.red": grey.red, "vis.white_balance.blue": grey.blue})


def _table(found: Metered, profile: Profile) -> dict[str, object]:
    arms: dict[str, object] = {
        arm: {
            "exposure_us": profile.arm(arm).exposure_us,
            "gain_db": profile.arm(arm).gain_db,
            "bright": found.seen[arm].bright,
            "saturated": found.seen[arm].saturated,
            "focus": found.seen[arm].focus,
        }
        for arm in ARMS
    }
    return {
        **arms,
        "delay_us": profile.trigger.delay_us,
        "white_balance": profile.vis.white_balance.model_dump(),
        "split_ratio": found.split_ratio,
        "settled": found.settled,
        "note": found.note,
    }


def _lines(found: Metered, profile: Profile) -> list[str]:
    lines = [
        f"{arm}  {profile.arm(arm).exposure_us / 1e3:7.3f} ms  {profile.arm(arm).gain_db:5.2f} dB   bright "
        f"{found.seen[arm].bright:4.0%}   saturated {found.seen[arm].worst_saturated:.2%}   focus "
        f"{found.seen[arm].focus:.2f}"
        for arm in ARMS
    ]
    ratio, vis = found.split_ratio, profile.vis.white_balance
    apart_us = abs(_middles_apart_us(profile))
    lines += [
        f"trigger delay {profile.trigger.delay_us:.1f} µs, middles of the exposures {apart_us:.1f} µs apart",
        f"share of the light that reaches nir: {'unknown' if ratio is None else f'{ratio:.0%}'}",
        f"white balance of vis: red {vis.red:.3f}, blue {vis.blue:.3f}",
    ]
    if not found.settled:
        lines.append("warning: the light changes faster than the exposures follow; ask again")
    if found.note:
        lines.append(f"warning: {found.note}")
    return lines


def _middles_apart_us(profile: Profile) -> float:
    trigger = profile.trigger
    primary, secondary = (profile.arm(arm).exposure_us for arm in (trigger.primary, trigger.secondary))
    return trigger.delay_us + (secondary - primary) / 2
