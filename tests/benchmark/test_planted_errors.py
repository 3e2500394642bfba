"""Planted errors: only what the record says has changed."""

from __future__ import annotations

import json
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.benchmark.planted_errors import (
    ERROR_KINDS,
    InjectedError,
    InjectionRules,
    choose_errors,
    drop_class,
    inject_error,
    inject_errors,
    shift_edge,
    swap_classes,
)

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
RULES = InjectionRules(unlabelled=0, ignored=(255,), min_fraction=0.02)


def _mask(seed: int, shape: tuple[int, int] = (24, 30)) -> np.ndarray:
    """A mask of blobs of the classes 0..4 with a strip of ignored pixels."""
    coarse = np.random.default_rng(seed).integers(0, 5, (4, 5), dtype=np.uint8)
    mask = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_NEAREST)
    mask[:, :2] = 255
    return mask


def test_drop_swap_and_shift_by_hand():
    mask = np.array([[1, 1, 2], [1, 3, 2], [3, 3, 2]], np.uint8)
    assert drop_class(mask, 3, 0).tolist() == [[1, 1, 2], [1, 0, 2], [0, 0, 2]]
    assert swap_classes(mask, 1, 2).tolist() == [[2, 2, 1], [2, 3, 1], [3, 3, 1]]
    row = np.array([[1, 1, 1, 2, 2, 2, 3]], np.uint8)
    kernel = np.ones((1, 3), np.uint8)
    assert shift_edge(row, 2, kernel, "dilate").tolist() == [[1, 1, 2, 2, 2, 2, 2]]
    assert shift_edge(row, 2, kernel, "erode").tolist() == [[1, 1, 1, 1, 2, 3, 3]]


def test_shift_leaves_ignored_pixels_alone():
    row = np.array([[1, 1, 2, 2, 255, 255]], np.uint8)
    kernel = np.ones((1, 3), np.uint8)
    assert shift_edge(row, 2, kernel, "dilate", (255,)).tolist() == [[1, 2, 2, 2, 255, 255]]
    assert shift_edge(row, 2, kernel, "erode", (255,)).tolist() == [[1, 1, 1, 1, 255, 255]]


def test_eroding_the_only_class_changes_nothing():
    mask = np.full((5, 5), 2, np.int16)
    mask[2, 2] = -1
    assert (shift_edge(mask, 2, CROSS, "erode") == mask).all()


