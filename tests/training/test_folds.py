"""Folds: a partition, balanced, deterministic, groups together."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.training.folds import assign_folds, block_groups, classes_in_one_fold, default_block_size


def _presence(samples: int, seed: int, classes: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).random((samples, classes)) < np.linspace(0.03, 0.9, classes)


@given(samples=st.integers(2, 60), folds=st.integers(2, 8), seed=st.integers(0, 99))
def test_folds_partition_the_samples_evenly(samples, folds, seed):
    folds = min(folds, samples)
    fold_of = assign_folds(_presence(samples, seed), folds, seed)
    sizes = np.bincount(fold_of, minlength=folds)
    assert (len(fold_of), len(sizes)) == (samples, folds)
    assert sizes.max() - sizes.min() <= 1


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=25), folds=st.integers(2, 6), seed=st.integers(0, 99))
def test_groups_are_never_split_and_no_fold_is_empty(sizes, folds, seed):
    folds = min(folds, len(sizes))
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat([f"video {i}" for i in range(len(sizes))], sizes))
    fold_of = assign_folds(_presence(len(groups), seed), folds, seed, groups.tolist())
    assert set(fold_of.tolist()) == set(range(folds))
    assert all(len(set(fold_of[groups == group])) == 1 for group in set(groups))


def test_equal_groups_give_equal_folds():
    groups = np.repeat(np.arange(20), 10)
    fold_of = assign_folds(_presence(200, 1), 5, 3, groups)
    assert np.bincount(fold_of).tolist() == [40] * 5


def test_rare_classes_are_spread():
    presence = _presence(1000, 0)
    presence[:, 0] = False
    presence[np.random.default_rng(1).permutation(1000)[:10], 0] = True
    fold_of = assign_folds(presence, 5, 0)
    counts = np.array([presence[fold_of == fold].sum(axis=0) for fold in range(5)])
    assert counts[:, 0].tolist() == [2] * 5
    assert (np.ptp(counts, axis=0) <= 0.03 * presence.sum(axis=0) + 2).all()


def test_folds_depend_on_the_seed_alone():
    presence = _presence(100, 0)
    assert (assign_folds(presence, 5, 1) == assign_folds(presence, 5, 1)).all()
    assert (assign_folds(presence, 5, 1) != assign_folds(presence, 5, 2)).any()


def test_samples_without_any_class_are_dealt_too():
    assert np.bincount(assign_folds(np.zeros((10, 3), bool), 5, 0)).tolist() == [2] * 5
    assert np.bincount(assign_folds(np.zeros((10, 0), bool), 2, 0, np.arange(10) // 2)).tolist() in ([4, 6], [6, 4])


def test_large_datasets_take_seconds():
    start = time.process_time()
    fold_of = assign_folds(_presence(50_000, 0, 20), 5, 0)
    assert np.bincount(fold_of).tolist() == [10_000] * 5
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("samples", "folds", "groups", "message"),
    [
        (3, 5, None, "at least as many samples as folds, but got 3 samples for 5 folds: ask for fewer folds"),
        (1, 2, None, "got 1 sample for 2 folds"),
        (10, 1, None, "`folds` to be at least 2, but got 1"),
        (10, 3, ["a"] * 5 + ["b"] * 5, "the 10 samples form 2 groups for 3 folds: ask for fewer folds"),
        (4, 2, ["a"] * 4, "form 1 group for 2 folds"),
        (4, 2, ["a", None, "b", None], "2 of 4 have none, the first at position 1"),
        (4, 2, ["a", "b"], "a group for each of the 4 samples, but got 2"),
    ],
)
def test_errors(samples, folds, groups, message):
    with pytest.raises(LabelQualityError, match=message):
        assign_folds(np.ones((samples, 2), bool), folds, 0, groups)


def test_blocks_of_frames():
    assert block_groups(7, 3).tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert [default_block_size(n, 5) for n in (530, 20, 3)] == [27, 1, 1]
    with pytest.raises(LabelQualityError, match="`block_size` to be at least 1, but got 0"):
        block_groups(7, 0)


def test_classes_that_no_training_fold_has():
    presence = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0]], bool)
    assert classes_in_one_fold(presence, np.array([0, 1, 1])) == [(1, 0), (2, 1)]
    assert classes_in_one_fold(presence, np.array([0, 1, 2])) == [(1, 0)]
