"""Typed values as strict JSON and back: dataclasses of text, numbers, lists and dicts, checked as they are read."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np

from .errors import LabelQualityError

T = TypeVar("T")
_Reader: TypeAlias = Callable[[Any], Any]
#: As strict JSON has no such numbers
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")


def to_json(value: Any) -> Any:
    """A value as strict JSON: NumPy types and arrays, tuples, sets, dataclasses, NaN and infinities included.

    Args:
        value: what to convert; anything unknown becomes its text

    Returns:
        dicts with string keys, lists, strings, numbers, booleans and None. Of a dataclass, fields that are None where
        that is their default are left out
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = ((item, getattr(value, item.name)) for item in dataclasses.fields(value))
        return {item.name: to_json(one) for item, one in named if one is not None or item.default is not None}
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        # At once where it can be: the rows of a matrix of 1,000 classes have a million numbers
        kinds = {*map(type, value)}
        if kinds <= {str, int, bool} or (kinds == {float} and all(map(math.isfinite, value))):
            return list(value)
        return [to_json(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((to_json(item) for item in value), key=str)
    return str(value)


def from_json(kind: type[T], content: Any, name: str) -> T:
    """What `to_json` made of a dataclass, as that dataclass again; entries that it does not know are passed over.

    Args:
        kind: the dataclass; its fields are annotated with ``str``, ``int``, ``float``, ``bool``, ``Any``, dataclasses,
            typed dicts, and lists, dicts with text as keys, and ``| None`` of these
        content: the JSON values
        name: what it is, for the error

    Raises:
        LabelQualityError: a value is of another type or missing, with where it is, what was expected and found
    """
    try:
        return cast(T, _reader(cast(Any, kind))(content))
    except _Unfit as unfit:
        path = unfit.path.lstrip(".")
        what = f"`{path}` of {name}" if path else name
        raise LabelQualityError(f"Expected {what} to be {unfit.expected}, but got {unfit.found}.") from None


class _Unfit(Exception):
    """A value of another type, and the path to it."""

    def __init__(self, expected: str, found: Any, path: str = "") -> None:
        text = "nothing" if found is _MISSING else repr(found)
        self.expected, self.path = expected, path
        self.found = text if len(text) <= 80 else f"{text[:79]}…"


_MISSING = object()
_ATOMS: Mapping[type, tuple[Callable[[Any], bool], str]] = {
    str: (lambda value: isinstance(value, str), "text"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
}


@cache
def _reader(kind: Any) -> _Reader:
    """What checks and converts JSON values of a type."""
    if kind is Any:
        return lambda value: value
    if kind is float:
        return _read_float
    if kind in _ATOMS:
        return _atom(*_ATOMS[kind])
    if is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _fields_reader(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        return _optional(_reader(next(part for part in parts if part is not type(None))))
    if origin is list:
        return _list_reader(parts[0], _reader(parts[0]))
    if origin is dict:
        return _dict_reader(_reader(parts[1]))
    raise TypeError(f"Expected a type that can be read from JSON, but got {kind!r}")


def _atom(fits: Callable[[Any], bool], expected: str) -> _Reader:
    def read(value: Any) -> Any:
        if not fits(value):
            raise _Unfit(expected, value)
        return value

    return read


def _read_float(value: Any) -> float:
    if (isinstance(value, int | float) and not isinstance(value, bool)) or value in _NO_NUMBERS:
        return float(value)
    raise _Unfit("a number", value)


def _optional(reader: _Reader) -> _Reader:
    return lambda value: None if value is None else reader(value)


def _list_reader(kind: Any, reader: _Reader) -> _Reader:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _Unfit("a list", value)
        if kind in (str, int, float) and {*map(type, value)} == {kind}:
            return list(value)
        found: list[Any] = []
        try:
            for item in value:
                found.append(reader(item))
        except _Unfit as unfit:
            unfit.path = f"[{len(found)}]{unfit.path}"
            raise
        return found

    return read


def _dict_reader(reader: _Reader) -> _Reader:
    def read(value: Any) -> dict[str, Any]:
        return {name: _read_entry(reader, name, item) for name, item in _as_dict(value).items()}

    return read


def _fields_reader(kind: Any) -> _Reader:
    readers = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}
    required = set(readers) if is_typeddict(kind) else _required(kind)

    def read(value: Any) -> Any:
        content = _as_dict(value)
        known = {name: _read_entry(one, name, content[name]) for name, one in readers.items() if name in content}
        for name, one in readers.items():
            if name in required and name not in known:
                _read_entry(one, name, _MISSING)
        return kind(**known)

    return read


def _required(kind: Any) -> set[str]:
    nothing = dataclasses.MISSING
    return {one.name for one in dataclasses.fields(kind) if one.default is nothing and one.default_factory is nothing}


def _as_dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Unfit("named values", value)
    return value


def _read_entry(reader: _Reader, name: str, value: Any) -> Any:
    try:
        return reader(value)
    except _Unfit as unfit:
        unfit.path = f".{name}{unfit.path}"
        raise
