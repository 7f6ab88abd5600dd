"""Accuracy and speed of registration, beside what others do, on the same pictures in the same run.

    python benchmarks/register.py [--json FILE] [--clips N] [--data FOLDER] [--plot FILE]

Twin: fresh streets and rigs, day and night, mirrored and not, each with a fresh random homography (rotation ±2°, shift
±20 px, scale ±2 %, corners ±3 px) applied to the vis pictures, against the true one. Real: the EPFL pairs of
NIRVIS_REAL_DATA whose homography ten estimators agree on, moved by a random known homography; CWFID, one rig over many
pictures, against the median of the other pictures; VSIAD, what is left after the authors and after nirvis. Left out
where the data is absent.
Errors are mean distances of the four corners of the vis picture, in px at native size.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
from bars import report
from register_peers import available
from register_real import measure_cwfid, measure_nirscene, measure_vsiad
from register_twin import measure_twin


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--clips", type=int, default=8, help="clips of the simulated rig")
    parser.add_argument("--data", type=Path, default=os.environ.get("NIRVIS_REAL_DATA"), help="real recordings")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--plot", type=Path, help="residual against true error, as SVG")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    methods = available()
    bars = measure_twin(arguments.clips, arguments.seed, methods, arguments.plot) if arguments.clips else []
    data = Path(arguments.data or "/nonexistent")
    if (data / "nirscene").is_dir():
        bars += measure_nirscene(data / "nirscene", arguments.seed, methods)
        bars += measure_cwfid(data / "cwfid", methods)
        bars += measure_vsiad(data / "vsiad")
    report(bars, arguments.json)


if __name__ == "__main__":
    main()
