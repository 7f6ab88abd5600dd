"""A module that looks like PySpin, for cameras that do not exist.

Built from what is publicly known of PySpin, and stricter where it is known to be dangerous: it keeps a list of
`violations` for what would hang or crash the real one.
"""

from __future__ import annotations

import threading
import time
import weakref
from types import ModuleType
from typing import Any

from pyspin_stand_in import codes, features
from pyspin_stand_in.codes import SpinnakerException
from pyspin_stand_in.device import Device, Shot
from pyspin_stand_in.features import Feature, Memory, NodeMap

_OF_NODES = (
    "CValuePtr",
    "CIntegerPtr",
    "CFloatPtr",
    "CBooleanPtr",
    "CStringPtr",
    "CCommandPtr",
    "CEnumerationPtr",
    "CEnumEntryPtr",
    "IsAvailable",
    "IsReadable",
    "IsWritable",
)


class World:
    """Everything that is plugged in, and what programs did to it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.plugged: dict[str, Device] = {}
        self.violations: list[str] = []
        self.handles: weakref.WeakSet[Any] = weakref.WeakSet()
        self.lists: weakref.WeakSet[Any] = weakref.WeakSet()
        self.tells_of_removal = False
        """Whether `GetNextImage` says that a camera is gone; otherwise it waits in vain, as it does for seconds."""
        self.held = False
        """Whether a program has the system."""

    def add(self, device: Device) -> Device:
        self.plugged[device.serial] = device
        return device

    def unplug(self, serial: str) -> None:
        with self.changed:
            device = self.plugged.pop(serial)
            device.nodes.gone = True
            # Its light goes out: no pulse from now on.
            for session in device.sessions:
                session.ended_ns = session.ended_ns or time.monotonic_ns()
            self.changed.notify_all()

    def plug_in(self, device: Device) -> None:
        with self.changed:
            device.power_on()
            self.plugged[device.serial] = device

    def check_released(self) -> None:
        if self.handles:
            raise SpinnakerException(
                "RESOURCE_IN_USE", "Can't clear a camera because something still holds a reference to the camera"
            )


class Chunk:
    def __init__(self, device: Device, shot: Shot) -> None:
        self._device, self._shot = device, shot

    def GetFrameID(self) -> int:  # noqa: N802
        self._enabled("FrameID")
        return self._shot.frame_id

    def GetTimestamp(self) -> int:  # noqa: N802
        self._enabled("Timestamp")
        return self._device.clock_ns(self._shot.began_ns)

    def GetExposureTime(self) -> float:  # noqa: N802
        self._enabled("ExposureTime")
        return self._shot.exposure_us

    def GetGain(self) -> float:  # noqa: N802
        self._enabled("Gain")
        return float(self._device.nodes["Gain"])

    def _enabled(self, name: str) -> None:
        nodes = self._device.nodes
        known = name in nodes.features["ChunkSelector"].entries
        if not known or nodes["ChunkModeActive"] is not True or nodes.at("ChunkEnable", name) is not True:
            raise SpinnakerException("NOT_AVAILABLE", f"Chunk {name} is not available.")


class ImagePtr:
    """One buffer; it goes back to the camera with `Release`."""

    def __init__(self, device: Device, shot: Shot, keeps: object, world: World) -> None:
        self._device, self._shot, self._keeps, self._world = device, shot, keeps, world
        self._buffer: Any = device.counts(shot)

    def GetNDArray(self) -> Any:  # noqa: N802
        return self._held()

    def GetChunkData(self) -> Chunk:  # noqa: N802
        self._held()
        return Chunk(self._device, self._shot)

    def GetFrameID(self) -> int:  # noqa: N802
        return self._shot.block_id

    def GetTimeStamp(self) -> int:  # noqa: N802
        return self._device.clock_ns(self._shot.began_ns)

    def GetImageStatus(self) -> int:  # noqa: N802
        return self._shot.status

    def IsIncomplete(self) -> bool:  # noqa: N802
        return self._shot.status != 0

    @staticmethod
    def GetImageStatusDescription(status: int) -> str:  # noqa: N802
        return {0: "Image has no errors.", 9: "Image is missing data."}.get(status, "Unknown")

    def Release(self) -> None:  # noqa: N802
        buffer = self._held()
        with self._world.changed:
            self._device.held -= 1
        # The memory is the camera's again, and whoever still looks at it sees the next frame.
        buffer.fill(255)
        self._buffer = self._keeps = None

    def _held(self) -> Any:
        if self._buffer is None:
            raise SpinnakerException("INVALID_HANDLE", "The image was released.")
        return self._buffer


class CameraPtr:
    """What a camera list gives; as long as one is alive, the system cannot be released."""

    def __init__(self, device: Device, world: World) -> None:
        self._device, self._world = device, world
        self._readers = 0
        world.handles.add(self)

    def GetTLDeviceNodeMap(self) -> NodeMap:  # noqa: N802
        names = {
            "DeviceSerialNumber": Feature(self._device.serial),
            "DeviceModelName": Feature(self._device.model.name),
            "DeviceVendorName": Feature("FLIR"),
        }
        return NodeMap(Memory(names), self)

    def GetNodeMap(self) -> NodeMap:  # noqa: N802
        self._initialised()
        return NodeMap(self._device.nodes, self)

    def GetTLStreamNodeMap(self) -> NodeMap:  # noqa: N802
        self._initialised()
        return NodeMap(self._device.stream, self)

    def Init(self) -> None:  # noqa: N802
        if self._device.nodes.gone:
            raise SpinnakerException("IO", "Could not open the camera.")
        if self._device.taken_elsewhere:
            raise SpinnakerException("ACCESS_DENIED", "The camera is open elsewhere.")
        self._device.initialised = True

    def IsInitialized(self) -> bool:  # noqa: N802
        return self._device.initialised

    def IsValid(self) -> bool:  # noqa: N802
        return not self._device.nodes.gone

    def IsStreaming(self) -> bool:  # noqa: N802
        return self._device.nodes.streaming

    def DeInit(self) -> None:  # noqa: N802
        if self._device.nodes.streaming and not self._device.nodes.gone:
            self._world.violations.append("DeInit while streaming")
        self._device.initialised = False

    def BeginAcquisition(self) -> None:  # noqa: N802
        self._present()
        if self._device.nodes.streaming:
            raise SpinnakerException("BUSY", "Camera is already streaming.")
        with self._world.changed:
            self._device.begin()
            self._world.changed.notify_all()

    def EndAcquisition(self) -> None:  # noqa: N802
        if self._readers:
            self._world.violations.append("EndAcquisition while GetNextImage waits: never returns")
        self._present()
        if not self._device.nodes.streaming:
            raise SpinnakerException("NOT_INITIALIZED", "Camera is not streaming.")
        with self._world.changed:
            if self._device.held:
                self._world.violations.append(f"EndAcquisition with {self._device.held} images not released")
            self._device.end()
            self._world.changed.notify_all()

    def GetNextImage(self, timeout_ms: int = codes.EVENT_TIMEOUT_INFINITE) -> ImagePtr:  # noqa: N802
        if timeout_ms > 10_000:
            self._world.violations.append("GetNextImage without a time-out")
        if not self._device.nodes.streaming:
            raise SpinnakerException("NOT_INITIALIZED", "Camera is not streaming.")
        self._readers += 1
        try:
            shot = self._wait(time.monotonic_ns() + timeout_ms * 1_000_000)
        finally:
            self._readers -= 1
        return ImagePtr(self._device, shot, self, self._world)

    def _wait(self, deadline_ns: int) -> Shot:
        device = self._device
        with self._world.changed:
            while (now := time.monotonic_ns()) < deadline_ns:
                if device.nodes.gone and self._world.tells_of_removal:
                    raise SpinnakerException("IO", "The camera was removed.")
                device.look()
                if device.queue and device.queue[0].arrives_ns <= now:
                    device.held += 1
                    device.newest = device.queue.popleft()
                    return device.newest
                self._world.changed.wait(1e-9 * min(deadline_ns - now, 1_000_000))
        raise SpinnakerException("TIMEOUT", "Failed waiting for EventData on NEW_BUFFER_DATA event.")

    def _initialised(self) -> None:
        if not self._device.initialised:
            raise SpinnakerException("NOT_INITIALIZED", "Camera is not initialised.")

    def _present(self) -> None:
        self._initialised()
        if self._device.nodes.gone:
            raise SpinnakerException("IO", "The camera was removed.")


class CameraList:
    def __init__(self, world: World) -> None:
        self._world = world
        self._devices = [world.plugged[serial] for serial in sorted(world.plugged)]
        world.lists.add(self)

    def GetSize(self) -> int:  # noqa: N802
        return len(self._devices)

    def GetByIndex(self, index: int) -> CameraPtr:  # noqa: N802
        if not 0 <= index < len(self._devices):
            raise SpinnakerException("INVALID_PARAMETER", "Index out of list.")
        return CameraPtr(self._devices[index], self._world)

    def Clear(self) -> None:  # noqa: N802
        self._world.check_released()
        self._devices = []
        self._world.lists.discard(self)


class System:
    def __init__(self, world: World) -> None:
        self._world = world

    def GetCameras(self) -> CameraList:  # noqa: N802
        return CameraList(self._world)

    def GetLibraryVersion(self) -> Any:  # noqa: N802
        return type("Version", (), {"major": 4, "minor": 0, "type": 0, "build": 116})()

    def IsInUse(self) -> bool:  # noqa: N802
        return bool(self._world.handles) or bool(self._world.lists)

    def ReleaseInstance(self) -> None:  # noqa: N802
        self._world.check_released()
        if self._world.lists:
            raise SpinnakerException("RESOURCE_IN_USE", "A list of cameras was not cleared")
        self._world.held = False


def module(world: World) -> ModuleType:
    """A PySpin that sees that world."""
    pyspin = ModuleType("PySpin")

    class Systems:
        @staticmethod
        def GetInstance() -> System:  # noqa: N802
            world.held = True
            return System(world)

    names: dict[str, Any] = {
        "System": Systems,
        "SpinnakerException": SpinnakerException,
        "EVENT_TIMEOUT_INFINITE": codes.EVENT_TIMEOUT_INFINITE,
        "Image": ImagePtr,
        **{f"SPINNAKER_ERR_{name}": number for name, number in codes.ERRORS.items()},
        **{f"SPINNAKER_ERR_GENICAM_{name}": number for name, number in codes.GENICAM_ERRORS.items()},
        **{f"SPINNAKER_IMAGE_STATUS_{name}": number for name, number in codes.IMAGE_STATUS.items()},
        **{name: getattr(features, name) for name in _OF_NODES},
    }
    pyspin.__dict__.update(names)
    return pyspin


def two_cameras(world: World, model: Any) -> tuple[Device, Device]:
    """A primary and a secondary of that model, wired as the factory cable does."""
    primary = world.add(Device("14435622", model, world.changed, clock_offset_ns=7_000_000_000))
    secondary = world.add(Device("21188171", model, world.changed, clock_offset_ns=-3_000_000_000))
    primary.source, secondary.source = secondary, primary
    return primary, secondary
