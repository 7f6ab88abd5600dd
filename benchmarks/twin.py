"""How fast the simulated rig makes frames, beside the line rate and beside frames that cost nothing but a copy.

Both cameras at 1384×1032, as quickly as their frames are taken, each by a thread of its own as in a rig. Contestants
take turns, in swapped order in every second round:

street   every frame rendered: traffic, lens, fresh noise
panned   the same while the rig pans, so that nothing stands still
loop     a second of the street, rendered before the clock starts, shown there and back
noise    a loop of incompressible noise: what the cameras themselves cost
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from bars import Bar, report

from nirvis_capture.camera import ARMS, Arm, Camera
from nirvis_capture.cameras import open_backend
from nirvis_capture.profile import Profile, load_profile

CONTESTANTS: Mapping[str, dict[str, object]] = {
    "street": {"content": "street"},
    "panned": {"content": "street", "pan_deg": 5.0},
    "loop": {"content": "loop"},
    "noise": {"content": "noise"},
}
TIMEOUT_S = 60.0


def take(camera: Camera, frames: int) -> None:
    for _ in range(frames):
        if camera.next_frame(TIMEOUT_S) is None:
            sys.exit("a camera of the simulated rig fell silent")


def pairs_per_s(profile: Profile, cameras: Mapping[Arm, Camera], pairs: int) -> float:
    """Of one arming; the cameras are open, so that nothing is painted in this time."""
    cameras[profile.trigger.secondary].arm()
    cameras[profile.trigger.primary].arm()
    takers = [threading.Thread(target=take, args=(cameras[arm], pairs)) for arm in ARMS]
    began = time.perf_counter()
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    took_s = time.perf_counter() - began
    for arm in ARMS:
        cameras[arm].disarm()
    return pairs / took_s


def measure(seconds: float, rounds: int) -> dict[str, float]:
    """Pairs per second of each contestant, the best of all rounds: other work on the machine only ever slows."""
    profiles = {
        name: load_profile("twin_day").edited({"twin": {"pacing": "fast", **twin}})
        for name, twin in CONTESTANTS.items()
    }
    backends = {name: open_backend(profile) for name, profile in profiles.items()}
    cameras = {name: backend.open() for name, backend in backends.items()}
    best = {name: pairs_per_s(profiles[name], cameras[name], 8) for name in CONTESTANTS}
    for turn in range(rounds):
        for name in list(CONTESTANTS)[:: 1 if turn % 2 == 0 else -1]:
            rate = pairs_per_s(profiles[name], cameras[name], max(8, round(seconds * best[name])))
            best[name] = max(best[name], rate)
            print(f"round {turn + 1}, {name}: {rate:.0f} pairs/s", file=sys.stderr)
    for backend in backends.values():
        backend.close()
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each turn")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    best = measure(options.seconds, options.rounds)
    line_rate = load_profile("twin_day").trigger.rate_hz
    report(
        [
            *(Bar(f"twin.{name}_pairs_per_s", rate, "pairs/s") for name, rate in best.items()),
            Bar("twin.street_x_line_rate", best["street"] / line_rate, "ratio"),
            Bar("twin.street_vs_noise", best["street"] / best["noise"], "ratio"),
            Bar("twin.panned_x_line_rate", best["panned"] / line_rate, "ratio"),
            Bar("twin.loop_x_line_rate", best["loop"] / line_rate, "ratio"),
            Bar("twin.loop_vs_noise", best["loop"] / best["noise"], "ratio"),
        ],
        options.json,
    )


if __name__ == "__main__":
    main()
