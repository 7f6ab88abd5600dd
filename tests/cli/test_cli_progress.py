"""Progress where the output is no terminal."""

from __future__ import annotations

import pytest

from nirvis.progress import progress_bar


def test_a_log_gets_a_line_for_every_twentieth_and_for_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("evaluate", "picture", always=True) as show:
        for done in range(1, 104):
            show(done, 103)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == [*map(str, range(6, 103, 6)), "103"]
    assert lines[0].startswith("evaluate: 6 of 103 pictures, ")


def test_a_log_stays_silent_where_nobody_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("check", "file") as show:
        show(1, 1)
    assert not capsys.readouterr().err
