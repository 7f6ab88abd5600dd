"""``python -m fault_matrix.client_process PROFILE FOLDER COMMAND``: a client that is killed as soon as it has asked."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from nirvis_capture.client import RecorderClient
from nirvis_capture.messages import ArmCameras, Record, Stop
from nirvis_capture.profile import load_profile

COMMANDS = {"arm": lambda _: ArmCameras(), "record": lambda folder: Record(folder=folder), "stop": lambda _: Stop()}


def main(profile: str, folder: Path, command: str) -> None:
    client = RecorderClient.start(load_profile(profile))
    client._connection.sendall(COMMANDS[command](folder).model_dump_json().encode() + b"\n")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
