"""Masks as one instance a class and back: what was not touched is the same, and what was changed prevails."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from label_quality.plugin.annotation.class_instances import instances_of, recombined
from label_quality.plugin.base.types import IGNORED

CLASSES = 4
LABELS = hnp.arrays(np.int16, (4, 6), elements=st.integers(IGNORED, CLASSES - 1))
UNLABELLED = st.one_of(st.none(), st.integers(0, CLASSES - 1))


def sent(labels: np.ndarray, unlabelled: int | None) -> list[tuple[int, np.ndarray]]:
    return [(index, inside.astype(np.uint8) * 255) for index, inside in instances_of(labels, CLASSES, unlabelled)]


@given(labels=LABELS, unlabelled=UNLABELLED)
def test_there_is_one_instance_a_class(labels: np.ndarray, unlabelled: int | None) -> None:
    found = dict(instances_of(labels, CLASSES, unlabelled))
    assert list(found) == [index for index in range(CLASSES) if (labels == index).any() and index != unlabelled]
    assert all(np.array_equal(inside, labels == index) for index, inside in found.items())


@given(labels=LABELS, unlabelled=UNLABELLED, data=st.data())
def test_what_comes_back_untouched_is_the_same_in_any_order(
    labels: np.ndarray, unlabelled: int | None, data: st.DataObject
) -> None:
    instances = data.draw(st.permutations(sent(labels, unlabelled)))
    assert np.array_equal(recombined(labels, instances, unlabelled), labels)


@given(labels=LABELS, unlabelled=UNLABELLED, data=st.data())
def test_what_was_drawn_prevails_and_the_rest_is_as_it_was(
    labels: np.ndarray, unlabelled: int | None, data: st.DataObject
) -> None:
    drawn = data.draw(hnp.arrays(np.uint8, labels.shape))
    index = data.draw(st.integers(0, CLASSES - 1))
    found = recombined(labels, [*sent(labels, unlabelled), (index, drawn)], unlabelled)
    assert np.array_equal(found, np.where(drawn >= 128, index, labels))


LINE = np.array([[0, 1, 1, 2, 2, IGNORED]], np.int16)


def opacity(*values: int) -> np.ndarray:
    return np.array([values], np.uint8)


def test_pixels_that_are_erased_are_unlabelled_where_there_is_such_a_class() -> None:
    erased = [(1, opacity(0, 255, 0, 0, 0, 0)), (2, opacity(0, 0, 0, 255, 255, 0))]
    assert recombined(LINE, erased, 0).tolist() == [[0, 1, 0, 2, 2, IGNORED]]
    whole = [(0, opacity(255, 0, 0, 0, 0, 0)), *erased]
    assert recombined(LINE, whole, None).tolist() == LINE.tolist()


def test_an_instance_that_is_gone_is_erased_and_one_that_is_renamed_is_of_the_other_class() -> None:
    assert recombined(LINE, [(1, opacity(0, 255, 255, 0, 0, 0))], 0).tolist() == [[0, 1, 1, 0, 0, IGNORED]]
    renamed = [(3, opacity(0, 255, 255, 0, 0, 0)), (2, opacity(0, 0, 0, 255, 255, 0))]
    assert recombined(LINE, renamed, 0).tolist() == [[0, 3, 3, 2, 2, IGNORED]]


def test_soft_edges_are_cut_at_half_and_of_two_that_were_added_the_last_prevails() -> None:
    base = sent(LINE, 0)
    soft = [*base, (3, opacity(127, 128, 255, 0, 0, 200))]
    assert recombined(LINE, soft, 0).tolist() == [[0, 3, 3, 2, 2, 3]]
    twice = [*soft, (2, opacity(0, 0, 255, 0, 0, 0))]
    assert recombined(LINE, twice, 0).tolist() == [[0, 3, 2, 2, 2, 3]]
