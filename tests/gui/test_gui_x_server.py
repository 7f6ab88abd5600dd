"""Stories of the window once more on a real X server, with pictures of its screen kept to be looked at.

They lie in ``artefacts/window`` of the repository, or in the folder that NIRVIS_ARTEFACTS names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

HERE = Path(__file__).parent
SMALL, LARGE = (1366, 768), (2732, 1536)
PATIENCE_S = 900


@contextmanager
def x_server(size: tuple[int, int]) -> Iterator[str]:
    """An X server of its own; gives its display."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("there is no Xvfb: `make setup` installs it where it may, else: sudo apt-get install xvfb")
    reading, writing = os.pipe()
    screen = ["-screen", "0", f"{size[0]}x{size[1]}x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(
        [program, "-displayfd", str(writing), *screen], pass_fds=[writing], stderr=subprocess.DEVNULL
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def told_on_x(stories: list[str], name: str, size: tuple[int, int], **environment: str) -> list[Path]:
    """Run stories on an X server of that size; gives the pictures of its screen."""
    home = Path(os.environ.get("NIRVIS_ARTEFACTS") or HERE.parents[1] / "artefacts")
    folder = home / "window" / name
    shutil.rmtree(folder, ignore_errors=True)
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(HERE / s) for s in stories)]
    with x_server(size) as display:
        shown = {"DISPLAY": display, "NIRVIS_SCREENSHOTS": str(folder), **environment}
        ran = subprocess.run(
            pytest_run, env=os.environ | shown, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return sorted(folder.rglob("*.png"))


def assert_shows_a_window(picture: Path, size: tuple[int, int]) -> None:
    """A screen of that size, full of things in many colours."""
    screen = cv2.imread(str(picture))
    assert screen is not None
    assert screen.shape[:2] == size[::-1]
    assert len(np.unique(screen.reshape(-1, 3), axis=0)) > 50, picture
    # The window reaches into every corner.
    assert all(corner.any() for corner in (screen[2, 2], screen[2, -3], screen[-3, 2], screen[-3, -3])), picture


def test_recording_and_losing_a_camera_on_a_real_x_server() -> None:
    stories = ["test_live_record_stop_verify", "test_camera_that_is_lost_is_said_and_the_clip_kept"]
    pictures = told_on_x([f"test_gui_story.py::{name}" for name in stories], "short", SMALL)
    assert {picture.stem.partition("-")[2] for picture in pictures} >= {"live", "recording", "verified", "lost"}
    for picture in pictures:
        assert_shows_a_window(picture, SMALL)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "size", "environment"),
    [
        pytest.param("dark", SMALL, {"NIRVIS_LOOK": "dark"}, id="dark"),
        pytest.param("light", SMALL, {"NIRVIS_LOOK": "light"}, id="light"),
        pytest.param("high-dpi", LARGE, {"QT_SCALE_FACTOR": "2"}, id="high-dpi"),
    ],
)
def test_the_whole_way_on_a_real_x_server(name: str, size: tuple[int, int], environment: dict[str, str]) -> None:
    pictures = told_on_x(["test_gui_whole_way.py"], name, size, **environment)
    assert len(pictures) > 10
    for picture in pictures:
        assert_shows_a_window(picture, size)
