"""Two cameras that pylon emulates, behind an adapter of their own.

It is here and not in the package because nobody records with it. It proves that the protocol of a camera is not the
shape of one vendor's software.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from conformance.bench import Ability, Bench
from nirvis_capture.camera import ARMS, Arm, Backend, CameraInfo, Frame, FrameStatus
from nirvis_capture.errors import CameraClosed, CameraError, CameraLost, CameraNotFound

WIDTH, HEIGHT = 64, 48
RATE_HZ = 50.0
EXPOSURE_US = 500.0
SERIALS: dict[Arm, str] = {"nir": "0815-0000", "vis": "0815-0001"}
_LOOK_S = 0.02


class PylonCamera:
    """One emulated camera."""

    def __init__(self, pylon: Any, device: Any, serial: str) -> None:
        self._pylon = pylon
        self._camera = pylon.InstantCamera(device)
        self._camera.Open()
        self._armed = self._closed = False
        self.info = CameraInfo(serial, "Emulation", "BayerRG8", WIDTH, HEIGHT, 8, 0.0, 1)

    def arm(self) -> None:
        if self._closed:
            raise CameraClosed(self.info.serial)
        if self._armed:
            return
        settings = {
            "PixelFormat": "BayerRG8",
            "Width": WIDTH,
            "Height": HEIGHT,
            "ExposureTime": EXPOSURE_US,
            "AcquisitionFrameRateEnable": True,
            "AcquisitionFrameRate": RATE_HZ,
        }
        try:
            for name, value in settings.items():
                getattr(self._camera, name).Value = value
            self._camera.StartGrabbing(self._pylon.GrabStrategy_OneByOne)
        except self._pylon.GenericException as error:
            raise CameraError(f"Camera {self.info.serial} failed to start: {error}.") from None
        self._armed = True

    def next_frame(self, timeout_s: float) -> Frame | None:
        deadline = time.monotonic() + timeout_s
        while self._armed:
            if self._camera.IsCameraDeviceRemoved():
                raise CameraLost(self.info.serial, timeout_s)
            remaining_s = max(0.0, deadline - time.monotonic())
            frame = self._retrieved(min(remaining_s, _LOOK_S))
            if frame is not None or remaining_s == 0:
                return frame
        return None

    def latch_clock(self) -> None:
        """It has no clock."""

    def disarm(self) -> None:
        self._armed = False
        if not self._closed:
            self._camera.StopGrabbing()

    def close(self) -> None:
        self.disarm()
        if not self._closed:
            self._closed = True
            self._camera.Close()

    def unplug(self) -> None:
        self._camera.FirePnPCallback.Execute()

    def _retrieved(self, timeout_s: float) -> Frame | None:
        try:
            result = self._camera.RetrieveResult(round(timeout_s * 1e3), self._pylon.TimeoutHandling_Return)
        except self._pylon.GenericException:
            return None  # another thread stopped it
        if not result.IsValid():
            return None
        complete = result.GrabSucceeded()
        try:
            return Frame(
                pixels=result.Array.copy() if complete else np.zeros((HEIGHT, WIDTH), np.uint8),
                frame_id=result.BlockID,
                timestamp_ns=result.TimeStamp,
                host_ns=time.monotonic_ns(),
                exposure_us=EXPOSURE_US,
                gain_db=0.0,
                status=FrameStatus.COMPLETE if complete else FrameStatus.INCOMPLETE,
            )
        finally:
            result.Release()


class PylonBackend:
    def __init__(self, pylon: Any, serials: Mapping[Arm, str]) -> None:
        self._pylon = pylon
        self._wanted = serials
        self.cameras: dict[Arm, PylonCamera] = {}

    def serials(self) -> list[str]:
        return list(self._devices())

    def open(self) -> Mapping[Arm, PylonCamera]:
        self.close()
        devices = self._devices()
        for serial in self._wanted.values():
            if serial not in devices:
                raise CameraNotFound(serial, list(devices))
        factory = self._pylon.TlFactory.GetInstance()
        self.cameras = {
            arm: PylonCamera(self._pylon, factory.CreateDevice(devices[serial]), serial)
            for arm, serial in self._wanted.items()
        }
        return dict(self.cameras)

    def close(self) -> None:
        for camera in self.cameras.values():
            camera.close()
        self.cameras = {}

    def _devices(self) -> dict[str, Any]:
        emulated = self._pylon.DeviceInfo()
        emulated.SetDeviceClass("BaslerCamEmu")
        found = self._pylon.TlFactory.GetInstance().EnumerateDevices([emulated])
        return {device.GetSerialNumber(): device for device in found}


class PylonBench(Bench):
    lacks: ClassVar[Mapping[Ability, str]] = {
        "trigger": "nothing is wired to the lines of emulated cameras",
        "latch": "emulated cameras have no clock",
        "clock": "emulated cameras stamp every frame 0",
        "exclusive": "an emulated camera can be opened twice",
        "ranges": "the driver of this bench does not ask for them",
    }

    def __init__(self, pylon: Any) -> None:
        self._pylon = pylon
        self._backend: PylonBackend | None = None

    def connect(self, vis_serial: str | None = None, plug: Arm | None = None) -> Backend:
        self._backend = PylonBackend(self._pylon, {**SERIALS, **({"vis": vis_serial} if vis_serial else {})})
        return self._backend

    def unplug(self, arm: Arm) -> None:
        if self._backend is not None:
            self._backend.cameras[arm].unplug()


def make(folder: Path) -> Bench:
    if find_spec("pypylon") is None:
        pytest.skip("pypylon is not installed (extra pylon)")
    os.environ["PYLON_CAMEMU"] = str(len(ARMS))
    with warnings.catch_warnings():
        # Its wrapper crashes the interpreter where the warnings of its import are errors.
        warnings.simplefilter("ignore")
        from pypylon import pylon
    return PylonBench(pylon)
