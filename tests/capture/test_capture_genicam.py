"""Settings go into a camera in an order that it accepts, and what was there before comes back."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from nirvis_capture.cameras import open_backend
from nirvis_capture.cameras.aravis import Found, is_serial
from nirvis_capture.cameras.genicam import Refused, Value, sensor_counts
from nirvis_capture.cameras.genicam_changes import Changes
from nirvis_capture.cameras.genicam_configuration import configuration
from nirvis_capture.cameras.genicam_leftovers import Leftovers
from nirvis_capture.errors import BackendUnavailable, CameraError
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.trigger import NodeSetting

MAX_EXPOSURE_US = 1e6


class Coupled:
    """A camera whose exposure has to fit its period, and which shortens it by itself; with lines behind a selector."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {
            "AcquisitionFrameRate": 5.0,
            "ExposureTime": 150_000.0,
            "LineSelector": "Line3",
            "LineMode Line2": "Input",
            "LineMode Line3": "Output",
            "GainAuto": "Continuous",
        }

    def read(self, name: str) -> Value | None:
        return self.values.get(self._key(name))

    def is_writable(self, name: str) -> bool:
        return self._key(name) in self.values

    def execute(self, name: str) -> bool:
        return False

    def write(self, name: str, value: Value) -> None:
        if name == "ExposureTime" and not 10 <= float(value) <= self._longest_us:
            raise Refused(f"ExposureTime = {value}; it allows 10 to {self._longest_us:g}")
        if name == "GainAuto" or (name == "LineSelector" and f"LineMode {value}" not in self.values):
            raise Refused(f"{name} = {value}; it has no such entry")
        self.values[self._key(name)] = value
        if name == "AcquisitionFrameRate":
            self.values["ExposureTime"] = min(float(self.values["ExposureTime"]), self._longest_us)

    @property
    def _longest_us(self) -> float:
        return MAX_EXPOSURE_US / float(self.values["AcquisitionFrameRate"])

    def _key(self, name: str) -> str:
        return f"LineMode {self.values['LineSelector']}" if name == "LineMode" else name


class Killed(BaseException):
    """Nobody catches a SIGKILL."""


class Dying(Coupled):
    """Whoever writes to it is killed once, after so many writes, before or after that value is in the camera."""

    def __init__(self, writes: int, written: bool) -> None:
        super().__init__()
        self._left, self._written = writes, written

    def write(self, name: str, value: Value) -> None:
        self._left -= 1
        if self._left != -1 or self._written:
            super().write(name, value)
        if self._left == -1:
            raise Killed


class TestChanges:
    @pytest.mark.parametrize("exposure_us", [20_000.0, 1000.0])
    def test_what_the_camera_moved_by_itself_comes_back_too(self, exposure_us: float) -> None:
        camera = Coupled()
        before = dict(camera.values)
        changes = Changes(camera, "SN1")
        changes.apply([NodeSetting("AcquisitionFrameRate", 45.0), NodeSetting("ExposureTime", exposure_us)])
        assert camera.values["ExposureTime"] == exposure_us
        assert changes.restore() == []
        assert camera.values == before

    def test_selected_features_come_back_where_they_were(self) -> None:
        camera = Coupled()
        before = dict(camera.values)
        changes = Changes(camera, "SN1")
        changes.apply([NodeSetting("LineSelector", "Line2"), NodeSetting("LineMode", "Output")])
        changes.apply([NodeSetting("LineSelector", "Line3"), NodeSetting("LineMode", "Input")])
        assert (camera.values["LineMode Line2"], camera.values["LineMode Line3"]) == ("Output", "Input")
        assert changes.restore() == []
        assert camera.values == before
        assert changes.restore() == []

    def test_what_is_needed_and_missing_is_named_and_the_rest_is_passed_over(self) -> None:
        changes = Changes(Coupled(), "SN1")
        changes.apply([NodeSetting("GammaEnable", False, needed=False)])
        changes.apply([NodeSetting("ExposureTime", 1e9, needed=False)])
        with pytest.raises(CameraError, match="SN1 has no TriggerMode that could be set to On"):
            changes.apply([NodeSetting("TriggerMode", "On")])
        with pytest.raises(CameraError, match="ExposureTime = 1000000000"):
            changes.apply([NodeSetting("ExposureTime", 1e9)])

    def test_nothing_is_set_behind_a_selector_that_did_not_move(self) -> None:
        camera = Coupled()
        before = dict(camera.values)
        mode = NodeSetting("LineMode", "Input", needed=False)
        assert Changes(camera, "SN1").apply([NodeSetting("LineSelector", "Line9", needed=False), mode]) == []
        assert camera.values == before
        assert Changes(camera, "SN1").apply([mode]) == [mode]

    def test_what_a_camera_may_lack_but_has_and_refuses_is_told(self) -> None:
        with pytest.raises(CameraError, match="GainAuto = Off; it has no such entry"):
            Changes(Coupled(), "SN1").apply([NodeSetting("GainAuto", "Off", needed=False)])


@pytest.mark.parametrize(
    ("pixel_format", "bit_depth", "sent", "counts"),
    [
        pytest.param("BayerRG8", 8, b"\x01\xff", [1, 255], id="8"),
        pytest.param("BayerRG12p", 12, b"\x34\xf2\xab", [0x234, 0xABF], id="12-packed"),
        pytest.param("BayerRG16", 12, b"\xf0\xff\x10\x00", [0xFFF, 1], id="12-in-16"),
        pytest.param("BayerRG16", 16, b"\xf0\xff\x10\x00", [0xFFF0, 16], id="16"),
    ],
)
def test_counts_are_those_of_the_sensor_whichever_driver_brings_them(
    pixel_format: str, bit_depth: int, sent: bytes, counts: list[int]
) -> None:
    assert sensor_counts(np.frombuffer(sent, np.uint8), pixel_format, (1, 2), bit_depth).tolist() == [counts]


