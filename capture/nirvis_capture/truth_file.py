"""What really happened while the simulated rig recorded a clip: HDF5, ``*.truth.h5``, ``nirvis-truth`` version 1.

::

    / @format=nirvis-truth @version=1 @clip @clip_sha256 @profile(TOML) @faults(JSON)
    /frames/<arm>/pulse        (N,) which pulse exposed each frame of the clip; -1 - k: none did, after pulse k
    /pulses/number             (P,) every pulse from the first to the last that the clip holds
    /pulses/<arm>/flags        (P,) `twin.electronics.ledger.Flag`: what happened to the arm at that pulse
    /pulses/<arm>/frame_id     (P,) unwrapped id of the exposure; -1: there was none
    /homography_vis_to_nir     (P, 3, 3) raw pixels to raw pixels
    /clean/pulse (K,)  /clean/image (K, H, W, 3) float16: what the vis arm saw without noise and mosaic, linear, in its
                               raw geometry; 1 is the full scale of the counts, to be added to the black level;
                               unclipped, before white balance

Nothing of it is in the clip: pairing and registration cannot read it. It is made from the profile that the clip carries
and from the frame ids, at any time after the recording.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import SUFFIX as CLIP_SUFFIX
from nirvis_capture.errors import NoTruth
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.truth import true_homography
from nirvis_capture.twin.electronics.ledger import NOT_EXPOSED, PulseEvents, events
from nirvis_capture.twin.imaging.clean import CleanView

FORMAT = "nirvis-truth"
VERSION = 1
SUFFIX = ".truth.h5"

Progress = Callable[[int, int], None]
Column = NDArray[np.int64]

_FIRST_LOOK = 256
_LONGEST_LOOK = 4_000_000
"""Pulses that are searched for the frames of a clip: a day at 45 Hz."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What really happened during one clip."""

    clip: str
    """File name of the clip."""
    clip_sha256: str
    profile: Profile
    frame_pulse: Mapping[Arm, Column]
    """Pulse that exposed each frame of the clip; ``-1 - k`` for a frame that no pulse asked for, after pulse k."""
    pulse: Column
    """``(P,)`` the pulses that the clip spans, without a gap."""
    flags: Mapping[Arm, Column]
    """``(P,)`` `twin.electronics.ledger.Flag` of each pulse."""
    frame_id: Mapping[Arm, Column]
    """``(P,)`` id of the exposure at each pulse, -1 without one."""
    homography_vis_to_nir: NDArray[np.float64]
    """``(P, 3, 3)`` raw pixels to raw pixels, at each pulse."""
    clean_pulse: Column
    """``(K,)`` pulses of the clean pictures."""
    clean: NDArray[np.float16]
    """``(K, H, W, 3)`` linear RGB of the vis arm; see the module."""

    def row(self, pulse: int) -> int:
        """Where a pulse stands in the tables. Raises `NoTruth` for one outside the clip."""
        row = pulse - int(self.pulse[0])
        if not 0 <= row < len(self.pulse):
            raise NoTruth(f"{self.clip} spans the pulses {self.pulse[0]} to {self.pulse[-1]}, and not {pulse}")
        return row


def truth_path(clip: Path) -> Path:
    """Beside the clip: ``NAME.clip.h5`` → ``NAME.truth.h5``."""
    return clip.with_name(clip.name.removesuffix(CLIP_SUFFIX) + SUFFIX)


def write_truth(clip_path: Path, clean_every_s: float | None = 1.0, progress: Progress | None = None) -> Path:
    """Write the truth of a clip of the simulated rig beside it; gives its path.

    clean_every_s
        Time between the clean pictures; None keeps none.
    progress
        ``(done, total)`` clean pictures.

    Raises `NoTruth` for a clip of real or replayed cameras, or of an arming that cannot be told again, and what opening
    a clip raises.
    """
    with Clip.open(clip_path) as clip:
        profile = clip.profile
        if profile.nir.backend != "simulated" or profile.twin.content not in ("street", "loop"):
            raise NoTruth(f"{clip_path.name} was not recorded from a street of the simulated rig")
        ids = {arm: clip.arms[arm].frame_id for arm in ARMS}
        name, sha256 = clip.path.name, clip.sha256
    rows, frame_pulse = _found(profile, ids, name)
    kept = _kept_pulses(rows, profile, clean_every_s)
    path = truth_path(clip_path)
    part = path.with_name(path.name + ".part")
    try:
        with h5py.File(part, "w") as file:
            file.attrs.update({"format": FORMAT, "version": VERSION, "clip": name, "clip_sha256": sha256})
            file.attrs["profile"] = profile.text
            file.attrs["faults"] = _script(profile)
            _write_tables(file, rows, frame_pulse)
            file["homography_vis_to_nir"] = np.stack([true_homography(profile, row.pulse) for row in rows])
            _write_clean(file, profile, kept, progress)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def read_truth(path: Path) -> Truth:
    """Read a truth file whole. Raises `NoTruth` when it is missing, foreign or of a later version."""
    if not path.is_file():
        raise NoTruth(f"{path} does not exist. Write the truth of a clip with: nirvis twin truth CLIP")
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("format"), int(file.attrs.get("version", 0))
            if found[0] != FORMAT or found[1] > VERSION:
                raise NoTruth(f"{path} is {found[0] or 'no nirvis file'} version {found[1]}, not {FORMAT} {VERSION}")
            return _read(file)
    except (OSError, KeyError) as error:
        raise NoTruth(f"{path} cannot be read as {FORMAT} ({error})") from None


