"""The table of parameters: what the user is told of each, beside the dataclass field that has its default.

Command line, forms and checks are made from it, so that a default, a choice and a sentence stand in one place::

    @dataclass(frozen=True)
    class SuspectConfig(Config):
        min_area: float = parameter(0.001, "Least area", "The least share of an image that a region covers")

    table(SuspectConfig)["min_area"].default
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from .errors import LabelQualityError

#: What a parameter's value is
WHOLE, NUMBER, FLAG, LIST, MAPPING, TEXT = "whole", "number", "flag", "list", "mapping", "text"
#: The unit of the path of a folder that is written to
DIR = "DIR"
_KINDS = {"int": WHOLE, "float": NUMBER, "bool": FLAG}
_ENTRY = "parameter"


@dataclass(frozen=True)
class Parameter:
    """What the user is told of a parameter, and which values it takes.

    Args:
        label: its name in forms
        help: a sentence, the same in forms and on the command line; of a flag it goes on from the label
        choices: the values that it takes, or that each item of a list is; a mapping has words for forms
        within: the interval that a number is in, such as ``(0, 1]`` or ``[2, inf)``; "" for any
        empty: what it is where it is left out, if its default does not say that by itself
        none: what stands for None, which is not the default; forms have 0 for a whole number's
        unit: placeholder of its value on the command line
        short: whether half the width of a form is enough for its text
        name: of the field
        type: of the field, as it is annotated
        default: of the field
    """

    label: str
    help: str = ""
    choices: Mapping[str, str] | Sequence[str] = ()
    within: str = ""
    empty: str = ""
    none: str = ""
    unit: str | None = None
    short: bool = False
    name: str = ""
    type: str = ""
    default: Any = None

    @property
    def optional(self) -> bool:
        """Whether it may be None."""
        return self.type.endswith("| None")

    @property
    def kind(self) -> str:
        """What its value is: `WHOLE`, `NUMBER`, …"""
        return LIST if self.type.startswith("tuple[") else _kind(self.type)

    @property
    def item(self) -> str:
        """What the items of a list are; of another value, what it is itself."""
        return _kind(self.type.removeprefix("tuple["))

    @property
    def sentence(self) -> str:
        """The help as a sentence of its own."""
        if self.kind != FLAG:
            return self.help
        return f"{self.label}: {lower(self.help)}" if self.help else self.label

    @property
    def stands_for_none(self) -> Any:
        """What forms and MongoDB have for None, where None is not the default; None where there is nothing such."""
        return (0 if self.kind == WHOLE else self.none) if self.none else None

    def checked(self, value: Any) -> Any:
        """The value as Python's own types have it; raises `LabelQualityError` where it is not one that is taken."""
        value = _plain(value)
        if value is None and self.optional:
            return value
        if self.kind == WHOLE:
            require(isinstance(value, Integral) and not isinstance(value, bool), self.name, "a whole number", value)
            # Of another type the digest would be another
            value = int(value)
        if self.kind == NUMBER:
            require(isinstance(value, Real) and not isinstance(value, bool), self.name, "a number", value)
            value = value if isinstance(value, int) else float(value)
        if self.kind == FLAG:
            require(isinstance(value, bool), self.name, "True or False", value)
        if self.kind == LIST:
            self._check_items(value)
        if self.kind == MAPPING and isinstance(value, Mapping):
            self._check_keys(value)
        if self.within:
            wanted = _words(self.within) + (f", or None for {self.none}" if self.none else "")
            require(_inside(value, self.within), self.name, wanted, value)
        if self.choices and self.kind == LIST:
            some = bool(value) and all(item in self.choices for item in value)
            require(some, self.name, f"some of {', '.join(self.choices)}", list(value))
        elif self.choices:
            require(value in self.choices, self.name, f"one of {', '.join(self.choices)}", value)
        return value

    def _check_items(self, value: Any) -> None:
        listed = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
        kinds = {WHOLE: (Integral, "whole numbers"), NUMBER: (Real, "numbers")}
        kind, items = kinds.get(self.item, (object, "values"))
        some = listed and all(isinstance(item, kind) and not isinstance(item, bool) for item in value)
        require(some, self.name, f"a list of {items}", value)

    def _check_keys(self, value: Mapping[Any, Any]) -> None:
        """Raises where two keys are the same in the run's record, which has them as text, for different values."""
        keys: dict[str, Any] = {}
        for key, item in value.items():
            first = keys.setdefault(str(key), key)
            if value[first] != item:
                raise LabelQualityError(
                    f"Expected parameter `{self.name}` to have each key once, but got {first!r} for {value[first]!r} "
                    f"and {key!r} for {item!r}. Remove one of them."
                )


def parameter(default: Any, label: str, help: str = "", **details: Any) -> Any:
    """A dataclass field with its entry in the table.

    Args:
        default: of the field
        label: as of `Parameter`
        help: as of `Parameter`
        **details: others of `Parameter`
    """
    return dataclasses.field(default=default, metadata={_ENTRY: Parameter(label, help, **details)})


def repeated(group: type, name: str, default: Any = None, **details: Any) -> Any:
    """A field that another group has too, with a default of its own; ``details`` are what else differs."""
    entry = next(one for one in dataclasses.fields(group) if one.name == name).metadata[_ENTRY]
    return dataclasses.field(default=default, metadata={_ENTRY: dataclasses.replace(entry, **details)})


def table(group: type) -> dict[str, Parameter]:
    """The parameters of a group by name, in its order; fields without an entry are none of the user's."""
    return {
        one.name: dataclasses.replace(one.metadata[_ENTRY], name=one.name, type=one.type, default=one.default)
        for one in dataclasses.fields(group)
        if _ENTRY in one.metadata
    }


def merged(*groups: type, without: Sequence[str] = ()) -> dict[str, Parameter]:
    """The parameters of several groups by name; of those that several have, the first one's."""
    found: dict[str, Parameter] = {}
    for group in groups:
        found = table(group) | found
    return {name: one for name, one in found.items() if name not in without}


def require(condition: bool, name: str, expected: str, found: object) -> None:
    """Raises `LabelQualityError` where a parameter is not as expected."""
    if not condition:
        raise LabelQualityError(f"Expected parameter `{name}` to be {expected}, but got {found!r}.")


def lower(text: str) -> str:
    """A sentence as it goes on after another; abbreviations stay as they are."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[:2] == "A " else text


def _plain(value: Any) -> Any:
    """What NumPy's types, and arrays, are in Python's own: of others a run's record would keep their text."""
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        value = value.tolist()
        return tuple(value) if isinstance(value, list) else value
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _kind(annotation: str) -> str:
    name = annotation.split(" | ")[0].split(", ")[0]
    return MAPPING if name.startswith("Mapping[") else _KINDS.get(name, TEXT)


def _inside(value: float, interval: str) -> bool:
    low, high = map(float, interval[1:-1].split(","))
    above = value > low if interval[0] == "(" else value >= low
    return above and (value < high if interval[-1] == ")" else value <= high)


def _words(interval: str) -> str:
    low, high = interval[1:-1].split(", ")
    if high != "inf":
        return f"in {interval}"
    return "positive" if interval[0] == "(" else f"at least {low}"
