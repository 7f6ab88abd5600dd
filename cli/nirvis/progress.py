"""Progress of long work on the terminal, and where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

ShowProgress = Callable[[int, int], None]
"""Called with what is done and the total; 0 where the total is not known."""
_LINES = 20
"""How many lines at most tell the progress in a log."""


@contextmanager
def progress_bar(what: str, unit: str, *, leave: bool = True, always: bool = False) -> Iterator[ShowProgress]:
    """A bar that follows the calls; `leave` keeps it when all is done.

    Where the output is no terminal it is silent, or, with `always`, a line for every twentieth that is done.
    """
    if always and not sys.stderr.isatty():
        yield _lines(what, unit)
        return
    with tqdm(desc=what, unit=unit, leave=leave, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        yield show


def _lines(what: str, unit: str) -> ShowProgress:
    begin = time.monotonic()

    def show(done: int, total: int) -> None:
        step = max(1, -(-total // _LINES)) if total else 100
        if done % step == 0 or done == total:
            of = f" of {total}" if total else ""
            print(f"{what}: {done}{of} {unit}s, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)

    return show
