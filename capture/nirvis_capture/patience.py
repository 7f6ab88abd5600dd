"""Calls of camera drivers that may never come back, and must not take the recorder with them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from nirvis_capture.errors import CameraError

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a driver may take to stop before it is left behind."""


def within_patience(what: str, call: Callable[[], None], patience_s: float = PATIENCE_S) -> None:
    """Make a call that ends something. One that fails or hangs is logged, and the caller goes on."""

    def run() -> None:
        try:
            call()
        except CameraError as error:
            log.error("could not %s: %s", what, error)

    thread = threading.Thread(target=run, name=what, daemon=True)
    thread.start()
    thread.join(patience_s)
    if thread.is_alive():
        log.error("could not %s within %.0f s; it is left behind", what, patience_s)
