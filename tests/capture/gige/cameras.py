"""Two GigE cameras that Aravis plays: real processes and a real protocol, on a loopback interface that is all there is.

Whoever looks for GigE cameras broadcasts on every network card. So all of this refuses to run outside of a network
namespace; `namespace_command` is the way into one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from importlib.util import find_spec
from typing import Any

from gige.gvcp import Control
from nirvis_capture.camera import Arm
from nirvis_capture.profile import Profile, load_profile

CAMERA = "arv-fake-gv-camera-0.8"
ADDRESSES: dict[Arm, str] = {"nir": "127.0.0.2", "vis": "127.0.0.3"}
SERIALS: dict[Arm, str] = {"nir": "NIR1", "vis": "VIS1"}
PATIENCE_S = 20.0
_MODEL = 0x68
"""Register of the name of the model, 32 characters."""
_INSIDE = "NIRVIS_TEST_NETWORK_NAMESPACE"
_ENTER = (
    "ip link set lo up && ip addr add 127.0.0.2/8 dev lo && ip addr add 127.0.0.3/8 dev lo && "
    f'exec env {_INSIDE}=1 "$@"'
)
"""Shell commands inside of the new namespace, before the program itself."""


def in_namespace() -> bool:
    """Whether packets of this process reach nobody: it was put into a namespace, and sees no network card."""
    return _INSIDE in os.environ and [name for _, name in socket.if_nameindex()] == ["lo"]


def namespace_command() -> list[str] | None:
    """What to put before a command so that it runs in a network namespace; None where the system allows none."""
    for unshare in (["unshare", "-n"], ["unshare", "-rn"]):
        if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
            return [*unshare, "sh", "-c", _ENTER, "sh"]
    return None


def missing() -> str:
    """Why the cameras cannot be played here; empty when they can."""
    if find_spec("gi") is None:
        return "PyGObject is not installed (make setup says why)"
    return _missing_program((CAMERA, "aravis-tools")) or missing_namespace()


def missing_namespace() -> str:
    """Why there is no network namespace here; empty where there can be."""
    if reason := _missing_program(("ip", "iproute2"), ("unshare", "util-linux")):
        return reason
    return "" if in_namespace() or namespace_command() else "this system allows no network namespace (unshare -rn)"


def _missing_program(*needed: tuple[str, str]) -> str:
    for program, package in needed:
        if shutil.which(program) is None:
            return f"{program} is not installed (package {package})"
    return ""


class GigeCamera:
    """A process that is a camera.

    options
        Of the program: ``-r`` for lost packets per mille, ``-g`` for a file that describes other features.
    """

    def __init__(self, arm: Arm, *options: str) -> None:
        if not in_namespace():
            raise RuntimeError("GigE cameras are played inside a network namespace only")
        self._address = ADDRESSES[arm]
        self._command = [CAMERA, "-i", self._address, "-s", SERIALS[arm], *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Plug it in, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with Control(self._address, timeout_s=0.05) as control:
                if control.is_there():
                    return
        raise RuntimeError(f"{' '.join(self._command)} does not answer")

    def kill(self) -> None:
        """Pull its plug: not even a goodbye."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(PATIENCE_S)
            self._process = None

    def read(self, *registers: int) -> list[int]:
        with Control(self._address) as control:
            return [control.read(register) for register in registers]

    def write(self, values: dict[int, int]) -> None:
        """Set registers as another program would that controls the camera for a moment."""
        with Control(self._address) as control:
            control.take()
            for register, value in values.items():
                control.write(register, value)
            control.leave()


def model_registers(model: str) -> dict[int, int]:
    """What to write to a camera so that it calls itself by another model; read anew by whoever opens it next."""
    words = struct.unpack(">8I", model.encode().ljust(32, b"\0"))
    return {_MODEL + 4 * index: word for index, word in enumerate(words)}


def gige_profile(**edits: Any) -> Profile:
    """The shipped profile of both cameras, under a name of its own; `edits` are tables of the profile."""
    return load_profile("aravis_gige").edited({"rig": f"gige-{os.getpid()}", **edits})
