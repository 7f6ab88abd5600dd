"""``nirvis verify``: prove clips again from their files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nirvis.progress import progress_bar
from nirvis_capture.certificate import Certificate
from nirvis_capture.clip_layout import PART_SUFFIX, SUFFIX
from nirvis_capture.errors import ClipError, NotAClip
from nirvis_capture.pairing import Event
from nirvis_capture.verify import verify as verify_clip


@dataclass(frozen=True)
class Outcome:
    """What is printed of one clip."""

    path: Path
    certificate: Certificate | None
    findings: tuple[str, ...]

    @property
    def result(self) -> str:
        if self.findings or self.certificate is None:
            return "REFUSED"
        return "proved" if self.certificate.claim == "synchrony" else "unanchored"

    def line(self) -> str:
        if self.certificate is None or self.findings:
            return f"{self.path}: REFUSED: {'; '.join(self.findings)}"
        return f"{self.path}: {_told(self.certificate)}"

    def table(self) -> dict[str, object]:
        certificate = self.certificate
        return {
            "path": str(self.path),
            "result": self.result,
            "findings": list(self.findings),
            "certificate": None if certificate is None else certificate.model_dump(mode="json"),
        }


def verify(
    *clips: Annotated[Path, Parameter(help="Clips, or folders to search; this folder when none is given.")],
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Recompute every digest of a clip and repeat its pairing from the anchor.

    Ends with status 0 only when every clip holds. A clip without an anchor can only prove its integrity.

    Parameters
    ----------
    as_json
        Print one JSON list with findings and certificates instead of one line for each clip.
    """
    outcomes = [_outcome(path) for path in _found(clips)]
    if as_json:
        print(json.dumps([outcome.table() for outcome in outcomes], indent=1))
    else:
        for outcome in outcomes:
            print(outcome.line())
    if any(outcome.result == "REFUSED" for outcome in outcomes):
        sys.exit(1)


def _found(paths: Sequence[Path]) -> list[Path]:
    """Every clip that is named or lies in a named folder, unfinished ones too: they are refused, not overlooked."""
    found: list[Path] = []
    for path in paths or (Path(),):
        inside = sorted(p for p in path.rglob("*") if p.name.endswith((SUFFIX, PART_SUFFIX))) if path.is_dir() else []
        if path.is_dir() and not inside:
            raise NotAClip(path, f"the folder holds no *{SUFFIX} file")
        found.extend(inside or [path])
    return found


def _outcome(path: Path) -> Outcome:
    with progress_bar(path.name, "frame", leave=False) as show:
        try:
            verdict = verify_clip(path, show)
        except ClipError as error:
            return Outcome(path, None, (str(error).removeprefix(f"{path} "),))
    return Outcome(path, verdict.certificate, verdict.findings)


def _told(certificate: Certificate) -> str:
    if certificate.claim == "integrity":
        return f"unanchored (integrity only), {' + '.join(str(n) for n in certificate.frames.values())} frames"
    pairing = certificate.pairing
    events = [
        f"{count} {name.lower().replace('_', ' ')}"
        for name, count in pairing.counts.items()
        if count and name != Event.PAIR.name
    ]
    residual = f"residual p99 {pairing.residual_p99_ns / 1e3:.0f} µs"
    return ", ".join([f"proved, {certificate.pairs} pairs", residual, *events])
