"""The ``nirvis`` command: every sub-command is imported when it is called, and not before."""

from __future__ import annotations

import logging
import os
import sys

from cyclopts import App

app = App(
    name="nirvis",
    help="Record near-infrared and visible video in step, register it, and learn to see it in colour.",
    help_format="plaintext",
)

COMMANDS = (
    "record",
    "verify",
    "register",
    "catalogue",
    "split",
    "train",
    "resume",
    "evaluate",
    "export",
    "colorize",
    "gui",
    "demo",
)
for _name in COMMANDS:
    app.command(f"nirvis.commands.{_name}:{_name}", name=_name)


def main() -> None:
    """Run the command line; a `NirvisError` becomes one message and its exit status."""
    from nirvis_capture.errors import NirvisError

    # Threads of torch that spin while they wait would take the processors from the recorder and from each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except NirvisError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
