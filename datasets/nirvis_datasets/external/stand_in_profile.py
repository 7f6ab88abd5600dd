"""A hardware profile for pictures of cameras that nirvis never saw: what is known, and plainly what is not."""

from __future__ import annotations

import re

from nirvis_capture.profile import Mode
from nirvis_datasets.external.layout import BANDS_NM
from nirvis_registration.geometry import Size

_TEXT = """\
# Written by an import: the cameras of this set are not known to nirvis. Passbands are nominal, sizes are those of the
# pictures; pixel size, exposure and serial numbers are stand-ins.
rig = "{rig}"
mode = "{mode}"

{nir}
{vis}
[trigger]
primary = "nir"
rate_hz = {rate_hz}

[replay]
pictures = "."
"""

_ARM = """\
[{arm}]
backend = "replay"
serial = "unknown-{arm}"
model = "unknown"
pixel_format = "BayerRG{bits}"
exposure_us = 1
sensor = {{ name = "unknown", width_px = {width}, height_px = {height}, pixel_size_um = 1.0, bit_depth = {bits} }}
filter = {{ name = "{band}", passband_nm = [{low:g}, {high:g}] }}
roi = {{ width = {width}, height = {height} }}
"""


def stand_in_profile(rig: str, mode: Mode, band: str, size: Size, rate_hz: float, bit_depth: int) -> str:
    """TOML text of a profile.

    band
        What the source camera sees, a key of `BANDS_NM`.
    size
        Of the pictures; sides are made even, as a sensor's are.
    """
    facts = {"width": size[0] + size[0] % 2, "height": size[1] + size[1] % 2, "bits": bit_depth}
    arms = {
        arm: _ARM.format(arm=arm, band=seen, low=BANDS_NM[seen][0], high=BANDS_NM[seen][1], **facts)
        for arm, seen in (("nir", band), ("vis", "visible"))
    }
    rig = re.sub(r"[^A-Za-z0-9_.-]+", "-", rig)
    return _TEXT.format(rig=rig, mode=mode, rate_hz=f"{rate_hz:g}", **arms)
