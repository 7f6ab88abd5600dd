"""Make a hardware profile that fits what is to be replayed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from nirvis_capture.cameras.picture_pairs import chosen, picture_pairs, read_pair
from nirvis_capture.cameras.settings import ReplaySettings
from nirvis_capture.cameras.video_pairs import VideoFacts, video_facts
from nirvis_capture.errors import PictureError
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.settings import Changes

Pacing = Literal["real", "fast"]
Matrix = Sequence[Sequence[float]]


def replay_profile(
    base: str | Profile,
    *,
    pictures: Path | None = None,
    pair: str | None = None,
    nir_video: Path | None = None,
    vis_video: Path | None = None,
    clip: Path | None = None,
    rate_hz: float | None = None,
    pacing: Pacing = "real",
    repeat: bool = True,
    noise_dn: float = 0.0,
    vis_warp: Matrix | None = None,
) -> Profile:
    """A profile that replays one of: a folder of pictures (or one `pair` of it), two videos, a clip.

    base
        Gives mode, filters, mirrors, trigger and recording: ``twin_day`` or ``twin_night``, or any other profile. A
        clip brings its own, and `base` is not read.
    rate_hz
        Of the trigger; that of the base, the video or the clip when absent.
    noise_dn
        Standard deviation of the noise added to pictures and videos, in 8-bit counts.
    vis_warp
        Homography 3×3 that moves the visible pictures before they are mirrored: a misalignment of known size.

    Raises `PictureError` or `ClipError` for what cannot be replayed, `ProfileError` for values that do not fit.
    """
    replay: dict[str, Any] = dict.fromkeys(ReplaySettings.model_fields)
    replay |= {"pacing": pacing, "repeat": repeat, "noise_dn": noise_dn}
    if clip is not None:
        return _of_clip(clip, rate_hz, replay)
    if vis_warp is not None:
        replay["vis_warp"] = [[float(value) for value in row] for row in vis_warp]
    profile = load_profile(base) if isinstance(base, str) else base
    if pictures is not None:
        replay |= {"pictures": str(Path(pictures).absolute())} | ({} if pair is None else {"pair": pair})
        height, width = read_pair(chosen(picture_pairs(Path(pictures)), pair)[0])[0].shape[:2]
        facts = VideoFacts(width, height, 1, profile.trigger.rate_hz)
    elif nir_video is not None and vis_video is not None:
        replay |= {"nir_video": str(Path(nir_video).absolute()), "vis_video": str(Path(vis_video).absolute())}
        facts = video_facts(Path(nir_video))
    else:
        raise PictureError("Nothing to replay: give pictures, nir_video with vis_video, or clip.")
    return _of_pictures(profile, facts, rate_hz or facts.rate_hz, replay)


def _of_pictures(profile: Profile, facts: VideoFacts, rate_hz: float, replay: dict[str, Any]) -> Profile:
    sensor = {"name": "replay", "width_px": facts.width, "height_px": facts.height}
    arm = {
        "backend": "replay",
        "model": "replay",
        "sensor": sensor,
        "roi": {"width": facts.width, "height": facts.height, "offset_x": 0, "offset_y": 0},
        "white_balance": {"red": 1.0, "blue": 1.0},
    }
    changes: Changes = {
        "rig": "replay",
        "nir": {**arm, "serial": "REPLAY-NIR", "exposure_us": min(profile.nir.exposure_us, 0.5e6 / rate_hz)},
        "vis": {**arm, "serial": "REPLAY-VIS", "exposure_us": min(profile.vis.exposure_us, 0.5e6 / rate_hz)},
        "trigger": {"rate_hz": rate_hz},
        "replay": replay,
    }
    return profile.edited(changes)


def _of_clip(clip: Path, rate_hz: float | None, replay: dict[str, Any]) -> Profile:
    from nirvis_capture.clip import Clip

    with Clip.open(clip) as recorded:
        profile = recorded.profile
    changes: Changes = {
        "rig": profile.rig if profile.rig.endswith("-replay") else f"{profile.rig}-replay",
        "nir": {"backend": "replay"},
        "vis": {"backend": "replay"},
        "trigger": {"rate_hz": rate_hz or profile.trigger.rate_hz},
        "replay": {**replay, "clip": str(Path(clip).absolute())},
    }
    return profile.edited(changes)
