from __future__ import annotations

from nirvis_capture.wording import counted


def test_one_thing_is_singular_and_everything_else_plural() -> None:
    assert [counted(n, "pairs file") for n in (0, 1, 2)] == ["0 pairs files", "1 pairs file", "2 pairs files"]
