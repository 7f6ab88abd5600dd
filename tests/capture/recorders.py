"""Recorders in a thread of the test's own process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from nirvis_capture.client import RecorderClient
from nirvis_capture.profile import Profile
from nirvis_capture.recorder import Recorder
from nirvis_capture.runtime import socket_path
from nirvis_capture.server import Server


@contextlib.contextmanager
def recorder_of(profile: Profile, **options: Any) -> Iterator[RecorderClient]:
    """A new recorder, and a client of it."""
    with running(Recorder(profile.rig, **options), profile) as client:
        yield client


@contextlib.contextmanager
def running(recorder: Recorder, profile: Profile) -> Iterator[RecorderClient]:
    """A client of this recorder, which has ended afterwards."""
    server = Server(socket_path(profile.rig), recorder.answer)
    thread = threading.Thread(target=recorder.run, args=(server,))
    thread.start()
    try:
        with RecorderClient.start(profile) as client:
            yield client
    finally:
        recorder.terminate()
        thread.join(30)
        server.close()
    assert not thread.is_alive()
