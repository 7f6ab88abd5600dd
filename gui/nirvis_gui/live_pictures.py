"""One pair as the window shows it: two pictures, and from time to time what is read from them."""

from __future__ import annotations

from dataclasses import dataclass

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.slot import Snapshot
from nirvis_gui.alignment import Alignment, OverlayKind, measured, overlay
from nirvis_gui.arm_picture import ArmFigures, ArmPicture, Picture, arm_figures, arm_picture, with_peaking
from nirvis_gui.filters import FiltersSeen, filters_seen

FIGURES_PERIOD_S = 0.25
"""A person reads no faster."""
ALIGNMENT_PERIOD_S = 0.5
FILTERS_PERIOD_S = 1.0


@dataclass(frozen=True)
class Look:
    """How the pictures are wanted."""

    full: bool = False
    """Every pixel of the sensor, where the screen has one for each; else one for every four."""
    peaking: bool = False
    overlay: OverlayKind | None = None


@dataclass(frozen=True, eq=False)
class LivePictures:
    """The newest pair."""

    sequence: int
    arms: dict[Arm, ArmPicture]
    figures: dict[Arm, ArmFigures] | None
    """None where nothing new was read since the pictures before; so are the others."""
    overlay: Picture | None = None
    alignment: Alignment | None = None
    alignment_known: bool = False
    """Whether the alignment was looked for: None then says that there is none to be found."""
    filters: FiltersSeen | None = None


class Looking:
    """Makes pictures of one arming of the cameras, and knows when to read what."""

    def __init__(self) -> None:
        self._figures: dict[Arm, ArmFigures] = {}
        self._due_s: dict[str, float] = {}

    def pictures(self, snapshot: Snapshot, look: Look, now_s: float) -> LivePictures:
        """The pair of a snapshot as two pictures that look the same way, at the time `now_s`."""
        arms = {arm: arm_picture(snapshot.arrays[arm], snapshot.meta[arm], full=look.full) for arm in ARMS}
        nir, vis = arms["nir"], arms["vis"]
        judged = look.overlay is not None and self._due("alignment", ALIGNMENT_PERIOD_S, now_s)
        px = nir.extent[2] / nir.picture.shape[1]
        return LivePictures(
            sequence=snapshot.sequence,
            arms={arm: _peaked(shown, look) for arm, shown in arms.items()},
            figures=self._read(snapshot) if self._due("figures", FIGURES_PERIOD_S, now_s) else None,
            overlay=overlay(look.overlay, nir.picture, vis.picture, now_s) if look.overlay else None,
            alignment=measured(nir.picture, vis.picture, px) if judged else None,
            alignment_known=judged,
            filters=(filters_seen(nir.picture, vis.picture) if self._due("filters", FILTERS_PERIOD_S, now_s) else None),
        )

    def _read(self, snapshot: Snapshot) -> dict[Arm, ArmFigures]:
        for arm in ARMS:
            before = self._figures.get(arm)
            self._figures[arm] = arm_figures(snapshot.arrays[arm], snapshot.meta[arm], before)
        return dict(self._figures)

    def _due(self, what: str, period_s: float, now_s: float) -> bool:
        due = now_s >= self._due_s.get(what, now_s)
        if due:
            self._due_s[what] = now_s + period_s
        return due


def _peaked(shown: ArmPicture, look: Look) -> ArmPicture:
    return ArmPicture(with_peaking(shown.picture), shown.extent) if look.peaking else shown
