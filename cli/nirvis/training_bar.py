"""The progress bar of training: samples, or time where the run has a time limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from nirvis_capture.wording import counted

if TYPE_CHECKING:
    from nirvis_training.loop import Progress


@contextmanager
def training_bar() -> Iterator[Callable[[Progress], None]]:
    """A bar on the terminal, shown by calling what this yields after every step."""
    from nirvis_training.distribution import is_first_process

    with tqdm(desc="train", disable=None if is_first_process() else True) as bar:

        def show(progress: Progress) -> None:
            if progress.memory is not None:
                print(progress.memory)
                return
            if progress.studied is not None:
                seen, of = progress.studied
                bar.set_postfix_str(f"looking at the training set first: {seen} of {of} samples")
                return
            if progress.max_seconds is None:
                bar.unit, bar.total, done = "sample", progress.samples_total, progress.samples
            else:
                bar.unit, bar.total, done = "s", round(progress.max_seconds), int(progress.seconds)
            bar.set_postfix_str(_figures(progress), refresh=False)
            bar.update(min(done, bar.total) - bar.n)

        yield show


def _figures(progress: Progress) -> str:
    best = "" if progress.best is None else f", best {progress.best:.4g}"
    return f"{counted(progress.samples, 'sample')}, loss {sum(progress.losses.values()):.4f}{best}"
