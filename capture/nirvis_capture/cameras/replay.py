"""Pictures, videos and clips that play the part of the two cameras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm, Backend, Raw
from nirvis_capture.cameras.picture_pairs import PicturePair, chosen, picture_pairs, read_pair, read_side
from nirvis_capture.cameras.replay_profile import replay_profile
from nirvis_capture.cameras.settings import ReplaySettings
from nirvis_capture.cameras.video_pairs import VideoReader, video_facts
from nirvis_capture.errors import CameraNotFound, PictureError
from nirvis_capture.profile import ArmSettings, Profile
from nirvis_capture.raw import full_scale_dn, mosaic
from nirvis_capture.twin.electronics.cabling import Cabling
from nirvis_capture.twin.electronics.cameras import TwinCamera
from nirvis_capture.twin.imaging.optics import Homography, normalised, picture_to_raw

__all__ = ["PicturePair", "open_replay", "picture_pairs", "replay_profile", "replayed_homography"]

_KEPT_PICTURES = 4
_NOISE_SPARE_PX = 64


class Show(Protocol):
    """The pictures of one arm in their order."""

    def __len__(self) -> int: ...

    def picture(self, number: int) -> NDArray[np.uint8] | None:
        """RGB u8 ``(H, W, 3)``; None when it ended early."""
        ...


class PictureShow:
    """One side of picture pairs."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def picture(self, number: int) -> NDArray[np.uint8]:
        return read_side(self._paths[number])


class VideoShow:
    """One video, no longer than the other."""

    def __init__(self, path: Path, length: int) -> None:
        self._reader = VideoReader(path)
        self._length = length

    def __len__(self) -> int:
        return self._length

    def picture(self, number: int) -> NDArray[np.uint8] | None:
        return self._reader.frame(number)


class ShowImager:
    """Makes raw counts of the pictures of one arm: warp, mirror, mosaic, black level, noise."""

    def __init__(self, show: Show, settings: ArmSettings, replay: ReplaySettings, arm: Arm) -> None:
        self._show = show
        self._settings = settings
        self._repeat = replay.repeat
        self._warp = np.array(replay.vis_warp) if arm == "vis" and replay.vis_warp is not None else None
        top = full_scale_dn(settings.sensor.bit_depth)
        self._noise_dn = replay.noise_dn * top / 255
        self._seed = ARMS.index(arm)
        self._kept: dict[int, Raw] = {}
        self._bank = self._noise_bank() if self._noise_dn > 0 else None

    def capture(self, pulse: int) -> Raw | None:
        if pulse >= len(self._show) and not self._repeat:
            return None
        counts = self._counts(pulse % len(self._show))
        if counts is None or self._bank is None:
            return counts if counts is None else counts.copy()
        y, x = np.random.default_rng([self._seed, pulse]).integers(0, _NOISE_SPARE_PX, 2)
        noise = self._bank[y : y + counts.shape[0], x : x + counts.shape[1]]
        depth = cv2.CV_8U if counts.dtype == np.uint8 else cv2.CV_16U
        noisy = cast(Raw, cv2.add(counts, noise, dtype=depth))
        return np.minimum(noisy, full_scale_dn(self._settings.sensor.bit_depth))

    def _counts(self, number: int) -> Raw | None:
        """Counts without noise; those of the last few pictures are kept."""
        if number not in self._kept:
            rgb = self._show.picture(number)
            if rgb is None:
                return None
            while len(self._kept) >= _KEPT_PICTURES:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = self._expose(rgb)
        return self._kept[number]

    def _expose(self, rgb: NDArray[np.uint8]) -> Raw:
        if self._warp is not None:
            size = rgb.shape[1], rgb.shape[0]
            warped = cv2.warpPerspective(
                rgb, self._warp, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
            )
            rgb = np.asarray(warped, np.uint8)
        seen = np.fliplr(rgb) if self._settings.mirror else rgb
        top, black = full_scale_dn(self._settings.sensor.bit_depth), self._settings.black_level_dn
        depth = cv2.CV_8U if self._settings.sensor.bit_depth == 8 else cv2.CV_16U
        sites = mosaic(seen, self._settings.cfa)
        return cast(Raw, cv2.addWeighted(sites, (top - black) / 255, sites, 0.0, black, dtype=depth))

    def _noise_bank(self) -> NDArray[np.float32]:
        shape = self._settings.roi.height + _NOISE_SPARE_PX, self._settings.roi.width + _NOISE_SPARE_PX
        bank = np.random.default_rng([self._seed, 7]).standard_normal(shape, np.float32)
        return np.asarray(bank * self._noise_dn, np.float32)


