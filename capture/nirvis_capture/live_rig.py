"""The cameras of a recorder and the pictures of them that are shown: opened when somebody needs them, and let go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nirvis_capture.camera import Backend
from nirvis_capture.errors import CameraError
from nirvis_capture.preview import Preview
from nirvis_capture.profile import Profile
from nirvis_capture.rig import Rig
from nirvis_capture.slot import Slot, slot_folder


class LiveRig:
    """The rig while its cameras are open, and its preview.

    name
        Of the file of the preview; it outlives the cameras, so that clients that look at it need not look again.
    on_lost
        Told, from a grab thread, that a camera was lost.
    """

    def __init__(
        self, name: str, open_backend: Callable[[Profile], Backend], on_lost: Callable[[CameraError], None]
    ) -> None:
        self.rig: Rig | None = None
        """None while no camera is open."""
        self._name = name
        self._open_backend = open_backend
        self._on_lost = on_lost
        self._slot: Slot | None = None
        self._preview: Preview | None = None

    @property
    def preview_path(self) -> Path | None:
        """None before anything was shown. From any thread."""
        slot = self._slot
        return None if slot is None else slot.path

    def open(self, profile: Profile) -> Rig:
        """Open the cameras of a profile, if none are open. Raises `CameraError`."""
        if self.rig is None:
            rig = Rig(profile, self._on_lost, self._open_backend(profile))
            rig.open()
            self.rig = rig
        return self.rig

    def show(self, rig: Rig, fill: Callable[[], float]) -> None:
        """Show what the armed cameras see; `fill` tells how full the memory of a recording is."""
        cameras = rig.infos
        size = sum(camera.frame_bytes for camera in cameras.values())
        if self._slot is None or self._slot.capacity_bytes < size:
            if self._slot is not None:
                self._slot.close()
                self._slot = None
            self._slot = Slot.create(slot_folder() / f"{self._name}.preview", size)
        self._preview = Preview(rig.profile, cameras, rig.stream, self._slot, fill, rig.health)

    def release(self) -> bool:
        """Stop and close the cameras; False when none was open."""
        rig, self.rig = self.rig, None
        if rig is None:
            return False
        if self._preview is not None:
            self._preview.stop()
            self._preview = None
        if self._slot is not None:
            # The last picture of this arming must not pass for a live one of the next, perhaps of another rig.
            self._slot.withdraw()
        rig.close()
        return True

    def close(self) -> None:
        """Release the cameras, and end the preview."""
        self.release()
        if self._slot is not None:
            self._slot.close()
