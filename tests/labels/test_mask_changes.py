"""How a corrected mask differs from the given one, against loops over the pixels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from label_quality.plugin.base.types import IGNORED
from label_quality.plugin.labels.mask_changes import changed_pairs, region_change

CLASSES = 4
LABELS = hnp.arrays(np.int16, (5, 7), elements=st.integers(IGNORED, CLASSES - 1))


@given(before=LABELS, after=LABELS)
def test_pairs_are_those_of_a_loop_over_the_pixels(before: np.ndarray, after: np.ndarray) -> None:
    counted = Counter(
        (int(old), int(new)) for old, new in zip(before.ravel(), after.ravel(), strict=True) if old != new
    )
    pairs = changed_pairs(before, after, CLASSES)
    assert pairs.dtype == np.int64 and pairs.shape == (len(counted), 3)
    assert pairs.tolist() == [[*pair, counted[pair]] for pair in sorted(counted)]


@given(before=LABELS, after=LABELS, inside=hnp.arrays(bool, (5, 7)))
def test_a_regions_change_is_that_of_a_loop_over_its_pixels(
    before: np.ndarray, after: np.ndarray, inside: np.ndarray
) -> None:
    places = np.argwhere(inside).tolist()
    became = Counter(int(after[row, column]) for row, column in places if after[row, column] != before[row, column])
    change = region_change(inside, before, after)
    if not became:
        assert (change.changed, change.became, change.resolved) == (0.0, None, False)
        return
    assert change.changed == pytest.approx(became.total() / len(places))
    assert change.became == min(one for one, pixels in became.items() if pixels == max(became.values()))
    assert change.resolved == (2 * became.total() >= len(places))


def test_half_of_a_region_is_most_of_it_and_less_is_not() -> None:
    before, inside = np.zeros((1, 4), np.int16), np.ones((1, 4), bool)
    assert region_change(inside, before, np.array([[2, 2, 0, 0]], np.int16)).resolved
    assert not region_change(inside, before, np.array([[2, 0, 0, 0]], np.int16)).resolved
    ignored = region_change(inside, before, np.array([[IGNORED, IGNORED, IGNORED, 1]], np.int16))
    assert (ignored.changed, ignored.became) == (1.0, IGNORED)
