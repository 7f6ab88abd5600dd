"""The parts of HTML reports."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from nirvis_capture.report import Report, checkerboard, error_map


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_report_is_one_file_that_loads_nothing_and_escapes_what_it_is_told(tmp_path: Path) -> None:
    report = Report("Clips & <pairs>", lead="A lead")
    report.heading("Pictures")
    report.pictures([(np.full((8, 12, 3), 200, np.uint8), "grey <b>")], columns=2)
    report.table(["method", "PSNR"], [["input", "12.1"], ["prediction", "20.4"]], emphasised=1)
    report.curve([(0, 10.0), (100, 18.5), (200, 20.0)], x="samples", y="PSNR in dB")
    report.numbers([("20.4 dB", "PSNR")])
    path = report.write(tmp_path / "report.html")

    tags = _Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    assert all(source.startswith("data:image/jpeg;base64,") for source in tags.sources)
    assert len(tags.sources) == 1
    assert {"Clips & <pairs>", "grey <b>", "20.4", "prediction", "PSNR in dB over samples", "200"} <= set(tags.words)
    assert list(tmp_path.iterdir()) == [path]


def test_error_map_is_black_where_equal_and_bright_where_not() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    other = picture.copy()
    other[0, 0] = 255
    heat = error_map(picture, other)
    assert heat[0, 0].sum() > 3 * heat[1, 1].sum()
    assert np.all(heat[1:, 1:] == heat[1, 1])


def test_checkerboard_takes_half_of_each_picture() -> None:
    board = checkerboard(np.zeros((80, 120, 3), np.uint8), np.full((80, 120, 3), 255, np.uint8))
    assert abs(float(board.mean()) - 127.5) < 1
    assert board[0, 0, 0] != board[0, 10, 0]
    assert board[0, 0, 0] != board[10, 0, 0]
