"""USB as FLIR cameras need it: usbfs memory, udev rules, speed, controllers. All of it is read from files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nirvis_capture.camera import ARMS
from nirvis_capture.cameras.spinnaker_settings import SpinnakerSettings
from nirvis_capture.disk import line_rate_bytes_s
from nirvis_capture.doctor.finding import Finding, Level, pair_mb, text_of, uses_usb
from nirvis_capture.profile import Profile

USBFS_MB = 1000
"""What the vendor recommends for all USB cameras together."""
FLIR_VENDOR = "1e10"
"""USB vendor number of FLIR and Point Grey."""
SUPER_SPEED_MBIT_S = 5000
SUPER_SPEED_MB_S = 380.0
"""What one controller at 5 Gbit/s carries after its own overhead, about."""
SAFE_SHARE = 0.9
_RULE = f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{FLIR_VENDOR}", MODE="0664", GROUP="plugdev"'


@dataclass(frozen=True, slots=True)
class UsbCamera:
    """A camera, and where it is plugged in."""

    serial: str
    """As the descriptor of the device has it; see `is_called`."""
    product: str
    port: str
    """Name in sysfs, such as ``2-1.3``: bus, then the ports on the way."""
    speed_mbit_s: float
    controller: str
    """PCI address of the controller whose bandwidth it shares."""

    @property
    def is_super_speed(self) -> bool:
        return self.speed_mbit_s >= SUPER_SPEED_MBIT_S

    def is_called(self, serial: str) -> bool:
        """Whether that is the number on its housing, which the descriptor may hold in hexadecimal."""
        number = self.serial.lstrip("0").lower()
        return bool(number) and (number == serial or (serial.isdecimal() and number == f"{int(serial):x}"))


def flir_cameras(root: Path = Path("/")) -> list[UsbCamera]:
    """Every device of FLIR that is plugged in, by port.

    root
        Folder that holds ``sys``.
    """
    devices = sorted((root / "sys/bus/usb/devices").glob("*"))
    return [_camera(device) for device in devices if text_of(device / "idVendor") == FLIR_VENDOR]


def _camera(device: Path) -> UsbCamera:
    speed = text_of(device / "speed")
    return UsbCamera(
        serial=text_of(device / "serial"),
        product=text_of(device / "product") or "camera without a name",
        port=device.name,
        speed_mbit_s=float(speed) if speed.replace(".", "", 1).isdigit() else 0.0,
        controller=_controller(device.resolve()),
    )


def _controller(device: Path) -> str:
    """``…/0000:00:14.0/usb2/2-1/2-1.3`` hangs on ``0000:00:14.0``."""
    buses = [folder for folder in device.parents if folder.name.startswith("usb") and folder.name[3:].isdigit()]
    return buses[-1].parent.name if buses else "unknown"


def usbfs(profile: Profile | None, root: Path) -> Iterator[Finding]:
    """Memory of the kernel for frames under way; too little loses them without a word."""
    path = root / "sys/module/usbcore/parameters/usbfs_memory_mb"
    text, usb = text_of(path), uses_usb(profile)
    if not text.isdigit():
        level: Level = "stop" if usb else "ok"
        yield Finding("usbfs memory", level, "no USB on this machine", "Plug the cameras into USB3." if usb else "")
        return
    held, needed = int(text), _buffers(profile) * pair_mb(profile)
    found = f"{held} MB for all USB cameras, {USBFS_MB} recommended"
    remedy = (
        f"echo {USBFS_MB} | sudo tee /{path.relative_to(root)}; for good: add usbcore.usbfs_memory_mb={USBFS_MB} to "
        "GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, then sudo update-grub"
    )
    if 0 < held < needed and usb:
        found = f"{found}; the {_buffers(profile)} buffers of both cameras take {needed:.0f} MB"
        yield Finding("usbfs memory", "stop", found, remedy)
    elif 0 < held < USBFS_MB:
        yield Finding("usbfs memory", "warning", found, remedy)
    else:
        yield Finding("usbfs memory", "ok", found)


def _buffers(profile: Profile | None) -> int:
    """Frames of each camera that its driver keeps room for."""
    if profile is None:
        return SpinnakerSettings().buffers
    return (profile.aravis if profile.nir.backend == "aravis" else profile.spinnaker).buffers


def udev(profile: Profile | None, root: Path) -> Iterator[Finding]:
    """Whether the user may open the cameras."""
    folders = [root / place / "udev/rules.d" for place in ("etc", "lib", "usr/lib", "run")]
    rules = [rule for folder in folders for rule in sorted(folder.glob("*.rules"))]
    naming = next((rule for rule in rules if FLIR_VENDOR in text_of(rule)), None)
    if naming is not None:
        yield Finding("udev rules", "ok", f"/{naming.relative_to(root)} lets you open FLIR cameras")
        return
    yield Finding(
        "udev rules",
        "stop" if uses_usb(profile) and os.geteuid() != 0 else "warning",
        f"no rule for USB vendor {FLIR_VENDOR}: only root can open FLIR cameras",
        f"echo '{_RULE}' | sudo tee /etc/udev/rules.d/40-flir.rules; sudo udevadm control --reload; join the group "
        "plugdev, log in anew, and plug the cameras in again",
    )


def cameras(profile: Profile | None, root: Path) -> Iterator[Finding]:
    """Which cameras are plugged in, how fast, and whether they share a controller."""
    found = flir_cameras(root)
    if not found and not uses_usb(profile):
        yield Finding("USB cameras", "ok", "none is plugged in")
    for camera in found:
        yield _speed(camera)
    if profile is not None and uses_usb(profile):
        yield from _plugged_in(profile, found)
    if len({camera.controller for camera in found}) < len(found):
        yield _shared(profile, found)


def _speed(camera: UsbCamera) -> Finding:
    found = f"{camera.product} ({camera.serial}) at port {camera.port}: {camera.speed_mbit_s:g} Mbit/s"
    if camera.is_super_speed:
        return Finding("USB speed", "ok", found)
    remedy = "It runs as USB2. Use a USB3 port and a USB3 cable with locking screws, and push the plug home."
    return Finding("USB speed", "stop", found, remedy)


def _plugged_in(profile: Profile, cameras: list[UsbCamera]) -> Iterator[Finding]:
    for arm in ARMS:
        serial = profile.arm(arm).serial
        if not any(camera.is_called(serial) for camera in cameras):
            found = ", ".join(camera.serial for camera in cameras) or "none"
            remedy = f"Check cable and power of {arm}, and the serial in the profile."
            yield Finding("USB cameras", "stop", f"{arm}: no camera {serial} on USB; found {found}", remedy)


def _shared(profile: Profile | None, cameras: list[UsbCamera]) -> Finding:
    where = ", ".join(f"{camera.port} on {camera.controller}" for camera in cameras)
    rate_mb_s = 0.0 if profile is None else line_rate_bytes_s(profile) / 1e6
    remedy = "Plug the cameras into ports of two controllers; a PCI Express card adds one."
    if rate_mb_s > SAFE_SHARE * SUPER_SPEED_MB_S:
        found = f"the cameras share one ({where}), and send {rate_mb_s:.0f} of its {SUPER_SPEED_MB_S:.0f} MB/s"
        return Finding("USB controller", "stop", found, remedy)
    return Finding("USB controller", "warning", f"the cameras share one ({where})", remedy)


def others(root: Path) -> Iterator[Finding]:
    """Programs of the vendor that hold a camera as long as they are open, in the background too."""
    for path in sorted(root.glob("proc/[0-9]*/comm")):
        if text_of(path).lower().startswith("spinview"):
            found = f"SpinView is open, process {path.parent.name}: a camera can be open in one program only"
            yield Finding("other programs", "warning", found, f"Close it, or: kill {path.parent.name}")


def bus_mb_s(profile: Profile, root: Path) -> float | None:
    """What both cameras may send together; None where they do not share a controller, or none is on USB."""
    found = flir_cameras(root) if uses_usb(profile) else []
    mine = [camera for camera in found if any(camera.is_called(profile.arm(arm).serial) for arm in ARMS)]
    shared = len(mine) > 1 and len({camera.controller for camera in mine}) == 1
    return SAFE_SHARE * SUPER_SPEED_MB_S if shared else None
