"""The same work for many clips: one after the other, in processes of this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2

from nirvis_capture.errors import NirvisError

Result = TypeVar("Result")
Work = Callable[[Path], Result]
"""What is done with one clip; it has to be a function that other processes can import, or a partial of one."""

_ATTEMPTS = 3
_CONNECT_S = 20


def spread(
    work: Work[Result], clips: Sequence[Path], processes: int = 1, scheduler: str | None = None
) -> Iterator[tuple[Path, Result | None]]:
    """Results as they come; None for a clip whose process died, on a cluster three times.

    scheduler
        Address of a dask scheduler; its workers see the clips under the same paths and have nirvis installed.
    Raises `NirvisError` when there is no such scheduler.
    """
    if scheduler is not None:
        yield from _on_cluster(work, clips, scheduler)
    elif processes == 1 or len(clips) == 1:
        yield from ((clip, work(clip)) for clip in clips)
    else:
        yield from _in_processes(work, clips, processes)


def _in_processes(work: Work[Result], clips: Sequence[Path], processes: int) -> Iterator[tuple[Path, Result | None]]:
    # spawn: a fork would copy locks of OpenCV and HDF5 that other threads hold
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=one_thread) as pool:
        waiting = {pool.submit(work, clip): clip for clip in clips}
        for future in as_completed(waiting):
            yield waiting[future], _result(future)


def _result(future: Future[Result]) -> Result | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _on_cluster(work: Work[Result], clips: Sequence[Path], scheduler: str) -> Iterator[tuple[Path, Result | None]]:
    if find_spec("distributed") is None:
        raise NirvisError("--scheduler needs dask.distributed, which is not installed: pip install 'nirvis[cluster]'")
    from distributed import Client, KilledWorker  # an extra, and slow to import
    from distributed import as_completed as as_they_come

    try:
        client = Client(scheduler, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise NirvisError(f"There is no dask scheduler at {scheduler} ({reason}). Start one: docs/cluster.md") from None
    with client:
        waiting = {client.submit(work, clip, pure=False, retries=_ATTEMPTS - 1): clip for clip in clips}
        for future in as_they_come(list(waiting)):
            clip = waiting.pop(future)
            try:
                result: Result | None = future.result()
            except KilledWorker:
                result = None
            yield clip, result


def one_thread() -> None:
    """One process for each core: threads of OpenCV would only get in each other's way."""
    cv2.setNumThreads(1)
