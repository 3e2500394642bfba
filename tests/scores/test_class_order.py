"""Predictions whose classes are in another order: circles of classes that are predicted as one another."""

from __future__ import annotations

import numpy as np
import pytest
from label_quality.plugin.scores.class_order import seeming_order


@pytest.mark.parametrize(
    ("joint", "order"),
    [
        ([[8, 1, 0], [0, 6, 1], [1, 0, 7]], {}),
        ([[8, 1, 0], [0, 1, 6], [1, 7, 0]], {1: 2, 2: 1}),
        ([[0, 8, 1], [0, 1, 6], [9, 0, 1]], {0: 1, 1: 2, 2: 0}),
        # A class that the model does not know is taken for another, which is itself
        ([[8, 1, 0], [7, 0, 0], [0, 0, 5]], {}),
        ([[1, 8, 0], [0, 1, 8], [0, 0, 9]], {}),
        # Half is no majority, and a class without pixels has none
        ([[4, 4, 0], [8, 0, 0], [0, 0, 0]], {}),
        # Beside a circle, one that leads into it
        ([[0, 9, 0], [9, 0, 0], [9, 0, 1]], {0: 1, 1: 0}),
    ],
)
def test_only_classes_that_change_places_are_told(joint: list[list[int]], order: dict[int, int]) -> None:
    assert seeming_order(np.array(joint)) == order
