"""The same work on a cluster: a real scheduler and two workers, processes on the loopback; one of them is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nirvis_capture.errors import NirvisError
from nirvis_registration.batch import register_clips
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.settings import RegistrationSettings

SETTINGS = RegistrationSettings(size=(200, 150), frames=1)
DEADLINE_S = 60
needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="the extra `cluster` is not installed")


class Cluster:
    """A scheduler and two workers of one thread each."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        about = folder / "scheduler.json"
        self._stack = stack
        self.folder = folder
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show", "--scheduler-file", str(about)]
        self._start("dask_scheduler", *options)
        until = time.monotonic() + DEADLINE_S
        while not about.exists():
            if time.monotonic() > until:
                raise TimeoutError("the scheduler does not start")
            time.sleep(0.05)
        self.address = str(json.loads(about.read_text())["address"])
        alone = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
        self.workers = {
            name: self._start("dask_worker", self.address, "--name", name, "--local-directory", str(folder), *alone)
            for name in ("first", "second")
        }

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self.folder / f"{module}{len(arguments)}.log").open("ab"))
        command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(stack, tmp_path)


@needs_dask
def test_a_worker_that_is_killed_costs_no_clip(
    cluster: Cluster,
    tmp_path: Path,
    write_clip: Callable[..., Path],
    real_pair: Callable[[str], tuple[np.ndarray, np.ndarray]],
) -> None:
    from distributed import Client

    nir, vis = real_pair("vnir_train")
    pictures = (nir[90:390, 120:520], vis[90:390, 120:520])
    clips = [write_clip(tmp_path / f"{name}.clip.h5", [pictures] * 4, recording_id=name) for name in "abcdef"]
    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=DEADLINE_S)

        def kill_one_that_works(done: int, _: int) -> None:
            if done == 2:
                busy = [address for address, tasks in client.processing().items() if tasks]
                names = {address: worker["name"] for address, worker in client.scheduler_info()["workers"].items()}
                cluster.workers[names[busy[0]]].kill()

        outcomes = register_clips(clips, tmp_path / "out", SETTINGS, kill_one_that_works, scheduler=cluster.address)
        assert len(client.scheduler_info()["workers"]) == 1
    assert [outcome.status for outcome in outcomes] == ["registered"] * 6
    assert [outcome.inliers > 0 for outcome in outcomes] == [True] + [False] * 5
    alone = register_clips(clips[:2], tmp_path / "alone", SETTINGS)
    for here in alone:
        assert here.path is not None
        with PairsFile.open(here.path) as one, PairsFile.open(tmp_path / "out" / here.path.name) as two:
            np.testing.assert_array_equal(one.target(3), two.target(3))


@needs_dask
def test_no_scheduler_is_said_in_one_line(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    blank = np.zeros((64, 64, 3), np.uint8)
    clip = write_clip(tmp_path / "a.clip.h5", [(blank, blank)])
    with pytest.raises(NirvisError, match="There is no dask scheduler at nowhere"):
        register_clips([clip], tmp_path / "out", SETTINGS, scheduler="nowhere")
    assert not (tmp_path / "out").exists()
