"""Ending well when asked to: Ctrl-C and SIGTERM become a wish that the loop fulfils after its step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopWish:
    """Whether somebody asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextmanager
def stop_wish() -> Iterator[StopWish]:
    """Take SIGINT and SIGTERM for the duration of the block; a second one acts as if nobody had taken them.

    Only the main thread of a process can take signals; in any other the wish never comes.
    """
    wish = StopWish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        wish.signal = signal.Signals(number)
        signal.signal(number, former[wish.signal])

    try:
        for number in former:
            signal.signal(number, note)
        yield wish
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
