"""A few words of GVCP, the control protocol of GigE Vision: tests read the camera, not what its driver believes."""

from __future__ import annotations

import socket
import struct

PORT = 3956
_MAGIC, _ANSWER_WANTED = 0x42, 0x01
_DISCOVERY, _READ, _WRITE = 0x0002, 0x0080, 0x0082
_CONTROL_PRIVILEGE = 0x0A00
_TRIES = 20


class Control:
    """A conversation with one camera, by a context manager."""

    def __init__(self, address: str, timeout_s: float = 0.25) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(timeout_s)
        self._camera = (address, PORT)
        self._number = 0

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def is_there(self) -> bool:
        """Whether the camera answers, asked once."""
        return self._ask(_DISCOVERY, b"") is not None

    def read(self, register: int) -> int:
        return int(struct.unpack(">I", self._answer(_READ, struct.pack(">I", register)))[0])

    def write(self, register: int, value: int) -> None:
        """Allowed to whoever controls the camera; nobody else may meanwhile."""
        self._answer(_WRITE, struct.pack(">II", register, value))

    def take(self) -> None:
        self.write(_CONTROL_PRIVILEGE, 2)

    def leave(self) -> None:
        self.write(_CONTROL_PRIVILEGE, 0)

    def _answer(self, command: int, words: bytes) -> bytes:
        for _ in range(_TRIES):
            answer = self._ask(command, words)
            if answer is not None:
                return answer
        raise TimeoutError(f"{self._camera[0]} does not answer")

    def _ask(self, command: int, words: bytes) -> bytes | None:
        self._number = self._number % 0xFFFF + 1
        head = struct.pack(">BBHHH", _MAGIC, _ANSWER_WANTED, command, len(words), self._number)
        try:
            self._socket.sendto(head + words, self._camera)
            answer = self._socket.recv(1024)
        except (TimeoutError, ConnectionRefusedError):
            return None
        status, _, _, number = struct.unpack(">HHHH", answer[:8])
        return answer[8:] if status == 0 and number == self._number else None
