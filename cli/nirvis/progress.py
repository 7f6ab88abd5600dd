"""Progress of long work on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

ShowProgress = Callable[[int, int], None]
"""Called with what is done and the total; 0 where the total is not known."""


@contextmanager
def progress_bar(what: str, unit: str, *, leave: bool = True) -> Iterator[ShowProgress]:
    """A bar that follows the calls; silent where the output is no terminal; `leave` keeps it when all is done."""
    with tqdm(desc=what, unit=unit, leave=leave, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        yield show
