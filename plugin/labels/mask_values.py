"""Mask values as people write them, and names by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..base.errors import LabelQualityError

#: A mask value as users and FiftyOne write it: an integer, or '#rrggbb' where masks are RGB
Target = int | str
_Value = TypeVar("_Value", int, Target)

#: With more digits than any mask value has, and fewer than Python refuses to read
_INTEGER = re.compile(r"-?\d{1,18}")


def parse_mask_value(text: str) -> Target:
    """The integer that a text is, such as ``7`` or ``-1``; anything else, such as a colour or a name, as it is."""
    return int(text) if _INTEGER.fullmatch(text) else text


def by_mask_value(names: Iterable[tuple[Any, str]], where: str, parse: Callable[[Any], _Value]) -> dict[_Value, str]:
    """Names of classes by their mask values.

    Args:
        names: pairs of a value as it was written and a name
        where: what they stand in, for the error
        parse: the mask value of one that was written, such as `parse_mask_value`

    Raises:
        LabelQualityError: two that were written are one mask value, such as '0' and '00', or one has two names
    """
    found: dict[_Value, tuple[Any, str]] = {}
    for written, name in names:
        value = parse(written)
        first = found.setdefault(value, (written, name))
        if first != (written, name):
            raise LabelQualityError(
                f"Expected {where} to have each mask value once, but {first[0]!r} for {first[1]!r} and "
                f"{written!r} for {name!r} are the same. Remove one of them."
            )
    return {value: name for value, (_, name) in found.items()}
