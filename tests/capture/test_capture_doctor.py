"""The doctor examines machines that are laid out in a folder, and says what would stop a recording on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nirvis_capture.doctor import examine, host, software, usb
from nirvis_capture.doctor.finding import Finding
from nirvis_capture.profile import Profile, load_profile

SmallProfile = Callable[..., Profile]
USBFS = "sys/module/usbcore/parameters/usbfs_memory_mb"
SERIALS = ("14435622", "21188171")


@pytest.fixture
def flir() -> Profile:
    """A rig of two real cameras."""
    serials = dict(zip(("nir", "vis"), SERIALS, strict=True))
    arms = {f"{arm}.{key}": value for arm, serial in serials.items() for key, value in
            {"backend": "spinnaker", "serial": serial}.items()}  # fmt: skip
    return load_profile("twin_day").edited(arms)


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def plug_in(root: Path, serial: str, port: str, controller: str = "0000:00:14.0", speed: int = 5000) -> None:
    """A camera as sysfs shows it: a link from the bus to the device below its controller."""
    bus = f"usb{port[0]}"
    device = root / "sys/devices/pci0000:00" / controller / bus / port
    put(device, {"idVendor": "1e10", "serial": serial, "product": "Grasshopper3", "speed": str(speed)})
    devices = root / "sys/bus/usb/devices"
    devices.mkdir(parents=True, exist_ok=True)
    (devices / port).symlink_to(device)


def one(findings: list[Finding], check: str) -> Finding:
    (found,) = [finding for finding in findings if finding.check == check]
    return found


class TestUsbfs:
    def test_the_default_of_linux_stops_two_cameras(self, tmp_path: Path, flir: Profile) -> None:
        (found,) = usb.usbfs(flir, put(tmp_path, {USBFS: "16"}))
        assert found.level == "stop"
        assert "the 32 buffers of both cameras take 91 MB" in found.found
        assert f"sudo tee /{USBFS}" in found.remedy

    def test_more_buffers_in_the_profile_take_more(self, tmp_path: Path, flir: Profile) -> None:
        put(tmp_path, {USBFS: "200"})
        assert [f.level for f in usb.usbfs(flir.edited({"spinnaker.buffers": 100}), tmp_path)] == ["stop"]
        by_aravis = {f"{arm}.backend": "aravis" for arm in ("nir", "vis")}
        assert "the 16 buffers" in next(usb.usbfs(flir.edited(by_aravis), put(tmp_path, {USBFS: "16"}))).found

    def test_less_than_recommended_is_a_warning(self, tmp_path: Path, flir: Profile) -> None:
        assert [f.level for f in usb.usbfs(flir, put(tmp_path, {USBFS: "200"}))] == ["warning"]

    def test_what_the_vendor_recommends_is_enough(self, tmp_path: Path, flir: Profile) -> None:
        assert [f.level for f in usb.usbfs(flir, put(tmp_path, {USBFS: "1000"}))] == ["ok"]

    def test_a_simulated_rig_needs_none(self, tmp_path: Path) -> None:
        assert [f.level for f in usb.usbfs(load_profile("twin_day"), tmp_path)] == ["ok"]


class TestUdev:
    def test_a_rule_for_the_vendor_is_found_wherever_it_is(self, tmp_path: Path, flir: Profile) -> None:
        rule = 'ATTRS{idVendor}=="1e10", GROUP="flirimaging"'
        (found,) = usb.udev(flir, put(tmp_path, {"usr/lib/udev/rules.d/60-cams.rules": rule}))
        assert (found.level, found.remedy) == ("ok", "")

    def test_without_one_an_ordinary_user_cannot_open_a_camera(
        self, tmp_path: Path, flir: Profile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(tmp_path, {"etc/udev/rules.d/70-other.rules": 'ATTRS{idVendor}=="2ba2"'})
        for user, level in ((1000, "stop"), (0, "warning")):
            monkeypatch.setattr("os.geteuid", lambda user=user: user)
            (found,) = usb.udev(flir, tmp_path)
            assert found.level == level
        assert '"1e10"' in found.remedy


class TestUsbCameras:
    def test_two_controllers_at_full_speed_are_as_it_should_be(self, tmp_path: Path, flir: Profile) -> None:
        plug_in(tmp_path, SERIALS[0], "2-1")
        plug_in(tmp_path, SERIALS[1], "4-3", controller="0000:03:00.0")
        assert {f.level for f in usb.cameras(flir, tmp_path)} == {"ok"}

    def test_serials_in_hexadecimal_are_recognised(self, tmp_path: Path, flir: Profile) -> None:
        plug_in(tmp_path, f"{int(SERIALS[0]):08X}", "2-1")
        plug_in(tmp_path, f"{int(SERIALS[1]):08X}", "4-3", controller="0000:03:00.0")
        assert {f.level for f in usb.cameras(flir, tmp_path)} == {"ok"}

    def test_a_camera_that_runs_as_usb2_stops(self, tmp_path: Path, flir: Profile) -> None:
        plug_in(tmp_path, SERIALS[0], "2-1")
        plug_in(tmp_path, SERIALS[1], "1-3", controller="0000:03:00.0", speed=480)
        stops = [f for f in usb.cameras(flir, tmp_path) if f.level == "stop"]
        assert [f.check for f in stops] == ["USB speed"]
        assert "480 Mbit/s" in stops[0].found

    def test_a_shared_controller_is_a_warning_until_it_is_too_slow(self, tmp_path: Path, flir: Profile) -> None:
        plug_in(tmp_path, SERIALS[0], "2-1.1")
        plug_in(tmp_path, SERIALS[1], "2-1.2")
        assert one(list(usb.cameras(flir, tmp_path)), "USB controller").level == "warning"
        quick = flir.edited({"trigger.rate_hz": 130})
        assert one(list(usb.cameras(quick, tmp_path)), "USB controller").level == "stop"
        assert usb.bus_mb_s(flir, tmp_path) == pytest.approx(342)

    def test_a_camera_that_is_missing_is_named_with_what_is_there(self, tmp_path: Path, flir: Profile) -> None:
        plug_in(tmp_path, SERIALS[0], "2-1")
        (found,) = [f for f in usb.cameras(flir, tmp_path) if f.level == "stop"]
        assert found.found == "vis: no camera 21188171 on USB; found 14435622"


class TestOtherPrograms:
    def test_spinview_in_the_background_is_named(self, tmp_path: Path) -> None:
        put(tmp_path, {"proc/17/comm": "bash", "proc/4711/comm": "SpinView_QT"})
        (found,) = usb.others(tmp_path)
        assert (found.level, "process 4711" in found.found) == ("warning", True)


class TestHost:
    def test_a_slow_clock_source_is_a_warning(self, tmp_path: Path) -> None:
        path = "sys/devices/system/clocksource/clocksource0/current_clocksource"
        assert [f.level for f in host.clock(put(tmp_path, {path: "hpet"}))] == ["warning"]
        assert [f.level for f in host.clock(put(tmp_path, {path: "tsc"}))] == ["ok"]

    def test_a_governor_that_saves_power_is_a_warning_unless_the_driver_knows_better(self, tmp_path: Path) -> None:
        cpu = "sys/devices/system/cpu/cpu{}/cpufreq/"
        for number in range(4):
            put(tmp_path, {f"{cpu.format(number)}scaling_governor": "powersave"})
            put(tmp_path, {f"{cpu.format(number)}scaling_driver": "acpi-cpufreq"})
        findings = list(host.processors(tmp_path))
        assert one(findings, "processors").found == "4"
        assert "performance" in one(findings, "CPU governor").remedy
        for number in range(4):
            put(tmp_path, {f"{cpu.format(number)}scaling_driver": "intel_pstate"})
        assert one(list(host.processors(tmp_path)), "CPU governor").level == "ok"

    @pytest.mark.parametrize(("available_gb", "level"), [(0.1, "stop"), (0.6, "warning"), (4.0, "ok")])
    def test_the_ring_has_to_fit_into_memory(self, available_gb: float, level: str, tmp_path: Path) -> None:
        put(tmp_path, {"proc/meminfo": f"MemTotal: 9 kB\nMemAvailable:  {available_gb * 1e9 / 1024:.0f} kB"})
        assert [f.level for f in host.memory(load_profile("twin_day"), tmp_path)] == [level]

    def test_a_machine_without_shared_memory_is_warned_of(self, tmp_path: Path) -> None:
        assert [f.level for f in host.shared_memory(None, tmp_path)] == ["warning"]

    def test_dark_frames_that_are_lost_are_a_warning_and_no_more(self, tmp_path: Path) -> None:
        profile = load_profile("twin_day")
        assert not list(host.dark_and_flat(profile))
        (found,) = host.dark_and_flat(profile.edited({"vis.dark": str(tmp_path / "lost.h5")}))
        assert found.level == "warning"
        assert "vis: There is no file" in found.found

    def test_the_disk_is_tried_where_the_recordings_will_be(self, tmp_path: Path, small_profile: SmallProfile) -> None:
        profile = small_profile().edited({"recording.folder": str(tmp_path / "not" / "yet")})
        findings = list(host.disk(profile))
        assert [f.check for f in findings] == ["disk speed", "free space"]
        assert str(tmp_path) in findings[0].found
        assert not list(tmp_path.iterdir())


class TestSoftware:
    def test_a_driver_that_the_profile_asks_for_has_to_be_there(self, tmp_path: Path, flir: Profile) -> None:
        (found,) = software.spinnaker(flir, tmp_path)
        assert found.level == "stop"
        assert "SDK not installed" in found.found
        (found,) = software.spinnaker(None, put(tmp_path, {"opt/spinnaker/lib/libSpinnaker.so.4.2.0.46": ""}))
        assert found.level == "ok"
        assert "SDK 4.2.0.46" in found.found

    def test_libraries_that_qt_misses_are_named_with_their_packages(self, tmp_path: Path) -> None:
        names = dict.fromkeys((f"usr/lib/x86_64-linux-gnu/{name}" for name in software.XCB_LIBRARIES), "")
        put(tmp_path, names)
        assert [f.level for f in software.window(tmp_path)] == ["ok"]
        (tmp_path / "usr/lib/x86_64-linux-gnu/libxcb-icccm.so.4").unlink()
        (found,) = software.window(tmp_path)
        assert found.remedy == "sudo apt-get install libxcb-icccm4"

    def test_another_version_than_the_tested_one_is_named(self, tmp_path: Path) -> None:
        constraints = tmp_path / "constraints.txt"
        constraints.write_text(
            "numpy==0.1; python_version < '3.11'\nnumpy==0.2; python_version >= '3.11'\nnothere==1\n"
        )
        found = software.versions(constraints)
        assert found.level == "warning"
        assert "(tested 0.1 or 0.2)" in found.found
        assert "nothere" not in found.found


def test_an_empty_machine_is_examined_without_an_error(tmp_path: Path) -> None:
    assert "stop" not in {finding.level for finding in examine(None, tmp_path)}


def test_whatever_is_wrong_has_a_remedy(tmp_path: Path, flir: Profile) -> None:
    plug_in(put(tmp_path, {USBFS: "16"}), SERIALS[0], "1-1", speed=480)
    wrong = [finding for finding in examine(flir, tmp_path) if finding.level != "ok"]
    assert len(wrong) >= 5
    assert all(finding.remedy for finding in wrong)
