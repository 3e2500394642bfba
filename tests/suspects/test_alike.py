"""The order in which what looks alike stands together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.suspects.alike import _directions, alike_first, most_like
from scipy.cluster.hierarchy import ClusterNode, linkage, to_tree
from scipy.spatial.distance import pdist


def test_groups_stand_together_from_the_most_useful_on() -> None:
    # Two directions, the second with the most useful of all; in each the one most like the first comes next
    near = np.array([[10.0, 0.0], [9.0, 1.0], [-10.0, 0.0], [8.0, 0.5], [-9.0, 1.5], [np.nan, 0.0]])
    usefulness = np.array([3.0, 2.0, 5.0, 1.0, 0.5, 9.0])
    assert alike_first(near, usefulness).tolist() == [2, 4, 0, 3, 1, 5]


def test_of_few_or_none_the_most_useful_come_first() -> None:
    assert alike_first(np.zeros((0, 4)), np.zeros(0)).tolist() == []
    assert alike_first(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 2.0])).tolist() == [1, 0]
    assert alike_first(np.full((4, 2), np.nan), np.array([1.0, 4.0, 2.0, 4.0])).tolist() == [1, 3, 2, 0]
    # All the same: nothing to tell them apart
    assert alike_first(np.ones((3, 2)), np.array([1.0, 3.0, 2.0])).tolist()[0] == 1


@given(st.integers(3, 40), st.integers(0, 2**32 - 1))
def test_it_is_the_tree_of_average_linkage_turned_to_the_most_useful(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    descriptors, usefulness = rng.normal(size=(count, 5)), rng.permutation(count).astype(float)

    def turned(node: ClusterNode) -> list[int]:
        if node.is_leaf():
            return [node.id]
        sides = [turned(node.get_left()), turned(node.get_right())]
        sides.sort(key=lambda side: -max(usefulness[one] for one in side))
        return sides[0] + sides[1]

    expected = turned(to_tree(linkage(pdist(_directions(descriptors)), method="average")))
    found = alike_first(descriptors, usefulness).tolist()
    assert found == expected
    assert usefulness[found[0]] == count - 1


def test_as_many_as_are_compared_take_moments() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 32))
    group = rng.integers(0, 10, 2000)
    found = alike_first(centres[group] + 0.1 * rng.normal(size=(2000, 32)), rng.random(2000))
    assert np.count_nonzero(np.diff(group[found])) == 9
    assert sorted(found.tolist()) == list(range(2000))


@pytest.mark.parametrize("count", [1, 3])
def test_places_of_one_look(count: int) -> None:
    assert sorted(alike_first(np.zeros((count, 3)), np.arange(count, dtype=float)).tolist()) == list(range(count))


def test_most_like_one_first() -> None:
    near = np.array([[10.0, 0.0], [np.nan, 0.0], [-10.0, 0.0], [9.0, 1.0], [-9.0, -1.0], [0.0, 9.0], [0.0, -9.0]])
    found = most_like(near, 0).tolist()
    assert (found[:2], found[-2:]) == ([0, 3], [2, 1]) or (found[:2], found[-2:]) == ([0, 3], [4, 1])
    assert most_like(np.array([[1.0, 2.0]]), 0).tolist() == [0]


@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.data())
def test_it_is_the_order_of_angles_about_the_mean(count: int, seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    descriptors = rng.normal(size=(count, 4))
    unknown = rng.random(count) < 0.2
    descriptors[unknown, 0] = np.nan
    if unknown.all():
        return
    place = data.draw(st.sampled_from(np.flatnonzero(~unknown).tolist()))
    known = descriptors[~unknown]
    directions = (known - known.mean(axis=0)) / (known.std(axis=0) + 1e-6)
    lengths = np.linalg.norm(directions, axis=1)
    one = directions[np.flatnonzero(~unknown).tolist().index(place)]
    cosines = np.full(count, -2.0)
    cosines[~unknown] = directions @ one / np.maximum(lengths * np.linalg.norm(one), 1e-9)
    found = most_like(descriptors, place)
    assert found[0] == place and sorted(found.tolist()) == list(range(count))
    assert (np.diff(cosines[found[1:]]) < 1e-9).all()


def test_others_of_the_same_look_come_after_it() -> None:
    assert most_like(np.ones((4, 3)), 2).tolist() == [2, 0, 1, 3]
