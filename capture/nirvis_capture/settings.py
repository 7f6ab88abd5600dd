"""Settings that people write in TOML: frozen models, and every mistake of a file said at once, in their words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args

import tomlkit
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

TomlValue = str | int | float | bool | list[Any] | tuple[Any, ...] | Mapping[str, Any] | None
Changes = Mapping[str, TomlValue]

_UNITS = {
    "us": "microseconds",
    "ms": "milliseconds",
    "s": "seconds",
    "db": "decibels",
    "hz": "hertz",
    "nm": "nanometres",
}


class Settings(BaseModel):
    """Base of every part of a settings file: frozen, and a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def edited_text(text: str, changes: Changes) -> str:
    """TOML text with other values and its comments kept.

    changes
        Values by their path, ``{"twin.scene_seed": 7}``, or by tables that are merged, ``{"twin": {"scene_seed": 7}}``;
        None removes a key.
    """
    document = tomlkit.parse(text)
    _edit(document, changes)
    return tomlkit.dumps(document)


def _edit(table: Any, changes: Changes) -> None:
    for path, value in changes.items():
        *tables, key = path.split(".")
        inside = table
        for name in tables:
            if not isinstance(inside.get(name), Mapping):
                inside[name] = tomlkit.table()
            inside = inside[name]
        if value is None:
            inside.pop(key, None)
        elif isinstance(value, Mapping):
            _edit(inside.setdefault(key, tomlkit.table()), value)
        else:
            inside[key] = value


def mistakes(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line per mistake, each beginning with its path (``nir.roi.width``); unknown keys with what was meant."""
    return [_mistake(details, model) for details in error.errors()]


def _mistake(error: ErrorDetails, model: type[BaseModel]) -> str:
    path = ".".join(str(part) for part in error["loc"]) or str(model.model_config.get("title", model.__name__)).lower()
    if error["type"] == "missing":
        return f"{path}: missing"
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key{_suggestion(error['loc'], model)}"
    message = error["msg"].removeprefix("Value error, ")
    given = error["input"]
    return f"{path}: {message}" if isinstance(given, dict | BaseModel) else f"{path}: {message}, got {given!r}"


def _suggestion(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """The key that was probably meant: the same quantity in another unit, or a spelling close to it."""
    known = _keys_at(location[:-1], model)
    key = str(location[-1])
    stem = re.sub(r"_(us|ms|s|db|hz|nm|ns|um|px|gb|dn)$", "", key)
    for candidate in known:
        found = re.fullmatch(rf"{re.escape(stem)}_([a-z]+)", candidate)
        if found:
            unit = found[1]
            return f"; this quantity is written {candidate}" + (f", in {_UNITS[unit]}" if unit in _UNITS else "")
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"


def _keys_at(location: tuple[int | str, ...], model: Any) -> list[str]:
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        models = (
            [t for t in (field.annotation, *get_args(field.annotation)) if hasattr(t, "model_fields")] if field else []
        )
        if not models:
            return []
        model = models[0]
    # What is excluded is not written in the file but filled in by the reader.
    return [name for name, field in model.model_fields.items() if not field.exclude]
