"""The window at line rate: what it shows, how busy its thread is, how long it ever stands still, and what it costs.

The way measured is the true one: the window in this process, a recorder process with the simulated rig, its colorizer
process, and certified clips. Run it on a real display or under Xvfb; without one Qt paints offscreen.

start       ``nirvis gui`` on the painted street, its cameras armed as soon as they can be: time from the start of the
            process to the first picture
plain       two views at 2 × 1384×1032 and 45 pairs/s, recording on: pictures a second, share of a core that the
            window's own thread takes, pairs that the clip does not have
stress      longest block of the event loop while arming, recording, stopping, losing a camera and closing: a timer of
            5 ms on the window's thread, and by how much it ever came late. On a machine where other programs wait for
            the same cores this is their doing as well, so that the longest stretch of the thread's own processor
            time between two ticks is told beside it
colour      the same with the third view live on a model that costs what a full-width SSN costs at 640×480
peer        painting a picture the way pyqtgraph does when nothing is said: full size, levels found in each picture
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from bars import Bar, report
from PyQt5.QtCore import QEventLoop, Qt, QTimer

import nirvis_profiles
from nirvis_capture.clip import Clip
from nirvis_capture.pair_table import Event
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.settings import TomlValue
from nirvis_gui.app import make_application
from nirvis_gui.main_window import MainWindow
from nirvis_gui.recorder_link import ClipFields
from nirvis_gui.session import Session
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_training.model_contract import METADATA_KEY, ModelContract

TICK_MS = 5
LIMIT_S = 60.0
STARTS = 3
"""Of the window, for the median time to its first picture: the very first also compiles what was just installed."""
WIDTH, HEIGHT = 1384, 1032
CHANNELS, LAYERS = 48, 6
"""Of a stack of 3×3 convolutions at 640×480: 76 GFLOP, about those of a full-width SSN."""


@dataclass
class Pulse:
    """How long the window's thread ever stood still."""

    wall_ms: float = 0.0
    own_ms: float = 0.0
    _last: tuple[float, float] = field(default_factory=lambda: (time.perf_counter(), time.thread_time()))

    def tick(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        self.wall_ms = max(self.wall_ms, (now[0] - self._last[0]) * 1e3 - TICK_MS)
        self.own_ms = max(self.own_ms, (now[1] - self._last[1]) * 1e3)
        self._last = now

    def again(self) -> None:
        """Forget what was before."""
        self.wall_ms = self.own_ms = 0.0
        self._last = (time.perf_counter(), time.thread_time())


@dataclass
class Measured:
    """Of one recording."""

    display_hz: float
    busy_share: float
    lost_pairs: int
    colour_hz: float = 0.0


def bench_profile(name: str, folder: Path, **twin: TomlValue) -> Profile:
    """The simulated rig at line rate; its street is a loop, so that the cores are the window's to use."""
    changes: dict[str, TomlValue] = {"rig": f"bench-gui-{name}-{os.getpid()}", "recording.folder": str(folder)}
    changes |= {"recording.min_free_gb": 0, "twin.content": "loop"}
    changes |= {f"twin.{key}": value for key, value in twin.items()}
    return parse_profile(nirvis_profiles.text("twin_day")).edited(changes)


def wait_until(true: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
    """Let the window run until something is true."""
    loop, deadline = QEventLoop(), time.monotonic() + limit_s
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if true() or time.monotonic() > deadline else None)
    timer.start(20)
    if not true():
        loop.exec()
    if not true():
        sys.exit(f"within {limit_s:.0f} s this did not come: {what}")


def run_for(seconds: float) -> None:
    ended = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= ended, "the time", seconds + LIMIT_S)


def settled(window: MainWindow, state: str) -> None:
    wait_until(lambda: window.session.state == state and not window.session.doing, state)


@contextlib.contextmanager
def window_of(profile: Profile) -> Iterator[MainWindow]:
    window = MainWindow(Session())
    window.resize(1366, 768)
    window.start(profile.rig, profile)
    window.show()
    settled(window, "idle")
    yield window
    closed: list[bool] = []
    window.closed.connect(lambda: closed.append(True))
    window.leave()
    wait_until(lambda: bool(closed), "the end of the window")
    window.deleteLater()


