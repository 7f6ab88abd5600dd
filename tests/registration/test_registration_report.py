from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirvis_registration.batch import register_clips
from nirvis_registration.batch_report import batch_report
from nirvis_registration.overlay import edge_overlay, residual_vectors, vector_overlay
from nirvis_registration.quality import verdict
from nirvis_registration.settings import RegistrationSettings

Rgb = np.ndarray
Pictures = tuple[Rgb, Rgb]


def moved(picture: Rgb, x: float, y: float) -> Rgb:
    height, width = picture.shape[:2]
    return cv2.warpAffine(picture, np.array([[1, 0, x], [0, 1, y]]), (width, height), borderMode=cv2.BORDER_REFLECT)


def test_residual_vectors_show_where_the_target_lies(real_pair: Callable[[str], Pictures]) -> None:
    _, vis = real_pair("vnir_train")
    vectors = residual_vectors(vis, moved(vis, 2.0, -1.0))
    assert len(vectors) >= 8
    assert np.median(vectors[:, 2:], axis=0) == pytest.approx([2.0, -1.0], abs=0.1)
    assert vector_overlay(vis, moved(vis, 2.0, -1.0)).shape == vis.shape


def test_edges_are_yellow_where_the_arms_agree(real_pair: Callable[[str], Pictures]) -> None:
    _, vis = real_pair("vnir_train")

    def yellow(target: Rgb) -> int:
        overlay = edge_overlay(vis, target)
        return int(((overlay[..., 0] == 255) & (overlay[..., 1] == 255)).sum())

    assert yellow(vis) > 2 * yellow(moved(vis, 6.0, 0.0))


def test_a_batch_and_its_clips_are_reported_with_pictures(
    tmp_path: Path, write_clip: Callable[..., Path], real_pair: Callable[[str], Pictures]
) -> None:
    nir, vis = real_pair("vnir_train")
    good = (nir[90:390, 120:520], vis[90:390, 120:520])
    drifted = (good[0], vis[90:390, 122:522])
    clips = [
        write_clip(tmp_path / "a.clip.h5", [good] * 2),
        write_clip(tmp_path / "b.clip.h5", [drifted], recording_id="b"),
        write_clip(tmp_path / "dark.clip.h5", [(good[0], good[1] * 0)], recording_id="dark"),
    ]
    out = tmp_path / "out"
    outcomes = register_clips(clips, out, RegistrationSettings(size=(200, 150), frames=1), with_reports=True)
    page = batch_report(outcomes, out).read_text()
    assert "registered pairs: 2 of 3" in page
    assert "the vis arm is black" in page
    assert page.count("data:image/jpeg") == 2  # both arms of the one that failed
    assert "Drift of" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")
    page = (out / "a.registration.html").read_text()
    assert "flicker" in page
    assert page.count("data:image/jpeg") == 2 * 5  # two pairs: both arms in turn, checkerboard, edges, vectors
    assert "residual vectors" in page


def test_the_verdict_follows_the_residual() -> None:
    assert [verdict(px, 0.02) for px in (0.2, 0.7, 1.5, float("nan"))] == ["good", "fair", "doubtful", "doubtful"]
    assert verdict(0.2, 0.8) == "fair"
