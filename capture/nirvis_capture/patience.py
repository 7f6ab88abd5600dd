"""Calls of camera drivers that may never come back, and must not take the recorder with them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from nirvis_capture.errors import CameraError

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a driver may take to stop before it is left behind."""
ANSWER_PATIENCE_S = 20.0
"""How long a driver may take to open or arm a camera; some load a firmware first."""

T = TypeVar("T")


def within_patience(what: str, call: Callable[[], None], patience_s: float = PATIENCE_S) -> threading.Thread:
    """Make a call that ends something. One that fails or hangs is logged, and the caller goes on.

    Gives the thread of the call; it still runs where the call was left behind.
    """

    def run() -> None:
        try:
            call()
        except CameraError as error:
            log.error("could not %s: %s", what, error)

    thread = threading.Thread(target=run, name=what, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # An interpreter that is ending starts no thread any more, from Python 3.12 on.
        run()
        return thread
    thread.join(patience_s)
    if thread.is_alive():
        log.error("could not %s within %.0f s; it is left behind", what, patience_s)
    return thread


def answer_of(what: str, call: Callable[[], T], patience_s: float = ANSWER_PATIENCE_S) -> T:
    """Make a call whose answer is needed to go on, and give it.

    Raises `CameraError` when it does not come in time (the call is left behind then), and what the call raises.
    """
    answers: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as failure:  # noqa: BLE001 (raised again where the answer is waited for)
            failures.append(failure)

    thread = threading.Thread(target=run, name=what, daemon=True)
    thread.start()
    thread.join(patience_s)
    if failures:
        raise failures[0]
    if not answers:
        raise CameraError(
            f"Could not {what}: its driver did not answer within {patience_s:g} s. Is the computer busy with something "
            "else? If not, pull the plug of the camera, put it back, and arm again, or restart the recorder."
        )
    return answers[0]
