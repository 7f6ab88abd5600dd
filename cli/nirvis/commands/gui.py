"""``nirvis gui``: the acquisition window."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from nirvis_capture.errors import NirvisError


def gui(
    profile: Annotated[
        str | None, Parameter(help="Shipped hardware profile by name, or any by path; else the one of the last time.")
    ] = None,
    *,
    model: Annotated[Path | None, Parameter(help="Exported model that recovers the colour.")] = None,
    look: Annotated[Literal["dark", "light"] | None, Parameter(help="Colours of the window.")] = None,
) -> None:
    """Open the acquisition window: see both arms live, record, verify, and see the recovered colour."""
    if model is not None and not model.is_file():
        raise NirvisError(f"There is no model {model}. `nirvis export RUN` writes one.")
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise NirvisError(
            "There is no display: DISPLAY is not set. Start it from a desktop or through `ssh -X`; "
            "`nirvis record` records without a window."
        )
    # Qt is loaded by this command only: the others run where there is no display.
    from nirvis_gui.start import run

    sys.exit(run(profile, model, look))
