"""The recorder as a process of its own: clients come and go, are killed, and so is it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nirvis_capture import launch
from nirvis_capture.client import RecorderClient
from nirvis_capture.errors import RecorderError
from nirvis_capture.profile import Profile
from nirvis_capture.runtime import log_path, socket_path
from nirvis_capture.verify import verify
from waiting import wait_for

SmallProfile = Callable[..., Profile]

CLIENT = """
import sys, time
from pathlib import Path
from nirvis_capture.client import RecorderClient
from nirvis_capture.profile import parse_profile
client = RecorderClient.start(parse_profile(Path(sys.argv[1]).read_text()))
client.record(folder=Path(sys.argv[2]))
print("recording", flush=True)
time.sleep(600)
"""


SHORT_CLIENT = """
import sys
from pathlib import Path
from nirvis_capture.client import RecorderClient
from nirvis_capture.profile import parse_profile
RecorderClient.start(parse_profile(Path(sys.argv[1]).read_text())).close()
"""


@pytest.fixture
def real(small_profile: SmallProfile, runtime: Path) -> Profile:
    return small_profile("real", rate_hz=150)


@pytest.fixture
def launched(real: Profile) -> Iterator[Callable[[], int]]:
    """Process id of the recorder that was launched last; none is left behind."""

    def process_id() -> int:
        log = log_path(real.rig).read_text()
        return int(log.rsplit(", process ", 1)[1].split(",", 1)[0])

    yield process_id
    client = RecorderClient.find(real.rig)
    if client is not None:
        client.shutdown()


def _is_gone(rig: str) -> bool:
    client = RecorderClient.find(rig)
    if client is not None:
        client.close()
    return client is None


class TestProcesses:
    def test_a_client_that_ends_says_nothing_of_the_recorder_that_goes_on(
        self, real: Profile, launched: Callable[[], int], tmp_path: Path
    ) -> None:
        (tmp_path / "rig.toml").write_text(real.text)
        arguments = [sys.executable, "-X", "dev", "-c", SHORT_CLIENT, str(tmp_path / "rig.toml")]
        ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stderr) == (0, "")
        os.kill(launched(), 0)

    def test_killing_the_client_loses_nothing(self, real: Profile, launched: Callable[[], int], tmp_path: Path) -> None:
        (tmp_path / "rig.toml").write_text(real.text)
        arguments = [sys.executable, "-c", CLIENT, str(tmp_path / "rig.toml"), str(tmp_path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"recording\n"
            process.kill()
        client = RecorderClient.find(real.rig)
        assert client is not None
        with client:
            before = client.status().pairs
            wait_for(lambda: client.status().pairs > before + 30)
            path = client.stop()
        assert path is not None
        assert verify(path).ok

    def test_sigterm_finishes_the_clip(self, real: Profile, launched: Callable[[], int], tmp_path: Path) -> None:
        with RecorderClient.start(real) as client:
            client.record(folder=tmp_path)
            wait_for(lambda: client.status().pairs > 10)
            os.kill(launched(), signal.SIGTERM)
            wait_for(lambda: bool(list(tmp_path.glob("*.clip.h5"))))
        (path,) = tmp_path.glob("*.clip.h5")
        assert verify(path).ok
        wait_for(lambda: _is_gone(real.rig))

    def test_a_socket_left_by_a_killed_recorder_is_replaced(self, real: Profile, launched: Callable[[], int]) -> None:
        with RecorderClient.start(real) as client:
            os.kill(launched(), signal.SIGKILL)
            with pytest.raises(RecorderError, match="went away"):
                wait_for(lambda: client.status().state == "never")
        assert socket_path(real.rig).exists()
        with RecorderClient.start(real) as client:
            assert client.status().state == "idle"

    def test_a_recorder_that_was_launched_ahead_is_taken_once(self, real: Profile, launched: Callable[[], int]) -> None:
        launch.launch_ahead(real.rig)
        wait_for(lambda: socket_path(real.rig).exists())
        with RecorderClient.start(real) as client:
            first = launched()
            client.shutdown()
        assert RecorderClient.find(real.rig) is None
        with RecorderClient.start(real) as client:
            assert client.status().state == "idle"
            assert launched() != first

    def test_whoever_watched_a_recorder_that_was_killed_is_told_which_folder_to_recover(
        self, real: Profile, launched: Callable[[], int], tmp_path: Path
    ) -> None:
        with RecorderClient.start(real) as client:
            client.record(folder=tmp_path / "street")
            watching = RecorderClient.find(real.rig)
            assert watching is not None
            with watching:
                wait_for(lambda: watching.status().pairs > 10)
                os.kill(launched(), signal.SIGKILL)
                for told in (client, watching):
                    with pytest.raises(RecorderError, match=f"nirvis recover {tmp_path / 'street'}$"):
                        wait_for(lambda told=told: told.status().state == "never")

    def test_a_client_that_attaches_finds_the_same_recorder(self, real: Profile, launched: Callable[[], int]) -> None:
        with RecorderClient.start(real) as first, RecorderClient.start(real) as second:
            first.arm()
            assert second.status().state == "armed"

    def test_a_recorder_that_cannot_start_shows_its_log(
        self, real: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "python"
        broken.write_text("#!/bin/sh\necho no module named h5py >&2\nexit 1\n")
        broken.chmod(0o755)
        monkeypatch.setattr(launch.sys, "executable", str(broken))
        with pytest.raises(RecorderError, match=r"exit status 1\).*\n.*no module named h5py"):
            RecorderClient.start(real)
