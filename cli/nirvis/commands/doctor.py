"""``nirvis doctor``: what of this machine or its trigger cable would stop a recording, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from nirvis.free_rig import refuse_taken
from nirvis_capture.doctor.finding import Finding
from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Profile, load_profile

_MARKS = {"ok": "ok", "warning": "WARNING", "stop": "STOP"}


def doctor(
    profile: Annotated[str | None, Parameter(help="Hardware profile: a shipped name, or a .toml file.")] = None,
    *,
    trigger: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Look at USB, drivers, disk, memory, clock and processors, and say what to do where something is wrong.

    Ends with status 1 when something would stop a recording. Without a profile nobody knows which cameras and which
    disk are meant, so that their absence is no fault.

    Parameters
    ----------
    trigger
        Open the rig instead, watch the secondary while the primary is paused, let the primary run, and name what is
        wrong with the trigger, and what of the frames does not arrive.
    as_json
        Print one JSON list of findings.
    """
    settings = None if profile is None else load_profile(profile)
    findings = _trigger(settings) if trigger else _machine(settings)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        print("\n".join(_lines(findings)))
    if any(finding.level == "stop" for finding in findings):
        sys.exit(1)


def _machine(profile: Profile | None) -> Sequence[Finding]:
    from nirvis_capture.doctor import examine

    return examine(profile)


def _trigger(profile: Profile | None) -> Sequence[Finding]:
    from nirvis_capture.doctor.trigger import diagnose, observe, receptions

    if profile is None:
        raise ProfileError("doctor --trigger", ["name the profile of the rig: nirvis doctor --trigger PROFILE"])
    refuse_taken(profile)
    observed = observe(profile)
    found = diagnose(observed, profile)
    seen = found.seen if found.ok else f"{found.cause}: {found.seen}"
    return [Finding("trigger", "ok" if found.ok else "stop", seen, found.remedy), *receptions(observed, profile)]


def _lines(findings: Sequence[Finding]) -> list[str]:
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.level]:7}  {finding.check:{width}}  {finding.found}")
        if finding.remedy:
            lines.append(f"{'':7}  {'':{width}}  → {finding.remedy}")
    return lines
