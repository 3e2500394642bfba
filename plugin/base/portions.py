"""Long lists, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import TypeVar

T = TypeVar("T")
#: Ids in a query: MongoDB takes 16 MB, of which an id in a list is 20 bytes, and a query may have the list four times
IDS_A_QUERY = 100_000


def portions(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """The items in their order, at most ``size`` of them at a time."""
    for first in range(0, len(items), size):
        yield list(items[first : first + size])


def queries(ids: Sequence[T]) -> Iterator[list[T]]:
    """Ids, as many at a time as a query of MongoDB may have."""
    return portions(ids, IDS_A_QUERY)


def fits_query(ids: Sized) -> bool:
    """Whether a query of MongoDB may have so many ids."""
    return len(ids) <= IDS_A_QUERY
