"""The recorder process: holds both cameras, the ring and the writer; everything else is its client.

``python -m nirvis_capture.recorder RIG`` listens on a socket of its user; `nirvis_capture.client` starts it. What
clients ask and what happens to cameras and clips goes through one queue to the main thread, which alone changes the
state.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from nirvis_capture.camera import Backend
from nirvis_capture.cameras import open_backend
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.errors import NirvisError, RecorderError
from nirvis_capture.frame_memory import keep_freed_memory
from nirvis_capture.launch import ALREADY_RUNNING
from nirvis_capture.messages import (
    AskStatus,
    Command,
    DisarmCameras,
    RecorderStatus,
    Shutdown,
    Stop,
)
from nirvis_capture.profile import Profile
from nirvis_capture.recorder_lock import hold_lock
from nirvis_capture.recording import OpenWriter
from nirvis_capture.runtime import socket_path
from nirvis_capture.server import Server
from nirvis_capture.station import Station

log = logging.getLogger(__name__)

IDLE_S = 60.0
"""Without clients and without a recording, the cameras are released after this time, and the process ends after it."""
_TICK_S = 0.5


class Recorder:
    """The queue before a `Station`; `run` is the main thread, everything else may be called from any."""

    def __init__(
        self,
        rig: str,
        idle_s: float = IDLE_S,
        open_backend: Callable[[Profile], Backend] = open_backend,
        open_writer: OpenWriter = ClipWriter,
    ) -> None:
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.station = Station(rig, self._events.put, open_backend, open_writer)
        self._idle_s = idle_s
        self._running = True
        self._farewells: list[Future[JsonValue]] = []
        """Answers to whoever asked for the end; they come when the cameras are free."""
        self._server: Server | None = None
        self._lonely_since = time.monotonic()

    def answer(self, command: Command) -> JsonValue:
        """Do what a client asks, in turn, and wait for it. Raises `NirvisError` when it is refused."""
        if isinstance(command, AskStatus):
            return self._status().model_dump(mode="json")
        if isinstance(command, Stop | DisarmCameras | Shutdown):
            self.station.call_off()
        answer: Future[JsonValue] = Future()
        self._events.put(partial(self._do, command, answer))
        return answer.result()

    def terminate(self) -> None:
        """End `run` once the recording is finished; allowed in a signal handler."""
        self.station.call_off()
        self._events.put(self._end)

    def _status(self) -> RecorderStatus:
        clients = 0 if self._server is None else self._server.clients
        return self.station.status().model_copy(update={"process": os.getpid(), "clients": clients})

    def run(self, server: Server) -> None:
        """Handle what comes until the process is to end; the recording is finished and the cameras released then."""
        self._server = server
        try:
            while self._running:
                self._next(server)
        finally:
            server.stop_listening()
            self.station.close()
            self._refuse_the_rest()
            for farewell in self._farewells:
                farewell.set_result(None)

    def _next(self, server: Server) -> None:
        try:
            event = self._events.get(timeout=_TICK_S)
        except queue.Empty:
            self._be_idle(server.clients)
        else:
            event()

    def _do(self, command: Command, answer: Future[JsonValue]) -> None:
        if isinstance(command, Shutdown):
            self._farewells.append(answer)
            self._end()
            return
        try:
            answer.set_result(self.station.do(command))
        except NirvisError as error:
            answer.set_exception(error)
        finally:
            if not answer.done():
                answer.set_exception(RecorderError("The recorder failed and ends; its log says why."))

    def _end(self) -> None:
        self._running = False

    def _be_idle(self, clients: int) -> None:
        now = time.monotonic()
        if clients or self.station.busy:
            self._lonely_since = now
        elif now - self._lonely_since > self._idle_s:
            self._lonely_since = now
            if not self.station.release():
                self._end()

    def _refuse_the_rest(self) -> None:
        """Nobody who asked meanwhile waits for an answer that cannot come."""
        while not self._events.empty():
            event = self._events.get()
            if isinstance(event, partial) and event.func == self._do:
                event.args[1].set_exception(RecorderError("The recorder is ending; start it again."))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m nirvis_capture.recorder", description=__doc__)
    parser.add_argument("rig", help="name of the rig, as in its hardware profile")
    rig = parser.parse_args(arguments).rig
    # Threads that come back from the disk or a camera wait this long for one that computes; 5 ms, as Python has it, is
    # half a period at line rate.
    sys.setswitchinterval(0.001)
    keep_freed_memory()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    lock = hold_lock(rig)
    if lock is None:
        log.error("another recorder of %s is running", rig)
        return ALREADY_RUNNING
    # What is there before the first frame stays; to look through it for garbage again and again would halt all threads.
    gc.collect()
    gc.freeze()
    with lock:
        serve(rig, socket_path(rig))
    return 0


def serve(rig: str, path: Path) -> None:
    """Be the recorder of a rig until a client, a signal or loneliness ends it."""
    recorder = Recorder(rig)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: recorder.terminate())
    server = Server(path, recorder.answer)
    log.info("recorder of %s, process %d, listens at %s", rig, os.getpid(), path)
    recorder.run(server)
    server.close()
    log.info("recorder of %s ended", rig)


if __name__ == "__main__":
    sys.exit(main())