def _read(file: Any) -> Truth:
    return Truth(
        clip=str(file.attrs["clip"]),
        clip_sha256=str(file.attrs["clip_sha256"]),
        profile=parse_profile(str(file.attrs["profile"])),
        frame_pulse={arm: file[f"frames/{arm}/pulse"][:] for arm in ARMS},
        pulse=file["pulses/number"][:],
        flags={arm: file[f"pulses/{arm}/flags"][:] for arm in ARMS},
        frame_id={arm: file[f"pulses/{arm}/frame_id"][:] for arm in ARMS},
        homography_vis_to_nir=file["homography_vis_to_nir"][:],
        clean_pulse=file["clean/pulse"][:],
        clean=file["clean/image"][:],
    )


def _found(profile: Profile, ids: Mapping[Arm, Column], clip: str) -> tuple[list[PulseEvents], dict[Arm, Column]]:
    """The pulses that the clip spans, and the pulse of every frame."""
    look = _FIRST_LOOK
    while True:
        rows = events(profile, look)
        exposed = {arm: _exposures(rows, arm) for arm in ARMS}
        if all(int(frame_id) in exposed[arm] for arm in ARMS for frame_id in ids[arm]):
            break
        past = all(max(exposed[arm], default=0) > ids[arm].max(initial=-1) for arm in ARMS)
        if past or look >= _LONGEST_LOOK:
            raise NoTruth(f"{clip} has frames that its profile does not explain: recorded after a camera came back?")
        look *= 4
    pulses = {arm: np.array([exposed[arm][int(frame_id)] for frame_id in ids[arm]], np.int64) for arm in ARMS}
    held = np.concatenate([pulses[arm][pulses[arm] >= 0] for arm in ARMS])
    if not len(held):
        raise NoTruth(f"{clip} has no frame that a pulse exposed")
    return rows[int(held.min()) : int(held.max()) + 1], pulses


def _exposures(rows: list[PulseEvents], arm: Arm) -> dict[int, int]:
    """Pulse by frame id; ``-1 - k`` for what was exposed without one, after pulse k."""
    pulse_of = {}
    for row in rows:
        frame_id, extra_id = getattr(row, f"{arm}_frame_id"), getattr(row, f"{arm}_extra_id")
        if frame_id != NOT_EXPOSED:
            pulse_of[frame_id] = row.pulse
        if extra_id != NOT_EXPOSED:
            pulse_of[extra_id] = -1 - row.pulse
    return pulse_of


def _kept_pulses(rows: list[PulseEvents], profile: Profile, every_s: float | None) -> list[int]:
    if every_s is None:
        return []
    step = max(1, round(every_s * profile.trigger.rate_hz))
    return [row.pulse for row in rows[::step]]


def _script(profile: Profile) -> str:
    twin = profile.twin
    return json.dumps(
        {
            "scripted": [fault.model_dump() for fault in twin.faults],
            "random": [fault.model_dump() for fault in twin.random_faults],
        }
    )


def _write_tables(file: Any, rows: list[PulseEvents], frame_pulse: Mapping[Arm, Column]) -> None:
    file["pulses/number"] = np.array([row.pulse for row in rows], np.int64)
    for arm in ARMS:
        file[f"frames/{arm}/pulse"] = frame_pulse[arm]
        file[f"pulses/{arm}/flags"] = np.array([int(getattr(row, f"{arm}_flags")) for row in rows], np.int64)
        file[f"pulses/{arm}/frame_id"] = np.array([getattr(row, f"{arm}_frame_id") for row in rows], np.int64)


def _write_clean(file: Any, profile: Profile, pulses: list[int], progress: Progress | None) -> None:
    shape = (profile.vis.roi.height, profile.vis.roi.width, 3)
    file["clean/pulse"] = np.array(pulses, np.int64)
    if not pulses:
        file.create_dataset("clean/image", (0, *shape), np.float16)
        return
    images = file.create_dataset(
        "clean/image", (len(pulses), *shape), np.float16, chunks=(1, *shape), compression="lzf"
    )
    view = CleanView(profile)
    for done, pulse in enumerate(pulses):
        images[done] = view.picture(pulse)
        if progress is not None:
            progress(done + 1, len(pulses))
