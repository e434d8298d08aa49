"""The records of a file or folder of JSON, each with the place where it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import ValidationError

from moss_agent.errors import UsageError, one_line
from moss_agent.resources import read_text

LONGEST = 256_000_000  # bytes of a file


@dataclass(frozen=True)
class Record:
    """path: its file. line: where it begins, or its number in a list; 0 if it is the whole file."""

    path: Path
    line: int
    data: Any
    is_line: bool = True

    @property
    def place(self) -> str:
        if not self.line:
            return str(self.path)
        return f"{self.path}, {'line' if self.is_line else 'record'} {self.line}"


class FaultyData(UsageError):
    """Records that are none. faults: each with its place, in one line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(f"correct or remove what cannot be read ({len(faults)} in all), the first: {faults[0]}")
        self.faults = faults


@dataclass
class Records:
    """What was read, and what is wrong with the rest, each with its place."""

    good: list[Record] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def files_of(path: Path) -> list[Path]:
    """Return the JSON files of a folder, or the file itself. Raises UsageError if there is none."""
    if not path.is_dir():
        return [path]
    found = sorted(file for kind in ("*.json", "*.jsonl") for file in path.rglob(kind) if file.name[0] != ".")
    if not found:
        raise UsageError(f"{path} has no file that ends in .json or .jsonl: name the folder of the data")
    return found


def read_records(path: Path) -> Records:
    """Read a file: one JSON value, a list of records, or one record a line. Raises UsageError if it cannot be read."""
    text, records = read_text(path, LONGEST), Records()
    try:
        data = _parsed(text)
    except ValueError as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if path.suffix == ".json" and not any(_is_object(line) for _, line in lines[:3]):
            records.faults.append(f"{path}: {one_line(error)}")
            return records
        for number, line in lines:
            try:
                records.good.append(Record(path, number, _parsed(line)))
            except ValueError as fault:
                records.faults.append(f"{path}, line {number}: {one_line(fault)}")
        return records
    if isinstance(data, list):
        records.good += [Record(path, number, item, is_line=False) for number, item in enumerate(data, 1)]
    else:
        is_lines = path.suffix == ".jsonl"
        records.good.append(Record(path, _first_line(text) if is_lines else 0, data))
    return records


def _parsed(text: str) -> Any:
    """Return the JSON value. Raises ValueError, also for what cannot be written as UTF-8 or nests too deeply."""
    try:
        data = json.loads(text, parse_constant=_refuse)
        json.dumps(data, ensure_ascii=False).encode()  # no lone surrogates, which no tokenizer takes
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it has half of a character: no text can have that") from None
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from None
    return data


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is none")


def _is_object(line: str) -> bool:
    try:
        return isinstance(_parsed(line), dict)
    except ValueError:
        return False


def _first_line(text: str) -> int:
    return next((number for number, line in enumerate(text.split("\n"), 1) if line.strip()), 1)


def iterate(paths: list[Path], faults: list[str]) -> Iterator[Record]:
    """Yield the records of all files; what is wrong is added to `faults`, unless a single file cannot be read."""
    for path in paths:
        try:
            records = read_records(path)
        except UsageError as error:
            if len(paths) == 1:
                raise
            faults.append(str(error))
            continue
        faults += records.faults
        yield from records.good


def reason_of(error: Exception) -> str:
    """Return in one line why reading a record raised this error."""
    if isinstance(error, KeyError):
        return f"it has no field {one_line(error)}"
    return one_line(error) if not isinstance(error, ValidationError) else f"wrong field: {one_line(error)}"
