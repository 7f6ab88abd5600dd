"""The fault matrix: what is promised for each fault at each moment, and the trial that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Moment = Literal["arming", "previewing", "recording", "stopping"]
MOMENTS: tuple[Moment, ...] = ("arming", "previewing", "recording", "stopping")

FAULTS = (
    "transfer drop",
    "missed trigger",
    "incomplete frame",
    "clock jump",
    "counter wrap",
    "unplug",
    "return",
    "unwired trigger",
    "slow disk",
    "standing disk",
    "full disk",
    "kill -9",
    "SIGTERM",
    "corrupted file",
    "killed client",
)


@dataclass(frozen=True)
class Cell:
    """One fault at one moment."""

    fault: str
    moment: Moment
    promise: str
    """What holds afterwards, for the table in docs/reliability.md."""
    run: Callable[[Path], None] | None
    """Shows it, in an empty folder; None for a cell without meaning, whose `promise` is the reason."""

    @property
    def id(self) -> str:
        return f"{self.fault}-{self.moment}".replace(" ", "_")


_CELLS: dict[tuple[str, Moment], Cell] = {}


def promised(fault: str, moment: Moment, promise: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Register the trial of a cell."""

    def register(run: Callable[[Path], None]) -> Callable[[Path], None]:
        _CELLS[fault, moment] = Cell(fault, moment, promise, run)
        return run

    return register


def without_meaning(fault: str, moments: tuple[Moment, ...], reason: str) -> None:
    for moment in moments:
        _CELLS[fault, moment] = Cell(fault, moment, reason, None)


def cells() -> list[Cell]:
    """Every cell, row by row. Raises `KeyError` where one is missing."""
    from fault_matrix import (  # noqa: F401 (they register their cells)
        camera_faults,
        disk_faults,
        process_faults,
        standing_disk,
    )

    return [_CELLS[fault, moment] for fault in FAULTS for moment in MOMENTS]


def table() -> str:
    """The matrix as it stands in docs/reliability.md."""
    by_fault = {fault: [cell for cell in cells() if cell.fault == fault] for fault in FAULTS}
    lines = [f"| fault | {' | '.join(MOMENTS)} |", "|---" * (1 + len(MOMENTS)) + "|"]
    for fault, row in by_fault.items():
        told = (cell.promise if cell.run else f"*no meaning:* {cell.promise}" for cell in row)
        lines.append(f"| **{fault}** | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"
