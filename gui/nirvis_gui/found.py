"""What the checks of a rig found, read from what ``nirvis doctor`` and ``nirvis preflight`` write for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from nirvis_capture.pair_table import Event
from nirvis_gui.health import Level
from nirvis_gui.texts import counted, event_name, tr

_LEVEL_OF = {"ok": Level.PROVEN, "warning": Level.MARGIN, "stop": Level.LOSS}


@dataclass(frozen=True)
class Found:
    """What a step said."""

    level: Level
    html: str


def findings(output: str) -> Found:
    """What ``nirvis doctor --json`` found: the worst of it decides."""
    rows = json.loads(output)
    worst = max((_LEVEL_OF[row["level"]] for row in rows), key=list(Level).index, default=Level.UNKNOWN)
    told = [row for row in rows if row["level"] != "ok"]
    lines = [f"{escape(row['check'])}: {escape(row['found'])}{_remedy(row['remedy'])}" for row in told]
    good = [row for row in rows if row["level"] == "ok"]
    if len(rows) == 1 and good:
        lines.append(escape(good[0]["found"]))
    elif good:
        names = escape(", ".join(row["check"] for row in good))
        lines.append(tr("In order: {names}").format(names=names))
    return Found(worst, "<br>".join(lines))


def forecast(output: str) -> Found:
    """What ``nirvis preflight --json`` measured, and whether to go."""
    said: dict[str, Any] = json.loads(output)
    ahead = said["forecast"]
    level = Level.LOSS if not said["go"] else Level.MARGIN if ahead["warnings"] else Level.PROVEN
    return Found(level, "<br>".join(_forecast_lines(said["trial"], ahead)))


def _forecast_lines(trial: dict[str, Any], ahead: dict[str, Any]) -> Iterator[str]:
    lost = ", ".join(f"{event_name(Event[name.upper()])}: {count}" for name, count in trial["lost"].items())
    pairs = counted(trial["pairs"], tr("1 pair"), tr("{count} pairs"))
    yield tr("{pairs} at {rate:.1f} Hz, {lost}").format(
        pairs=pairs, rate=trial["rate_hz"], lost=lost or tr("nothing lost")
    )
    yield tr("the cameras send {cameras:.0f} MB/s, the disk takes {disk:.0f}").format(
        cameras=ahead["line_rate_mb_s"], disk=trial["disk_mb_s"]
    )
    yield tr("room for {minutes:.0f} min; a stall of the disk of {stall:.1f} s is survived").format(
        minutes=ahead["minutes_left"], stall=ahead["longest_stall_s"]
    )
    yield tr("highest safe rate {rate:.0f} Hz, bound by {bound}").format(
        rate=ahead["highest_safe_rate_hz"], bound=escape(ahead["bound_by"])
    )
    yield from (f"▲ {escape(warning)}" for warning in ahead["warnings"])
    yield from (f"✗ {escape(reason)}" for reason in ahead["reasons"])


def _remedy(text: str) -> str:
    return f"<br>&nbsp;&nbsp;→ {escape(text)}" if text else ""