def recorded(window: MainWindow, seconds: float, rate_hz: float) -> Measured:
    """Record for some seconds, and read from the clip what came of it; the clip is removed."""
    window.actions_["record"].trigger()
    settled(window, "recording")
    run_for(1.0)
    shown: list[float] = []
    colours: list[float] = []
    window.session.showing.feed.arrived.connect(lambda _: shown.append(time.perf_counter()))
    window.session.showing.feed.colour_arrived.connect(lambda colour: colours.append(colour.rate_hz))
    began, own = time.perf_counter(), time.thread_time()
    run_for(seconds)
    took, own_s = time.perf_counter() - began, time.thread_time() - own
    pictures = len(shown)
    window.actions_["record"].trigger()
    settled(window, "armed")
    clip = window.live.last_clip.clip
    if clip is None:
        sys.exit("no clip was written")
    lost = lost_pairs(clip, rate_hz)
    clip.unlink()
    return Measured(pictures / took, own_s / took, lost, colours[-1] if colours else 0.0)


def lost_pairs(path: Path, rate_hz: float) -> int:
    """Pulses between the first and the last exposure that are no complete pair of the clip."""
    with Clip.open(path) as clip:
        stamps = clip.arms["nir"].timestamp_ns
        pulses = round(float(stamps[-1] - stamps[0]) * 1e-9 * rate_hz) + 1
        edges = int(np.count_nonzero(clip.pairs["event"] == Event.EDGE))
        return max(0, pulses - edges - len(clip))


def longest_block(folder: Path) -> Pulse:
    """Arm, record, stop, record and lose a camera, close; the loop of the street is rendered before."""
    profile = bench_profile("blocks", folder, faults=[{"kind": "unplug", "arm": "vis", "at": 500, "count": 100000}])
    pulse = Pulse()
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(pulse.tick)
    with window_of(profile) as window:
        window.live.fields.set_fields(ClipFields(place="bench"))
        timer.start(TICK_MS)
        pulse.again()
        window.actions_["live"].trigger()
        wait_until(lambda: window.live.views.nir.showing, "pictures")
        window.actions_["record"].trigger()
        settled(window, "recording")
        run_for(3.0)
        window.actions_["record"].trigger()
        settled(window, "armed")
        window.actions_["record"].trigger()
        settled(window, "recording")
        wait_until(lambda: window.session.state == "failed", "the loss of a camera")
        run_for(0.5)
    timer.stop()
    return pulse


def first_picture_s(folder: Path) -> float:
    """From the start of the process to its first picture, seconds."""
    profile = folder / "first.toml"
    profile.write_text(bench_profile("first", folder, content="street").text, encoding="utf-8")
    # Nobody's settings are read, and none are written.
    environment = os.environ | {"XDG_CONFIG_HOME": str(folder)}
    program = Path(__file__).with_name("gui_first_picture.py")
    began = time.perf_counter()
    child = subprocess.run(
        [sys.executable, str(program), str(profile)], env=environment, stdout=subprocess.PIPE, check=True
    )
    return float(child.stdout.split()[-1]) - began


