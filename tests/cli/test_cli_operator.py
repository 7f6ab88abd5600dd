"""What the operator asks before a recording: doctor, expose, calibrate, preflight."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nirvis_profiles
from nirvis.app import app
from nirvis_capture.errors import ProfileError, RecorderError
from nirvis_capture.profile import load_profile


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No recorder runs here."""
    (tmp_path / "runtime").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    return


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A small twin before a wall, at a rate that every machine keeps."""
    text = nirvis_profiles.text("twin_day").replace("width = 1384, height = 1032", "width = 320, height = 240")
    path = tmp_path / "small.toml"
    text = text.replace("min_free_gb = 2", "min_free_gb = 0").replace('"twin"', f'"cli-{os.getpid()}"', 1)
    path.write_text(text.replace("rate_hz = 45", "rate_hz = 40") + 'pacing = "fast"\ncontent = "even"\n')
    return str(path)


def run(*words: str) -> int:
    """Exit status of a command."""
    try:
        app([*words], result_action="return_value")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


class TestDoctor:
    def test_the_findings_are_a_table_and_json(self, small: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("doctor", small) in (0, 1)
        assert "usbfs memory" in capsys.readouterr().out
        run("doctor", "--json")
        findings = json.loads(capsys.readouterr().out)
        assert {"check", "level", "found", "remedy"} == set(findings[0])

    def test_what_would_stop_a_recording_is_status_1(self, small: str, capsys: pytest.CaptureFixture[str]) -> None:
        """No machine that runs these tests has this camera."""
        text = Path(small).read_text().replace('"simulated"', '"spinnaker"')
        Path(small).write_text(text.replace("TWIN-NIR", "99999998").replace("TWIN-VIS", "99999999"))
        assert run("doctor", small) == 1
        out = capsys.readouterr().out
        assert "STOP     USB cameras    nir: no camera 99999998" in out
        assert "→ Check cable and power of nir" in out

    def test_a_trigger_fault_is_named_with_its_remedy(self, small: str, capsys: pytest.CaptureFixture[str]) -> None:
        text = Path(small).read_text().replace('"fast"', '"real"')
        Path(small).write_text(f'{text}faults = [{{ kind = "roles_swapped", arm = "vis", at = 0 }}]\n')
        assert run("doctor", "--trigger", small) == 1
        assert "swapped roles" in capsys.readouterr().out

    def test_a_trigger_without_a_rig_cannot_be_tried(self) -> None:
        with pytest.raises(ProfileError, match="nirvis doctor --trigger PROFILE"):
            app(["doctor", "--trigger"], result_action="return_value")


class TestExpose:
    def test_a_copy_of_the_profile_holds_what_was_found(self, small: str, tmp_path: Path) -> None:
        dark = tmp_path / "dark.toml"
        text = Path(small).read_text().replace("red = 1.0", "red = 3.0")
        dark.write_text(text.replace("exposure_us = 6000", "exposure_us = 600"))
        assert run("expose", str(dark), "--write", str(tmp_path / "new.toml"), "--white-balance") == 0
        before, after = load_profile(dark), load_profile(tmp_path / "new.toml")
        assert after.nir.exposure_us == after.vis.exposure_us > 3 * before.nir.exposure_us
        assert after.vis.white_balance.red == pytest.approx(1, abs=0.2)
        assert after.text.startswith("# The simulated rig in day mode")

    def test_a_shorter_secondary_is_centred(self, small: str, capsys: pytest.CaptureFixture[str]) -> None:
        text = Path(small).read_text()
        first, second = text.split("[vis]")
        Path(small).write_text(f"{first}[vis]{second.replace('exposure_us = 6000', 'exposure_us = 3000')}")
        assert run("expose", small, "--centre", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        nir, vis = found["nir"]["exposure_us"], found["vis"]["exposure_us"]
        assert vis == pytest.approx(nir / 2, rel=0.01)
        assert found["delay_us"] == pytest.approx((nir - vis) / 2, abs=0.1)


class TestCalibrate:
    def test_dark_and_flat_frames_are_written_and_named_in_a_copy(self, small: str, tmp_path: Path) -> None:
        folder, first, second = str(tmp_path / "cal"), str(tmp_path / "a.toml"), str(tmp_path / "b.toml")
        assert run("calibrate", "dark", small, "--frames", "4", "--out", folder, "--write", first) == 0
        assert run("calibrate", "flat", first, "--frames", "4", "--out", folder, "--write", second) == 0
        profile = load_profile(second)
        for arm in ("nir", "vis"):
            for path in (profile.arm(arm).dark, profile.arm(arm).flat):
                assert path is not None
                assert path.is_file()


class TestPreflight:
    def test_go_is_status_0_with_the_forecast_in_json(
        self, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("preflight", small, "--seconds", "0.4", "--out", str(tmp_path / "clips"), "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["go"] is True
        assert told["trial"]["pairs"] == 16
        assert told["forecast"]["longest_stall_s"] == 3
        assert not (tmp_path / "clips").exists()

    def test_no_go_is_status_1_with_the_reason(
        self, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = Path(small).read_text()
        Path(small).write_text(f'{text}faults = [{{ kind = "transfer_drop", arm = "vis", at = 3 }}]\n')
        assert run("preflight", small, "--seconds", "0.4", "--out", str(tmp_path)) == 1
        said = capsys.readouterr().out
        assert "no-go: 1 × transfer drop in 15 pairs" in said
        assert "nirvis doctor --trigger" in said
        assert re.search(r"highest safe rate .*; but exposures were lost at 40\.\d Hz", said)

    def test_a_rig_that_a_recorder_holds_is_left_alone(self, small: str) -> None:
        from nirvis_capture.client import RecorderClient

        with RecorderClient.start(load_profile(small)) as recorder:
            try:
                recorder.arm()
                with pytest.raises(RecorderError, match="holds its cameras"):
                    app(["preflight", small], result_action="return_value")
            finally:
                recorder.shutdown()
