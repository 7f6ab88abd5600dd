"""What needs cameras on a network runs inside a network namespace, where its broadcasts reach nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gige.cameras import missing, namespace_command

HERE = Path(__file__).parent
INSIDE: Mapping[str, tuple[Path | str, ...]] = {
    "aravis": (HERE / "gige",),
    "conformance": (HERE / "test_capture_conformance.py", "-k", "aravis or pylon"),
}
"""What is run: arguments of pytest."""
PATIENCE_S = 300


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[subprocess.Popen[bytes], Path]]]:
    """All of them at once, each in a namespace of its own: mostly they wait for cameras."""
    reason, command = missing(), namespace_command()
    if reason or command is None:
        pytest.skip(reason)
    folder, runs = tmp_path_factory.mktemp("inside"), {}
    for name, selected in INSIDE.items():
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
    process, told = runs[name]
    status = process.wait(PATIENCE_S)
    output = told.read_text(errors="replace")
    print(output)
    assert status == 0, output
    assert " passed" in output
