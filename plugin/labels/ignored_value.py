"""The value that pixels of a mask get which training is to ignore."""

from __future__ import annotations

import dataclasses
from itertools import chain

from .class_table import LARGEST_ID, ClassTable, hex_color

#: The value that most training ignores where nothing else is agreed on
USUAL_IGNORED = 255
_USUAL_COLOUR = 0xFFFFFF


def ignored_value(table: ClassTable) -> int:
    """The value that pixels get which are to be ignored: one that the classes ignore, else one that is free.

    Args:
        table: the classes

    Returns:
        255 where that is ignored or free, as training frameworks take it; of RGB masks packed, white in its place
    """
    usual, most = (USUAL_IGNORED, LARGEST_ID) if table.colors is None else (_USUAL_COLOUR, 0xFFFFFF)
    known = [value for value in table.ignored if 0 <= value <= most]
    if usual in known:
        return usual
    if known:
        return known[0]
    taken = set(table.ids)
    # From the usual one down, so that a mask of 8 bits stays one if it can
    free = (value for value in chain(range(usual, -1, -1), range(usual + 1, most + 1)) if value not in taken)
    return next(free)


def with_ignored(table: ClassTable, value: int) -> ClassTable:
    """The table with a value among those that are ignored."""
    ignored = tuple(sorted({*table.ignored, value}))
    colors = tuple(map(hex_color, ignored)) if table.colors is not None else ()
    return dataclasses.replace(table, ignored=ignored, ignored_colors=colors)