class ReplayBackend:
    """Two cameras that show pictures or videos; clocks, trigger and faults are those of the simulated rig."""

    def __init__(self, profile: Profile, replay: ReplaySettings) -> None:
        self._profile = profile
        self._replay = replay
        self._cabling = Cabling(profile, replay.pacing)

    def serials(self) -> list[str]:
        return [self._profile.arm(arm).serial for arm in self._cabling.connected()]

    def open(self) -> Mapping[Arm, TwinCamera]:
        """Open both cameras. Raises `PictureError` when the pictures cannot be shown."""
        self.close()
        for arm in ARMS:
            if self._profile.arm(arm).serial not in self.serials():
                raise CameraNotFound(self._profile.arm(arm).serial, self.serials())
        shows = _shows(self._profile, self._replay)
        return self._cabling.open(
            {arm: ShowImager(show, self._profile.arm(arm), self._replay, arm) for arm, show in shows.items()}
        )

    def close(self) -> None:
        self._cabling.close()


def open_replay(profile: Profile) -> Backend:
    """The driver for whatever the ``[replay]`` table of a profile names."""
    if profile.replay is None:
        raise PictureError(f"The profile of rig {profile.rig} says nothing to replay.")
    if profile.replay.clip is not None:
        from nirvis_capture.cameras.recorded import RecordedBackend

        return RecordedBackend(profile, profile.replay.clip, profile.replay.pacing)
    return ReplayBackend(profile, profile.replay)


def replayed_homography(profile: Profile) -> Homography:
    """homography_vis_to_nir of replayed pictures or videos, raw to raw: what warp and mirrors did to them.

    Raises `PictureError` for a clip.
    """
    if profile.replay is None or profile.replay.clip is not None:
        raise PictureError("The true homography of a replayed clip is not known; register it instead.")
    warp = np.eye(3) if profile.replay.vis_warp is None else np.array(profile.replay.vis_warp)
    vis = picture_to_raw(profile.vis) @ warp
    return normalised(picture_to_raw(profile.nir) @ np.linalg.inv(vis))


def _shows(profile: Profile, replay: ReplaySettings) -> Mapping[Arm, Show]:
    if replay.pictures is not None:
        return _picture_shows(profile, chosen(picture_pairs(replay.pictures), replay.pair))
    if replay.nir_video is None or replay.vis_video is None:
        raise PictureError(f"The profile of rig {profile.rig} says nothing to replay.")
    return _video_shows(profile, replay.nir_video, replay.vis_video)


def _picture_shows(profile: Profile, pairs: list[PicturePair]) -> Mapping[Arm, Show]:
    for pair in pairs:
        height, width = read_pair(pair)[0].shape[:2]
        _check_size(profile, str(pair.source), width, height)
    return {"nir": PictureShow([pair.source for pair in pairs]), "vis": PictureShow([pair.target for pair in pairs])}


def _video_shows(profile: Profile, nir: Path, vis: Path) -> Mapping[Arm, Show]:
    facts = {path: video_facts(path) for path in (nir, vis)}
    for path, fact in facts.items():
        _check_size(profile, str(path), fact.width, fact.height)
    length = min(fact.frames for fact in facts.values())
    return {"nir": VideoShow(nir, length), "vis": VideoShow(vis, length)}


def _check_size(profile: Profile, name: str, width: int, height: int) -> None:
    for arm in ARMS:
        sensor = profile.arm(arm).sensor
        roi = profile.arm(arm).roi
        if {(width, height)} != {(sensor.width_px, sensor.height_px), (roi.width, roi.height)}:
            raise PictureError(
                f"{name} is {width}×{height}, but {arm} of the profile has a sensor of {sensor.width_px}×"
                f"{sensor.height_px} and a roi of {roi.width}×{roi.height}: all that is replayed needs that one size."
            )
