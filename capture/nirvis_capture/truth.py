"""What is known of a rig that is not real: how its two arms lie to each other."""

from __future__ import annotations

from nirvis_capture.cameras.replay import replayed_homography
from nirvis_capture.profile import Profile
from nirvis_capture.twin.imaging.loop import shown_pulse
from nirvis_capture.twin.imaging.optics import Homography, twin_homography


def true_homography(profile: Profile, pulse: int = 0) -> Homography:
    """homography_vis_to_nir ``(3, 3)``, raw pixels to raw pixels, of the simulated rig or of replayed pictures.

    pulse
        Number of the exposure since arming; a simulated rig may drift from one to the next.

    For pictures and videos it is what ``vis_warp`` and the mirrors do, on top of whatever misalignment they came with.
    Raises `PictureError` for a replayed clip, whose truth nobody knows.
    """
    if profile.nir.backend == "simulated":
        return twin_homography(profile, shown_pulse(profile, pulse))
    return replayed_homography(profile)