class TestKilled:
    """A program that was killed put nothing back; the next one does."""

    WRITTEN = (
        NodeSetting("AcquisitionFrameRate", 45.0),
        NodeSetting("ExposureTime", 6000.0),
        NodeSetting("LineSelector", "Line2"),
        NodeSetting("LineMode", "Output"),
    )

    def killed(self, camera: Coupled, path: Path) -> None:
        Changes(camera, "SN1", Leftovers(path)).apply(self.WRITTEN)

    def test_its_settings_are_put_back_when_the_camera_is_opened_again(self, tmp_path: Path) -> None:
        camera, path = Coupled(), tmp_path / "camera.json"
        found = dict(camera.values)
        self.killed(camera, path)
        assert camera.values != found
        changes = Changes(camera, "SN1", Leftovers(path))
        assert camera.values == found
        changes.apply(self.WRITTEN)
        assert changes.restore() == []
        assert camera.values == found
        assert not path.exists()

    @pytest.mark.parametrize("written", [False, True], ids=["before-the-write", "after-it"])
    @pytest.mark.parametrize("writes", range(4))
    def test_a_kill_in_the_middle_of_configuring_leaves_a_way_back_too(
        self, tmp_path: Path, writes: int, written: bool
    ) -> None:
        camera, path = Dying(writes, written), tmp_path / "camera.json"
        found = dict(camera.values)
        with pytest.raises(Killed):
            self.killed(camera, path)
        assert (camera.values != found) == (writes > 0 or written)
        Changes(camera, "SN1", Leftovers(path))
        assert camera.values == found

    def test_what_a_person_changed_since_stays(self, tmp_path: Path) -> None:
        camera, path = Coupled(), tmp_path / "camera.json"
        self.killed(camera, path)
        camera.values |= {"ExposureTime": 777.0, "LineSelector": "Line3", "LineMode Line3": "Input"}
        Changes(camera, "SN1", Leftovers(path))
        assert camera.values["ExposureTime"] == 777.0
        assert camera.values["AcquisitionFrameRate"] == 5.0
        assert [camera.values[name] for name in ("LineSelector", "LineMode Line2", "LineMode Line3")] == [
            "Line3",
            "Input",
            "Input",
        ]

    def test_a_camera_that_lost_its_power_is_left_as_it_is(self, tmp_path: Path) -> None:
        path, after = tmp_path / "camera.json", Coupled()
        self.killed(Coupled(), path)
        found = dict(after.values)
        Changes(after, "SN1", Leftovers(path))
        assert after.values == found

    @pytest.mark.parametrize("content", [b"", b"no json", b'[{"name": "ExposureTime"}]'])
    def test_a_file_that_makes_no_sense_is_none(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "camera.json").write_bytes(content)
        assert Leftovers(tmp_path / "camera.json").recall() == []


class TestAravis:
    @pytest.mark.parametrize(
        ("told", "housing", "same"),
        [
            ("14435622", "14435622", True),
            ("00DC4526", "14435622", True),
            ("00DC4526", "14435623", False),
            ("A1", "161", False),
        ],
    )
    def test_a_serial_is_that_of_the_housing_or_the_same_number_in_hexadecimal(
        self, told: str, housing: str, same: bool
    ) -> None:
        assert is_serial(Found("camera", told), housing) is same

    def test_what_to_install_is_said_where_it_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "gi", None)
        with pytest.raises(BackendUnavailable, match=r"apt-get install gir1.2-aravis-0.8 .* pip install") as caught:
            open_backend(load_profile("aravis_gige")).open()
        assert "\n" not in str(caught.value)


class TestConfiguration:
    @pytest.fixture
    def profile(self) -> Profile:
        return load_profile("aravis_gige").edited({"nir": {"model": "BFS-U3-63S4C"}, "vis": {"model": "GS3-U3-15S4C"}})

    def test_two_cameras_that_run_freely_have_no_trigger_but_a_rate(self, profile: Profile) -> None:
        for arm in ("nir", "vis"):
            settings = _last(configuration(profile, arm))
            assert settings["TriggerMode"] == "Off"
            assert settings["AcquisitionFrameRate"] == 25
            assert "LineSelector" not in settings

    def test_a_secondary_waits_and_keeps_no_rate_of_its_own(self, profile: Profile) -> None:
        settings = _last(configuration(profile.edited({"trigger.source": "hardware"}), "vis"))
        assert (settings["TriggerMode"], settings["TriggerSource"]) == ("On", "Line3")
        assert settings["AcquisitionFrameRateEnable"] is False
        assert "AcquisitionFrameRate" not in settings

    def test_a_primary_puts_out_its_exposures(self, profile: Profile) -> None:
        settings = _last(configuration(profile.edited({"trigger.source": "hardware"}), "nir"))
        assert (settings["TriggerMode"], settings["LineSource"]) == ("Off", "ExposureActive")


def _last(settings: Iterable[NodeSetting]) -> dict[str, Value]:
    """What each feature is set to in the end."""
    return {setting.node: setting.value for setting in settings}
