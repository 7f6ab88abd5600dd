"""The hardware profiles that nirvis ships, as TOML texts; `nirvis_capture.profile` validates them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def names() -> list[str]:
    """Names of the shipped profiles, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in files(__name__).iterdir() if p.name.endswith(".toml"))


def read(name_or_path: str | Path) -> str:
    """The TOML text of a shipped profile by name, or of any file. Raises `OSError`, and `UnicodeDecodeError`."""
    name = str(name_or_path)
    return text(name) if name in names() else Path(name_or_path).read_text(encoding="utf-8")


def text(name: str) -> str:
    """The exact TOML text of a shipped profile; raises `KeyError` when there is none of that name."""
    resource = files(__name__) / f"{name}.toml"
    if not resource.is_file():
        raise KeyError(name)
    return resource.read_text(encoding="utf-8")
