"""``nirvis verify``: a clip proves itself again, and one altered byte of it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from nirvis.certificate_line import certificate_line
from nirvis.commands.verify import verify as verify_command
from nirvis_capture.certificate import Certificate
from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import text
from nirvis_capture.pairing import Event
from nirvis_capture.verify import verify

WriteClip = Callable[..., Path]
Alter = Callable[[h5py.File], None]


def altered(path: Path, alter: Alter) -> tuple[str, ...]:
    with h5py.File(path, "r+") as file:
        alter(file)
    verdict = verify(path)
    assert not verdict.ok
    return verdict.findings


def flip_a_bit(file: h5py.File) -> None:
    file["entry/instrument/nir/data"][3, 60, 80] ^= 1


def swap_two_frames(file: h5py.File) -> None:
    frames = file["entry/instrument/vis/data"]
    frames[2], frames[3] = frames[3], frames[2]


def edit_a_timestamp(file: h5py.File) -> None:
    file["entry/instrument/vis/timestamp_ns"][4] += 1


def edit_an_attribute(file: h5py.File) -> None:
    file["entry/instrument/vis"].attrs["serial"] = "SN-other"


def edit_the_place(file: h5py.File) -> None:
    file["entry/place"][()] = b"Bonn"


def edit_the_profile(file: h5py.File) -> None:
    file["entry/profile"][()] = text(file["entry/profile"]).replace("rate_hz = 60", "rate_hz = 61").encode()


def add_an_object(file: h5py.File) -> None:
    file["entry/remark"] = 1


def edit_the_end(file: h5py.File) -> None:
    file["entry/end_time"][()] = b"2030-01-01T00:00:00+00:00"


def edit_the_preview(file: h5py.File) -> None:
    file["entry/preview/image"][0, 0, 0] ^= 255


def cut_the_last_frame(file: h5py.File) -> None:
    file["entry/instrument/nir/data"].resize(11, axis=0)


def edit_the_certificate(file: h5py.File) -> None:
    claimed = text(file["entry/certificate"]).replace('"TRANSFER_DROP":1', '"TRANSFER_DROP":0')
    file["entry/certificate"][()] = claimed.encode()


def test_a_clip_proves_itself_again(write_clip: WriteClip) -> None:
    verdict = verify(write_clip())
    assert verdict.findings == ()
    assert verdict.synchrony


def test_an_unanchored_clip_holds_without_claiming_pairs(write_clip: WriteClip) -> None:
    verdict = verify(write_clip(anchored=False))
    assert verdict.ok
    assert not verdict.synchrony


@pytest.mark.parametrize(
    ("alter", "finding"),
    [
        pytest.param(flip_a_bit, "instrument/nir/data", id="one-stored-byte"),
        pytest.param(swap_two_frames, "instrument/vis/data", id="swapped-frames"),
        pytest.param(edit_a_timestamp, "instrument/vis/timestamp_ns", id="timestamp"),
        pytest.param(edit_an_attribute, "header", id="attribute"),
        pytest.param(edit_the_place, "header", id="place"),
        pytest.param(edit_the_profile, "header", id="profile"),
        pytest.param(add_an_object, "header", id="added-object"),
        pytest.param(edit_the_end, "end_time", id="end-time"),
        pytest.param(edit_the_preview, "preview/image", id="preview"),
        pytest.param(cut_the_last_frame, "certificate counts 12", id="cut-frame"),
        pytest.param(edit_the_certificate, "certificate: it was edited", id="certificate"),
    ],
)
def test_an_altered_clip_is_refused(write_clip: WriteClip, alter: Alter, finding: str) -> None:
    assert any(finding in found for found in altered(write_clip(), alter))


def test_rows_that_the_stamps_do_not_give_are_refused_even_when_every_digest_was_made_anew(
    write_clip: WriteClip,
) -> None:
    """Who can compute digests can still not claim pairs that the stamps contradict."""

    def claim_another_anchor(file: h5py.File) -> None:
        certificate = Certificate.model_validate_json(text(file["entry/certificate"]))
        fields = certificate.model_dump()
        fields["pairing"]["anchor"]["vis_ns"] += round(1e9 / 60)
        file["entry/certificate"][()] = Certificate.model_validate(fields).sealed().model_dump_json().encode()

    findings = altered(write_clip(), claim_another_anchor)
    assert any(found.startswith("pair table, row 0: it says nir 0 and vis 0, PAIR") for found in findings)


def test_an_anchor_that_the_recording_did_not_begin_with_is_refused(write_clip: WriteClip) -> None:
    def claim_more_than_a_pause(file: h5py.File) -> None:
        certificate = Certificate.model_validate_json(text(file["entry/certificate"]))
        fields = certificate.model_dump()
        fields["pairing"]["anchor"]["note"] = "both clocks were latched"
        file["entry/certificate"][()] = Certificate.model_validate(fields).sealed().model_dump_json().encode()

    assert "its anchor is not the one" in altered(write_clip(), claim_more_than_a_pause)[0]


def test_a_claim_that_the_pairing_does_not_allow_is_refused(write_clip: WriteClip) -> None:
    def claim_synchrony(file: h5py.File) -> None:
        certificate = Certificate.model_validate_json(text(file["entry/certificate"]))
        claimed = certificate.model_copy(update={"claim": "synchrony"}).sealed()
        file["entry/certificate"][()] = claimed.model_dump_json().encode()

    assert "it claims synchrony" in altered(write_clip(anchored=False), claim_synchrony)[0]


def test_progress_counts_every_frame(write_clip: WriteClip) -> None:
    seen: list[tuple[int, int]] = []
    verify(write_clip(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (23, 23)


def test_command_says_one_line_for_each_clip_of_a_folder(
    write_clip: WriteClip, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_clip("a.clip.h5").parent
    write_clip("b.clip.h5", anchored=False)
    verify_command(folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{folder / 'a.clip.h5'}: proved, 11 pairs")
    assert lines[1].startswith(f"{folder / 'b.clip.h5'}: unanchored (integrity only)")


def test_the_line_of_a_proved_clip_says_how_many_frames_are_unanchored(write_clip: WriteClip) -> None:
    certificate = verify(write_clip()).certificate
    counts = {**certificate.pairing.counts, Event.UNANCHORED.name: 7}
    adrift = certificate.model_copy(update={"pairing": replace(certificate.pairing, counts=counts)})
    assert certificate_line(certificate).endswith("1 transfer drop")
    assert certificate_line(adrift).endswith("1 transfer drop, 7 unanchored")


def test_command_refuses_what_does_not_hold_and_goes_on(
    write_clip: WriteClip, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_clip("a.clip.h5").parent
    write_clip("b.clip.h5")
    (folder / "c.clip.h5").write_text("text")
    with h5py.File(folder / "a.clip.h5", "r+") as file:
        flip_a_bit(file)
    with pytest.raises(SystemExit) as ended:
        verify_command(folder, as_json=True)
    assert ended.value.code == 1
    outcomes = json.loads(capsys.readouterr().out)
    assert [outcome["result"] for outcome in outcomes] == ["REFUSED", "proved", "REFUSED"]


def test_verify_reads_a_long_clip_in_blocks(write_clip: WriteClip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nirvis_capture.verify._ROWS_AT_ONCE", 4)
    assert verify(write_clip(pulses=11, dropped=None)).findings == ()


def test_a_clip_of_many_rows_holds(write_clip: WriteClip) -> None:
    path = write_clip(pulses=40)
    with h5py.File(path, "r") as file:
        assert np.count_nonzero(file["entry/pairs/event"][:]) == 1
    assert verify(path).ok


def test_the_stored_sample_of_version_1_is_read_and_proved() -> None:
    """A clip as version 1 wrote it. Never made anew: when this fails, old recordings would no longer be read."""
    path = Path(__file__).parents[1] / "data" / "version_1.clip.h5"
    assert verify(path).findings == ()
    with Clip.open(path) as clip:
        assert (clip.mode, clip.light, clip.place, len(clip)) == ("night", "dusk", "Köln, Domplatte", 5)
        assert [Event(event) for event in clip.pairs["event"]][3] == Event.TRANSFER_DROP
        nir, vis = clip.pair(3)
        assert (nir[0, 0], vis[0, 0]) == (40, 80)
