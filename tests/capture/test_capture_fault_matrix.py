"""Every fault at every moment does what docs/reliability.md promises; without ``--soak``, one moment of each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from fault_matrix.cells import FAULTS, MOMENTS, Cell, cells, table

_PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- fault matrix -->\n", "<!-- end of the fault matrix -->\n"


def _parameters() -> list[object]:
    return [
        pytest.param(cell, id=cell.id, marks=() if cell.moment == "recording" else pytest.mark.soak)
        for cell in cells()
        if cell.run is not None
    ]


@pytest.mark.parametrize("cell", _parameters())
def test_cell(cell: Cell, runtime: Path, tmp_path: Path) -> None:
    assert cell.run is not None
    cell.run(tmp_path)


def test_every_cell_is_there() -> None:
    assert [(cell.fault, cell.moment) for cell in cells()] == [
        (fault, moment) for fault in FAULTS for moment in MOMENTS
    ]


def test_the_published_table_is_the_one_that_runs(request: pytest.FixtureRequest) -> None:
    """With ``--write-docs`` the table is written, else compared."""
    text = _PAGE.read_text(encoding="utf-8")
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    now = f"{before}{_BEGIN}{table()}{_END}{after}"
    if request.config.getoption("--write-docs"):
        _PAGE.write_text(now, encoding="utf-8")
        return
    assert text == now, "write it anew with: .venv/bin/pytest --write-docs tests/capture/test_capture_fault_matrix.py"
