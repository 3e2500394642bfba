"""An order of which every beginning is spread over groups, and a random sample of each."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from label_quality.plugin.estimate.spread import spread_order


def test_by_hand() -> None:
    # On the circle: a a b b b b c c; visited are 0, 4, 2, 6, 1, 5, 3, 7, from the place on to which it is turned
    groups = ["b", "a", "b", "c", "b", "a", "c", "b"]
    assert spread_order(groups, 0.0) == [1, 4, 0, 3, 5, 7, 2, 6]
    assert spread_order(groups, 0.26) == [0, 3, 4, 1, 2, 6, 7, 5]


def test_every_unit_is_there_once_whatever_the_number() -> None:
    for count in (*range(20), 500):
        groups = [place % 3 for place in range(count)]
        assert sorted(spread_order(groups, 0.999)) == list(range(count))


def test_each_unit_is_equally_likely_among_the_first() -> None:
    groups = [0] * 7 + [1] * 3 + [2]
    for first in (1, 2, 5, 8):
        turns = (np.arange(11) + 0.5) / 11
        times = Counter(place for turn in turns for place in spread_order(groups, float(turn))[:first])
        # Over all turns every unit is among the first as often as there are first ones
        assert [times[place] for place in range(11)] == [first] * 11


@pytest.mark.parametrize("first", [4, 8, 16, 30])
def test_every_beginning_has_as_many_of_a_group_as_it_is_due_and_no_two_turns_differ_by_more(first: int) -> None:
    groups = [0] * 60 + [1] * 30 + [2] * 10
    shares = np.bincount(groups) / len(groups)
    for turn in np.linspace(0, 0.99, 25).tolist():
        taken = np.bincount([groups[place] for place in spread_order(groups, turn)[:first]], minlength=3)
        assert np.abs(taken - first * shares).max() < 2.1


def test_the_members_of_a_group_come_in_the_order_that_they_have_but_for_the_circle() -> None:
    """In random order they are a random sample of the group, whichever places are visited."""
    rng, pairs = np.random.default_rng(3), Counter[tuple[int, ...]]()
    for _ in range(3000):
        members = rng.permutation(8).tolist()
        # Units 0, 1, 2, 3 are of the first group
        order = spread_order([member >= 4 for member in members], float(rng.random()))
        first = sorted(members[place] for place in order[:4] if members[place] < 4)
        if len(first) == 2:
            pairs[tuple(first)] += 1
    number = sum(pairs.values())
    assert number > 1000
    for pair in combinations(range(4), 2):
        assert pairs[pair] / number == pytest.approx(1 / 6, abs=0.04)
