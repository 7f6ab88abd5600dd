"""FLIR and other GenICam cameras through Aravis, without the vendor's software.

**Aravis finds GigE cameras by broadcasts on every network card.** A profile has to ask for that with ``[aravis]
interface = "gige"``; otherwise only USB3 is searched, and nothing is sent. Try GigE inside a network namespace
(``unshare -n``), where nobody else can hear it.

The only module that imports gi, and only when cameras are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.cameras.aravis_camera import AravisCamera, wait_for_goodbye
from nirvis_capture.cameras.aravis_features import Driver
from nirvis_capture.errors import BackendUnavailable, CameraError, CameraNotFound
from nirvis_capture.profile import Profile

INTERFACES = {"usb3": "USB3Vision", "gige": "GigEVision"}


@dataclass(frozen=True, slots=True)
class Found:
    """A camera that answered."""

    device_id: str
    serial: str


class AravisBackend:
    """The driver of the cameras that Aravis finds on the bus that the profile names."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._cameras: dict[Arm, AravisCamera] = {}

    def serials(self) -> list[str]:
        """Serial numbers of all cameras on the bus. Raises `BackendUnavailable` without Aravis."""
        return [camera.serial for camera in self._search(load())]

    def open(self) -> Mapping[Arm, AravisCamera]:
        """Open both cameras. Raises `CameraError`; none stays open then."""
        self.close()
        driver = load()
        try:
            for arm in ARMS:
                self._cameras[arm] = self._open(driver, arm)
        except CameraError:
            self.close()
            raise
        return dict(self._cameras)

    def close(self) -> None:
        for camera in self._cameras.values():
            camera.close()
        self._cameras = {}

    def _open(self, driver: Driver, arm: Arm) -> AravisCamera:
        wait_for_goodbye(self._profile.arm(arm).serial)
        return AravisCamera(driver, self._connected(driver, self._profile.arm(arm).serial), arm, self._profile)

    def _connected(self, driver: Driver, serial: str) -> Any:
        """An ``ArvCamera``; of the cameras found last time if possible, because a search takes a second."""
        refused: Exception | None = None
        for look in (self._known, self._search):
            found = look(driver)
            camera = next((camera for camera in found if is_serial(camera, serial)), None)
            if camera is not None:
                try:
                    return driver.aravis.Camera.new(camera.device_id)
                except driver.error as error:
                    refused = error
        if camera is None:
            raise CameraNotFound(serial, [camera.serial for camera in found])
        raise CameraError(
            f"Camera {serial} cannot be opened: {refused}. Close SpinView and other recorders, because only one "
            "program can open a camera; for USB3, check that the udev rule of the vendor is installed."
        )

    def _search(self, driver: Driver) -> list[Found]:
        """Ask the bus that the profile names, and no other."""
        wanted = INTERFACES[self._profile.aravis.interface]
        for index in range(driver.aravis.get_n_interfaces()):
            name = driver.aravis.get_interface_id(index)
            (driver.aravis.enable_interface if name == wanted else driver.aravis.disable_interface)(name)
        driver.aravis.update_device_list()
        return self._known(driver)

    def _known(self, driver: Driver) -> list[Found]:
        """What the last search found on this bus; asks nobody."""
        wanted = INTERFACES[self._profile.aravis.interface]
        return [
            Found(driver.aravis.get_device_id(index), driver.aravis.get_device_serial_nbr(index))
            for index in range(driver.aravis.get_n_devices())
            if driver.aravis.get_device_protocol(index) == wanted
        ]


def is_serial(camera: Found, serial: str) -> bool:
    """FLIR's USB descriptors have the serial number of the housing in hexadecimal."""
    hexadecimal = re.fullmatch(r"[0-9A-Fa-f]{8}", camera.serial) is not None and serial.isdecimal()
    return camera.serial == serial or (hexadecimal and int(camera.serial, 16) == int(serial))


def load() -> Driver:
    """Aravis itself. Raises `BackendUnavailable` with what to install where it is missing."""
    try:
        import gi

        gi.require_version("Aravis", "0.8")
        from gi.repository import Aravis, GLib
    except (ImportError, ValueError) as error:
        raise BackendUnavailable(
            f"Aravis is not installed here ({error}). On Debian and Ubuntu: sudo apt-get install gir1.2-aravis-0.8 "
            "libgirepository1.0-dev libcairo2-dev pkg-config gcc, then: pip install 'nirvis[aravis]'."
        ) from None
    return Driver(Aravis, GLib.Error)
