"""The file that HDF5 writes through: every byte, the flags that readers ask for; no camera that waits for the disk."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import h5py
import pytest

from fault_matrix.trial import check_sound, profile_of, trial
from nirvis_capture.clip_file import ClipFile
from waiting import wait_for


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(FileExistsError):
        ClipFile(tmp_path / "taken")


def test_all_is_written_where_the_system_takes_it_in_pieces(tmp_path: Path) -> None:
    class InPieces(io.FileIO):
        def write(self, content: memoryview) -> int:  # type: ignore[override]
            return super().write(content[:7])

    class Pieces(ClipFile, InPieces):
        """The same, over a system that takes seven bytes at a time."""

    with Pieces(tmp_path / "pieces") as file:
        assert file.write(bytes(range(100))) == 100
    assert (tmp_path / "pieces").read_bytes() == bytes(range(100))


def test_others_may_read_it_meanwhile_and_only_so(tmp_path: Path) -> None:
    path = tmp_path / "read.h5"
    with ClipFile(path) as clip_file, h5py.File(clip_file, "w", libver="latest") as written:
        rows = written.create_dataset("rows", (0,), "i8", maxshape=(None,), chunks=(4,))
        written.swmr_mode = True
        rows.resize(3, axis=0)
        rows[...] = 1, 2, 3
        written.flush()
        with h5py.File(path, "r", swmr=True) as read:
            assert read["rows"][...].tolist() == [1, 2, 3]
        with pytest.raises(OSError, match="already open for write"):
            h5py.File(path, "r")
    with h5py.File(path, "r") as read:
        assert read["rows"][...].tolist() == [1, 2, 3]


def test_a_disk_that_stands_still_under_hdf5_stops_no_camera(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands, goes_on, write = threading.Event(), threading.Event(), ClipFile.write

    def stalled(self: ClipFile, content: bytes) -> int:
        stands.set()
        goes_on.wait(60)
        return write(self, content)

    with trial(profile_of("real", rate_hz=60, ring_seconds=60), tmp_path) as rig:
        rig.record()
        rig.wait_for_pairs(5)
        monkeypatch.setattr(ClipFile, "write", stalled)
        wait_for(stands.is_set)
        # More than the buffers of the driver hold: somebody takes them.
        rig.wait_for_pairs(rig.client.status().pairs + 60)
        goes_on.set()
        rig.client.stop()
    check_sound(rig.clip())
