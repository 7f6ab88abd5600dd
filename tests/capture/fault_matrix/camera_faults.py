"""Faults of cameras, cables and the bus: scripted in the simulated rig, pulse by pulse."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fault_matrix.cells import Moment, promised
from fault_matrix.stamped import true_pulses
from fault_matrix.trial import Trial, check_gapless, check_sound, counts_of, profile_of, trial
from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clip import Clip
from nirvis_capture.errors import RecorderError
from nirvis_capture.profile import Profile
from waiting import wait_for

LOSSES = {
    "transfer drop": ("transfer_drop", "the clip is certified; both lost frames are counted"),
    "missed trigger": ("missed_trigger", "the clip is certified; both missed exposures are counted"),
    "incomplete frame": ("incomplete", "the clip is certified; both torn frames are kept, marked and in no pair"),
}
AT: dict[Moment, int] = {"arming": 0, "previewing": 30, "recording": 30, "stopping": 58}
"""The pulse of the fault; a recording begins with pulse 0, or after pulse 60 of the preview, and has 60 pulses."""
PULSES = 60
PREVIEWED = "the pictures go on, the loss is counted; a clip that begins later is whole"


def faulty(kind: str, moment: Moment, arm: Arm, **more: Any) -> Profile:
    count = 4 if moment == "stopping" else 2
    return profile_of("fast", faults=[{"kind": kind, "arm": arm, "at": AT[moment], "count": count, **more}])


def record_beside(kind: str, moment: Moment, folder: Path, arm: Arm = "vis", **more: Any) -> Path:
    """A clip of 60 pulses that has the fault in it, or was begun after it."""
    with trial(faulty(kind, moment, arm, **more), folder) as rig:
        if moment == "previewing":
            rig.client.arm()
            rig.wait_for_pairs(PULSES)
            seen = rig.client.status().dropped
            assert sum(seen.values()) == {"counter_wrap": 0, "clock_jump": 1}.get(kind, lost_frames(kind, arm))
        rig.record(PULSES)
        rig.wait_for_state("armed")
        assert rig.client.status().lost_rows == 0
        return rig.clip()


def _register_loss(fault: str, kind: str, promise: str, moment: Moment) -> None:
    @promised(fault, moment, PREVIEWED if moment == "previewing" else promise)
    def run(folder: Path) -> None:
        for arm in ARMS:
            (folder / arm).mkdir()
            check_loss(record_beside(kind, moment, folder / arm, arm), kind, moment, arm)


def check_loss(path: Path, kind: str, moment: Moment, arm: Arm) -> None:
    check_sound(path)
    counts = counts_of(path)
    lost = counts.get(kind, 0) + counts.get("edge", 0)
    if moment == "previewing":
        assert counts == {"pair": PULSES}
    elif moment == "stopping":
        # How much of the fault comes before the end is a matter of the pulse that ends the recording.
        assert counts["pair"] >= AT[moment]
    elif (kind, arm) == ("missed_trigger", "nir"):
        # A pulse that never was is no part of the length.
        assert counts["pair"] == PULSES
    else:
        assert (counts["pair"], lost) == (PULSES - 2, 2)
    if kind == "incomplete":
        check_gapless(path)


def lost_frames(kind: str, arm: Arm) -> int:
    """Of a fault of two pulses. A primary that does not expose sends no pulse, so both arms miss it."""
    return 4 if (kind, arm) == ("missed_trigger", "nir") else 2


for _fault, (_kind, _promise) in LOSSES.items():
    for _moment in AT:
        _register_loss(_fault, _kind, _promise, _moment)


@promised(
    "clock jump", "arming", "no pair is wrong; where the jump cannot be told from the start, the clip says *unanchored*"
)
def _jump_while_arming(folder: Path) -> None:
    path = record_beside("clock_jump", "arming", folder, jump_ms=107)
    with Clip.open(path) as clip:
        check_sound(path, clip.certificate.claim)


@promised("clock jump", "previewing", "the pictures go on, the jump is counted; a clip that begins later is proved")
def _jump_while_previewing(folder: Path) -> None:
    path = record_beside("clock_jump", "previewing", folder, jump_ms=107)
    check_sound(path)
    assert counts_of(path) == {"pair": PULSES}


@promised("clock jump", "recording", "the clip is certified; one row says where the clock jumped, and pairing goes on")
def _jump_while_recording(folder: Path) -> None:
    path = record_beside("clock_jump", "recording", folder, jump_ms=107)
    check_sound(path)
    check_gapless(path, 0, PULSES - 1)
    assert counts_of(path) == {"pair": PULSES - 1, "clock_jump": 1}


@promised("clock jump", "stopping", "the clip is certified; one row says where the clock jumped")
def _jump_while_stopping(folder: Path) -> None:
    path = record_beside("clock_jump", "stopping", folder, jump_ms=107)
    check_sound(path)
    assert counts_of(path)["clock_jump"] == 1


def _register_wrap(moment: Moment) -> None:
    @promised("counter wrap", moment, "nothing is lost, and nothing is counted as lost")
    def run(folder: Path) -> None:
        path = record_beside("counter_wrap", moment, folder)
        check_sound(path)
        check_gapless(path)
        assert counts_of(path) == {"pair": PULSES}


for _moment in AT:
    _register_wrap(_moment)


def silenced(kind: str, at: int, arm: Arm = "vis", count: int = 1) -> Profile:
    """A rig of 150 Hz in which an arm falls silent at a pulse."""
    return profile_of("real", rate_hz=150, faults=[{"kind": kind, "arm": arm, "at": at, "count": count}])


def unplugged(at: int, away: int = 1, arm: Arm = "vis") -> Profile:
    """A camera is unplugged at a pulse, and back after so many for whoever opens it again."""
    return silenced("unplug", at, arm, away)


def unwired(at: int) -> Profile:
    """From a pulse on, no trigger reaches vis."""
    return silenced("trigger_cable_off", at, count=1_000_000)


SILENCE_S = 3.0
"""A camera is lost after 1 s without a frame; the rest is for a computer that has others to serve."""


def lose(rig: Trial, arm: Arm = "vis") -> None:
    """Of an unplugged primary, the other arm is silent as well: the primary is named all the same."""
    status = rig.wait_for_state("failed")
    told = re.search(rf"TWIN-{arm.upper()} sent no frame for (\d\.\d) s", status.message)
    assert told is not None
    assert 1.0 <= float(told[1]) < SILENCE_S


@promised("unplug", "arming", "found by its silence of 1 s; the state is *failed*, the message names the camera")
def _unplugged_while_arming(folder: Path) -> None:
    for arm in ARMS:
        with trial(unplugged(0, arm=arm), folder) as rig:
            rig.client.arm()
            lose(rig, arm)


@promised("unplug", "previewing", "found by its silence of 1 s; the state is *failed*, the message names the camera")
def _unplugged_while_previewing(folder: Path) -> None:
    for arm in ARMS:
        with trial(unplugged(60, arm=arm), folder) as rig:
            rig.client.arm()
            lose(rig, arm)


@promised("unplug", "recording", "the clip is certified, with every pair until then; its certificate names the camera")
def _unplugged_while_recording(folder: Path) -> None:
    for arm in ARMS:
        (folder / arm).mkdir()
        with trial(unplugged(60, arm=arm), folder / arm) as rig:
            rig.record()
            lose(rig, arm)
            path = rig.clip()
        check_sound(path)
        assert counts_of(path)["pair"] == 60
        with Clip.open(path) as clip:
            assert f"TWIN-{arm.upper()} sent no frame" in clip.certificate.ended
            went_on = {each: int(true_pulses(clip, each)[-1]) - 59 for each in ARMS}
        assert went_on[arm] == 0
        assert max(went_on.values()) < SILENCE_S * 150


@promised(
    "unplug", "stopping", "the stop does not wait for the camera; the clip is certified, with every pair until then"
)
def _unplugged_while_stopping(folder: Path) -> None:
    for arm in ARMS:
        (folder / arm).mkdir()
        with trial(unplugged(60, arm=arm), folder / arm) as rig:
            rig.record()
            rig.wait_for_pairs(60)
            path = rig.client.stop()
        assert path is not None
        check_sound(path)
        assert counts_of(path)["pair"] == 60


SILENT = "found by the silence of the secondary of 1 s; the state is *failed*, the message names the secondary"


@promised("unwired trigger", "arming", SILENT)
def _unwired_while_arming(folder: Path) -> None:
    with trial(unwired(0), folder) as rig:
        rig.client.arm()
        lose(rig)


@promised("unwired trigger", "previewing", SILENT)
def _unwired_while_previewing(folder: Path) -> None:
    with trial(unwired(60), folder) as rig:
        rig.client.arm()
        lose(rig)


@promised(
    "unwired trigger",
    "recording",
    "the clip is certified: every frame of the primary is in it, without an anchor where the secondary never sent one",
)
def _unwired_while_recording(folder: Path) -> None:
    with trial(unwired(0), folder) as rig:
        rig.record()
        lose(rig)
        path = rig.clip()
    check_sound(path, "integrity")
    with Clip.open(path) as clip:
        primary = true_pulses(clip, "nir").tolist()
        assert counts_of(path) == {"unanchored": len(primary)}
    assert len(primary) > 1
    assert primary == list(range(len(primary)))
    cut_off_at_60(folder / "later", lose)


def cut_off_at_60(folder: Path, end: Callable[[Trial], None]) -> None:
    folder.mkdir()
    with trial(unwired(60), folder) as rig:
        rig.record()
        rig.wait_for_pairs(60)
        end(rig)
        path = rig.clip()
    check_sound(path)
    counts = counts_of(path)
    with Clip.open(path) as clip:
        primary = true_pulses(clip, "nir").tolist()
    assert counts == {"pair": 60, **({"edge": len(primary) - 60} if len(primary) > 60 else {})}
    assert primary == list(range(len(primary)))


@promised("unwired trigger", "stopping", "the clip is certified, with every frame of the primary until the stop")
def _unwired_while_stopping(folder: Path) -> None:
    cut_off_at_60(folder / "stopped", lambda rig: rig.client.stop())


def come_back(rig: Trial) -> None:
    """Arm until the camera is there again, and record with it."""

    def armed() -> bool:
        try:
            rig.client.arm()
        except RecorderError:
            return False
        return True

    before = set(rig.folder.glob("*.clip.h5"))
    wait_for(armed)
    rig.record(40)
    rig.wait_for_state("armed")
    (path,) = set(rig.folder.glob("*.clip.h5")) - before
    check_sound(path)
    check_gapless(path)


RETURNS = "arming is refused with a reason while the camera is away; then the cameras are opened anew and record again"


@promised("return", "arming", RETURNS)
def _back_after_arming(folder: Path) -> None:
    with trial(unplugged(1, away=500), folder) as rig:
        rig.client.arm()
        lose(rig)
        with pytest.raises(RecorderError, match="No camera with serial TWIN-VIS"):
            rig.client.arm()
        status = rig.client.status()
        assert status.state == "failed"
        assert "No camera with serial TWIN-VIS" in status.message
        come_back(rig)


@promised("return", "previewing", RETURNS)
def _back_after_previewing(folder: Path) -> None:
    with trial(unplugged(60, away=200), folder) as rig:
        rig.client.arm()
        lose(rig)
        come_back(rig)


@promised("return", "recording", f"the clip until then is certified; {RETURNS}")
def _back_after_recording(folder: Path) -> None:
    with trial(unplugged(60, away=200), folder) as rig:
        rig.record()
        lose(rig)
        check_sound(rig.clip())
        come_back(rig)


@promised("return", "stopping", f"the clip until then is certified; {RETURNS}")
def _back_after_stopping(folder: Path) -> None:
    with trial(unplugged(60, away=200), folder) as rig:
        rig.record()
        rig.wait_for_pairs(60)
        path = rig.client.stop()
        assert path is not None
        check_sound(path)
        lose(rig)
        come_back(rig)
