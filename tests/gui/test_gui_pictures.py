"""From raw counts to what is painted: geometry, the newest only, and zoom that all views share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QThread
from PyQt5.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from nirvis_capture.raw import mosaic
from nirvis_capture.slot import Slot, Snapshot
from nirvis_gui.arm_picture import Extent, Picture, arm_figures, arm_picture, with_peaking
from nirvis_gui.live_pictures import LivePictures, Look, Looking
from nirvis_gui.live_view import LiveViews
from nirvis_gui.picture_feed import PictureFeed, colour_picture
from nirvis_gui.workers import Workers

EXTENT: Extent = (0.0, 0.0, 160.0, 120.0)


def meta(**changes: Any) -> dict[str, Any]:
    arm = {
        "cfa": "RGGB",
        "mirror": False,
        "black_level_dn": 0.0,
        "bit_depth": 8,
        "white_balance": [1.0, 1.0, 1.0],
        "exposure_us": 6000.0,
        "gain_db": 1.5,
        "frame_id": 10,
        "timestamp_ns": 1_000_000_000,
    }
    return arm | changes


def ramp(dtype: type[np.generic] = np.uint8, top: int = 200) -> np.ndarray:
    """Grey that gets brighter to the right."""
    row = np.linspace(0, top, 160).astype(dtype)
    return np.repeat(np.tile(row, (120, 1))[..., None], 3, axis=2)


def grey(value: int = 90) -> Picture:
    return np.full((60, 80, 3), value, np.uint8)


@pytest.mark.parametrize("full", [False, True], ids=["half", "full"])
@pytest.mark.parametrize(
    ("dtype", "depth", "top"),
    [(np.uint8, 8, 200), (np.uint16, 12, 3200)],
    ids=["8-bit", "12-bit"],
)
def test_mirrored_arm_is_shown_as_the_scene_is(full: bool, dtype: type[np.generic], depth: int, top: int) -> None:
    scene = ramp(dtype, top)
    plain = arm_picture(mosaic(scene, "RGGB"), meta(bit_depth=depth), full=full)
    mirrored = arm_picture(
        mosaic(np.ascontiguousarray(scene[:, ::-1]), "RGGB"), meta(bit_depth=depth, mirror=True), full=full
    )
    assert plain.picture.shape == ((120, 160, 3) if full else (60, 80, 3))
    assert plain.picture.dtype == mirrored.picture.dtype == np.uint8
    assert mirrored.picture.flags.c_contiguous
    difference = np.abs(plain.picture.astype(int) - mirrored.picture)[:, 4:-4]
    assert difference.max() <= 3
    assert plain.picture[30, -5, 1] > plain.picture[30, 5, 1] + 100
    assert plain.extent == EXTENT


def test_share_of_saturation() -> None:
    raw = np.zeros((120, 160), np.uint8)
    raw[:60] = 255
    assert arm_figures(raw, meta()).saturated == pytest.approx(0.5)


def test_frame_rate_comes_from_the_counter_and_clock_of_the_camera() -> None:
    raw = np.zeros((120, 160), np.uint8)
    before = arm_figures(raw, meta())
    later = meta(frame_id=14, timestamp_ns=1_100_000_000)
    assert arm_figures(raw, later, before).rate_hz == pytest.approx(40.0)
    assert before.rate_hz is None
    assert arm_figures(raw, meta(), before).rate_hz is None


def test_histogram_is_of_the_raw_sites_and_not_of_the_picture() -> None:
    raw = mosaic(np.broadcast_to(np.array([30, 90, 200], np.uint8), (120, 160, 3)).copy(), "GBRG")
    figures = arm_figures(raw, meta(cfa="GBRG", white_balance=[2.0, 1.0, 1.5]))
    assert [int(line.argmax()) for line in figures.histogram] == [30, 90, 200]


def test_peaking_paints_sharp_edges_only() -> None:
    sharp = grey(60)
    sharp[:, 40:] = 160
    blurred = np.repeat(np.linspace(60, 160, 80).astype(np.uint8)[None, :, None], 60, axis=0).repeat(3, axis=2)
    assert (with_peaking(sharp) != sharp).any(axis=2).mean() > 0.02
    assert (with_peaking(blurred) == blurred).all()


def test_figures_and_alignment_are_read_now_and_then_and_pictures_always() -> None:
    raw = mosaic(ramp(), "RGGB")
    snapshot = Snapshot(1, {"nir": meta(), "vis": meta()}, {"nir": raw, "vis": raw})
    looking, look = Looking(), Look(overlay="edges")
    first, soon, later = (looking.pictures(snapshot, look, now_s) for now_s in (10.0, 10.05, 11.1))
    assert first.figures is not None
    assert first.alignment_known
    assert first.filters is not None
    assert soon.figures is None
    assert not soon.alignment_known
    assert soon.filters is None
    assert soon.overlay is not None
    assert later.figures is not None
    assert later.alignment_known
    assert looking.pictures(snapshot, Look(), 12.0).overlay is None


def test_colour_without_extent_covers_the_nir_arm() -> None:
    values = {"rate_hz": 5.0, "compute_ms": 150.0, "model": "ssn"}
    assert colour_picture(Snapshot(1, values, {"colour": grey()})).extent is None
    cropped = colour_picture(Snapshot(1, values | {"extent": [8, 6, 120, 90]}, {"colour": grey()}))
    assert cropped.extent == (8, 6, 120, 90)


def test_first_picture_is_fitted_and_zoom_is_shared(qtbot: QtBot) -> None:
    views = LiveViews(QLabel("no model"))
    qtbot.addWidget(views)
    views.resize(900, 400)
    views.show()
    for view in (views.nir, views.vis):
        assert not view.showing
        view.show_picture(grey(), EXTENT)
        assert view.visible_range().contains(80, 60)
        assert view.visible_range().width() >= 159
    views.nir._box.scaleBy((0.25, 0.25))
    views.nir._by_hand()
    assert views.vis.visible_range().width() < 60
    assert views.vis.visible_range().center().x() == pytest.approx(views.nir.visible_range().center().x(), abs=1)
    views.fit()
    assert views.vis.visible_range().width() >= 159


def test_a_fitted_picture_stays_fitted_when_the_window_changes(qtbot: QtBot) -> None:
    views = LiveViews(QLabel("no model"))
    qtbot.addWidget(views)
    views.resize(900, 400)
    views.show()
    views.nir.show_picture(grey(), EXTENT)
    views.show_third("colour")
    views.resize(500, 700)
    qtbot.waitUntil(lambda: views.nir.visible_range().width() >= 159)
    assert views.nir.visible_range().height() >= 119


def test_new_pixels_keep_the_zoom(qtbot: QtBot) -> None:
    views = LiveViews(QLabel("no model"))
    qtbot.addWidget(views)
    views.resize(900, 400)
    views.show()
    views.nir.show_picture(grey(), EXTENT)
    views.nir._box.scaleBy((0.25, 0.25))
    views.nir._by_hand()
    before = views.nir.visible_range()
    views.nir.show_picture(np.full((120, 160, 3), 10, np.uint8), EXTENT)
    assert views.nir.visible_range() == before


def test_feed_passes_on_only_the_newest_and_waits_for_the_painter(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "preview"
    raw = mosaic(ramp(), "RGGB")
    feed, workers = PictureFeed(), Workers()
    seen: list[LivePictures] = []
    feed.arrived.connect(seen.append)
    workers.add(feed)
    with Slot.create(path, 2 * raw.nbytes) as slot:
        for _ in range(5):
            slot.publish({"nir": meta(), "vis": meta()}, {"nir": raw, "vis": raw})
        feed.watch(path)
        qtbot.waitUntil(lambda: bool(seen))
        assert seen[0].sequence == 5
        slot.publish({"nir": meta(), "vis": meta()}, {"nir": raw, "vis": raw})
        slot.publish({"nir": meta(), "vis": meta()}, {"nir": raw, "vis": raw})
        feed.taken()
        qtbot.waitUntil(lambda: len(seen) > 1)
        assert [pictures.sequence for pictures in seen] == [5, 7]
        ended: list[bool] = []
        workers.close(lambda: ended.append(True))
        qtbot.waitUntil(lambda: bool(ended))
    assert workers.running == []


def test_jobs_of_a_worker_run_in_its_thread(qtbot: QtBot) -> None:
    feed, workers = PictureFeed(), Workers()
    workers.add(feed)
    threads: list[QThread] = []
    feed.post("look", lambda: threads.append(QThread.currentThread()))
    qtbot.waitUntil(lambda: bool(threads))
    assert threads[0] is not QThread.currentThread()
    ended: list[bool] = []
    workers.close(lambda: ended.append(True))
    qtbot.waitUntil(lambda: bool(ended))
