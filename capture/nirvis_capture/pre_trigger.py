"""What was seen just before somebody pressed the button: the newest rows, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from nirvis_capture.anchor import Anchor
from nirvis_capture.row import Row, row_bytes


class PreTrigger:
    """The newest rows of a pairing, the oldest of them with the anchor that a pairing which begins there needs.

    A recording feeds the frames of these rows to a pairing of its own; so its clip can be proved from the file alone,
    although it begins before anybody asked for it.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity = capacity_bytes
        self._rows: deque[tuple[Anchor | None, Row]] = deque()
        self._bytes = 0

    @property
    def capacity_bytes(self) -> int:
        return self._capacity

    def keep(self, anchor: Anchor | None, rows: Iterable[Row]) -> None:
        """Take rows in and forget the oldest.

        anchor
            The pulse of the first of them; None where frames before it were still undecided.
        """
        for row in rows:
            self._rows.append((anchor, row))
            self._bytes += row_bytes(row)
            anchor = None
        while self._bytes > self._capacity:
            self._forget()
        while self._rows and self._rows[0][0] is None:
            self._forget()

    def take(self) -> tuple[Anchor, list[Row]] | None:
        """Hand out everything, with the anchor of the first row; None when there is nothing."""
        anchor = self._rows[0][0] if self._rows else None
        rows = [row for _, row in self._rows]
        self._rows.clear()
        self._bytes = 0
        return None if anchor is None else (anchor, rows)

    def _forget(self) -> None:
        _, row = self._rows.popleft()
        self._bytes -= row_bytes(row)
