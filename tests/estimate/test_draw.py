"""Drawing places: allotted to strata, at random, without replacement, and the same with the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.estimate.allotment import LEAST, allotment
from label_quality.plugin.estimate.draw import PlaceDraw
from label_quality.plugin.estimate.levels import (
    CONFIRMED,
    DOUBTED,
    LIKELY,
    POSSIBLE,
    REJECTED,
    SURE,
    UNSURE,
    place_levels,
    suspect_level,
)
from scipy.stats import chisquare


def test_levels_by_hand() -> None:
    suspicion = np.array([[0, 63, 64, 191, 192, 255]], np.uint8)
    likely, confirmed = np.zeros((1, 6), bool), np.zeros((1, 6), bool)
    likely[0, 3:6], confirmed[0, 5] = True, True
    levels, owner = place_levels(suspicion, [(LIKELY, likely), (CONFIRMED, confirmed)])
    assert levels.tolist() == [[SURE, SURE, UNSURE, LIKELY, LIKELY, CONFIRMED]]
    assert owner.tolist() == [[-1, -1, -1, 0, 0, 1]]
    levels, _ = place_levels(suspicion, [(REJECTED, likely)])
    assert levels.tolist() == [[SURE, SURE, UNSURE, REJECTED, REJECTED, REJECTED]]
    assert place_levels(suspicion, [])[0].tolist() == [[SURE, SURE, UNSURE, UNSURE, DOUBTED, DOUBTED]]
    assert [suspect_level(one) for one in (0.75, 0.74, None)] == [LIKELY, POSSIBLE, POSSIBLE]


def test_first_some_of_each_then_by_neyman() -> None:
    order = allotment([0, 1000, 9000], [0.5, 0.5, 0.5], 200)
    assert not (order == 0).any()
    assert np.bincount(order[: 2 * LEAST], minlength=3).tolist() == [0, LEAST, LEAST]
    assert np.bincount(order).tolist() == [0, 20, 180]
    # √(0.04 · 0.96) is √(0.2 · 0.8) / 2.04
    assert np.bincount(allotment([1000, 1000], [0.2, 0.04], 1000)).tolist() == [671, 329]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 60), st.integers(0, 60))
def test_a_larger_sample_begins_with_the_smaller_one(sizes: list[int], first: int, more: int) -> None:
    rates = [0.1 * (place + 1) for place in range(len(sizes))]
    small, large = allotment(sizes, rates, first), allotment(sizes, rates, first + more)
    assert large[: small.size].tolist() == small.tolist()
    assert large.size == min(first + more, sum(sizes))
    assert (np.bincount(large, minlength=len(sizes)) <= sizes).all()


def add_images(draw: PlaceDraw, count: int = 6, side: int = 12) -> None:
    for image in range(count):
        strata = (np.indices((side, side))[0] + image) % 2
        given = np.full((side, side), image % 2)
        given[0] = -1
        draw.add(image, strata, given, strata * 10 + image)


def test_every_pixel_that_takes_part_is_as_likely() -> None:
    drawn = np.zeros((6, 12, 12))
    for seed in range(600):
        draw = PlaceDraw(2, 2, 8, seed)
        add_images(draw)
        for stratum in range(2):
            places = draw.places(stratum)
            assert len(places) == 8 and len({*zip(places.image, places.row, places.column, strict=True)}) == 8
            np.add.at(drawn, (places.image, places.row, places.column), 1)
    part = np.broadcast_to(np.arange(12)[:, None] > 0, (12, 12))
    assert drawn[:, 0].sum() == 0
    for stratum in range(2):
        here = np.stack([part & ((np.indices((12, 12))[0] + image) % 2 == stratum) for image in range(6)])
        assert chisquare(drawn[here]).pvalue > 1e-3


def test_what_is_kept_of_a_place_and_counted_of_all() -> None:
    draw = PlaceDraw(2, 2, 5, 7)
    add_images(draw)
    # Of each image 6 rows of one stratum and 5 of the other, whose sixth is ignored
    assert draw.class_pixels.tolist() == [[180, 216], [216, 180]]
    for stratum in range(2):
        places = draw.places(stratum)
        assert ((places.row + places.image) % 2 == stratum).all()
        assert (places.given == places.image % 2).all()
        assert (places.region == stratum * 10 + places.image).all()


def test_the_same_seed_draws_the_same_and_another_others() -> None:
    made = []
    for seed in (1, 1, 2):
        draw = PlaceDraw(2, 2, 5, seed)
        add_images(draw)
        made.append(draw.places(0))
    first, same, other = made
    assert all(np.array_equal(one, two) for one, two in zip(vars(first).values(), vars(same).values(), strict=True))
    assert not np.array_equal(first.column, other.column)


@given(st.integers(1, 300))
@settings(max_examples=20)
def test_fewer_pixels_than_are_wanted_are_all_drawn(most: int) -> None:
    draw = PlaceDraw(2, 2, most, 0)
    add_images(draw, count=1)
    assert len(draw.places(0)) == min(most, 60) and len(draw.places(1)) == min(most, 72)


def test_a_stratum_of_no_pixel_has_none() -> None:
    draw = PlaceDraw(3, 2, 5, 0)
    add_images(draw)
    assert len(draw.places(2)) == 0
    assert draw.class_pixels[2].tolist() == [0, 0]
    with pytest.raises(IndexError):
        draw.places(3)
