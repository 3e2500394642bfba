"""An order of units of which every beginning is spread over their groups, and is a random sample of them as well.

The units stand on a circle, group by group. The bit-reversal permutation visits the places of a circle so that any
number of visits is spread over all of it: 0, 1/2, 1/4, 3/4, 1/8, … As the circle is turned by a random number of
places, every unit is equally likely to be among the first n, whatever n is; and as the units of a group are in random
order, those of them that are among the first n are a random sample of the group. So groups need no sample sizes of
their own, and there may be more groups than units that anyone judges.

References:
    Stevens and Olsen, "Spatially balanced sampling of natural resources", JASA 99 (2004), of which this is the case of
    one dimension
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def spread_order(groups: Sequence[Any], turn: float) -> list[int]:
    """Orders units.

    Args:
        groups: of each of n units, which are in random order; anything that can be sorted
        turn: a random number in [0, 1)

    Returns:
        the n positions in their new order
    """
    count = len(groups)
    circle = sorted(range(count), key=lambda place: groups[place])
    first = int(turn * count)
    return [circle[(first + place) % count] for place in _reversed_bits(count)]


def _reversed_bits(count: int) -> list[int]:
    """The numbers below ``count`` in the order of their reversed binary digits."""
    digits = max(count - 1, 0).bit_length()
    numbers = np.arange(1 << digits)
    reverse = np.zeros_like(numbers)
    for digit in range(digits):
        reverse |= (numbers >> digit & 1) << (digits - 1 - digit)
    return reverse[reverse < count].tolist()
