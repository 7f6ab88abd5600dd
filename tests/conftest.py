"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# As the command line does, and before anything imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Machines differ in speed, and a slow example is no wrong one.
hypothesis.settings.register_profile("nirvis", deadline=None)
hypothesis.settings.load_profile("nirvis")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real recordings; the test is skipped where NIRVIS_REAL_DATA does not name one."""
    folder = os.environ.get("NIRVIS_REAL_DATA")
    if not folder:
        pytest.skip("NIRVIS_REAL_DATA is not set: no real recordings")
    return Path(folder)
