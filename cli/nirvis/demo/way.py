"""The stations of the demo, in the order in which a frame passes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from nirvis.demo.takes import Take
from nirvis.progress import progress_bar
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import NirvisError
from nirvis_capture.pairing import Event
from nirvis_capture.profile import Mode
from nirvis_capture.truth import true_homography
from nirvis_capture.verify import verify
from nirvis_capture.wording import counted
from nirvis_registration.batch import register_clips
from nirvis_registration.geometry import corner_distances
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.settings import RegistrationSettings

MARKER = "demo.json"
"""Tells a folder that a demo made, and may make anew, from one that it must not touch."""


class DemoError(NirvisError):
    """The demo cannot go on."""


@dataclass(frozen=True)
class Way:
    """Where everything of a demo lies, below one folder."""

    root: Path

    @property
    def clips(self) -> Path:
        return self.root / "clips"

    @property
    def pairs(self) -> Path:
        return self.root / "pairs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def model(self) -> Path:
        return self.root / "model.onnx"

    @property
    def video(self) -> Path:
        return self.root / "colour.mp4"

    @property
    def report(self) -> Path:
        return self.root / "report.html"


@dataclass(frozen=True)
class Recorded:
    """One verified clip."""

    path: Path
    mode: Mode
    place: str
    complete: int
    """Pairs with both exposures."""
    lost: int
    """Exposures without a partner, for whatever reason."""
    claim: str


@dataclass(frozen=True)
class Registered:
    """One registered clip, beside the transform that it was made with."""

    clip: Path
    pairs: Path
    mode: Mode
    place: str
    complete: int
    inliers: int
    corner_error_px: float
    """Mean distance of the four corners between the estimated and the known homography, in sensor pixels."""


def prepare(root: Path) -> Way:
    """An empty folder for the demo; what an earlier demo left there is removed, anything else is refused."""
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        if not (root / MARKER).is_file():
            raise DemoError(f"{root} is not empty, and no demo made it. Give --out another folder.")
        shutil.rmtree(root)
    way = Way(root)
    way.clips.mkdir(parents=True)
    (root / MARKER).write_text(json.dumps({"made_by": "nirvis demo"}) + "\n", encoding="utf-8")
    return way


def record(way: Way, takes: Sequence[Take]) -> list[Path]:
    """Record every take with the code that records real cameras."""
    return [
        record_clip(take.profile, way.clips, seconds=take.seconds, place=take.place, light=take.light)
        for take in tqdm(takes, desc="record", unit="clip", disable=None)
    ]


def prove(clips: Sequence[Path]) -> list[Recorded]:
    """Verify every clip; raises `DemoError` at the first that does not hold."""
    return [_proved(clip) for clip in tqdm(clips, desc="verify", unit="clip", disable=None)]


def _proved(path: Path) -> Recorded:
    verdict = verify(path)
    if not verdict.ok:
        raise DemoError(f"{path} does not verify: {'; '.join(verdict.findings)}")
    with Clip.open(path) as clip:
        counts = clip.certificate.pairing.counts
        lost = sum(n for event, n in counts.items() if event not in (Event.PAIR.name, Event.EDGE.name))
        return Recorded(path, clip.mode, clip.place or "place unknown", len(clip), lost, clip.certificate.claim)


def register(way: Way, clips: Sequence[Path], settings: RegistrationSettings) -> list[Registered]:
    """Register every clip; raises `DemoError` when not one could be."""
    with progress_bar("register", "clip") as show:
        outcomes = register_clips(clips, way.pairs, settings, progress=show, processes=2)
    for outcome in outcomes:
        if outcome.path is None:
            tqdm.write(f"  {outcome.clip.name}: {outcome.status}, {outcome.reason}")
    registered = [_beside_truth(o.clip, o.path) for o in outcomes if o.path is not None]
    if not registered:
        raise DemoError(f"none of {counted(len(clips), 'clip')} could be registered: {outcomes[0].reason}")
    return registered


def _beside_truth(clip_path: Path, pairs_path: Path) -> Registered:
    with Clip.open(clip_path) as clip, PairsFile.open(pairs_path) as pairs:
        height, width = clip.arms["vis"].shape
        distances = corner_distances(pairs.homography_vis_to_nir, true_homography(clip.profile), (width, height))
        return Registered(
            clip=clip_path,
            pairs=pairs_path,
            mode=clip.mode,
            place=clip.place or "place unknown",
            complete=len(pairs),
            inliers=pairs.inliers,
            corner_error_px=float(distances.mean()),
        )
