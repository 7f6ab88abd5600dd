"""Pairs of long simulated armings beside the ways in which other programs pair, all against the truth.

    python benchmarks/pairing.py [--json FILE] [--minutes N] [--rate HZ] [--mixes N]

The clocks of the arms drift apart by 53 ppm and count in steps of 125 µs; frames reach the host 4 ms late on average,
with bursts. Four armings, from no fault to 1 % of each kind. The peers, as published programs do it: by order of
arrival, by equal frame id, by nearest time of arrival, by nearest camera time with the offset of the first pair. The
bars are the worst of all armings; the wrong pairs of everybody are printed beside.

Then N seeded mixes of each kind of `fault_mix`: all faults at once at 1 to 180 Hz, and but for the first kind a clock
that jumps. ``pairing.wrong_pairs`` counts those, too; ``pairing.mix_recovered_share`` is the share of all recoverable
pairs that is found; of the rest nothing is claimed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from bars import Bar, report
from numpy.typing import NDArray

from nirvis_capture.anchor import anchor, listening_frames
from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clip import PAIR_DTYPE
from nirvis_capture.pair_score import PairingScore, score_pairs
from nirvis_capture.pair_table import PairRow, Stamp, numbers
from nirvis_capture.pairing import Event, Pairer
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.trigger import apart
from nirvis_capture.twin.electronics.fault_mix import MixKind, fault_mix
from nirvis_capture.twin.electronics.stamps import Arming, arming

Table = NDArray[np.void]
KINDS = ("transfer_drop", "missed_trigger", "incomplete", "extra_frame")
SHARES: Mapping[str, Mapping[str, float]] = {
    "no faults": {},
    "1e-4 drops": {"transfer_drop": 1e-4},
    "1e-4 drops, 1e-4 missed": {"transfer_drop": 1e-4, "missed_trigger": 1e-4},
    "1 % of all": dict.fromkeys(KINDS, 0.01),
}


def faulty(rate_hz: float, shares: Mapping[str, float]) -> Profile:
    faults = [{"kind": kind, "arm": arm, "probability": share} for kind, share in shares.items() for arm in ARMS]
    return load_profile("twin_faults").edited(
        {"trigger": {"rate_hz": rate_hz}, "twin": {"faults": [], "random_faults": faults, "content": "noise"}}
    )


def in_order(frames: Arming) -> list[tuple[Arm, Stamp]]:
    arrivals = [(stamp.host_ns, arm, stamp) for arm in ARMS for stamp in frames.stamps[arm]]
    return [(arm, stamp) for _, arm, stamp in sorted(arrivals, key=lambda arrival: arrival[:2])]


def anchored(frames: Arming) -> Table:
    """As nirvis pairs, live and in ``nirvis verify``."""
    trigger = frames.profile.trigger
    nir, vis = (frames.stamps[arm][: listening_frames(trigger.period_ns)] for arm in ARMS)
    start = anchor(nir, vis, frames.latches, trigger.period_ns, True, apart(frames.profile))
    pairer: Pairer[Stamp] = Pairer(start, trigger.period_ns, trigger.primary)
    rows: list[PairRow[Stamp]] = []
    for arm, stamp in in_order(frames):
        rows += pairer.feed(arm, stamp)
    return np.array([numbers(row) for row in rows + pairer.finish()], PAIR_DTYPE)


def by_order(frames: Arming) -> Table:
    count = min(len(frames.stamps[arm]) for arm in ARMS)
    return _joined(np.arange(count), np.arange(count))


def by_id(frames: Arming) -> Table:
    nir, vis = (_column(frames, arm, "frame_id") for arm in ARMS)
    _, first, second = np.intersect1d(nir - nir[0], vis - vis[0], return_indices=True)
    return _joined(first, second)


def by_arrival(frames: Arming) -> Table:
    nir, vis = (_column(frames, arm, "host_ns") for arm in ARMS)
    return _nearest(nir, vis, frames.profile.trigger.period_ns)


def by_fixed_offset(frames: Arming) -> Table:
    nir, vis = (_column(frames, arm, "timestamp_ns") for arm in ARMS)
    return _nearest(nir - nir[0], vis - vis[0], frames.profile.trigger.period_ns)


PEERS: Mapping[str, Callable[[Arming], Table]] = {
    "nirvis": anchored,
    "order": by_order,
    "frame id": by_id,
    "nearest arrival": by_arrival,
    "nearest stamp": by_fixed_offset,
}


def _column(frames: Arming, arm: Arm, name: str) -> NDArray[np.int64]:
    return np.array([getattr(stamp, name) for stamp in frames.stamps[arm]], np.int64)


def _nearest(nir: NDArray[np.int64], vis: NDArray[np.int64], period_ns: int) -> Table:
    after = np.clip(np.searchsorted(vis, nir), 1, len(vis) - 1)
    best = np.where(nir - vis[after - 1] < vis[after] - nir, after - 1, after)
    close = np.abs(nir - vis[best]) * 2 < period_ns
    return _joined(np.flatnonzero(close), best[close])


def _joined(nir: NDArray[np.intp], vis: NDArray[np.intp]) -> Table:
    table = np.zeros(len(nir), PAIR_DTYPE)
    table["nir_index"], table["vis_index"], table["event"] = nir, vis, int(Event.PAIR)
    return table


def extreme(kind: MixKind, seeds: range) -> list[PairingScore]:
    """How well seeded fault mixes of one kind are paired."""
    shots = [arming(*fault_mix(kind, seed)) for seed in seeds]
    scores = [score_pairs(anchored(shot), shot) for shot in shots]
    peer = [score_pairs(by_fixed_offset(shot), shot) for shot in shots]
    wrong_seeds = [seed for seed, score in zip(seeds, scores, strict=True) if score.wrong]
    total = {name: sum(getattr(score, name) for score in scores) for name in ("wrong", "pairs", "misjudged", "losses")}
    print(
        f"{kind}, {len(seeds)} mixes: {total['wrong']} of {total['pairs']} pairs wrong (seeds {wrong_seeds}), "
        f"{share(scores):.4f} recovered, {total['misjudged']} of {total['losses']} losses misjudged, "
        f"{sum(score.unclassified for score in scores)} without a cause; nearest stamp: {share(peer):.4f} recovered, "
        f"{sum(score.wrong for score in peer)} of {sum(score.pairs for score in peer)} wrong",
        file=sys.stderr,
    )
    return scores


def share(scores: Sequence[PairingScore]) -> float:
    """Of all recoverable pairs, those that were found."""
    return sum(score.recovered for score in scores) / max(1, sum(score.recoverable for score in scores))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=45.0, help="trigger rate in Hz")
    parser.add_argument("--mixes", type=int, default=200, help="of each kind")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seconds, frames = dict.fromkeys(PEERS, 0.0), 0
    scores: dict[str, list[PairingScore]] = {name: [] for name in PEERS}
    for turn, (what, shares) in enumerate(SHARES.items()):
        shot = arming(faulty(options.rate, shares), round(60 * options.minutes * options.rate))
        frames += sum(map(len, shot.stamps.values()))
        for name in list(PEERS)[:: 1 if turn % 2 == 0 else -1]:
            began = time.perf_counter()
            table = PEERS[name](shot)
            seconds[name] += time.perf_counter() - began
            scores[name].append(score_pairs(table, shot))
        shown = ", ".join(f"{name} {scores[name][-1].wrong / scores[name][-1].pairs:.2%}" for name in PEERS)
        print(f"{what}: wrong pairs of {shown}; nirvis: {scores['nirvis'][-1]}", file=sys.stderr)
    mixes = {kind: extreme(kind, range(options.mixes)) for kind in get_args(MixKind)} if options.mixes else {}
    mixed = [score for kind in mixes.values() for score in kind]
    own = scores["nirvis"]
    least_wrong_peer = min(sum(score.wrong for score in scores[name]) for name in PEERS if name != "nirvis")
    report(
        [
            Bar("pairing.wrong_pairs", sum(score.wrong for score in [*own, *mixed]), "pairs"),
            Bar("pairing.best_peer_wrong_pairs", least_wrong_peer, "pairs"),
            Bar("pairing.recovered_share", min(score.recovered_share for score in own), "ratio"),
            *(Bar(f"pairing.mix_recovered_share_{kind}", share(found), "ratio") for kind, found in mixes.items()),
            Bar("pairing.misjudged_losses", sum(score.misjudged for score in [*own, *mixed]), "frames"),
            Bar("pairing.unclassified_losses", sum(score.unclassified for score in [*own, *mixed]), "frames"),
            Bar("pairing.frames_per_s", frames / seconds["nirvis"], "frames/s"),
            Bar("pairing.frames_per_s_nearest_stamp", frames / seconds["nearest stamp"], "frames/s"),
        ],
        options.json,
    )


if __name__ == "__main__":
    main()
