"""Counts at any rate: frames that were made before are shown again and again. A frame costs one copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from nirvis_capture.camera import ARMS, Raw
from nirvis_capture.frame_memory import new_frame
from nirvis_capture.profile import ArmSettings, Profile
from nirvis_capture.raw import full_scale_dn

if TYPE_CHECKING:
    from nirvis_capture.twin.imaging.imager import StreetImager

LOOP_BYTES = 256 << 20
"""Memory of the loop of one arm, at most."""
_NOISE_FRAMES = 8


class LoopImager:
    """Shows its frames there and back, so that nothing jumps."""

    def __init__(self, frames: list[Raw]) -> None:
        self._frames = frames

    def capture(self, pulse: int) -> Raw:
        shown = self._frames[there_and_back(pulse, len(self._frames))]
        frame = cast(Raw, new_frame(shown.shape, shown.dtype))
        np.copyto(frame, shown)
        return frame


def rendered_loop(profile: Profile, imager: StreetImager) -> LoopImager:
    """The first pulses of one arm, rendered now."""
    return LoopImager([imager.capture(pulse) for pulse in range(loop_length(profile))])


def noise_loop(settings: ArmSettings, seed: int) -> LoopImager:
    """Incompressible noise over the whole range, for driving the capture path."""
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if settings.sensor.bit_depth == 8 else np.uint16
    shape = (_NOISE_FRAMES, settings.roi.height, settings.roi.width)
    return LoopImager(list(rng.integers(0, full_scale_dn(settings.sensor.bit_depth), shape, dtype, endpoint=True)))


def shown_pulse(profile: Profile, pulse: int) -> int:
    """The pulse whose picture is shown at a pulse: the same, save in a loop."""
    return there_and_back(pulse, loop_length(profile)) if profile.twin.content == "loop" else pulse


def loop_length(profile: Profile) -> int:
    """How many pulses are rendered: those of `loop_seconds`, or as many as its memory holds."""
    frame_bytes = max(
        settings.roi.width * settings.roi.height * (1 if settings.sensor.bit_depth == 8 else 2)
        for settings in (profile.arm(arm) for arm in ARMS)
    )
    asked = round(profile.twin.loop_seconds * profile.trigger.rate_hz)
    return max(1, min(asked, LOOP_BYTES // frame_bytes))


def there_and_back(number: int, count: int) -> int:
    """0, 1 … count-1 … 1, 0, 1 …"""
    last = count - 1
    return last - abs(last - number % (2 * last)) if last else 0
