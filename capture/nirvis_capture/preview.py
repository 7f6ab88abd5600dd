"""The newest pair for the live view, by a thread of its own, so that it can delay neither grabbing nor writing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from nirvis_capture.calibration import CalibrationError, Correction, correction_for
from nirvis_capture.camera import ARMS, Arm, CameraInfo, Frame, Raw
from nirvis_capture.pair_stream import PairStream
from nirvis_capture.profile import Profile
from nirvis_capture.row import Row
from nirvis_capture.slot import Slot

log = logging.getLogger(__name__)

RATE_HZ = 30.0
SPARING_RATE_HZ = 5.0
SPARING_FILL = 0.5
"""Where the ring is fuller than this, the preview degrades first."""
_WAIT_S = 0.2


class Preview:
    """Publishes pairs of a stream to a slot until it is stopped.

    fill
        How full the ring is at the moment; 0 when nothing is recorded.
    health
        `Rig.health`: dark frames hold for the temperature that they were taken at.
    """

    def __init__(
        self,
        profile: Profile,
        cameras: dict[Arm, CameraInfo],
        stream: PairStream,
        slot: Slot,
        fill: Callable[[], float],
        health: Mapping[Arm, Mapping[str, float]] | None = None,
    ) -> None:
        self._arms = {arm: _arm_meta(profile, arm, cameras[arm]) for arm in ARMS}
        self._corrections = {arm: self._correction(profile, arm, (health or {}).get(arm, {})) for arm in ARMS}
        self._mode = profile.mode
        self._stream = stream
        self._slot = slot
        self._fill = fill
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(5 * _WAIT_S)

    def _run(self) -> None:
        seen: Row | None = None
        due = 0.0
        while not self._stopped.is_set():
            row = self._stream.wait_for_pair(seen, _WAIT_S)
            now = time.monotonic()
            seen = row or seen
            # A pair that comes too soon is left out rather than kept until it is due: what is shown is always fresh.
            if row is not None and row.nir is not None and row.vis is not None and now >= due:
                pause_s = 1 / (SPARING_RATE_HZ if self._fill() > SPARING_FILL else RATE_HZ)
                due = max(due, now - pause_s) + pause_s
                pixels = {"nir": self._shown("nir", row.nir), "vis": self._shown("vis", row.vis)}
                self._slot.publish(self._meta(row.nir, row.vis), pixels)

    def _shown(self, arm: Arm, frame: Frame) -> Raw:
        """Raw counts as they would be without darkness and shading of sensor and lens, where the profile names them."""
        correction = self._corrections[arm]
        return frame.pixels if correction is None else correction.apply(frame.pixels)

    def _correction(self, profile: Profile, arm: Arm, health: Mapping[str, float]) -> Correction | None:
        """Frames that do not fit cost the picture its correction, and the recording, which is raw, nothing."""
        try:
            return correction_for(profile.arm(arm), temperature_c=health.get("temperature_c"))
        except CalibrationError as error:
            log.warning("the live picture of %s is not corrected: %s", arm, error)
            self._arms[arm]["not_corrected"] = str(error)
            return None

    def _meta(self, nir: Frame, vis: Frame) -> dict[str, Any]:
        counts = {event.name.lower(): count for event, count in self._stream.counts.items()}
        return {
            "mode": self._mode,
            "pairs": counts.get("pair", 0),
            "counts": counts,
            "nir": {**self._arms["nir"], **_frame_meta(nir)},
            "vis": {**self._arms["vis"], **_frame_meta(vis)},
        }


def _arm_meta(profile: Profile, arm: Arm, camera: CameraInfo) -> dict[str, Any]:
    settings = profile.arm(arm)
    return {
        "cfa": settings.cfa,
        "mirror": settings.mirror,
        "black_level_dn": camera.black_level_dn,
        "bit_depth": camera.bit_depth,
        "white_balance": [settings.white_balance.red, 1.0, settings.white_balance.blue],
        "serial": camera.serial,
        "model": camera.model,
    }


def _frame_meta(frame: Frame) -> dict[str, Any]:
    return {
        "frame_id": frame.frame_id,
        "timestamp_ns": frame.timestamp_ns,
        "host_ns": frame.host_ns,
        "exposure_us": frame.exposure_us,
        "gain_db": frame.gain_db,
    }
