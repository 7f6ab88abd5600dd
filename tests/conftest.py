"""What all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

# As the command line does, and before anything imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so does what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines differ in speed, and a slow example is no wrong one.
hypothesis.settings.register_profile("nirvis", deadline=None)
hypothesis.settings.load_profile("nirvis")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak", action="store_true", help="run what takes hours, too: every fault, 1000 cycles, 30 minutes"
    )
    parser.addoption("--soak-minutes", type=float, default=30, help="how long the soak at line rate takes")
    parser.addoption("--write-docs", action="store_true", help="write the tables in docs/ that tests are held to")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without ``--soak``, tests that are marked so are left out, and not even counted as skipped."""
    if config.getoption("--soak"):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real recordings; the test is skipped where NIRVIS_REAL_DATA does not name one."""
    folder = os.environ.get("NIRVIS_REAL_DATA")
    if not folder:
        pytest.skip("NIRVIS_REAL_DATA is not set: no real recordings")
    return Path(folder)
