"""The types that a plugin's parameter may have: how each is called, its JSON schema, how what a model wrote is read.

Models write most values in quotes, so text that says a number is read as that number where a number is wanted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin

MAX_DIGITS = 500  # of a number; Python itself refuses to convert more than 640, where it is set to be strict
MAX_ITEMS = 1000  # of a list
_WHOLE = re.compile(r"([+-]?\d+)(\.0*)?")
_SEPARATOR = re.compile(r"[,，、;；\n]")
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}
_NOTHING = {"none", "null", ""}


class UnreadableValue(ValueError):
    """The value is not of the kind that is wanted."""


class Kind(Protocol):
    """The interface of every kind."""

    @property
    def words(self) -> str:
        """What a value must be, such as `a whole number`."""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value."""

    def read(self, value: object) -> Any:
        """Convert what a model wrote. Raises UnreadableValue."""


@dataclass(frozen=True)
class Scalar:
    """Text, a number, or true or false."""

    words: str
    json_type: str
    read: Callable[[object], Any]

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": self.json_type}


@dataclass(frozen=True)
class OneOf:
    """One of some values, `Literal["km", "mi"]`; upper and lower case are the same unless both are among them."""

    values: tuple[str | int | bool, ...]

    @property
    def words(self) -> str:
        return "one of " + ", ".join(map(repr, self.values))

    @property
    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}

    def read(self, value: object) -> str | int | bool:
        for choice in self.values:
            if type(choice) is type(value) and choice == value:
                return choice
        written = _text(value).strip().casefold()
        for choice in self.values:
            if _text(choice).casefold() == written:
                return choice
        raise UnreadableValue


@dataclass(frozen=True)
class ListOf:
    """A list; text is read as JSON if it begins with a bracket, else it is divided at commas and semicolons."""

    item: Kind

    @property
    def words(self) -> str:
        return f"a list of at most {MAX_ITEMS} items, each {self.item.words}"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema, "maxItems": MAX_ITEMS}

    def read(self, value: object) -> list[Any]:
        items = _items(value)
        if len(items) > MAX_ITEMS:
            raise UnreadableValue
        return [self.item.read(item) for item in items]


@dataclass(frozen=True)
class OrNone:
    """A value of a kind, or None."""

    kind: Kind

    @property
    def words(self) -> str:
        return f"{self.kind.words}, or None"

    @property
    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.schema, {"type": "null"}]}

    def read(self, value: object) -> Any:
        if value is None:
            return None
        try:
            return self.kind.read(value)
        except UnreadableValue:
            if isinstance(value, str) and value.strip().casefold() in _NOTHING:
                return None
            raise


def kind_of(annotation: Any) -> Kind:
    """Return the kind of an annotation. Raises TypeError for one that is not supported."""
    if annotation in SCALARS:
        return SCALARS[annotation]
    origin, inside = get_origin(annotation), get_args(annotation)
    if annotation is list or origin is list:
        return ListOf(_item_kind(*inside or (str,)))
    choices = tuple(value for value in inside if value is not None)
    if origin is Literal and choices and all(type(value) in (str, int, bool) for value in choices):
        return OneOf(choices) if choices == inside else OrNone(OneOf(choices))
    if origin in (Union, UnionType) and NoneType in inside and len(inside) == 2:
        return OrNone(kind_of(next(each for each in inside if each is not NoneType)))
    raise TypeError


def _item_kind(annotation: Any) -> Scalar | OneOf:
    kind = kind_of(annotation)
    if not isinstance(kind, Scalar | OneOf):
        raise TypeError
    return kind


def shown(value: object) -> str:
    """Describe a value in a few words for an error message."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:39] + "…")
    if isinstance(value, int) and _is_huge(value):
        return f"a number of more than {MAX_DIGITS} digits"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)} items"
    return repr(value) if isinstance(value, int | float | NoneType) else type(value).__name__


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and not _is_huge(value):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise UnreadableValue


def _whole(value: object) -> int:
    if isinstance(value, str) and len(value) <= MAX_DIGITS and (written := _WHOLE.fullmatch(value.strip())):
        return int(written[1])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not _is_huge(value):
        return value
    raise UnreadableValue


def _number(value: object) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and (len(value) > MAX_DIGITS or "_" in value)):
        raise UnreadableValue
    if not isinstance(value, str | int | float):
        raise UnreadableValue
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise UnreadableValue from None
    if not math.isfinite(number):
        raise UnreadableValue
    return number


def _truth(value: object) -> bool:
    said = _TRUTH.get(value.strip().casefold()) if isinstance(value, str) else value
    if not isinstance(said, bool):
        raise UnreadableValue
    return said


def _items(value: object) -> Sequence[object]:
    if isinstance(value, list | tuple):
        return value
    if value is None:
        raise UnreadableValue
    if not isinstance(value, str):
        return [value]
    text = value.strip()
    if not text.startswith("["):
        return [item.strip() for item in _SEPARATOR.split(text)] if text else []
    try:
        items: list[object] = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableValue from None
    return items


def _is_huge(value: int) -> bool:
    return value.bit_length() > _MAX_BITS


_MAX_BITS: int = (10**MAX_DIGITS).bit_length()
TEXT = Scalar("text", "string", _text)
SCALARS: dict[Any, Scalar] = {
    str: TEXT,
    int: Scalar("a whole number", "integer", _whole),
    float: Scalar("a number", "number", _number),
    bool: Scalar("true or false", "boolean", _truth),
}
