"""The verdict of ``nirvis verify`` on one clip."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Verdict:
    """What was found."""

    result: Literal["proved", "unanchored", "refused"]
    pairs: int
    findings: str


def read_verdict(output: str, complaint: str) -> Verdict:
    """The verdict in what ``nirvis verify --json`` wrote for one clip; anything else is a refusal with `complaint`."""
    try:
        (table,) = json.loads(output)
        findings = "; ".join(table["findings"])
        if table["result"] == "REFUSED":
            return Verdict("refused", 0, findings)
        return Verdict(table["result"], int(table["certificate"]["pairs"]), findings)
    except (ValueError, KeyError, TypeError):
        return Verdict("refused", 0, complaint)
