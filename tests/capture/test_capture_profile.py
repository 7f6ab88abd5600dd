"""Every mistake of a hardware profile at once, with its path, and exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

import nirvis_profiles
from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Profile, load_profile, parse_profile

DAY = nirvis_profiles.text("twin_day")


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text)
    return caught.value.mistakes


@pytest.mark.parametrize("name", nirvis_profiles.names())
def test_every_shipped_profile_is_valid_and_keeps_its_text(name: str) -> None:
    assert load_profile(name).text == nirvis_profiles.text(name)


def test_all_mistakes_are_told_at_once_with_their_paths() -> None:
    text = DAY.replace("exposure_us = 6000", "exposure_us = -1", 1).replace("rate_hz = 45", "rate_hz = 'fast'")
    found = mistakes(text.replace('mode = "day"', 'mode = "noon"'))
    assert {message.split(":")[0] for message in found} == {"nir.exposure_us", "trigger.rate_hz", "mode"}
    assert any("got -1" in message for message in found)


def test_exit_status_is_two_and_the_message_counts() -> None:
    with pytest.raises(ProfileError, match="my rig: 2 mistakes") as caught:
        parse_profile(DAY.replace("exposure_us = 6000", "exposure_us = 0"), origin="my rig")
    assert caught.value.exit_status == 2


def test_a_quantity_in_another_unit_is_recognised() -> None:
    found = mistakes(DAY.replace("exposure_us = 6000", "exposure_ms = 6", 1))
    assert "nir.exposure_ms: unknown key; this quantity is written exposure_us, in microseconds" in found
    assert "nir.exposure_us: missing" in found


def test_a_misspelt_key_is_recognised() -> None:
    assert mistakes(DAY.replace("mirror = true", "mirrored = true")) == (
        "vis.mirrored: unknown key; did you mean mirror?",
    )


def test_a_missing_arm_is_named() -> None:
    assert mistakes(DAY[: DAY.index("[vis]")] + DAY[DAY.index("[trigger]") :]) == ("vis: missing",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("width = 1384,", "width = 1383,", "nir.roi.width", id="odd-roi"),
        pytest.param("width = 1384,", "width = 1386,", "beyond the 1384 px", id="roi-beyond-sensor"),
        pytest.param("bit_depth = 8", "bit_depth = 12", "does not hold 12 bit", id="depth-against-format"),
        pytest.param("rate_hz = 45", "rate_hz = 200", "longer than the period", id="exposure-against-rate"),
        pytest.param('serial = "TWIN-NIR"', 'serial = "TWIN-VIS"', "both arms have serial", id="one-serial-twice"),
        pytest.param('backend = "simulated"', 'backend = "replay"', "one backend", id="two-backends"),
        pytest.param("passband_nm = [400, 1000]", "passband_nm = [1000, 400]", "must rise", id="passband-reversed"),
        pytest.param("[twin]", "[twin]\nresolution = 3", "twin.resolution: unknown key", id="unknown-twin-key"),
    ],
)
def test_what_does_not_fit_is_refused(old: str, new: str, said: str) -> None:
    assert said in " ".join(mistakes(DAY.replace(old, new, 1)))


def test_text_that_is_no_toml_is_told_in_one_line() -> None:
    assert mistakes("rig = ")[0].startswith("is not TOML")


def test_a_profile_that_does_not_exist_lists_the_shipped_ones() -> None:
    with pytest.raises(ProfileError, match="twin_day"):
        load_profile("no_such_rig")


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_bytes(b"rig = '\xff'")
    with pytest.raises(ProfileError, match="UTF-8"):
        load_profile(tmp_path / "rig.toml")


def test_a_changed_profile_has_a_text_that_gives_it_back() -> None:
    fault = {"kind": "transfer_drop", "arm": "vis", "at": 5}
    changed = load_profile("twin_day").edited({"twin": {"scene_seed": 9, "faults": [fault]}})
    assert changed.twin.scene_seed == 9
    assert changed.twin.faults[0].at == 5
    assert parse_profile(changed.text) == changed


def test_a_change_to_none_removes_a_value() -> None:
    night = load_profile("twin_night")
    assert night.edited({"nir": {"filter": {"fwhm_nm": None}}}).nir.filter.fwhm_nm is None


def test_odd_signs_in_a_changed_text_survive() -> None:
    def model_of(profile: Profile) -> str:
        return profile.nir.model

    name = 'a "quoted" 摄像机 \\ 📷'
    assert model_of(load_profile("twin_day").edited({"nir": {"model": name}})) == name
