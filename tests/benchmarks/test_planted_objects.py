"""Errors planted in single objects: what each kind changes, and what none of them may touch."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.planted_objects import (
    DROP,
    GROW,
    OBJECT_ERRORS,
    PART,
    SHRINK,
    SWAP,
    ObjectError,
    ObjectErrorRules,
    plant_in_object,
)

SIZE = (40, 60)
SQUARE = (slice(10, 30), slice(20, 40))
CLASSES = range(4)


def square(background: int = 0, inside: int = 1) -> np.ndarray:
    """A square of 20 pixels a side."""
    labels = np.full(SIZE, background, np.int16)
    labels[SQUARE] = inside
    return labels


def plant(labels: np.ndarray, kind: str, seed: int = 0, **rules: object) -> ObjectError | None:
    return plant_in_object(labels, np.random.default_rng(seed), ObjectErrorRules(**rules), CLASSES, [kind])


def planted(labels: np.ndarray, kind: str, seed: int = 0, **rules: object) -> ObjectError:
    error = plant(labels, kind, seed, **rules)
    assert error is not None
    return error


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Patches of four classes and ignored ones on one another."""
    labels = np.full((24, 32), draw(st.integers(-1, 3)), np.int16)
    for _ in range(draw(st.integers(0, 6))):
        top, left = draw(st.integers(0, 23)), draw(st.integers(0, 31))
        height, width = draw(st.integers(1, 16)), draw(st.integers(1, 16))
        labels[top : top + height, left : left + width] = draw(st.integers(-1, 3))
    return labels


@given(
    masks(),
    st.integers(0, 2**32 - 1),
    st.sampled_from(OBJECT_ERRORS),
    st.sampled_from([None, 0, 3]),
    st.sampled_from([0.001, 0.02, 0.1]),
)
@settings(max_examples=300)
def test_an_error_is_large_enough_and_in_one_object_of_what_takes_part(
    labels: np.ndarray, seed: int, kind: str, unlabelled: int | None, least: float
) -> None:
    before = labels.copy()
    error = plant(labels, kind, seed, unlabelled=unlabelled, min_fraction=least)
    assert (labels == before).all()
    if error is None:
        return
    changed = error.labels != labels
    assert error.labels.dtype == labels.dtype and error.labels.shape == labels.shape
    assert (error.changed == changed).all() and changed.sum() >= least * labels.size
    assert (labels[changed] >= 0).all() and (error.labels[changed] >= 0).all()
    assert error.kind == kind and error.true != unlabelled
    if kind == GROW:
        assert set(error.labels[changed]) == {error.true} and error.true not in labels[changed]
        # One object and what has been added adjoin; an edge that moves out also passes over ignored pixels
        whole = (error.labels == error.true) | (labels < 0)
        _, numbers = cv2.connectedComponents(whole.astype(np.uint8), connectivity=8)
        assert len(set(numbers[changed])) == 1
    else:
        assert set(labels[changed]) == {error.true} and error.true not in error.labels[changed]
        _, numbers = cv2.connectedComponents((labels == error.true).astype(np.uint8), connectivity=8)
        assert len(set(numbers[changed])) == 1


@given(masks(), st.integers(0, 2**32 - 1))
def test_the_same_seed_plants_the_same(labels: np.ndarray, seed: int) -> None:
    one, other = (plant_in_object(labels, np.random.default_rng(seed), ObjectErrorRules(), CLASSES) for _ in "ab")
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.kind == other.kind and (one.labels == other.labels).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_dropped_object_is_unlabelled_altogether(seed: int) -> None:
    error = planted(square(2), DROP, seed, unlabelled=0, max_fraction=0.4)
    assert (error.labels[SQUARE] == 0).all() and error.changed.sum() == 400 and error.true == 1


def test_without_an_unlabelled_class_what_is_dropped_gets_the_classes_around() -> None:
    labels = square(0)
    labels[:, 30:][labels[:, 30:] == 0] = 2
    error = planted(labels, DROP, max_fraction=0.3)
    assert set(error.labels[SQUARE].ravel()) == {0, 2}
    assert (error.labels[10:30, 20:25] == 0).all() and (error.labels[10:30, 35:40] == 2).all()


