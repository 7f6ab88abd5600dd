"""What the vis arm of the simulated rig truly sees: the answer that recovering colour looks for."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.profile import Profile
from nirvis_capture.twin.imaging.arm_view import ArmView
from nirvis_capture.twin.imaging.imager import rig_before_street
from nirvis_capture.twin.imaging.loop import shown_pulse
from nirvis_capture.twin.imaging.optics import twin_homography


class CleanView:
    """The visible picture without noise, filter array and saturation.

    RGB in linear light, ``(H, W, 3)`` float32; times the largest count of the vis arm, plus its black level, it is what
    the arm counts on average, and highlights go beyond. So it has the exposure and gain of the arm, blur of focus and
    motion, ghost and vignetting, and no white balance.
    """

    def __init__(self, profile: Profile) -> None:
        optics, scene = rig_before_street(profile)
        self._profile = profile
        self._view = ArmView(profile, "vis", scene, optics, cfa=None)

    def picture(self, pulse: int) -> NDArray[np.float32]:
        """In the raw geometry of vis."""
        return self._view.picture(shown_pulse(self._profile, pulse))

    def in_nir(self, pulse: int) -> NDArray[np.float32]:
        """Laid onto the raw pixels of nir; 0 where vis sees nothing."""
        homography = twin_homography(self._profile, shown_pulse(self._profile, pulse))
        size = self._profile.nir.roi.width, self._profile.nir.roi.height
        return np.asarray(cv2.warpPerspective(self.picture(pulse), homography, size, flags=cv2.INTER_CUBIC), np.float32)
