"""``nirvis twin``: streets of the simulated rig, with the truth beside every clip."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from nirvis.progress import progress_bar
from nirvis_capture.errors import WrongOption
from nirvis_capture.profile import Light, Mode, Profile, load_profile

if TYPE_CHECKING:
    from nirvis_capture.clip import Clip
    from nirvis_capture.raw import Rgb8
    from nirvis_capture.truth_file import Truth

Weather = Literal["clear", "overcast", "rain"]
_VIDEO_WIDTH = 692
"""Of one arm; half of the sensor, averaged."""

twin = App(
    name="twin",
    help="Render streets of the simulated rig, and hold clips, registrations and colours against the truth.",
    help_format="markdown",
)


@twin.command
def render(
    *,
    out: Annotated[Path, Parameter(help="Folder for clips, truth and videos.")],
    seed: Annotated[int, Parameter(help="Which street; every number is another one.")] = 1,
    mode: Annotated[Mode, Parameter(help="Filter mode: day (VNIR & visible) or night (850 nm & visible).")] = "day",
    seconds: Annotated[float, Parameter(help="Length of each clip.")] = 5.0,
    clips: Annotated[int, Parameter(help="How many streets, with the seeds that follow.")] = 1,
    light: Annotated[Light, Parameter(help="Light of the scene.")] = "day",
    weather: Annotated[Weather, Parameter(help="Weather of the scene.")] = "clear",
    sun_deg: Annotated[float | None, Parameter(help="Height of the sun in degrees; by the light when absent.")] = None,
    brightness_ev: Annotated[float, Parameter(help="Stops above the automatic iris; 2 overexposes.")] = 0.0,
    pan_deg: Annotated[float, Parameter(help="How far the camera pans to either side.")] = 0.0,
    profile: Annotated[str | None, Parameter(help="Another profile of the simulated rig, such as twin_bfs.")] = None,
    clean_every_s: Annotated[float, Parameter(help="Seconds between the clean pictures of the truth.")] = 1.0,
) -> None:
    """Record streets of the simulated rig as quickly as they can be rendered.

    Gives a certified clip of each street, beside it its truth (NAME.truth.h5: which
    frames were exposed together, homography per pulse, faults, the clean visible
    picture in linear light), and an MP4 of both arms side by side.
    """
    from nirvis_capture.clip_recording import record_clip
    from nirvis_capture.truth_file import write_truth

    settings = load_profile(profile or f"twin_{mode}")
    if settings.nir.backend != "simulated":
        raise WrongOption(f"{settings.rig} is no simulated rig: its cameras are {settings.nir.backend}")
    if not (0 < seconds < math.inf and clips >= 1 and clean_every_s > 0):
        raise WrongOption("--seconds, --clips and --clean-every-s have to be above 0")
    for number in range(seed, seed + clips):
        street = _street(settings, number, light, weather, sun_deg, brightness_ev, pan_deg)
        with progress_bar(f"street {number}", "pulse", leave=False) as show:
            clip = record_clip(street, out, seconds=seconds, place=f"street {number}", light=light, progress=show)
        with progress_bar("truth", "picture", leave=False) as show:
            truth = write_truth(clip, clean_every_s, show)
        print(f"{clip}\n{truth}\n{_video(clip)}", flush=True)


@twin.command
def truth(
    *clips: Annotated[Path, Parameter(help="Clips of the simulated rig, or folders of them.")],
    clean_every_s: Annotated[float, Parameter(help="Seconds between the clean pictures.")] = 1.0,
) -> None:
    """Write the truth beside clips that were recorded from a simulated street."""
    from nirvis_capture.truth_file import write_truth
    from nirvis_registration.batch import find_clips

    for clip in find_clips(clips):
        with progress_bar(clip.name, "picture", leave=False) as show:
            print(write_truth(clip, clean_every_s, show), flush=True)


@twin.command
def score(
    *clips: Annotated[Path, Parameter(help="Clips of the simulated rig with their truth beside them, or folders.")],
    pairs: Annotated[Path | None, Parameter(help="Folder of pairs files: their registration is scored too.")] = None,
    run: Annotated[Path | None, Parameter(help="Training run: its colours of those pairs are scored too.")] = None,
) -> None:
    """Hold clips, and what was made of them, against what really happened."""
    from nirvis_capture.clip import Clip
    from nirvis_capture.score import score_clip
    from nirvis_capture.truth_file import read_truth, truth_path
    from nirvis_registration.batch import find_clips

    if run is not None and pairs is None:
        raise WrongOption("--run scores the colours of registered pairs: give their folder as --pairs")
    for path in find_clips(clips):
        with Clip.open(path) as clip:
            known = read_truth(truth_path(path))
            print(f"{path}: {score_clip(clip, known)}")
            if pairs is not None:
                _score_pairs(clip, known, pairs, run)


@twin.command
def lapse(
    *,
    out: Annotated[Path, Parameter(help="The MP4 to write.")],
    seed: Annotated[int, Parameter(help="Which street.")] = 1,
    mode: Annotated[Mode, Parameter(help="Filter mode.")] = "day",
    weather: Annotated[Weather, Parameter(help="Weather of the scene.")] = "clear",
    start: Annotated[float, Parameter(help="Hour at which it begins, in solar time.")] = 5.0,
    end: Annotated[float, Parameter(help="Hour at which it ends.")] = 22.0,
    seconds: Annotated[float, Parameter(help="Length of the video.")] = 12.0,
) -> None:
    """Render a time-lapse of a street, from morning to night by default.

    In the dark the 850 nm LED beside the camera is switched on, as at a real rig.
    Every picture is lit anew: expect about a second of work for each of the 25
    pictures of a second.
    """
    from nirvis_capture.twin.imaging.lapse import lapse as frames
    from nirvis_training.video import open_sink

    if out.suffix.lower() != ".mp4":
        raise WrongOption(f"--out {out} has to end in .mp4")
    if not (0 <= start < end <= 24 and 0 < seconds < math.inf):
        raise WrongOption(f"--start {start:g} and --end {end:g} have to rise within 0 to 24, and --seconds above 0")
    street = load_profile(f"twin_{mode}").edited({"twin.scene_seed": seed, "twin.weather": weather})
    total = max(2, round(seconds * 25))
    with open_sink(out, 25) as sink, progress_bar("lapse", "frame", leave=False) as show:
        for done, (nir, vis) in enumerate(frames(street, start, end, total), start=1):
            sink.write(f"{done}", _side_by_side(nir, vis))
            show(done, total)
    print(out)


def _street(
    profile: Profile,
    seed: int,
    light: Light,
    weather: Weather,
    sun_deg: float | None,
    brightness_ev: float,
    pan_deg: float,
) -> Profile:
    changes: dict[str, str | float] = {
        "twin.scene_seed": seed,
        "twin.pacing": "fast",
        "twin.light": light,
        "twin.weather": weather,
        "twin.brightness_ev": brightness_ev,
        "twin.pan_deg": pan_deg,
        "recording.naming": f"street{seed:04d}-{{mode}}-{light}-{weather}-{{recording_id}}",
    }
    if sun_deg is not None:
        changes["twin.sun_elevation_deg"] = sun_deg
    return profile.edited(changes)


def _video(path: Path) -> Path:
    """Both arms side by side, scene-handed, as they would be seen live."""
    from nirvis_capture.clip import Clip
    from nirvis_capture.clip_layout import SUFFIX
    from nirvis_capture.raw import picture
    from nirvis_training.video import open_sink

    video = path.with_name(path.name.removesuffix(SUFFIX) + ".mp4")
    with (
        Clip.open(path) as clip,
        open_sink(video, clip.profile.trigger.rate_hz) as sink,
        progress_bar("video", "pair", leave=False) as show,
    ):
        for k in range(len(clip)):
            nir, vis = clip.pair(k)
            sink.write(f"{k}", _side_by_side(picture(nir, clip.profile.nir), picture(vis, clip.profile.vis)))
            show(k + 1, len(clip))
    return video


def _side_by_side(nir: Rgb8, vis: Rgb8) -> Rgb8:
    import cv2
    import numpy as np

    height = round(_VIDEO_WIDTH * nir.shape[0] / nir.shape[1])
    both = [cv2.resize(side, (_VIDEO_WIDTH, height), interpolation=cv2.INTER_AREA) for side in (nir, vis)]
    return np.concatenate(both, axis=1).astype(np.uint8, copy=False)


def _score_pairs(clip: Clip, known: Truth, folder: Path, run: Path | None) -> None:
    from nirvis_registration.batch import pairs_path
    from nirvis_registration.pair_file import PairsFile
    from nirvis_registration.score import score_registration

    with PairsFile.open(pairs_path(clip.path, folder)) as pairs:
        print(f"{pairs.path}: {score_registration(pairs, clip, known)}")
        if run is not None:
            from nirvis_training.methods import load_method
            from nirvis_training.run_folder import RunFolder
            from nirvis_training.score import score_prediction

            print(f"{run}: {score_prediction(load_method(RunFolder(run)).predict, pairs, clip, known)}")
