"""``nirvis preflight``: seconds of true line rate, and whether to go."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.free_rig import refuse_taken
from nirvis.progress import progress_bar
from nirvis_capture.preflight import Forecast, Trial
from nirvis_capture.preflight import preflight as try_out
from nirvis_capture.profile import load_profile
from nirvis_capture.wording import counted


def preflight(
    profile: Annotated[str, Parameter(help="Hardware profile: a shipped name such as twin_day, or a .toml file.")],
    *,
    seconds: Annotated[float, Parameter(validator=Number(gt=0, lte=3600), help="How long to record.")] = 5.0,
    out: Annotated[Path | None, Parameter(help="Folder to record to; by default that of the profile.")] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Record for a few seconds with the true cameras onto the true disk, and say what to expect.

    Tells the minutes left, the longest stall of the disk that the ring survives, and the highest safe rate; removes
    what it recorded. Ends with status 0 for go and 1 for no-go.

    Parameters
    ----------
    as_json
        Print one JSON object with what was measured and what follows.
    """
    settings = load_profile(profile)
    refuse_taken(settings)
    with progress_bar("preflight", "pulse", leave=False) as show:
        trial, forecast = try_out(settings, out, seconds, progress=show)
    if as_json:
        print(json.dumps({"go": forecast.go, "trial": asdict(trial), "forecast": asdict(forecast)}, indent=1))
    else:
        print("\n".join(_lines(trial, forecast)))
    if not forecast.go:
        sys.exit(1)


def _lines(trial: Trial, forecast: Forecast) -> list[str]:
    lost = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in trial.lost.items()) or "nothing lost"
    # What the parts allow is no promise where the whole has just lost something.
    broken = f"; but exposures were lost at {trial.rate_hz:.1f} Hz" if trial.lost and not forecast.go else ""
    writer = "" if trial.writer_mb_s is None else f", writer {trial.writer_mb_s:.0f}"
    effort = f"; {trial.processor_s * 1e3:.1f} ms of processor a pair" if trial.processor_s else ""
    return [
        f"recorded           {counted(trial.pairs, 'pair')} at {trial.rate_hz:.1f} Hz, {lost}",
        f"line rate          {forecast.line_rate_mb_s:.0f} MB/s; disk {trial.disk_mb_s:.0f}{writer} MB/s; "
        f"longest write {trial.write_max_ms:.0f} ms{effort}",
        f"minutes left       {forecast.minutes_left:.0f}",
        f"longest stall      {forecast.longest_stall_s:.1f} s, made up for in {forecast.recovery_s:.1f} s",
        f"highest safe rate  {forecast.highest_safe_rate_hz:.1f} Hz, bound by {forecast.bound_by}{broken}",
        *(f"warning: {warning}" for warning in forecast.warnings),
        *(f"no-go: {reason}" for reason in forecast.reasons),
        *(["GO"] if forecast.go else []),
    ]
