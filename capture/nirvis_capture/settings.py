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
    location, inside = _walk(error["loc"], model)
    path = ".".join(location) or str(model.model_config.get("title", model.__name__)).lower()
    if error["type"] == "missing":
        return f"{path}: missing"
    if error["type"].startswith("union_tag"):
        return f"{path}.{_wrong_name(error)}"
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key{_suggestion(location[-1], inside)}"
    message = error["msg"].removeprefix("Value error, ")
    given = error["input"]
    return f"{path}: {message}" if isinstance(given, dict | BaseModel) else f"{path}: {message}, got {given!r}"


def _wrong_name(error: ErrorDetails) -> str:
    """A table whose name tells which of several tables it is, and that has none of their names."""
    context = error.get("ctx", {})
    key = str(context.get("discriminator", "name")).strip("'")
    if error["type"] == "union_tag_not_found":
        return f"{key}: missing"
    known = [name.strip(" '") for name in str(context["expected_tags"]).split(",")]
    close = difflib.get_close_matches(str(context["tag"]), known, n=1)
    meant = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"{key}: there is no {context['tag']}; {meant}"


def _suggestion(key: str, model: type[BaseModel] | None) -> str:
    """The key that was probably meant: the same quantity in another unit, or a spelling close to it."""
    # What is excluded is not written in the file but filled in by the reader.
    known = [name for name, field in model.model_fields.items() if not field.exclude] if model else []
    stem = re.sub(r"_(us|ms|s|db|hz|nm|ns|um|px|gb|dn)$", "", key)
    for candidate in known:
        found = re.fullmatch(rf"{re.escape(stem)}_([a-z]+)", candidate)
        if found:
            unit = found[1]
            return f"; this quantity is written {candidate}" + (f", in {_UNITS[unit]}" if unit in _UNITS else "")
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"


def _walk(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[list[str], type[BaseModel] | None]:
    """The path as people write it, without the names of chosen alternatives, and the table that its last key is in."""
    path: list[str] = []
    candidates: list[type[BaseModel]] = [model]
    inside: type[BaseModel] | None = model
    for part in location:
        chosen = [table for table in candidates if len(candidates) > 1 and part in _names(table)]
        if chosen:
            candidates = chosen
            continue
        path.append(str(part))
        if isinstance(part, int):
            continue
        inside = candidates[0] if candidates else None
        field = inside.model_fields.get(part) if inside else None
        candidates = _tables(field.annotation) if field else []
    return path, inside


def _names(table: type[BaseModel]) -> tuple[Any, ...]:
    """By which `name` this table is told from its alternatives."""
    field = table.model_fields.get("name")
    return get_args(field.annotation) if field else ()


def _tables(annotation: Any) -> list[type[BaseModel]]:
    """The tables that a value of this type may be."""
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [table for inner in get_args(annotation) for table in _tables(inner)]