def heavy_model(path: Path) -> Path:
    """A model whose colour is of no account, and whose work is that of a full-width SSN."""
    kind = onnx.TensorProto.FLOAT
    widths = [3, *[CHANNELS] * (LAYERS + 1), 3]
    generator = np.random.default_rng(1)
    nodes, weights, name = [], [], "source"
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        kernel = generator.normal(0, 0.05, (outputs, inputs, 3, 3)).astype(np.float32)
        weights.append(onnx.numpy_helper.from_array(kernel, f"kernel{number}"))
        nodes.append(onnx.helper.make_node("Conv", [name, f"kernel{number}"], [f"sum{number}"], pads=[1, 1, 1, 1]))
        nodes.append(onnx.helper.make_node("Sigmoid", [f"sum{number}"], [f"layer{number}"]))
        name = f"layer{number}"
    nodes[-1].output[0] = "colour"
    graph = onnx.helper.make_graph(
        nodes,
        "heavy",
        [onnx.helper.make_tensor_value_info("source", kind, ["n", 3, "h", "w"])],
        [onnx.helper.make_tensor_value_info("colour", kind, ["n", 3, "h", "w"])],
        weights,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    crop = Rect(x=92, y=66, width=1200, height=900)
    geometry = SourceGeometry(frame=(WIDTH, HEIGHT), crop=crop, size=(640, 480))
    contract = ModelContract(name="heavy", method="none", source_geometry={"day": geometry})
    model.metadata_props.add(key=METADATA_KEY, value=contract.model_dump_json())
    path.write_bytes(model.SerializeToString())
    return path


def paint_ms(rounds: int = 40) -> tuple[float, float]:
    """Median time to show and paint one picture: ours, and with pyqtgraph's own choices."""
    import pyqtgraph as pg
    from PyQt5.QtWidgets import QLabel

    from nirvis_gui.live_view import PictureView

    generator = np.random.default_rng(1)
    full = generator.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    half = np.ascontiguousarray(full[::2, ::2])
    ours, theirs = PictureView("nir", "", QLabel()), pg.GraphicsLayoutWidget()
    item = pg.ImageItem(axisOrder="row-major")
    theirs.addViewBox(lockAspect=True, invertY=True).addItem(item)
    for widget in (ours, theirs):
        widget.resize(530, 560)
        widget.show()
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        began = time.perf_counter()
        ours.show_picture(half, (0.0, 0.0, float(WIDTH), float(HEIGHT)))
        ours.grab()
        times["ours"].append(time.perf_counter() - began)
        began = time.perf_counter()
        item.setImage(full)
        theirs.grab()
        times["theirs"].append(time.perf_counter() - began)
    for widget in (ours, theirs):
        widget.close()
    return statistics.median(times["ours"]) * 1e3, statistics.median(times["theirs"]) * 1e3


def measure(folder: Path, seconds: float) -> list[Bar]:
    first_s = statistics.median(first_picture_s(folder) for _ in range(STARTS))
    application = make_application()
    ours_ms, theirs_ms = paint_ms()
    profile = bench_profile("line", folder)
    with window_of(profile) as window:
        window.actions_["live"].trigger()
        settled(window, "armed")
        plain = recorded(window, seconds, profile.trigger.rate_hz)
        window.session.showing.set_model(heavy_model(folder / "heavy.onnx"))
        wait_until(lambda: window.live.views.colour.showing, "the recovered colour")
        colour = recorded(window, seconds, profile.trigger.rate_hz)
    pulse = longest_block(folder)
    application.processEvents()
    return [
        Bar("gui.first_picture_s", first_s, "s"),
        Bar("gui.display_hz", plain.display_hz, "pictures/s"),
        Bar("gui.thread_busy_share", plain.busy_share, "of a core"),
        Bar("gui.lost_pairs", plain.lost_pairs, "pairs"),
        Bar("gui.longest_block_ms", pulse.wall_ms, "ms"),
        Bar("gui.longest_own_ms", pulse.own_ms, "ms of its own processor time"),
        Bar("gui.lost_pairs_with_colour", colour.lost_pairs, "pairs"),
        Bar("gui.colour_hz", colour.colour_hz, "pictures/s"),
        Bar("gui.display_hz_with_colour", colour.display_hz, "pictures/s"),
        Bar("gui.paint_vs_pyqtgraph_defaults", theirs_ms / ours_ms, "times as quick"),
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=10.0, help="of each recording")
    arguments.add_argument("--folder", type=Path, default=None, help="where clips are written and removed")
    arguments.add_argument("--json", type=Path, default=None)
    given = arguments.parse_args()
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="nirvis-bench-gui-", dir=given.folder) as folder:
        report(measure(Path(folder), given.seconds), given.json)


if __name__ == "__main__":
    main()
