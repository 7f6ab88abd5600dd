"""SIGTERM and SIGHUP end a command as Ctrl-C does: by an exception, so that whatever holds a camera gives it back."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """The command was asked to end.

    exit_status
        128 and the number of the signal, as a shell counts.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


@contextmanager
def ending_by_signal() -> Iterator[None]:
    """Have both signals raise `Terminated` in the main thread for the duration of a block.

    Only the first one does: what ends then is not to be cut off. One that is ignored stays so (``nohup``), and a
    process that is forked meanwhile dies as it would have. In another thread than the main one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    process = os.getpid()
    former = {number: signal.getsignal(number) for number in _NUMBERS}
    taken = [number for number, handler in former.items() if handler is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        if os.getpid() != process:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        for each in taken:
            signal.signal(each, signal.SIG_IGN)
        raise Terminated(number)

    try:
        for number in taken:
            signal.signal(number, end)
        yield
    finally:
        for number in taken:
            signal.signal(number, former[number])
