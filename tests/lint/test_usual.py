"""What is usual: by hand, and properties that hold for any components."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_quality.plugin.lint.frames import find_bands
from label_quality.plugin.lint.usual import Sizes, Spread, few_pixels

AREAS = arrays(np.int64, st.integers(1, 40), elements=st.integers(1, 1000))
VALUES = arrays(np.float64, st.integers(1, 40), elements=st.floats(-100, 100))


def test_a_few_pixels_are_a_part_of_the_mask() -> None:
    assert [few_pixels(one) for one in (1, 19_200, 172_800, 2_097_152)] == [4, 4, 17, 210]
    assert few_pixels(172_800, 3) == 3


def test_sizes_by_hand() -> None:
    found = Sizes.of(np.array([100, 1, 3, 96, 3]))
    assert found.share(np.array([0, 1, 2, 3, 96, 1000])) == pytest.approx([0, 1 / 203, 1 / 203, 7 / 203, 103 / 203, 1])
    assert found.number(np.array([0, 3, 100])).tolist() == [0, 3, 5]
    assert found.typical == 96
    assert Sizes.of(np.array([5]), 1000).share(np.array([5])) == pytest.approx([0.005])
    assert Sizes.of(np.zeros(0)).typical == 0


@given(AREAS)
def test_shares_grow_with_the_area_up_to_one(areas: np.ndarray) -> None:
    found = Sizes.of(areas)
    shares = found.share(np.arange(0, 1001))
    assert shares[0] == 0 and shares[-1] == pytest.approx(1) and (np.diff(shares) >= 0).all()
    large = areas[areas >= found.typical]
    assert large.sum() * 2 >= areas.sum()


def test_a_spread_has_two_sides() -> None:
    found = Spread.of(np.array([0.0, 8.0, 10.0, 11.0, 30.0]), 0.01)
    # Distances below the median are 10, 2 and 0, those above 0, 1 and 20
    assert (found.median, found.below, found.above) == (10, pytest.approx(2.9652), pytest.approx(1.4826))
    assert found.scores(np.array([10, 11.4826, 7.0348])) == pytest.approx([0, 1, -1])
    assert found.quartiles == (8, 11)
    assert Spread.of(np.array([4.0, 4.0]), 0.5).scores(np.array([5.0])) == pytest.approx([2])


@given(VALUES, st.floats(0.01, 10))
def test_half_of_either_side_is_within_a_deviation(values: np.ndarray, least: float) -> None:
    found = Spread.of(values, least)
    scores = found.scores(values)
    for side in (scores[values >= found.median], scores[values <= found.median]):
        assert (np.abs(side) <= 1).mean() >= 0.5
    assert min(found.below, found.above) >= least


def framed(top: int, side: int = 0) -> np.ndarray:
    mask = np.random.default_rng(0).integers(1, 3, (40, 50)).repeat(2, axis=1)
    mask[:top] = 7
    if side:
        mask[:, -side:] = 9
    return mask


def test_bands_by_hand() -> None:
    (one,) = find_bands(framed(3), 4)
    assert (one.side, one.width, one.label, one.changed) == ("top", 3, 7, 1.0)
    assert one.window((40, 100)) == (slice(0, 3), slice(None))
    first, second = find_bands(framed(1, 2), 4)
    assert [(first.side, first.width), (second.side, second.width, second.label)] == [("top", 1), ("right", 2, 9)]
    # Wider than a frame is, in a mask that is too small, or with a border that goes on
    assert find_bands(framed(5), 4) == [] and find_bands(framed(3)[:15], 4) == []
    assert find_bands(np.ones((40, 50), int), 4) == []
    half = framed(3)
    half[3, :60] = 7
    assert find_bands(half, 4) == []
