"""Exposures are metered before each recording where the profile asks for it, whatever the light has become."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nirvis_capture.camera import ARMS, Arm, Camera
from nirvis_capture.cameras.simulated import SimulatedBackend
from nirvis_capture.client import RecorderClient, RecorderStatus
from nirvis_capture.clip import Clip
from nirvis_capture.errors import CameraError, ProfileError, RecorderError
from nirvis_capture.exposure import Exposure, exposures_of, set_ratio
from nirvis_capture.optics import figures
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.recorder import Recorder
from nirvis_capture.verify import verify
from recorders import running

PAIRS = 12


class Outdoors:
    """A simulated rig before a wall whose light changes between one opening of the cameras and the next."""

    def __init__(self) -> None:
        self.light: dict[str, Any] = {"brightness_ev": 0.0}
        self.failures: list[CameraError] = []
        """What the next openings end with."""
        self.opened: list[Profile] = []
        self.when_opened: Callable[[], None] = lambda: None

    def backend(self, profile: Profile) -> SimulatedBackend:
        outdoors = self

        class Backend(SimulatedBackend):
            def open(self) -> Mapping[Arm, Camera]:
                outdoors.opened.append(profile)
                outdoors.when_opened()
                if outdoors.failures:
                    raise outdoors.failures.pop()
                return super().open()

        return Backend(profile.edited({"twin": self.light}))


@pytest.fixture
def profile(runtime: Path) -> Profile:
    """Vis is exposed half as long as nir."""
    small = {"roi": {"width": 160, "height": 120}}
    return load_profile("twin_day").edited(
        {
            "rig": f"test-{os.getpid()}",
            "nir": {**small, "exposure_us": 2000},
            "vis": {**small, "exposure_us": 1000},
            "trigger.rate_hz": 100,
            "twin": {"content": "even", "pacing": "fast"},
            "recording.min_free_gb": 0,
            "metering": {"before_recording": True, "bright": 0.7, "highest_gain_db": 12},
        }
    )


@pytest.fixture
def outdoors() -> Outdoors:
    return Outdoors()


@pytest.fixture
def recorder(profile: Profile, outdoors: Outdoors) -> Recorder:
    return Recorder(profile.rig, open_backend=outdoors.backend)


@pytest.fixture
def client(profile: Profile, recorder: Recorder) -> Iterator[RecorderClient]:
    with running(recorder, profile) as client:
        yield client


def recorded(client: RecorderClient, folder: Path, **more: Any) -> Path:
    client.record(folder=folder, seconds=PAIRS / 100, **more)
    path = client.stop()
    assert path is not None
    assert verify(path).ok
    return path


def brightest(clip: Clip) -> float:
    """Of the arm that is nearer to saturation; saturation itself is refused."""
    seen = {
        arm: figures(raw, clip.arms[arm].cfa, clip.arms[arm].black_level_dn, 8)
        for arm, raw in zip(ARMS, clip.pair(0), strict=True)
    }
    assert max(each.worst_saturated for each in seen.values()) < 0.002
    return max(each.bright for each in seen.values())


def test_each_clip_of_a_series_is_exposed_for_the_light_of_its_moment(
    profile: Profile, client: RecorderClient, outdoors: Outdoors, tmp_path: Path
) -> None:
    nir_us = []
    for stops in (1.0, -1.0):
        outdoors.light = {"brightness_ev": stops}
        with Clip.open(recorded(client, tmp_path)) as clip:
            used, stated = exposures_of(clip.profile), clip.certificate.exposures
            assert set_ratio(clip.profile) == pytest.approx(set_ratio(profile), rel=0.002)
            assert brightest(clip) == pytest.approx(0.7, abs=0.06)
            assert stated is not None
            assert stated.exposure_us == {arm: (used[arm].exposure_us,) * 2 for arm in ARMS}
            assert stated.pairs_off_ratio == 0
        status = client.status()
        assert (status.exposures, status.message, status.metering) == (used, "", False)
        nir_us.append(used["nir"].amount)
    assert nir_us[1] / nir_us[0] == pytest.approx(4, rel=0.15)
    outdoors.opened.clear()
    recorded(client, tmp_path)
    assert [exposures_of(opened) for opened in outdoors.opened] == [used, used], "one look suffices, then the clip"


def test_a_client_says_where_it_begins(client: RecorderClient, outdoors: Outdoors, tmp_path: Path) -> None:
    begin: dict[Arm, Exposure] = {"nir": Exposure(640.0, 0.0), "vis": Exposure(320.0, 0.0)}
    recorded(client, tmp_path, exposures=begin)
    assert exposures_of(outdoors.opened[0]) == begin


class TestFailure:
    """The clip is recorded all the same, with the exposures of before, and the operator is told."""

    def test_neither_arm_sees_anything(self, client: RecorderClient, outdoors: Outdoors, tmp_path: Path) -> None:
        recorded(client, tmp_path)
        before = client.status().exposures
        outdoors.light = {"content": "dark"}
        with Clip.open(recorded(client, tmp_path)) as clip:
            assert exposures_of(clip.profile) == before
        said = client.status().message
        assert "could not be metered, so the exposures stay as they were (nir " in said
        assert "neither arm sees anything" in said

    def test_a_camera_does_not_answer(
        self, profile: Profile, client: RecorderClient, outdoors: Outdoors, tmp_path: Path
    ) -> None:
        outdoors.failures = [CameraError("Camera TWIN-NIR does not answer.")]
        with Clip.open(recorded(client, tmp_path)) as clip:
            assert exposures_of(clip.profile) == exposures_of(profile)
        kept = "(nir 2.000 ms 0.00 dB, vis 1.000 ms 0.00 dB)"
        assert client.status().message.endswith(f"{kept}: Camera TWIN-NIR does not answer.")

    def test_dusk_is_metered_as_far_as_it_goes(
        self, client: RecorderClient, outdoors: Outdoors, tmp_path: Path
    ) -> None:
        outdoors.light = {"brightness_ev": -6.0}
        with Clip.open(recorded(client, tmp_path)) as clip:
            assert clip.profile.nir.gain_db == 12
        assert "still dark; open the iris" in client.status().message


def test_one_that_is_called_off_while_it_meters_writes_nothing(
    recorder: Recorder, client: RecorderClient, outdoors: Outdoors, tmp_path: Path
) -> None:
    seen: list[RecorderStatus] = []

    def call_off() -> None:
        seen.append(recorder.station.status())
        recorder.station.call_off()

    outdoors.when_opened = call_off
    with pytest.raises(RecorderError, match="called off before its first exposure"):
        client.record(folder=tmp_path)
    assert [(status.metering, status.opening, status.holds_cameras) for status in seen] == [(True, "recording", True)]
    assert seen[0].doing == "it meters the light for a recording"
    assert not client.status().metering
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"recording.pre_trigger_seconds": 5}, "keeps what was seen before the button", id="pre-trigger"),
        pytest.param({"vis.dark": "vis.frames.h5"}, "dark frames hold for one exposure", id="dark-frames"),
    ],
)
def test_what_needs_the_exposures_of_before_is_refused(profile: Profile, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProfileError, match=reason):
        profile.edited(changes)
