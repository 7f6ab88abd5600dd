"""Threads for everything that may wait: the window's own thread only paints."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import QObject, QThread, pyqtSignal, pyqtSlot

from nirvis_capture.errors import NirvisError


class Worker(QObject):
    """Something that works in a thread of its own: its public methods return at once, its signals bring the results."""

    failed = pyqtSignal(str, str)
    """Which job failed, and the message for the person at the window."""
    closed = pyqtSignal()
    _posted = pyqtSignal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._posted.connect(self._do)

    def post(self, name: str, job: Callable[[], None]) -> None:
        """Run `job` in the thread of this worker, after those that were posted before."""
        self._posted.emit(name, job)

    def close(self) -> None:
        """Let go of everything once the posted jobs are done, then emit `closed`."""
        self.post("close", self._close)

    def release(self) -> None:
        """Stop timers and close files; runs in the thread of this worker."""

    def _close(self) -> None:
        try:
            self.release()
        finally:
            self.closed.emit()

    @pyqtSlot(str, object)
    def _do(self, name: str, job: Callable[[], None]) -> None:
        try:
            job()
        except (NirvisError, OSError) as error:
            self.failed.emit(name, str(error))


class Workers:
    """The workers of one window: each gets a thread, and all threads end before the window does."""

    def __init__(self) -> None:
        self._threads: list[tuple[Worker, QThread]] = []

    def add(self, worker: Worker) -> None:
        """Give `worker` a thread and start it."""
        thread = QThread()
        thread.setObjectName(type(worker).__name__)
        worker.moveToThread(thread)
        worker.closed.connect(thread.quit)
        thread.start()
        self._threads.append((worker, thread))

    @property
    def running(self) -> list[str]:
        """Names of the threads that have not ended."""
        return [thread.objectName() for _, thread in self._threads if thread.isRunning()]

    def close(self, then: Callable[[], None]) -> None:
        """Ask every worker to close, and call `then` once all threads have ended; returns at once."""

        def ended() -> None:
            if not self.running:
                then()

        for worker, thread in self._threads:
            thread.finished.connect(ended)
            worker.close()
