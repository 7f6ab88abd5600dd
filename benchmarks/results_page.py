"""The blocks of a page that a program writes, between marks that nobody sees; everything else on it is by hand."""

from __future__ import annotations

import os
import re
from pathlib import Path


class NoBlock(SystemExit):
    """A page without the marks of a block."""

    def __init__(self, page: Path, name: str) -> None:
        begin, end = _marks(name)
        super().__init__(f"{page} has no block {name}. Put these two lines where its tables shall be:\n{begin}\n{end}")


def require_block(page: Path, name: str) -> None:
    """Raises `NoBlock`."""
    if _block(name).search(page.read_text(encoding="utf-8")) is None:
        raise NoBlock(page, name)


def write_block(page: Path, name: str, content: str) -> None:
    """Put `content` in the place of what the block held. Raises `NoBlock`."""
    require_block(page, name)
    begin, end = _marks(name)
    text = _block(name).sub(lambda _: f"{begin}\n{content.strip()}\n{end}", page.read_text(encoding="utf-8"), count=1)
    draft = page.with_name(f"{page.name}.part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, page)


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by benchmarks/results.py -->", f"<!-- end of {name} -->"


def _block(name: str) -> re.Pattern[str]:
    begin, end = map(re.escape, _marks(name))
    return re.compile(f"{begin}\n.*?{end}", re.DOTALL)