@pytest.mark.parametrize("seed", range(10))
def test_a_misnamed_object_gets_another_class_that_is_not_the_unlabelled_one(seed: int) -> None:
    error = planted(square(0), SWAP, seed, unlabelled=0)
    (new,) = set(error.labels[SQUARE].ravel())
    assert new in (2, 3) and error.changed.sum() == 400


@pytest.mark.parametrize("seed", range(10))
def test_a_part_is_cut_off_straight(seed: int) -> None:
    error = planted(square(2), PART, seed, unlabelled=0, max_fraction=0.4)
    assert (error.labels[error.changed] == 0).all()
    assert 0.15 <= error.changed.sum() / 400 <= 0.62
    # What is left out and what is kept are convex, as on two sides of a line
    for part in (error.changed, error.labels == 1):
        rows, columns = np.nonzero(part)
        hull = cv2.convexHull(np.stack([columns, rows], axis=1).astype(np.int32))
        filled = np.zeros(SIZE, np.uint8)
        cv2.fillPoly(filled, [hull], 1)
        assert filled.sum() <= part.sum() + 25


@pytest.mark.parametrize("seed", range(10))
def test_a_grown_object_reaches_as_far_as_the_rules_say(seed: int) -> None:
    error = planted(square(0), GROW, seed, unlabelled=0, edge=(0.05, 0.1))
    assert (error.labels[SQUARE] == 1).all()
    rows, columns = np.nonzero(error.changed)
    reach = 10 - rows.min()
    assert 3 <= reach <= 6 and rows.max() == 29 + reach and (columns.min(), columns.max()) == (20 - reach, 39 + reach)


@pytest.mark.parametrize("seed", range(10))
def test_a_shrunk_object_loses_its_edge_to_what_is_around(seed: int) -> None:
    error = planted(square(2), SHRINK, seed, unlabelled=0, edge=(0.05, 0.1), max_fraction=0.4)
    assert (error.labels[error.changed] == 2).all()
    rows, columns = np.nonzero(error.labels == 1)
    lost = rows.min() - 10
    assert 3 <= lost <= 6 and rows.max() == 29 - lost and (columns.min(), columns.max()) == (20 + lost, 39 - lost)


def test_at_the_images_border_an_object_keeps_its_edge() -> None:
    labels = np.zeros(SIZE, np.int16)
    labels[:, :20] = 1
    error = planted(labels, SHRINK, max_fraction=0.4, edge=(0.05, 0.05))
    assert (error.labels[:, :17] == 1).all() and (error.labels[:, 17:] == 0).all()


@pytest.mark.parametrize("kind", OBJECT_ERRORS)
def test_where_nothing_fits_there_is_none(kind: str) -> None:
    too_small = np.zeros((100, 100), np.int16)
    too_small[50, 50] = 1
    assert plant(too_small, kind, unlabelled=0) is None
    assert plant(square(0), kind, unlabelled=0, max_fraction=0.1) is None
    assert plant(np.full(SIZE, -1, np.int16), kind) is None
    # All of one class
    assert plant(np.zeros(SIZE, np.int16), kind) is None


def test_without_another_class_no_object_is_misnamed() -> None:
    rng, rules = np.random.default_rng(0), ObjectErrorRules(unlabelled=0)
    assert plant_in_object(square(0), rng, rules, [0, 1], [SWAP]) is None


def test_a_thin_object_does_not_shrink_to_nothing() -> None:
    labels = np.zeros(SIZE, np.int16)
    labels[20:22] = 1
    assert plant(labels, SHRINK, unlabelled=0, edge=(0.05, 0.05)) is None


def test_classes_are_as_likely_however_many_objects_they_have() -> None:
    labels = np.zeros((60, 60), np.int16)
    labels[2:58:8, 2:30:8] = labels[3:59:8, 2:30:8] = 1
    labels[40:50, 40:50] = 2
    rules, rng = ObjectErrorRules(unlabelled=0, min_fraction=0.0005), np.random.default_rng(0)
    found = [plant_in_object(labels, rng, rules, CLASSES, [DROP]) for _ in range(200)]
    assert 70 <= sum(error is not None and error.true == 2 for error in found) <= 130
