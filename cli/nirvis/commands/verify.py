"""``nirvis verify``: prove clips again from their files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nirvis.certificate_line import certificate_line
from nirvis.progress import progress_bar
from nirvis_capture.certificate import Certificate
from nirvis_capture.clip_layout import PART_SUFFIX, SUFFIX
from nirvis_capture.errors import ClipError, NotAClip
from nirvis_capture.verify import Verdict, broken_seams
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
        return f"{self.path}: {certificate_line(self.certificate)}"

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
    verdicts = {path: _verdict(path) for path in _found(clips)}
    seams = broken_seams(verdict for verdict in verdicts.values() if isinstance(verdict, Verdict))
    outcomes = [_outcome(path, verdict, seams.get(path)) for path, verdict in verdicts.items()]
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


def _verdict(path: Path) -> Verdict | ClipError:
    with progress_bar(path.name, "frame", leave=False) as show:
        try:
            return verify_clip(path, show)
        except ClipError as error:
            return error


def _outcome(path: Path, verdict: Verdict | ClipError, broken_seam: str | None) -> Outcome:
    if isinstance(verdict, ClipError):
        return Outcome(path, None, (str(verdict).removeprefix(f"{path} "),))
    return Outcome(path, verdict.certificate, (*verdict.findings, *([broken_seam] if broken_seam else [])))
