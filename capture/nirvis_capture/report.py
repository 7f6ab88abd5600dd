"""The parts that every HTML report of nirvis is made of: one self-contained file, pictures inside, no script needed."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""Picture ``(H, W, 3)``, RGB."""


@dataclass
class Report:
    """A page that grows from top to bottom; `write` leaves one HTML file."""

    title: str
    lead: str = ""
    parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        self.parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text: str, *, note: bool = False) -> None:
        self.parts.append(f'<p class="note">{escape(text)}</p>' if note else f"<p>{escape(text)}</p>")

    def numbers(self, figures: Iterable[tuple[str, str]]) -> None:
        """Large key figures: pairs of value and what it is."""
        cells = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for value, name in figures)
        self.parts.append(f'<div class="numbers">{cells}</div>')

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]], *, emphasised: int | None = None) -> None:
        """A table; cells that begin with a number stand right, row `emphasised` stands out."""
        lines = [_table_row("th", header, "")]
        lines += [_table_row("td", row, ' class="emphasised"' if i == emphasised else "") for i, row in enumerate(rows)]
        self.parts.append(f'<div class="wide"><table>{"".join(lines)}</table></div>')

    def pictures(self, pictures: Iterable[tuple[Rgb, str]], *, columns: int) -> None:
        """Pictures side by side, each with its caption."""
        cells = "".join(
            f'<figure><img src="{_jpeg(rgb)}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption>'
            "</figure>"
            for rgb, caption in pictures
        )
        self.parts.append(f'<div class="row" style="grid-template-columns: repeat({columns}, 1fr)">{cells}</div>')

    def video(self, path: Path, caption: str) -> None:
        """A video that lies beside the report, named by its relative path."""
        source = escape(path.as_posix())
        self.parts.append(
            f'<figure><video src="{source}" controls loop muted></video>'
            f'<figcaption>{escape(caption)} (<a href="{source}">{source}</a>)</figcaption></figure>'
        )

    def curve(self, points: Sequence[tuple[float, float]], *, x: str, y: str) -> None:
        """One line over time as a small drawing; `x` and `y` name the axes."""
        self.parts.append(f"<figure>{_polyline(points)}<figcaption>{escape(y)} over {escape(x)}</figcaption></figure>")

    def html(self) -> str:
        style = (files(__package__) / "report.css").read_text(encoding="utf-8")
        lead = f'<p class="lead">{escape(self.lead)}</p>' if self.lead else ""
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(self.title)}</title>'
            f'<meta name="viewport" content="width=device-width"><style>{style}</style>'
            f"<h1>{escape(self.title)}</h1>{lead}{''.join(self.parts)}</html>\n"
        )

    def write(self, path: Path) -> Path:
        """Write the page under a temporary name, then move it to `path`."""
        draft = path.with_name(path.name + ".part")
        draft.write_text(self.html(), encoding="utf-8")
        os.replace(draft, path)
        return path


def error_map(predicted: Rgb, target: Rgb) -> Rgb:
    """Mean absolute difference of two pictures per pixel as a heat map; black is equal, yellow is 64 counts or more."""
    difference = np.abs(predicted.astype(np.int16) - target.astype(np.int16)).mean(axis=2)
    scaled = np.clip(difference * (255 / 64), 0, 255).astype(np.uint8)
    heat: Rgb = cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO)[..., ::-1].astype(np.uint8)
    return heat


def checkerboard(first: Rgb, second: Rgb, tiles: int = 8) -> Rgb:
    """Tiles of two pictures in turn: edges that run on across the tiles show that they are registered."""
    height, width = first.shape[:2]
    rows = np.arange(height) * tiles // height
    columns = np.arange(width) * tiles // height
    mask = (rows[:, None] + columns[None, :]) % 2 == 0
    board: Rgb = np.where(mask[..., None], first, second)
    return board


def _polyline(points: Sequence[tuple[float, float]], width: int = 640, height: int = 220, margin: int = 44) -> str:
    """SVG of a line with the ends of both axes labelled."""
    xs, ys = np.array([p[0] for p in points], float), np.array([p[1] for p in points], float)
    left, right, low, high = xs.min(), xs.max(), ys.min(), ys.max()
    px = margin + (xs - left) / max(right - left, 1e-9) * (width - 2 * margin)
    py = height - margin / 2 - (ys - low) / max(high - low, 1e-9) * (height - margin)
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(px, py, strict=True))
    labels = (
        f'<text x="0" y="{py.max():.0f}">{low:.3g}</text><text x="0" y="{py.min() + 10:.0f}">{high:.3g}</text>'
        f'<text x="{px.max():.0f}" y="{height - 4}" text-anchor="end">{right:.4g}</text>'
        f'<text x="{px.min():.0f}" y="{height - 4}">{left:.4g}</text>'
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img">'
        f'<polyline points="{line}" class="curve"/>{labels}</svg>'
    )


def _table_row(tag: str, cells: Sequence[str], css: str) -> str:
    return f"<tr{css}>{''.join(_table_cell(tag, cell) for cell in cells)}</tr>"


def _table_cell(tag: str, text: str) -> str:
    css = ' class="number"' if re.match(r"[-−±]?\d+([.,]\d+)?(\s|%|$)", text) else ""
    return f"<{tag}{css}>{escape(text)}</{tag}>"


def _jpeg(rgb: Rgb) -> str:
    done, encoded = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise ValueError(f"a picture of shape {rgb.shape} and type {rgb.dtype} cannot be put into a report")
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
