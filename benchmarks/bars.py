"""How every benchmark says what it measured: one line for people and graphs, one file for machines."""

from __future__ import annotations

import json as json_format
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bar:
    """One measured figure; `name` is ``<benchmark>.<figure>``."""

    name: str
    value: float
    unit: str


def report(results: Sequence[Bar], json: Path | None = None) -> None:
    """Print ``bar NAME VALUE UNIT`` for each result, and write all of them to the file `json` as a list of objects."""
    for bar in results:
        print(f"bar {bar.name} {bar.value:.6g} {bar.unit}", flush=True)
    if json is not None:
        json.write_text(json_format.dumps([asdict(bar) for bar in results], indent=2) + "\n")
