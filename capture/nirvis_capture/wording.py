"""Words that every message needs."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """``1 clip``, ``2 clips``: for what has a regular plural."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