@given(seed=st.integers(0, 500), side=st.sampled_from([3, 5, 7]), shifted=st.integers(0, 4))
def test_erosion_gives_freed_pixels_to_the_nearest_other_class(seed, side, shifted):
    mask = _mask(seed)
    changed = shift_edge(mask, shifted, np.ones((side, side), np.uint8), "erode", (255,))
    others = np.argwhere((mask != shifted) & (mask != 255))
    freed = np.argwhere(changed != mask)
    assert (mask[tuple(freed.T)] == shifted).all()
    for row, column in freed[:: max(1, len(freed) // 20)]:
        distances = ((others - (row, column)) ** 2).sum(axis=1)
        nearest = {int(mask[tuple(place)]) for place in others[distances == distances.min()]}
        assert int(changed[row, column]) in nearest


@given(seed=st.integers(0, 500), shifted=st.integers(0, 4))
def test_dilation_only_adds_to_the_class(seed, shifted):
    mask = _mask(seed)
    changed = shift_edge(mask, shifted, CROSS, "dilate", (255,))
    assert (changed[mask == shifted] == shifted).all()
    assert (changed[changed != mask] == shifted).all()
    assert (changed[mask == 255] == 255).all()


@given(seed=st.integers(0, 500), pair=st.permutations(range(5)))
def test_swapping_twice_changes_nothing(seed, pair):
    mask = _mask(seed)
    once = swap_classes(mask, pair[0], pair[1])
    assert (swap_classes(once, pair[0], pair[1]) == mask).all()
    untouched = ~np.isin(mask, pair[:2])
    assert (once[untouched] == mask[untouched]).all()


@given(seed=st.integers(0, 500), kind=st.sampled_from(ERROR_KINDS))
def test_the_record_tells_what_changed(seed, kind):
    mask = _mask(seed)
    before = mask.copy()
    planted = inject_error(mask, kind, seed, RULES)
    assert (mask == before).all()
    if planted is None:
        assert sum((mask == value).mean() >= RULES.min_fraction for value in range(1, 5)) < 2 or kind == "shift"
        return
    changed, error = planted
    difference = changed != mask
    assert (error.kind, error.pixels) == (kind, int(difference.sum()))
    assert error.pixels >= RULES.min_fraction * mask.size
    rows, columns = np.nonzero(difference)
    left, top, width, height = error.box
    assert (left, top) == (columns.min(), rows.min())
    assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
    assert not difference[mask == 255].any()
    assert 0 not in error.classes
    touched = np.isin(mask, error.classes) | np.isin(changed, error.classes)
    assert not difference[~touched].any()
    if kind == "drop":
        assert set(changed[difference].tolist()) == {0}
        assert not (changed == error.classes[0]).any()
    assert InjectedError.from_dict(json.loads(json.dumps(error.to_dict()))) == error


def test_the_seed_decides_the_error():
    mask = _mask(3)
    first, again, other = (inject_error(mask, "shift", seed, RULES) for seed in (1, 1, 2))
    assert first is not None
    assert again is not None
    assert other is not None
    assert (first[0] == again[0]).all()
    assert (first[0] != other[0]).any()


def test_masks_without_room_for_an_error():
    assert inject_error(np.zeros((8, 8), np.uint8), "drop", 0, RULES) is None
    assert inject_error(np.ones((8, 8), np.uint8), "swap", 0, RULES) is None
    assert inject_error(np.ones((8, 8), np.uint8), "shift", 0, RULES) is None


def test_errors_are_spread_at_the_given_rates():
    kinds = choose_errors(200, {"drop": 0.2, "swap": 0.3, "shift": 0.2}, 1)
    assert Counter(kinds) == {"drop": 40, "swap": 60, "shift": 40, None: 60}
    assert kinds == choose_errors(200, {"drop": 0.2, "swap": 0.3, "shift": 0.2}, 1)
    assert kinds != choose_errors(200, {"drop": 0.2, "swap": 0.3, "shift": 0.2}, 2)
    assert choose_errors(7, {"drop": 1.0}, 0) == ["drop"] * 7
    assert None not in choose_errors(10, {"drop": 1 / 3, "swap": 1 / 3, "shift": 1 / 3}, 0)


def test_inject_errors_loads_one_mask_at_a_time():
    loaded: list[int] = []

    def load(position: int) -> np.ndarray:
        loaded.append(position)
        return _mask(position)

    results = inject_errors(load, 20, seed=4, rules=RULES)
    next(results)
    assert loaded == [0]
    rest = list(results)
    assert loaded == list(range(20))
    for position, (mask, error) in enumerate(rest, 1):
        assert (error is None) == (mask == _mask(position)).all()
    assert sum(error is not None for _, error in rest) >= 10


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"drop": 0.6, "swap": 0.6}, "at most 1 together, as an image gets one error, but got .*0.6"),
        ({"drop": -0.1}, r"rates of errors in \[0, 1\].*-0.1"),
        ({"drop": float("nan")}, "rates of errors in"),
        ({"blur": 0.1}, "Expected rates for drop, swap, shift, but got blur"),
    ],
)
def test_bad_rates(rates, message):
    with pytest.raises(LabelQualityError, match=message):
        choose_errors(10, rates, 0)


def test_bad_rules_and_kinds():
    with pytest.raises(LabelQualityError, match=r"`min_fraction` to be in \(0, 1\], but got 0"):
        InjectionRules(min_fraction=0)
    with pytest.raises(LabelQualityError, match=r"`severity` to be in \(0, 1\], but got 2"):
        InjectionRules(severity=2)
    with pytest.raises(LabelQualityError, match="a kind of error of drop, swap, shift, but got 'blur'"):
        inject_error(_mask(0), "blur", 0)
