"""Every backend that the conformance suite judges: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from conformance import aravis_bench, pylon_bench
from conformance.bench import Bench
from conformance.own_benches import replayed_clip, replayed_pictures, simulated
from conformance.spinnaker_bench import blackfly, grasshopper
from gige.cameras import in_namespace

MakeBench = Callable[[Path], Bench]
"""Puts a bench together, given an empty folder; may skip with the reason when something is not installed."""

BENCHES: Mapping[str, MakeBench] = {
    "simulated": simulated,
    "replayed-pictures": replayed_pictures,
    "replayed-clip": replayed_clip,
    # test_capture_gige runs the suite again where these may be played.
    **({"aravis": aravis_bench.make, "pylon": pylon_bench.make} if in_namespace() else {}),
    "spinnaker-gs3": grasshopper,
    "spinnaker-bfs": blackfly,
}
