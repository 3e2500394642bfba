"""What the App's form, a Python call and a delegated run send, turned into the engine's keyword arguments.

All three send one flat dict. A form adds cleared fields (None or an empty text), fields of a source that was chosen
before, and text where the engine takes a list or a mapping; a delegated run keeps the dict in MongoDB, which takes
neither tuples nor integer keys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...plugin.base.errors import LabelQualityError
from ...plugin.base.parameters import LIST, NUMBER, Parameter
from ...plugin.labels.class_files import parse_class_map, parse_classes
from ...plugin.labels.mask_values import by_mask_value, parse_mask_value
from ...plugin.parameters import PARAMETERS

#: All parameters by name; those of one name are read alike
_TABLE: dict[str, Parameter] = {name: one for parameters in PARAMETERS.values() for name, one in parameters.items()}
_NAME = re.compile(r"(?:parameter )?`(\w+)`")
_SETTING = re.compile(r"(?P<pass>[Pp]ass |\bwith |\bwhich )?\b(?P<name>\w+)=(?P<value>'[^']*'|\w+)")


def labels_of(operator: str) -> dict[str, str]:
    """The names that the parameters of an operator have in its form.

    Args:
        operator: its name, with the plugin's or without
    """
    return {name: one.label for name, one in PARAMETERS.get(operator.rpartition("/")[2], {}).items()}


def in_labels(text: str, labels: Mapping[str, str]) -> str:
    """An error of the engine as whoever sees a form understands it: labels instead of names.

    Args:
        text: the error, with names as in "parameter `key`" or "overwrite=True"
        labels: parameter to what the form calls it; other names stay
    """

    def setting(match: re.Match[str]) -> str:
        name, value = match["name"], match["value"]
        if name not in labels:
            return match[0]
        if value in ("True", "False"):
            if match["pass"] in ("with ", "which "):
                return f"{match['pass']}“{labels[name]}” {'ticked' if value == 'True' else 'not ticked'}"
            verb = "tick" if value == "True" else "do not tick"
            return f"{verb.capitalize() if (match['pass'] or '')[:1] == 'P' else verb} “{labels[name]}”"
        empty = _TABLE[name].none or "empty" if name in _TABLE else "empty"
        return f"{match['pass'] or ''}“{labels[name]}” {empty if value == 'None' else value}"

    text = _NAME.sub(lambda match: f"“{labels[match[1]]}”" if match[1] in labels else match[0], text)
    return _SETTING.sub(setting, text)


def to_request(given: Mapping[str, Any], allowed: Iterable[str]) -> dict[str, Any]:
    """The parameters of a Python call, as every way of running an operator can carry them.

    Args:
        given: keyword arguments; mappings, tuples and paths are made plain
        allowed: names that the operator knows

    Returns:
        values that JSON and MongoDB take

    Raises:
        LabelQualityError: a name that is not allowed
    """
    allowed = set(allowed)
    unknown = sorted(set(given) - allowed)
    if unknown:
        raise LabelQualityError(
            f"Unknown parameter {', '.join(map(repr, unknown))}; expected one of {', '.join(sorted(allowed))}."
        )
    return {
        name: _TABLE[name].stands_for_none if value is None and name in _TABLE else _plain(value)
        for name, value in given.items()
    }


def to_arguments(params: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The engine's keyword arguments of these names; a parameter that was left empty is left to its default.

    Args:
        params: as they reach an operator
        names: the parameters that the engine's function takes; others are left out

    Raises:
        LabelQualityError: a text that cannot be read as the list or mapping that it stands for
    """
    given = {name: params[name] for name in names if params.get(name) not in (None, "", [], {})}
    return {name: _parse(_TABLE[name], value) if name in _TABLE else value for name, value in given.items()}


def _parse(one: Parameter, value: Any) -> Any:
    if one.none and one.kind != LIST and value == one.stands_for_none:
        return None
    if one.kind == LIST and isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return [None if one.none and part == one.none else _number(one, part) for part in parts]
    if one.name == "classes":
        return _classes(value)
    if one.name == "class_map" and isinstance(value, str):
        return parse_class_map(value)
    return parse_mask_value(value.strip()) if one.name == "unlabelled" and isinstance(value, str) else value


def _number(one: Parameter, text: str) -> Any:
    """An item of a list: a number where it takes only numbers, else an integer where it is one, or text."""
    if one.item != NUMBER:
        return parse_mask_value(text)
    try:
        return float(text)
    except ValueError:
        raise LabelQualityError(
            f"Expected parameter `{one.name}` to be numbers separated by commas, but got {text!r}."
        ) from None


def _classes(value: Any) -> Any:
    """Class names as a list, a mapping whose keys MongoDB has made text, or text."""
    if isinstance(value, str):
        return parse_classes(value)
    return by_mask_value(value.items(), "`classes`", parse_mask_value) if isinstance(value, Mapping) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value
