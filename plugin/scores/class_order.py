"""Whether predictions seem to have the classes in another order than the masks: a mistake that no shape shows."""

from __future__ import annotations

import numpy as np


def seeming_order(joint: np.ndarray) -> dict[int, int]:
    """The classes that predictions seem to call by one another's numbers.

    A class of which a model knows too little is predicted as another one, which is predicted as itself. Where the order
    is another, each class takes the place of one that is itself predicted as another.

    Args:
        joint: (K, K) confident joint C[given, confident], whole numbers

    Returns:
        given class to the class that more than half of its pixels are confidently predicted as, of classes that change
        places with one another; {} where none do
    """
    found = {
        given: int(row.argmax())
        for given, row in enumerate(joint)
        if row.argmax() != given and 2 * row.max() > row.sum()
    }
    # What a class is taken for has to be taken for another one in its turn, until only circles are left
    while found.keys() - set(found.values()) or set(found.values()) - found.keys():
        found = {one: other for one, other in found.items() if other in found and one in found.values()}
    return found
