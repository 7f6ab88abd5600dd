"""What needs cameras on a network runs inside a network namespace, where its broadcasts reach nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

from gige.cameras import missing, missing_namespace, namespace_command

HERE = Path(__file__).parent
INSIDE: Mapping[str, tuple[Path | str, ...]] = {
    "aravis": (HERE / "gige",),
    "conformance": (HERE / "test_capture_conformance.py", "-k", "aravis or pylon"),
}
"""What is run: arguments of pytest."""


def no_bench() -> str:
    """Why neither Aravis nor pylon can be judged here."""
    return missing_namespace() or ("" if find_spec("pypylon") else missing())


NEEDS: Mapping[str, Callable[[], str]] = {"aravis": missing, "conformance": no_bench}
"""What tells why it cannot be run; the suite skips those of its benches that lack something else."""
PATIENCE_S = 300


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[subprocess.Popen[bytes], Path]]]:
    """All of them at once, each in a namespace of its own: mostly they wait for cameras."""
    command = namespace_command() or []
    folder, runs = tmp_path_factory.mktemp("inside"), {}
    for name, selected in INSIDE.items():
        if NEEDS[name]():
            continue
        told = folder / name
        pytest_run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=5", *map(str, selected)]
        with told.open("wb") as output:
            process = subprocess.Popen([*command, *pytest_run], stdout=output, stderr=subprocess.STDOUT)
        runs[name] = process, told
    yield runs
    for process, _ in runs.values():
        # One that hangs takes its cameras with it.
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)


@pytest.mark.parametrize("name", INSIDE)
def test_in_a_network_namespace(runs: dict[str, tuple[subprocess.Popen[bytes], Path]], name: str) -> None:
    if name not in runs:
        pytest.skip(NEEDS[name]())
    process, told = runs[name]
    status = process.wait(PATIENCE_S)
    output = told.read_text(errors="replace")
    print(output)
    assert status == 0, output
    assert " passed" in output
