"""FLIR cameras through Spinnaker. The only module that imports PySpin, and only when a profile asks for it.

Written against public descriptions of PySpin and tested against a stand-in built from them: see
``docs/hardware-checklist.md`` for what the first real cameras have to confirm.
"""

from __future__ import annotations

import gc
import logging
import platform
from collections.abc import Mapping
from typing import Any

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.cameras.genicam import check_model
from nirvis_capture.cameras.spinnaker_camera import SpinnakerCamera
from nirvis_capture.cameras.spinnaker_errors import meaning, speaking
from nirvis_capture.errors import BackendUnavailable, CameraError, CameraNotFound
from nirvis_capture.profile import Profile

log = logging.getLogger(__name__)


class SpinnakerBackend:
    """The driver of both cameras. Raises `BackendUnavailable` where PySpin is not installed."""

    def __init__(self, profile: Profile) -> None:
        self._sdk = _pyspin()
        self._profile = profile
        self._system: Any = None
        self._list: Any = None
        self._cameras: dict[Arm, SpinnakerCamera] = {}

    def serials(self) -> list[str]:
        with speaking(self._sdk, "Spinnaker", "list its cameras"):
            self._find()
            found = sorted(self._known())
        if not self._cameras:
            self._release()
        return found

    def open(self) -> Mapping[Arm, SpinnakerCamera]:
        self.close()
        try:
            with speaking(self._sdk, "Spinnaker", "find its cameras"):
                self._find()
                known = self._known()
            for arm in ARMS:
                self._check(arm, known)
            for arm in ARMS:
                index = list(known).index(self._profile.arm(arm).serial)
                with speaking(self._sdk, "Spinnaker", "open its cameras"):
                    self._cameras[arm] = self._opened(index, arm)
        except BaseException:
            self.close()
            raise
        return dict(self._cameras)

    def close(self) -> None:
        for camera in self._cameras.values():
            _close(camera)
        self._cameras = {}
        self._release()

    def _opened(self, index: int, arm: Arm) -> SpinnakerCamera:
        """In a function of its own, so that no name is left that holds the camera."""
        return SpinnakerCamera(self._sdk, self._list.GetByIndex(index), self._profile, arm)

    def _find(self) -> None:
        if self._system is None:
            self._system = self._sdk.System.GetInstance()
            self._list = self._system.GetCameras()

    def _known(self) -> dict[str, str]:
        """Model of every camera by its serial, in the order of the list."""
        return {
            self._text(index, "DeviceSerialNumber"): self._text(index, "DeviceModelName")
            for index in range(self._list.GetSize())
        }

    def _text(self, index: int, name: str) -> str:
        """What a camera that is not open says of itself."""
        nodes = self._list.GetByIndex(index).GetTLDeviceNodeMap()
        return str(self._sdk.CStringPtr(nodes.GetNode(name)).GetValue())

    def _check(self, arm: Arm, known: Mapping[str, str]) -> None:
        settings = self._profile.arm(arm)
        if settings.serial not in known:
            raise CameraNotFound(settings.serial, [f"{serial} ({model})" for serial, model in known.items()])
        check_model(arm, settings, known[settings.serial])

    def _release(self) -> None:
        """Give back the list, then the system; a reference that somebody keeps must not end in a hang."""
        said = ""
        for _ in range(2):
            said = self._let_go()
            if not said:
                break
            # What refers to itself in a circle, as exceptions do, keeps a camera until it is collected.
            gc.collect()
        self._list = self._system = None
        if said:
            log.warning("Spinnaker was not released: %s", said)

    def _let_go(self) -> str:
        """Why it did not work; empty when it did."""
        try:
            if self._list is not None:
                self._list.Clear()
                self._list = None
            if self._system is not None and not self._system.IsInUse():
                self._system.ReleaseInstance()
        except self._sdk.SpinnakerException as error:
            return meaning(self._sdk, error)
        return ""


def _close(camera: SpinnakerCamera) -> None:
    """One camera that hangs must not keep the other from being closed."""
    try:
        camera.close()
    except CameraError as error:
        log.error("%s", str(error))


def _pyspin() -> Any:
    try:
        import PySpin
    # A wheel for another NumPy or a missing library of the SDK ends in whatever the import trips over.
    except Exception as error:  # noqa: BLE001
        raise BackendUnavailable(
            f"PySpin cannot be imported ({type(error).__name__}: {error}). Install FLIR's Spinnaker SDK and its wheel "
            f"for Python {'.'.join(platform.python_version_tuple()[:2])}: each fits one version of Python and one "
            'generation of NumPy. Without it, backend = "aravis" drives the same cameras.'
        ) from None
    return PySpin
