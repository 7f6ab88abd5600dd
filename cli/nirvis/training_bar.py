"""The progress bar of training: samples, or time where the run has a time limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from nirvis_training.loop import Progress


@contextmanager
def training_bar() -> Iterator[Callable[[Progress], None]]:
    """A bar on the terminal, shown by calling what this yields after every step."""
    with tqdm(desc="train", disable=None) as bar:

        def show(progress: Progress) -> None:
            if progress.max_seconds is None:
                bar.unit, bar.total, done = "sample", progress.samples_total, progress.samples
            else:
                bar.unit, bar.total, done = "s", round(progress.max_seconds), int(progress.seconds)
            bar.set_postfix_str(_figures(progress), refresh=False)
            bar.update(min(done, bar.total) - bar.n)

        yield show


def _figures(progress: Progress) -> str:
    best = "" if progress.best_psnr_db is None else f", best {progress.best_psnr_db:.2f} dB"
    return f"{progress.samples} samples, loss {sum(progress.losses.values()):.4f}{best}"
