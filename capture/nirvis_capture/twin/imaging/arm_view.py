"""What reaches one arm at each pulse, before its sensor adds noise: street, traffic, rain, glass."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import cv2
import numpy as np

from nirvis_capture.camera import Arm
from nirvis_capture.profile import Cfa, Profile
from nirvis_capture.twin.imaging.lens import Box, Ghost, Picture, falloff
from nirvis_capture.twin.imaging.movers import Mover, Movers, merged
from nirvis_capture.twin.imaging.optics import RigOptics
from nirvis_capture.twin.imaging.positions import Fixed, Panning, Position
from nirvis_capture.twin.imaging.raster import Raster
from nirvis_capture.twin.imaging.shading import shading
from nirvis_capture.twin.imaging.still import Backdrop, Still
from nirvis_capture.twin.imaging.streaks import Streaks
from nirvis_capture.twin.scenery.scene import Scene

_PAN_STEP_PX = 0.5
"""While the rig pans, an exposure is the mean of several moments so far apart."""


class ArmView:
    """The light on one sensor as a share of its full scale, which it may exceed; without noise."""

    def __init__(self, profile: Profile, arm: Arm, scene: Scene, optics: RigOptics, cfa: Cfa | None) -> None:
        """cfa: None for red, green and blue at every pixel."""
        settings, twin = profile.arm(arm), profile.twin
        self._traffic = scene.traffic
        self._raster = raster = Raster((settings.roi.width, settings.roi.height), cfa)
        self._ghost = Ghost(profile, arm)
        light = falloff(settings, twin.vignetting)
        self._falloff: Picture = light if cfa else np.repeat(light[..., None], 3, axis=2)
        self._exposure_s = settings.exposure_us * 1e-6
        delay_s = 0.0 if profile.trigger.primary == arm else profile.trigger.delay_us * 1e-6
        self._middle_s = delay_s + self._exposure_s / 2
        self._period_s = profile.trigger.period_ns * 1e-9
        colours = shading(profile, arm, scene.background)
        blur_px = (twin.nir_blur_px if arm == "nir" else twin.vis_blur_px) * optics.canvas_px_per_raw_px(arm)
        self._movers = Movers(colours, raster, blur_px)
        self._streaks = None if scene.rain is None else Streaks(scene.rain, colours, raster, scene.view)
        backdrop = Backdrop(scene, colours, blur_px)
        self._position: Position
        if twin.pan_deg > 0:
            self._position = Panning(arm, optics, raster, backdrop, scene.view)
        else:
            self._position = Fixed(arm, optics, raster, backdrop)
        self.restless = twin.pan_deg > 0 or scene.rain is not None
        """Every picture is another everywhere, because the rig pans or rain falls."""

    def still(self, pulse: int) -> Still:
        """What stands still; the same object as long as the rig stands as it does."""
        return self._position.still(pulse, 0.0)

    def street(self, still: Still) -> Picture:
        """A picture without traffic and rain."""
        whole = still.whole()
        return self._through_glass(whole, whole, self._raster.frame)

    def traffic(self, still: Still, pulse: int) -> Iterator[tuple[Box, Picture]]:
        """The parts of the picture that differ from `street`, for a rig that is not restless."""
        movers = self._within_sight(still, pulse, 0.0, self._exposure_s)
        for box in merged([self._ghost.reach(mover.box, self._raster.size[0]) for mover in movers]):
            yield box, self._through_glass(self._movers.draw(still, box, movers), still.whole(), box)

    def picture(self, pulse: int) -> Picture:
        """All of it: ``(H, W)`` through the filter array, or ``(H, W, 3)``."""
        way_px = abs(self._position.pan_px_s(pulse)) * self._exposure_s
        count = max(1, ceil(way_px / _PAN_STEP_PX))
        moments_s = ((np.arange(count) + 0.5) / count - 0.5) * self._exposure_s
        bare = self._momentary(pulse, moments_s[0], self._exposure_s / count)
        for moment_s in moments_s[1:]:
            bare += self._momentary(pulse, moment_s, self._exposure_s / count)
        bare /= count
        return self._through_glass(bare, bare, self._raster.frame)

    def _momentary(self, pulse: int, moment_s: float, exposure_s: float) -> Picture:
        """A part of an exposure, before glass; `moment_s` counts from the middle of the whole."""
        still = self._position.still(pulse, moment_s)
        movers = self._within_sight(still, pulse, moment_s, exposure_s)
        picture: Picture = still.whole().copy()
        for patch in merged([mover.box for mover in movers]):
            picture[patch] = self._movers.draw(still, patch, movers)
        if self._streaks is not None:
            picture = self._streaks.over(picture, self._time_s(pulse) + moment_s, still.to_raw)
        return picture

    def _time_s(self, pulse: int) -> float:
        """The middle of the exposure."""
        return pulse * self._period_s + self._middle_s

    def _within_sight(self, still: Still, pulse: int, moment_s: float, exposure_s: float) -> list[Mover]:
        placed = self._traffic.at(self._time_s(pulse) + moment_s)
        return self._movers.within_sight(placed, still.to_raw, exposure_s, self._position.pan_px_s(pulse))

    def _through_glass(self, part: Picture, frame: Picture, box: Box) -> Picture:
        """Ghost and vignetting of a part of the frame; what is to its left is that of `frame`."""
        return np.asarray(cv2.multiply(self._ghost.add(part, frame, box), self._falloff[box]), np.float32)
