"""Drivers and libraries, by what is installed; none is imported, so that a broken one cannot take the doctor down."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from nirvis_capture.doctor.finding import Finding
from nirvis_capture.profile import Profile

CONSTRAINTS = Path(__file__).parents[3] / "constraints.txt"
"""The versions that were tested together; present in a checkout only."""
SAFE_H5PY = (3, 16)
"""Older ones corrupt memory when chunks are written from several threads."""
XCB_LIBRARIES: Mapping[str, str] = {
    "libGL.so.1": "libgl1",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
"""What Qt loads on an X server, and the Debian packages that have it."""


def spinnaker(profile: Profile | None, root: Path) -> Iterator[Finding]:
    """The SDK of FLIR and its Python module."""
    libraries = sorted((root / "opt/spinnaker/lib").glob("libSpinnaker.so.*"), key=lambda path: len(path.name))
    sdk = libraries[-1].name.removeprefix("libSpinnaker.so.") if libraries else "not installed"
    module = _version("spinnaker-python") if find_spec("PySpin") else "not installed"
    found = f"SDK {sdk}, PySpin {module}"
    if libraries and module != "not installed":
        yield Finding("Spinnaker", "ok", found)
        return
    remedy = (
        "Install the Spinnaker SDK for this system from FLIR, then the wheel of the same release for Python "
        f"{sys.version_info.major}.{sys.version_info.minor} into this environment"
    )
    yield _needed_by("spinnaker", profile, Finding("Spinnaker", "stop", found, remedy))


def aravis(profile: Profile | None, root: Path) -> Iterator[Finding]:
    """The open driver: its library, and the binding for Python."""
    libraries = sorted(root.glob("usr/lib/*/libaravis-0.8.so.0*"), key=lambda path: len(path.name))
    typelibs = list(root.glob("usr/lib/*/girepository-1.0/Aravis-0.8.typelib"))
    module = _version("PyGObject") if find_spec("gi") else "not installed"
    library = libraries[-1].name.removeprefix("libaravis-0.8.so.") if libraries else "not installed"
    found = f"library {library}, typelib {'installed' if typelibs else 'not installed'}, PyGObject {module}"
    if libraries and typelibs and module != "not installed":
        yield Finding("Aravis", "ok", found)
        return
    remedy = "sudo apt-get install libaravis-0.8-0 gir1.2-aravis-0.8, then pip install 'nirvis[aravis]'"
    yield _needed_by("aravis", profile, Finding("Aravis", "stop", found, remedy))


def python() -> Iterator[Finding]:
    """The interpreter, and whether the libraries are those that were tested."""
    number = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 14):
        yield Finding("Python", "ok", number)
    else:
        yield Finding("Python", "warning", f"{number} was never tested", "Use Python 3.10 to 3.13.")
    h5py = _version("h5py")
    if tuple(int(part) for part in re.findall(r"\d+", h5py)[:2]) < SAFE_H5PY:
        remedy = "pip install 'h5py>=3.16'"
        yield Finding("h5py", "stop", f"{h5py} may corrupt memory while frames are written", remedy)
    if CONSTRAINTS.is_file():
        yield versions(CONSTRAINTS)


def window(root: Path) -> Iterator[Finding]:
    """What Qt says as "no Qt platform plugin could be initialized"."""
    folders = [*root.glob("usr/lib/*-linux-gnu"), root / "usr/lib64", root / "usr/lib"]
    missing = [name for name in XCB_LIBRARIES if not any((folder / name).exists() for folder in folders)]
    if missing:
        remedy = f"sudo apt-get install {' '.join(XCB_LIBRARIES[name] for name in missing)}"
        yield Finding("window", "warning", f"nirvis gui cannot open on an X server: no {', '.join(missing)}", remedy)
    else:
        yield Finding("window", "ok", "Qt has its libraries")


def versions(constraints: Path) -> Finding:
    """Compare what is installed with the versions that were tested together."""
    tested: dict[str, set[str]] = {}
    for name, pinned in re.findall(r"^([\w.-]+)==([\w.+!-]+)", constraints.read_text(encoding="utf-8"), re.MULTILINE):
        tested.setdefault(name, set()).add(pinned)
    installed = {name: _version(name) for name in tested}
    others = [
        f"{name} {installed[name]} (tested {' or '.join(sorted(pinned))})"
        for name, pinned in tested.items()
        if installed[name] != "not installed" and installed[name].partition("+")[0] not in pinned
    ]
    if not others:
        return Finding("versions", "ok", "those that were tested together")
    return Finding("versions", "warning", f"not those that were tested: {', '.join(others)}", "make setup")


def _needed_by(backend: str, profile: Profile | None, finding: Finding) -> Finding:
    """A driver that no profile asks for may be absent."""
    if profile is not None and profile.nir.backend == backend:
        return finding
    return Finding(finding.check, "ok", f"{finding.found}; only backend {backend} needs it")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
