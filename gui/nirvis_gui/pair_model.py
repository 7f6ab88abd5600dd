"""The pair table and the certificate of a clip, for views."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, QVariant
from PyQt5.QtGui import QColor

from nirvis_capture.pair_table import Event
from nirvis_gui.clip_library import OpenedClip
from nirvis_gui.health import Level
from nirvis_gui.texts import event_name, tr
from nirvis_gui.theme import LEVEL_COLOURS


class PairModel(QAbstractTableModel):
    """Rows of a pair table; however many there are, only those that are seen are made."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table: NDArray[np.void] | None = None

    def show_table(self, table: NDArray[np.void] | None) -> None:
        self.beginResetModel()
        self._table = table
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 Qt's name
        return 0 if self._table is None or (parent is not None and parent.isValid()) else len(self._table)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: ARG002, N802 Qt's name
        return len(_columns())

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if self._table is None or not index.isValid():
            return QVariant()
        event = Event(int(self._table["event"][index.row()]))
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index.row(), index.column(), event)
        if role == Qt.ItemDataRole.ForegroundRole and event is not Event.PAIR:
            return QColor(LEVEL_COLOURS[Level.MARGIN])
        return QVariant()

    def headerData(  # noqa: N802 Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if role != Qt.ItemDataRole.DisplayRole:
            return QVariant()
        return _columns()[section] if orientation == Qt.Orientation.Horizontal else str(section)

    def _text(self, row: int, column: int, event: Event) -> str:
        if self._table is None:
            return ""
        if column == 0:
            return event_name(event)
        if column == 3:
            return f"{self._table['residual_ns'][row] / 1e3:.1f}" if event is Event.PAIR else ""
        frame = int(self._table["nir_index" if column == 1 else "vis_index"][row])
        return str(frame) if frame >= 0 else "–"


def _columns() -> tuple[str, ...]:
    return tr("event"), "nir", "vis", tr("residual µs")


def certificate_html(clip: OpenedClip) -> str:
    """What the clip proves, what it does not, and what happened."""
    certificate = clip.certificate
    proved = certificate.claim == "synchrony"
    colour = LEVEL_COLOURS[Level.PROVEN if proved else Level.MARGIN]
    sign = f"<span style='color: {colour}'>{'✓' if proved else '▲'}</span>"
    claim = tr("pairs are exposures of one pulse, and the clip is unaltered") if proved else tr("the clip is unaltered")
    pairing = certificate.pairing
    rows = [
        (tr("pairs"), str(certificate.pairs)),
        (tr("residual p50 / p99 / max"), " / ".join(f"{ns / 1e3:.1f}" for ns in (
            pairing.residual_p50_ns, pairing.residual_p99_ns, pairing.residual_max_ns)) + " µs"),
        *((event_name(Event[name]), str(count)) for name, count in pairing.counts.items() if count and name != "PAIR"),
        (tr("ended"), certificate.ended),
        (tr("recovered"), certificate.recovered),
        *((tr("not proved"), text) for text in certificate.not_proved),
        *clip.header,
        (tr("software"), certificate.software),
        ("sha256", certificate.sha256),
    ]  # fmt: skip
    lines = "".join(
        f"<tr><td><b>{escape(name)}</b></td><td>{_wrapped(escape(value))}</td></tr>" for name, value in rows if value
    )
    return f"<p>{sign} <b>{escape(claim)}</b></p><table cellspacing='4'>{lines}</table>"


def _wrapped(text: str) -> str:
    """A checksum has no blank at which it could be broken."""
    return " ".join(text[i : i + 32] for i in range(0, len(text), 32)) if len(text) == 64 and " " not in text else text
