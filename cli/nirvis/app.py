"""The ``nirvis`` command: every sub-command is imported when it is called, and not before."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress

from cyclopts import App, CycloptsError

app = App(
    name="nirvis",
    help="Record near-infrared and visible video in step, register it, and learn to see it in colour.",
    help_format="markdown",
    suppress_keyboard_interrupt=False,
)

COMMANDS = {
    "doctor": "Name what on this machine or cable would stop a recording.",
    "expose": "Set the exposures of both arms together.",
    "calibrate": "Record dark and flat frames.",
    "preflight": "Say go or no-go after seconds of true line rate.",
    "record": "Record a certified clip through the recorder process.",
    "verify": "Prove clips again from their files.",
    "recover": "Rescue clips whose recording was cut off.",
    "register": "Bring the two arms of clips together.",
    "import-dataset": "Make pairs of a public set, two folders or two videos.",
    "catalogue": "List clips and pairs in a CSV.",
    "split": "Share recordings out to train, val and test.",
    "check": "Find what is wrong with a dataset before it is trained on.",
    "export-dataset": "Write a dataset in the format of others.",
    "methods": "List what can be trained, with its paper and what it wants.",
    "train": "Train a network to see visible colour in near infrared.",
    "resume": "Go on exactly where a training run stopped.",
    "evaluate": "Score a run beside answers that need no training.",
    "compare": "Judge several runs on the same clips, in one table.",
    "export": "Write a run as ONNX with its contract.",
    "weights": "Exchange weights of the SSN with the network that its authors published.",
    "colorize": "Colour a clip, pairs, a video, pictures.",
    "fuse": "Fuse infrared and its colour in one video.",
    "detect-score": "Score a detector on infrared, translation and truth.",
    "segment-score": "Score a segmenter on infrared, translation and truth.",
    "gui": "Open the acquisition window.",
    "twin": "Render streets of the simulated rig, with the truth beside them.",
    "demo": "Go the whole way without cameras.",
}
"""Every sub-command and what it does, in the order in which a frame meets them."""

CLIENTS = ("record", "gui")
"""A recorder process holds the cameras for these, and goes on without them when a terminal is closed."""

for _order, (_name, _does) in enumerate(COMMANDS.items()):
    # The list has one line for each without importing any; a command that is asked for has its own, longer help.
    _help = None if _name in sys.argv[1:2] else _does
    _module = _name.replace("-", "_")
    app.command(f"nirvis.commands.{_module}:{_module}", name=_name, help=_help, sort_key=_order)


def _mistyped(error: CycloptsError) -> str:
    """What is wrong with a command line, and where its options are explained."""
    from pydantic import ValidationError

    message, cause = str(error), error.__cause__
    if isinstance(cause, ValidationError):
        first = cause.errors()[0]
        option = str(first["loc"][-1]).replace("_", "-")
        message = f"Invalid value {first['input']!r} for --{option}. {first['msg']}."
    return f"{message} See: {' '.join(['nirvis', *(error.command_chain or ()), '--help'])}"


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; a `NirvisError`, or a file that the system refuses, becomes one line and its exit status.

    Every command ends with 0 when all is well; 1 when something failed, is not there, or does not hold; 2 when an
    option, a profile or a configuration is wrong, before anything was begun; 130 when it was interrupted, 143
    when SIGTERM ended it and 129 when SIGHUP did.
    """
    from nirvis.termination import Terminated, ending_by_signal
    from nirvis_capture.errors import NirvisError

    # Threads of torch that spin while they wait would take the processors from the recorder and from each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    words = sys.argv[1:] if words is None else words
    try:
        try:
            with nullcontext() if words and words[0] in CLIENTS else ending_by_signal():
                app(words, print_error=False, exit_on_error=False)
        finally:
            sys.stdout.flush()
    except CycloptsError as error:
        print(f"error: {_mistyped(error)}", file=sys.stderr)
        sys.exit(2)
    except NirvisError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        # Whoever reads the output, such as head, has seen enough; what Python writes on its way out goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename2 or error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    except Terminated as ended:
        with suppress(OSError):  # of a terminal that is gone
            print(f"ended by {ended}", file=sys.stderr)
        sys.exit(ended.exit_status)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
