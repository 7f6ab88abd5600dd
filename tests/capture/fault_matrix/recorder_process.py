"""``python -m fault_matrix.recorder_process RIG FOLDER [OPTION]``: a recorder that can be killed at a known moment.

It is the real one but for three things: frames are stamped, it flushes ten times a second, and it notes in FOLDER what
was flushed. ``hold-open`` and ``hold-close``: it stays in that call, having noted so, until FOLDER/go is there.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from fault_matrix.stamped import StampedBackend
from nirvis_capture import clip_writer
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.recorder import Recorder
from nirvis_capture.recorder_lock import hold_lock
from nirvis_capture.runtime import socket_path
from nirvis_capture.server import Server

HELD = "held"
FLUSHED = "flushed"


def hold(folder: Path) -> None:
    (folder / HELD).touch()
    while not (folder / "go").exists():
        time.sleep(0.005)


def main(rig: str, folder: Path, options: list[str]) -> None:
    class NotingWriter(ClipWriter):
        def flush(self) -> None:
            super().flush()
            note = folder / f"{FLUSHED}.new"
            note.write_text(" ".join(str(track.table.length) for track in self._tracks.values()))
            os.replace(note, folder / FLUSHED)

        def close(self, *arguments: Any, **named: Any) -> Path:
            if "hold-close" in options:
                self.flush()
                hold(folder)
            return super().close(*arguments, **named)

    class HeldBackend(StampedBackend):
        def open(self) -> Any:
            if "hold-open" in options:
                hold(folder)
            return super().open()

    clip_writer.FLUSH_EVERY_S = 0.1
    lock = hold_lock(rig)
    assert lock is not None
    recorder = Recorder(rig, open_backend=HeldBackend, open_writer=NotingWriter)
    signal.signal(signal.SIGTERM, lambda *_: recorder.terminate())
    server = Server(socket_path(rig), recorder.answer)
    recorder.run(server)
    server.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
