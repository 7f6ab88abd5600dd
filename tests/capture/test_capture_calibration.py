"""Dark and flat frames give back the light of a scene, and are refused where they say nothing about it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_capture.calibrate import record_calibration, why_not_dark, why_uneven
from nirvis_capture.calibration import (
    Calibration,
    CalibrationError,
    corrected,
    correction_for,
    flat_gain,
    load_calibration,
)
from nirvis_capture.camera import ARMS, Raw
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.corrected_clip import corrected_by, open_corrected
from nirvis_capture.look import looking
from nirvis_capture.profile import ArmSettings, Profile
from nirvis_capture.twin.electronics.cameras import TwinCamera
from nirvis_capture.verify import verify

SmallProfile = Callable[..., Profile]
SHAPE = (120, 160)
BLACK_DN = 100.0
RNG = np.random.default_rng(11)
DARK = (BLACK_DN + RNG.normal(0, 6, SHAPE)).astype(np.float32)
"""Fixed pattern of darkness, in 12 bit counts."""
_Y, _X = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
SHADE = (1 - 0.4 * (_X**2 + _Y**2) / 2).astype(np.float32)
"""A lens that loses two fifths of the light in the corners."""


def exposure(light: NDArray[Any]) -> NDArray[np.uint16]:
    """Counts of that light, behind the lens and the sensor above."""
    return np.clip(np.round(DARK + light * SHADE), 0, 4095).astype(np.uint16)


def falls_off(frames: list[Raw], settings: ArmSettings) -> float:
    """How much darker the corners are than the middle, as a share."""
    mean = np.mean(frames, axis=0) - settings.black_level_dn
    ends = (slice(20), slice(-20, None))
    corners = [mean[rows, columns] for rows in ends for columns in ends]
    return 1 - float(np.mean(corners) / mean[50:70, 70:90].mean())


def taken(kind: str, frame: NDArray[np.float32], **changes: Any) -> Calibration:
    fields: dict[str, Any] = {
        "kind": kind,
        "frame": frame,
        "serial": "TWIN-NIR",
        "pixel_format": "BayerRG8",
        "offset": (0, 0),
        "exposure_us": 6000.0,
        "gain_db": 0.0,
        "frames": 64,
        "taken": datetime(2026, 5, 17, 9, 30, tzinfo=timezone.utc),
    }
    return Calibration(**(fields | changes))


@pytest.fixture
def nir(small_profile: SmallProfile) -> ArmSettings:
    return small_profile().nir


class TestCorrected:
    def test_the_light_comes_back_to_within_the_rounding_of_the_counts(self) -> None:
        light = RNG.uniform(200, 2500, SHAPE).astype(np.float32)
        gain = flat_gain(DARK + 2000 * SHADE, DARK, BLACK_DN)
        out = corrected(exposure(light), DARK, gain, BLACK_DN, 12)
        sites = [(row, column) for row in (0, 1) for column in (0, 1)]
        for row, column in sites:
            cut = np.s_[row::2, column::2]
            scale = SHADE[cut].mean()
            assert np.abs(out[cut] - BLACK_DN - light[cut] * scale).max() < 1.5
        assert out.dtype == np.uint16

    def test_levels_and_white_balance_stay(self) -> None:
        tint = np.ones(SHAPE, np.float32)
        tint[::2, ::2] = 0.4
        gain = flat_gain(DARK + 2000 * SHADE * tint, DARK, BLACK_DN)
        for row in (0, 1):
            for column in (0, 1):
                site = exposure(1000 * tint)[row::2, column::2]
                even = corrected(exposure(1000 * tint), DARK, gain, BLACK_DN, 12)[row::2, column::2]
                assert even.mean() == pytest.approx(site.mean(), rel=0.01)
                assert even.std() < 2 < site.std()

    def test_what_was_saturated_stays_at_full_scale(self) -> None:
        raw = np.full(SHAPE, 255, np.uint8)
        out = corrected(raw, None, np.full(SHAPE, 0.7, np.float32), 4.0, 8)
        assert (out == 255).all()

    def test_without_dark_and_flat_nothing_changes(self) -> None:
        raw = RNG.integers(0, 256, SHAPE, dtype=np.uint8)
        assert np.array_equal(corrected(raw, None, None, 4.0, 8), np.maximum(raw, 0))

    def test_a_dead_site_of_a_flat_does_not_blow_up(self) -> None:
        flat = DARK + 2000 * SHADE
        flat[7, 9] = 0
        gain = flat_gain(flat, DARK, BLACK_DN)
        assert np.isfinite(gain).all()
        assert gain.max() <= 4


class TestFile:
    def test_what_is_stored_is_read_again(self, tmp_path: Path) -> None:
        stored = taken("dark", DARK, temperature_c=31.5, offset=(16, 8))
        read = load_calibration(stored.save(tmp_path / "sub" / "nir-dark.h5"))
        assert np.array_equal(read.frame, DARK)
        for name in ("kind", "serial", "pixel_format", "offset", "exposure_us", "gain_db", "taken", "temperature_c"):
            assert getattr(read, name) == getattr(stored, name)
        assert [path.name for path in (tmp_path / "sub").iterdir()] == ["nir-dark.h5"]

    def test_each_way_to_be_no_calibration_has_its_message(self, tmp_path: Path) -> None:
        with pytest.raises(CalibrationError, match="There is no file"):
            load_calibration(tmp_path / "absent.h5")
        (tmp_path / "text.h5").write_text("hello")
        with pytest.raises(CalibrationError, match="is damaged"):
            load_calibration(tmp_path / "text.h5")
        with h5py.File(tmp_path / "other.h5", "w"):
            pass
        with pytest.raises(CalibrationError, match="holds no dark or flat frames"):
            load_calibration(tmp_path / "other.h5")
        whole = taken("dark", DARK).save(tmp_path / "cut.h5")
        with h5py.File(whole, "r+") as file:
            del file["frame"]
        with pytest.raises(CalibrationError, match="is damaged"):
            load_calibration(whole)


class TestValidity:
    @pytest.mark.parametrize(
        ("kind", "change", "reason"),
        [
            pytest.param("dark", {}, "", id="same-settings"),
            pytest.param("dark", {"serial": "17"}, "it is of camera 17", id="other-camera"),
            pytest.param("flat", {"serial": "17"}, "it is of camera 17", id="flat-of-another-camera"),
            pytest.param("dark", {"pixel_format": "BayerRG16"}, "pixel format BayerRG16", id="other-depth"),
            pytest.param("flat", {"offset": (2, 0)}, "offset (2, 0)", id="other-region"),
            pytest.param("dark", {"exposure_us": 12_000.0}, "exposed for 12000 µs", id="other-exposure"),
            pytest.param("flat", {"exposure_us": 12_000.0}, "", id="a-flat-holds-for-any-exposure"),
            pytest.param("dark", {"gain_db": 6.0}, "at 6 dB", id="other-gain"),
            pytest.param("dark", {"temperature_c": 20.0}, "at 20 °C, and the sensor is at 35 °C", id="colder"),
            pytest.param("dark", {"temperature_c": 33.0}, "", id="as-warm"),
        ],
    )
    def test_frames_of_other_settings_are_no_witness(
        self, kind: str, change: dict[str, Any], reason: str, nir: ArmSettings
    ) -> None:
        found = taken(kind, DARK, **change).why_unfit(nir, temperature_c=35.0)
        assert reason in found
        assert bool(found) == bool(reason)

    def test_another_size_is_refused(self, nir: ArmSettings) -> None:
        assert "size 80×120" in taken("flat", DARK[:, :80]).why_unfit(nir)

    def test_dark_frames_that_are_named_as_flat_are_refused(self, nir: ArmSettings, tmp_path: Path) -> None:
        path = taken("dark", DARK).save(tmp_path / "d.h5")
        with pytest.raises(CalibrationError, match="holds dark frames, and the profile names it as flat"):
            correction_for(nir.model_copy(update={"flat": path}))

    def test_an_arm_that_names_none_is_not_corrected(self, nir: ArmSettings) -> None:
        assert correction_for(nir) is None


class TestRecording:
    def test_the_twin_with_its_cap_on_gives_its_black_level(self, small_profile: SmallProfile) -> None:
        steps: list[tuple[int, int]] = []
        profile = small_profile()
        found = record_calibration("dark", profile, frames=16, progress=lambda *step: steps.append(step))
        for arm in ARMS:
            assert found[arm].frame.mean() == pytest.approx(profile.arm(arm).black_level_dn, abs=0.5)
            assert found[arm].why_unfit(profile.arm(arm)) == ""
        assert steps[-1] == (16, 16)

    def test_the_twin_before_a_wall_is_even(self, small_profile: SmallProfile) -> None:
        found = record_calibration("flat", small_profile(), frames=16, arms=("vis",))
        assert list(found) == ["vis"]
        assert found["vis"].frame.std() < 0.05 * found["vis"].frame.mean()

    def test_a_flat_of_the_twin_takes_off_what_its_lens_does_to_the_corners(self, small_profile: SmallProfile) -> None:
        whole = {f"{arm}.sensor.{side}": n for arm in ARMS for side, n in (("width_px", 160), ("height_px", 120))}
        profile = small_profile().edited({"twin.content": "even", **whole})
        settings = profile.nir
        flat = record_calibration("flat", profile, frames=32, arms=("nir",))["nir"]
        gain = flat_gain(flat.frame, None, settings.black_level_dn)
        with looking(profile) as look:
            seen = [pair["nir"].pixels for pair in islice(look, 8)]
        even = [corrected(raw, None, gain, settings.black_level_dn, 8) for raw in seen]
        assert falls_off(seen, settings) > 0.05
        assert abs(falls_off(even, settings)) < 0.02

    def test_the_temperature_that_a_camera_tells_is_stored(
        self, small_profile: SmallProfile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(TwinCamera, "health", lambda _: {"temperature_c": 41.5}, raising=False)
        found = record_calibration("dark", small_profile(), frames=2, arms=("nir",))
        assert found["nir"].temperature_c == 41.5

    def test_light_in_a_dark_frame_is_refused(self, nir: ArmSettings) -> None:
        assert "cap the lens" in why_not_dark(np.full(SHAPE, 60, np.float32), nir)

    @pytest.mark.parametrize(
        ("frame", "reason"),
        [
            pytest.param(np.full(SHAPE, 10.0), "reaches 2% of its range", id="dark"),
            pytest.param(np.full(SHAPE, 255.0), "reaches 100% of its range", id="saturated"),
            pytest.param(128 + 40 * np.sign(np.sin(np.arange(160) / 4)) + np.zeros(SHAPE), "structure", id="a-fence"),
            pytest.param(180.0 * SHADE, "", id="a-wall-behind-a-lens-that-shades"),
        ],
    )
    def test_what_is_not_even_is_no_flat(self, frame: NDArray[Any], reason: str, nir: ArmSettings) -> None:
        found = why_uneven(frame.astype(np.float32), nir)
        assert reason in found
        assert bool(found) == bool(reason)


class TestInClips:
    @pytest.fixture
    def profile(self, small_profile: SmallProfile, tmp_path: Path) -> Profile:
        """A rig whose nir arm names dark frames of 20 counts everywhere."""
        path = taken("dark", np.full(SHAPE, 20, np.float32)).save(tmp_path / "cal" / "nir-dark.h5")
        return small_profile().edited({"nir.dark": str(path)})

    def test_a_clip_stays_raw_and_is_corrected_as_it_is_read(self, profile: Profile, tmp_path: Path) -> None:
        path = record_clip(profile, tmp_path, pairs=3)
        assert verify(path).ok
        with Clip.open(path) as raw, open_corrected(path) as clip:
            assert corrected_by(raw) == ""
            assert len(corrected_by(clip)) == 64
            for k in range(3):
                nir, vis = raw.pair(k)
                expected = np.where(nir == 255, 255, np.clip(nir.astype(int) - 20 + 4, 0, 255))
                assert np.array_equal(clip.pair(k)[0], expected)
                assert np.array_equal(clip.pair(k)[1], vis)

    @pytest.mark.parametrize(("sensor_c", "fits"), [(33.0, True), (41.5, False)])
    def test_dark_frames_of_another_temperature_than_the_recording_are_refused(
        self, small_profile: SmallProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sensor_c: float, fits: bool
    ) -> None:
        monkeypatch.setattr(TwinCamera, "health", lambda _: {"temperature_c": sensor_c}, raising=False)
        dark = taken("dark", DARK, temperature_c=30.0).save(tmp_path / "warm-dark.h5")
        path = record_clip(small_profile().edited({"nir.dark": str(dark)}), tmp_path, pairs=2)
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert clip.arms["nir"].temperature_c == sensor_c
        if fits:
            open_corrected(path).close()
            return
        with pytest.raises(CalibrationError, match="at 30 °C, and the sensor is at 42 °C"):
            open_corrected(path)

    def test_a_recording_keeps_them_beside_its_clips_so_that_both_can_be_moved(
        self, profile: Profile, tmp_path: Path
    ) -> None:
        path = record_clip(profile, tmp_path / "clips", pairs=2)
        shutil.rmtree(tmp_path / "cal")
        (tmp_path / "clips").rename(tmp_path / "elsewhere")
        with open_corrected(tmp_path / "elsewhere" / path.name) as clip:
            assert corrected_by(clip)

    def test_where_they_are_lost_the_message_says_what_to_do(self, profile: Profile, tmp_path: Path) -> None:
        path = record_clip(profile, tmp_path, pairs=2)
        for lost in (tmp_path / "cal" / "nir-dark.h5", tmp_path / "nir-dark.h5"):
            lost.unlink()
        with pytest.raises(CalibrationError, match=r"beside the clip, or register it as it is with --no-dark-flat"):
            open_corrected(path)

    def test_a_copy_that_cannot_be_made_ends_no_recording(
        self, profile: Profile, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "clips" / "nir-dark.h5.part").mkdir(parents=True)
        assert verify(record_clip(profile, tmp_path / "clips", pairs=2)).ok
        assert "could not be kept beside the clips" in caplog.text


class TestInThePreview:
    def test_the_live_picture_is_corrected(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        from nirvis_capture.preview import Preview
        from nirvis_capture.rig import Rig
        from nirvis_capture.slot import Slot

        dark = taken("dark", np.full(SHAPE, 250, np.float32)).save(tmp_path / "nir-dark.h5")
        profile = small_profile("real", rate_hz=50).edited(
            {"nir.dark": str(dark), "vis.dark": str(tmp_path / "absent.h5")}
        )
        rig = Rig(profile, lambda _: None)
        rig.open()
        slot = Slot.create(tmp_path / "slot", 2 * SHAPE[0] * SHAPE[1])
        try:
            rig.arm()
            preview = Preview(profile, rig.infos, rig.stream, slot, lambda: 0.0)
            shown, deadline = None, time.monotonic() + 20
            with Slot.attach(tmp_path / "slot") as reader:
                while shown is None and time.monotonic() < deadline:
                    shown = reader.newest()
            preview.stop()
        finally:
            rig.close()
            slot.close()
        assert shown is not None
        assert set(np.unique(shown.arrays["nir"])) <= {*range(10), 255}
        assert shown.arrays["vis"].std() > 60
        assert "There is no file" in shown.meta["vis"]["not_corrected"]

    def test_dark_frames_of_another_temperature_are_not_applied(
        self, small_profile: SmallProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from nirvis_capture.preview import Preview
        from nirvis_capture.rig import Rig
        from nirvis_capture.slot import Slot

        monkeypatch.setattr(TwinCamera, "health", lambda _: {"temperature_c": 41.5}, raising=False)
        dark = taken("dark", DARK, temperature_c=30.0).save(tmp_path / "cold-dark.h5")
        profile = small_profile("real", rate_hz=50).edited({"nir.dark": str(dark)})
        rig = Rig(profile, lambda _: None)
        rig.open()
        slot = Slot.create(tmp_path / "slot", 2 * SHAPE[0] * SHAPE[1])
        try:
            rig.arm()
            preview = Preview(profile, rig.infos, rig.stream, slot, lambda: 0.0, rig.health)
            preview.stop()
        finally:
            rig.close()
            slot.close()
        assert "at 30 °C, and the sensor is at 42 °C" in preview._arms["nir"]["not_corrected"]
