"""The colorizer of one live view: newest pair of the recorder in, newest colour out, nothing kept in between.

It holds neither camera nor queue: when it is slower than the cameras it skips pairs, and when it dies the recording
does not notice. It ends with its parent, so that a killed window leaves no process behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nirvis_capture.errors import NirvisError, RecorderError
from nirvis_capture.raw import Development
from nirvis_capture.slot import Slot, Snapshot
from nirvis_registration.geometry import SourceGeometry
from nirvis_training.colorizer import Colorizer, Picture
from nirvis_training.source_picture import source_picture

IDLE_S = 0.005
WAIT_FOR_RECORDER_S = 0.2
NICENESS = 10
"""The recorder's threads come first."""


class LiveColorizer:
    """Reads one slot and writes another; `step` is one look at the newest pair."""

    def __init__(self, colorizer: Colorizer, preview: Path, out: Path) -> None:
        self._colorizer = colorizer
        self._preview, self._out = preview, out
        self._source: Slot | None = None
        self._sink: Slot | None = None
        self._capacity = 0
        self._seen = 0
        self._rate = _Rate()

    def step(self) -> float:
        """Colour the newest pair if there is one; returns how long to wait before the next look, in seconds."""
        source = self._attached()
        if source is None:
            return WAIT_FOR_RECORDER_S
        snapshot = source.newest(self._seen)
        if snapshot is None or "nir" not in snapshot.arrays:
            return IDLE_S
        self._seen = snapshot.sequence
        began = time.monotonic_ns()
        height, width = snapshot.arrays["nir"].shape
        geometry = self._colorizer.contract.geometry_for(snapshot.meta["mode"], (width, height))
        development = Development.published(snapshot.meta["nir"])
        colour = self._colorizer.colorize(source_picture(snapshot.arrays["nir"], development, geometry))
        self._publish(snapshot, colour, geometry, (time.monotonic_ns() - began) / 1e6)
        return 0.0

    def close(self) -> None:
        for slot in (self._source, self._sink):
            if slot is not None:
                slot.close()
        self._source = self._sink = None

    def _attached(self) -> Slot | None:
        """The recorder's slot; a recorder that was restarted is found again."""
        if self._source is not None and self._source.ended:
            self._source.close()
            self._source, self._seen = None, 0
        if self._source is None:
            try:
                self._source = Slot.attach(self._preview)
            except RecorderError:
                return None
        return self._source

    def _publish(self, snapshot: Snapshot, colour: Picture, geometry: SourceGeometry | None, compute_ms: float) -> None:
        if self._sink is None or colour.nbytes > self._capacity:
            if self._sink is not None:
                self._sink.close()
            self._sink, self._capacity = Slot.create(self._out, colour.nbytes), colour.nbytes
        meta: dict[str, Any] = {
            "sequence": snapshot.sequence,
            "compute_ms": compute_ms,
            "rate_hz": self._rate.tick(),
            "precision": self._colorizer.precision,
            "model": self._colorizer.contract.name,
            # Which part of the unmirrored nir picture it shows: x, y, width, height in its pixels.
            "extent": None if geometry is None else list(geometry.crop.model_dump().values()),
        }
        self._sink.publish(meta, {"colour": colour})


class _Rate:
    """Pictures per second, smoothed over about ten of them."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._period_s: float | None = None

    def tick(self) -> float:
        now = time.monotonic()
        if self._last_s is not None:
            period = now - self._last_s
            self._period_s = period if self._period_s is None else 0.9 * self._period_s + 0.1 * period
        self._last_s = now
        return 1.0 / self._period_s if self._period_s else 0.0


def serve(live: LiveColorizer, stop: threading.Event) -> None:
    """Step until `stop` is set or the parent process is gone."""
    parent = os.getppid()
    try:
        while not stop.is_set() and os.getppid() == parent:
            wait_s = live.step()
            if wait_s:
                stop.wait(wait_s)
    finally:
        live.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m nirvis_training.live", description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--preview", type=Path, required=True, help="slot that the recorder publishes")
    parser.add_argument("--out", type=Path, required=True, help="slot to publish the colour in")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("auto", "f32", "bf16"), default="auto")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    os.nice(NICENESS)
    try:
        colorizer = Colorizer(options.model, threads=options.threads, precision=options.precision)
        serve(LiveColorizer(colorizer, options.preview, options.out), stop)
    except NirvisError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
