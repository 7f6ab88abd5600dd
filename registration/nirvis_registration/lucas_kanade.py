"""Sub-pixel alignment of structure, pooled over frames: inverse compositional Lucas-Kanade (Baker and Matthews 2004).

One homography, and radial terms of the lens where they are asked for, is fitted to all frames at once. Pixels that
disagree (traffic, leaves, reflections, what only one arm sees) lose their weight step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_registration.distortion import NO_DISTORTION, Distortion, mapped, middle_and_radius
from nirvis_registration.features import Grey
from nirvis_registration.geometry import Matrix, Size, corners, normalised
from nirvis_registration.structure import Channels, oriented_gradients

_MAX_STEPS = 20
_CONVERGED_PX = 0.002
_SETTLED_PX = 0.03
"""What is still accepted after the last step."""
_FURTHEST_SHARE = 0.2
"""A step by more than this share of the picture leads nowhere."""
_LEAST_WEIGHT = 1000.0
"""Pixels that have to agree."""
_WORST_CONDITION = 1e9
_KEPT_SHARE = 0.35
"""Share of the pixels that may be used: those with the most structure."""
_POINTS = 60_000
"""About so many of them are, evenly: neighbours tell the same."""
_CAUCHY = 1.5
"""Residuals beyond so many median residuals count little."""
_ALIKE = 3.0
"""Points that err alike, for the covariance."""
_BESIDE_PX = ((12, 0), (-12, 0), (0, 12), (0, -12), (20, 20), (-20, 20))
_ROW = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A homography that was aligned on structure."""

    homography_vis_to_nir: Matrix
    corner_covariance: NDArray[np.float64]
    """``(8, 8)`` px², x and y of each mapped corner of vis, clockwise from the top left."""
    residual: float
    """Weighted root mean square difference of the structure, which has about unit length at most."""
    strangeness: float
    """How much the structure differs, relative to how much it does some pixels beside: 0.1 to 0.4 where both arms show
    the same, 1 where they do not."""
    frames: int
    distortion: Distortion = NO_DISTORTION
    """Of vis, before the homography."""

    @property
    def corner_sigma_px(self) -> float:
        """Standard deviation of a mapped corner, root mean square over the corners, both coordinates together."""
        return float(np.sqrt(np.trace(self.corner_covariance) / 4))


@dataclass(frozen=True, slots=True, eq=False)
class StructureFrame:
    """One frame, with what does not change from step to step."""

    nir: Channels
    size: Size
    """Width and height of vis."""
    points: NDArray[np.float32]
    """``(N, 2)`` pixels of vis that are used."""
    template: NDArray[np.float32]
    """``(N, 6)``: structure of vis there."""
    slopes: NDArray[np.float32]
    """``(N, 6, 2)``: its gradient."""
    jacobian: NDArray[np.float32]
    """``(N, 2, 10)``: how a point moves with the parameters, those of the homography first, then k1 and k2."""

    def only(self, kept: NDArray[np.bool_]) -> StructureFrame:
        """The frame with some of its points."""
        rows = (self.points[kept], self.template[kept], self.slopes[kept], self.jacobian[kept])
        return StructureFrame(self.nir, self.size, *rows)

    def differences(self, homography: Matrix, distortion: Distortion) -> NDArray[np.float32]:
        """Squared difference of structure at each point, ``(N,)``; NaN for points beyond the picture of nir."""
        difference, inside = _difference(self, homography, distortion)
        squared = np.einsum("nc,nc->n", difference, difference)
        return np.where(inside, squared, np.nan).astype(np.float32)


def align_structure(
    pairs: Sequence[tuple[Grey, Grey]], start: Matrix, distortion: Distortion = NO_DISTORTION
) -> Alignment | None:
    """Refine a homography vis to nir on several frames (nir, vis) of one rig.

    start
        Within about eight pixels.
    distortion
        Of the lens of vis; it stays as it is.

    None where it diverges or where there is too little structure.
    """
    return align([structure_frame(nir, vis) for nir, vis in pairs], start, distortion)


