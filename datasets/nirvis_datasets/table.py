"""CSV tables that a spreadsheet opens and git diffs: one row per line, fixed columns, validated when read."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from nirvis_datasets.errors import TableError

Row = TypeVar("Row", bound=BaseModel)


def write_table(path: Path, model: type[BaseModel], rows: Iterable[BaseModel]) -> Path:
    """Write one line per row under the field names of the model; `path` never holds half a table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = list(model.model_fields)
    writer.writerow(columns)
    writer.writerows([_cell(getattr(row, column)) for column in columns] for row in rows)
    write_atomically(path, text.getvalue())
    return path


def read_table(path: Path, model: type[Row], *, command: str) -> list[Row]:
    """Read and validate every row; an empty cell takes the default of its field.

    command
        The command line that makes this table, named when it is missing.

    Raises `TableError` with the line number and the column.
    """
    if not path.is_file():
        raise TableError(f"There is no {path.name} in {path.parent}. Make it with: {command}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(file, path, model))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{path} is no table in UTF-8: {error}. Delete it, then: {command}") from None


def write_atomically(path: Path, text: str) -> None:
    """Write to a temporary file beside `path`, then take its name: a reader sees the old text or the new."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        # mkstemp makes it private; a table is for everybody who may read the folder.
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _rows(file: Iterable[str], path: Path, model: type[Row]) -> Iterator[Row]:
    reader = csv.DictReader(file, restkey="beyond the header")
    for cells in reader:
        yield _row(cells, f"{path} line {reader.line_num}", model)


def _row(cells: Mapping[str, str], where: str, model: type[Row]) -> Row:
    try:
        return model.model_validate({column: text for column, text in cells.items() if text})
    except ValidationError as error:
        raise TableError(f"{where}: {first_mistake(error)}") from None


def first_mistake(error: ValidationError) -> str:
    """The first thing that is wrong with a row, in the words of a table."""
    mistake = error.errors()[0]
    column = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "missing":
        return f"column {column} is missing or empty"
    if mistake["type"] == "extra_forbidden":
        return f"unknown column {column}"
    return f"column {column}: {mistake['msg']}, got {mistake['input']!r}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)
