"""Whether the filters that the profile names are really before the cameras, judged from the pictures.

Behind a 850 nm band-pass all sites of a Bayer array see the same, so that nir has no colour. Without its NIR-cut, vis
sees near infrared at every site besides, which washes its colours out to about those of an open nir arm. Measured on
24 streets of the twin: nir 0.04 behind the band-pass, 0.08 to 0.24 open; vis over an open nir 1.09 to 3 with the
NIR-cut, 0.77 to 1.02 without. A street of bricks has little colour of its own: between the two nothing is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nirvis_capture.profile import Mode
from nirvis_gui.arm_picture import Picture
from nirvis_registration.quality import colourfulness

Opinion = Literal["as the profile says", "wrong", "cannot tell"]

BAND_PASS_BELOW = 0.07
"""Colourfulness of nir from which on there is no band-pass before it."""
NO_NIR_CUT_BELOW = 1.05
"""Colourfulness of vis over that of an open nir, below which vis sees near infrared too."""
NIR_CUT_ABOVE = 1.35
"""Above it vis sees no near infrared."""
_DARK_DN = 12.0


@dataclass(frozen=True)
class FiltersSeen:
    """What the pictures of both arms say of the filters before them."""

    nir_colour: float
    vis_colour: float
    dark: bool
    """Too little light to judge by colour."""

    def nir(self, mode: Mode) -> Opinion:
        """Whether nir looks as the filter set of that mode makes it look."""
        if self.dark:
            return "cannot tell"
        band_pass = self.nir_colour < BAND_PASS_BELOW
        return "as the profile says" if band_pass == (mode == "night") else "wrong"

    def vis(self) -> Opinion:
        """Whether vis has its NIR-cut: to be told only beside an open nir."""
        if self.dark or self.nir_colour < BAND_PASS_BELOW:
            return "cannot tell"
        if self.vis_colour < NO_NIR_CUT_BELOW * self.nir_colour:
            return "wrong"
        return "as the profile says" if self.vis_colour > NIR_CUT_ABOVE * self.nir_colour else "cannot tell"

    def settled(self, mode: Mode) -> bool:
        """The filters of the mode were seen; by night vis has nothing to be compared with, and nir alone tells."""
        return self.nir(mode) == "as the profile says" and (mode == "night" or self.vis() == "as the profile says")


def filters_seen(nir: Picture, vis: Picture) -> FiltersSeen:
    """Look at one pair of pictures."""
    dark = min(float(picture[::8, ::8].mean()) for picture in (nir, vis)) < _DARK_DN
    return FiltersSeen(colourfulness(nir), colourfulness(vis), dark)
