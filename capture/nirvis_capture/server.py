"""The socket of the recorder: a thread for each client, which may vanish at any moment."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue, ValidationError

from nirvis_capture.errors import NirvisError
from nirvis_capture.messages import COMMAND, Command, Reply

log = logging.getLogger(__name__)

_BACKLOG = 16
_FAREWELL_S = 2.0


class Server:
    """Answers each line that a client sends with one line."""

    def __init__(self, path: Path, answer: Callable[[Command], JsonValue]) -> None:
        self._path = path
        self._answer = answer
        self._changed = threading.Condition()
        self._clients = 0
        self._answering = 0
        # The caller holds the lock of this rig, so whatever is at the path was left by a process that died.
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(_BACKLOG)
        threading.Thread(target=self._accept, name="server", daemon=True).start()

    @property
    def clients(self) -> int:
        """How many are connected."""
        return self._clients

    def stop_listening(self) -> None:
        """Let nobody in any more. Safe to call twice."""
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """Stop listening, and give answers that are under way a moment to leave."""
        self.stop_listening()
        with self._changed:
            self._changed.wait_for(lambda: self._answering == 0, _FAREWELL_S)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._count(clients=1)
            threading.Thread(target=self._serve, args=(connection,), name="client", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    self._count(answering=1)
                    try:
                        connection.sendall(self._reply(line).model_dump_json().encode() + b"\n")
                    finally:
                        self._count(answering=-1)
        except OSError as error:
            log.info("a client vanished: %s", error)
        finally:
            self._count(clients=-1)

    def _reply(self, line: bytes) -> Reply:
        try:
            return Reply(result=self._answer(COMMAND.validate_json(line)))
        except ValidationError as error:
            mistakes = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            return Reply(error=f"The recorder does not understand the command: {mistakes}.", exit_status=2)
        except NirvisError as error:
            return Reply(error=str(error), exit_status=error.exit_status)

    def _count(self, clients: int = 0, answering: int = 0) -> None:
        with self._changed:
            self._clients += clients
            self._answering += answering
            self._changed.notify_all()