def align(
    frames: Sequence[StructureFrame], start: Matrix, distortion: Distortion = NO_DISTORTION, terms: int = 0
) -> Alignment | None:
    """`align_structure` on prepared frames; `terms` of the distortion, 0 to 2, are fitted too."""
    if any(len(frame.points) < _LEAST_WEIGHT for frame in frames):
        return None
    fitted = [replace(frame, jacobian=np.ascontiguousarray(frame.jacobian[..., : 8 + terms])) for frame in frames]
    found = _descend(fitted, start, distortion)
    if found is None:
        return None
    homography, bent, normal, residual = found
    covariance = _corner_covariance(homography, bent, normal, residual, frames[0].size)
    strangeness = float(np.median([_strangeness(frame, homography, bent) for frame in frames]))
    return Alignment(homography, covariance, residual, strangeness, len(frames), bent)


def _strangeness(frame: StructureFrame, homography: Matrix, distortion: Distortion) -> float:
    where = mapped(homography, distortion, frame.points, frame.size)
    here, *beside = (
        float(np.median(((_sampled(frame.nir, (where + move).astype(np.float32)) - frame.template) ** 2).sum(axis=1)))
        for move in ((0, 0), *_BESIDE_PX)
    )
    return here / max(min(beside), 1e-9)


def structure_frame(nir: Grey, vis: Grey) -> StructureFrame:
    """Prepare a frame: where vis has the most structure, and how it looks there."""
    structure = oriented_gradients(vis)
    dx, dy = (_slope(structure, axis) for axis in (1, 0))
    energy = np.einsum("hwc,hwc->hw", dx, dx) + np.einsum("hwc,hwc->hw", dy, dy)
    energy[:8] = energy[-8:] = 0
    energy[:, :8] = energy[:, -8:] = 0
    floor = np.quantile(energy[::3, ::3], 1 - _KEPT_SHARE)
    rows, columns = np.nonzero(energy > floor)
    every = max(1, len(rows) // _POINTS)
    rows, columns = rows[::every], columns[::every]
    points = np.stack([columns, rows], axis=1).astype(np.float32)
    slopes = np.stack([dx[rows, columns], dy[rows, columns]], axis=-1)
    size = (vis.shape[1], vis.shape[0])
    return StructureFrame(
        oriented_gradients(nir), size, points, structure[rows, columns], slopes, _jacobian(points, size)
    )


def _slope(structure: Channels, axis: int) -> Channels:
    before, after = np.roll(structure, 1, axis), np.roll(structure, -1, axis)
    return np.asarray((after - before) * np.float32(0.5), np.float32)


def _jacobian(points: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Movement of points by the eight parameters of `_small` and by k1 and k2, at the identity, in pixels."""
    x, y = _unit(points, size).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    across = np.stack([x, y, one, zero, zero, zero, -x * x, -x * y], axis=1)
    down = np.stack([zero, zero, zero, x, y, one, -x * y, -y * y], axis=1)
    by_homography = np.stack([across, down], axis=1) * np.float32(max(size) / 2)
    middle, radius = middle_and_radius(size)
    outwards = points - middle
    squared = ((outwards / radius) ** 2).sum(axis=1, keepdims=True)
    by_lens = np.stack([outwards * squared, outwards * squared**2], axis=-1)
    return np.asarray(np.concatenate([by_homography, by_lens], axis=-1), np.float32)


def _unit(points: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Coordinates from about -1 to 1."""
    middle = (np.array(size, np.float32) - 1) / 2
    return np.asarray((points - middle) / np.float32(max(size) / 2), np.float32)


def _small(parameters: NDArray[np.float64], size: Size) -> Matrix:
    """The homography of eight small parameters, in pixels."""
    unit = np.eye(3) + np.append(parameters, 0.0).reshape(3, 3)
    half = max(size) / 2
    to_pixels = np.array([[half, 0, (size[0] - 1) / 2], [0, half, (size[1] - 1) / 2], [0, 0, 1.0]])
    return np.asarray(to_pixels @ unit @ np.linalg.inv(to_pixels), np.float64)


def _descend(
    frames: Sequence[StructureFrame], homography: Matrix, distortion: Distortion
) -> tuple[Matrix, Distortion, NDArray[np.float64], float] | None:
    """Step until no corner moves: the map, its normal matrix and residual; None where that does not happen."""
    size = frames[0].size
    square = corners(size)
    before = mapped(homography, distortion, square, size)
    for _ in range(_MAX_STEPS):
        parts = [_contribution(frame, homography, distortion) for frame in frames]
        normal, right = np.sum([part.normal for part in parts], axis=0), np.sum([part.right for part in parts], axis=0)
        cost, weight = sum(part.cost for part in parts), sum(part.weight for part in parts)
        if weight < _LEAST_WEIGHT or np.linalg.cond(normal) > _WORST_CONDITION:
            return None
        homography, distortion = _stepped(homography, distortion, np.linalg.solve(normal, right), size)
        after = mapped(homography, distortion, square, size)
        moved_px = float(np.linalg.norm(after - before, axis=1).max())
        before = after
        if moved_px < _CONVERGED_PX:
            break
        if not moved_px < _FURTHEST_SHARE * max(size):
            return None
    return (homography, distortion, normal, float(np.sqrt(cost / weight))) if moved_px < _SETTLED_PX else None


def _stepped(
    homography: Matrix, distortion: Distortion, step: NDArray[np.float64], size: Size
) -> tuple[Matrix, Distortion]:
    """The map after the inverse of a small one; homography and lens trade places in it, which the next step mends."""
    k1, k2 = distortion + np.append(step[8:], (0.0, 0.0))[:2]
    closer = normalised(np.asarray(homography @ np.linalg.inv(_small(step[:8], size)), np.float64))
    return closer, Distortion(float(k1), float(k2))


class _Part(NamedTuple):
    """What one frame adds to the normal equations."""

    normal: NDArray[np.float64]
    right: NDArray[np.float64]
    cost: float
    weight: float


def _difference(
    frame: StructureFrame, homography: Matrix, distortion: Distortion
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """How the structure of nir differs at each point, ``(N, 6)``, and which points lie within its picture."""
    where = mapped(homography, distortion, frame.points, frame.size).astype(np.float32)
    height, width = frame.nir.shape[:2]
    inside = (where[:, 0] > 8) & (where[:, 1] > 8) & (where[:, 0] < width - 9) & (where[:, 1] < height - 9)
    return _sampled(frame.nir, where) - frame.template, inside


def _contribution(frame: StructureFrame, homography: Matrix, distortion: Distortion) -> _Part:
    difference, inside = _difference(frame, homography, distortion)
    squared = np.einsum("nc,nc->n", difference, difference)
    scale = float(np.median(squared[inside])) if inside.any() else 1.0
    weight = np.where(inside, 1 / (1 + squared / (_CAUCHY**2 * scale + 1e-9)), 0).astype(np.float32)
    pull = np.einsum("nc,nca->na", difference, frame.slopes)
    shape = np.einsum("nca,ncb->nab", frame.slopes, frame.slopes)
    moved = np.einsum("nab,nbp->nap", shape * weight[:, None, None], frame.jacobian)
    normal = np.tensordot(frame.jacobian, moved, ((0, 1), (0, 1)))
    right = np.einsum("nap,na->p", frame.jacobian, pull * weight[:, None])
    cost = float((squared * weight).sum())
    return _Part(normal.astype(np.float64), right.astype(np.float64), cost, float(weight.sum()))


def _sampled(structure: Channels, where: NDArray[np.float32]) -> NDArray[np.float32]:
    """Structure ``(N, 6)`` at points between pixels; OpenCV takes them as a picture, not as one long column."""
    rows = -(-len(where) // _ROW)
    table = np.zeros((rows * _ROW, 2), np.float32)
    table[: len(where)] = where
    across, down = table.reshape(rows, _ROW, 2).transpose(2, 0, 1)
    seen = cv2.remap(structure, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen.reshape(rows * _ROW, -1)[: len(where)], np.float32)


def _corner_covariance(
    homography: Matrix, distortion: Distortion, normal: NDArray[np.float64], residual: float, size: Size
) -> NDArray[np.float64]:
    """Spread of the mapped corners that the residual would cause; neighbouring pixels err alike."""
    of_parameters = residual**2 * _ALIKE * np.linalg.pinv(normal, hermitian=True)
    square = corners(size)
    base = mapped(homography, distortion, square, size)
    nudged = [_stepped(homography, distortion, nudge, size) for nudge in np.eye(len(normal)) * 1e-5]
    jacobian = np.stack([(mapped(*one, square, size) - base).ravel() / 1e-5 for one in nudged], axis=1)
    return np.asarray(jacobian @ of_parameters @ jacobian.T, np.float64)
