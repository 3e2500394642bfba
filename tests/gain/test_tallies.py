"""Sums of agreement and their bootstrap: by hand, against plain references, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_quality.plugin.base.types import IGNORED
from label_quality.plugin.gain.tallies import (
    Repeats,
    Tallies,
    accuracy,
    agreement,
    class_iou,
    differences,
    interval,
    mean_iou,
)

LABELS = arrays(np.int16, (4, 5), elements=st.integers(IGNORED, 3))
PREDICTED = arrays(np.int64, (4, 5), elements=st.integers(0, 3))


def test_agreement_by_hand() -> None:
    verified = np.array([[0, 0, 1], [1, IGNORED, 2]], np.int16)
    predicted = np.array([[0, 1, 1], [1, 0, 0]])
    counts = agreement(predicted, verified, 4)
    np.testing.assert_array_equal(counts, [[2, 2, 1, 0], [2, 3, 0, 0], [1, 2, 0, 0]])
    # 1 of 3, 2 of 3, 0 of 1; the last class is not verified anywhere
    np.testing.assert_allclose(class_iou(counts), [1 / 3, 2 / 3, 0, np.nan])
    assert mean_iou(counts) == pytest.approx(1 / 3)
    assert accuracy(counts) == pytest.approx(3 / 5)


@given(verified=LABELS, predicted=PREDICTED)
def test_measures_are_those_of_a_plain_reference(verified: np.ndarray, predicted: np.ndarray) -> None:
    counts, known = agreement(predicted, verified, 4), verified != IGNORED
    ious = []
    for klass in range(4):
        truth, found = (verified == klass) & known, (predicted == klass) & known
        if truth.any():
            ious.append((truth & found).sum() / (truth | found).sum())
            assert class_iou(counts)[klass] == pytest.approx(ious[-1])
        else:
            assert np.isnan(class_iou(counts)[klass])
    assert mean_iou(counts) == pytest.approx(np.mean(ious) if ious else np.nan, nan_ok=True)
    right = (verified == predicted)[known].mean() if known.any() else np.nan
    assert accuracy(counts) == pytest.approx(right, nan_ok=True)


def test_sums_do_not_depend_on_the_order_and_groups_count_alike_in_every_training() -> None:
    rng = np.random.default_rng(0)
    images = [(f"group {number % 3}", rng.integers(0, 9, (3, 2))) for number in range(7)]
    forth, back = Tallies(2, 50, 1), Tallies(2, 50, 1)
    for group, counts in images:
        forth.add(group, counts)
    for group, counts in images[::-1]:
        back.add(group, counts)
    np.testing.assert_array_equal(forth.replicates, back.replicates)
    np.testing.assert_array_equal(forth.total, sum(counts for _, counts in images))
    # Groups count as a whole: each replicate is a sum of whole groups
    sums = [sum(counts for name, counts in images if name == f"group {group}") for group in range(3)]
    alone = [Tallies(2, 50, 1) for _ in range(3)]
    for number, one in enumerate(alone):
        one.add(f"group {number}", np.ones((3, 2), np.int64))
    together = sum(one.replicates * part for one, part in zip(alone, sums, strict=True))
    np.testing.assert_array_equal(forth.replicates, together)


def test_a_model_that_is_better_everywhere_by_the_same_has_a_narrow_gain_beside_wide_values() -> None:
    rng = np.random.default_rng(2)
    before, after = Tallies(1, 400, 3), Tallies(1, 400, 3)
    for number in range(60):
        right = int(rng.integers(100, 800))
        for tallies, more in ((before, 0), (after, 50)):
            tallies.add(str(number), np.array([[1000], [1000], [right + more]]))
    measures = [Repeats(one.total[None], one.replicates[None], 0).accuracy() for one in (before, after)]
    value, gain = interval(measures[0][1]), interval(differences(measures[1], measures[0])[1])
    assert differences(measures[1], measures[0])[0] == pytest.approx(0.05)
    assert value[1] - value[0] > 0.08
    assert gain == pytest.approx((0.05, 0.05))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng, held, times = np.random.default_rng(4), 0, 300
    for time in range(times):
        tallies = Tallies(1, 200, time)
        for number in range(80):
            tallies.add(str(number), np.array([[100], [100], [rng.binomial(100, rng.beta(6, 2))]]))
        low, high = interval(Repeats(tallies.total[None], tallies.replicates[None], 0).accuracy()[1])
        held += low <= 0.75 <= high
    # 95 % of 300, less four standard deviations and the roughness of 200 replicates
    assert 0.89 <= held / times <= 0.99


def test_the_variance_among_seeds_is_that_of_their_mean() -> None:
    values = np.array([700, 720, 760, 740])
    total = np.stack([np.array([[1000], [1000], [value]]) for value in values])
    # All images count once in every replicate, so that only the seeds differ
    replicates = np.repeat(total[:, None], 20_000, axis=1)
    value, found = Repeats(total, replicates, 0).accuracy()
    assert value == pytest.approx(0.73)
    assert found.std() == pytest.approx((values / 1000).std(ddof=1) / 2, rel=0.02)
    once = Repeats(total[:1], replicates[:1], 0).accuracy()[1]
    assert set(once.tolist()) == {0.7}


def test_replicates_without_a_class_are_left_out_of_its_interval() -> None:
    tallies = Tallies(2, 300, 0)
    tallies.add("a", np.array([[10, 0], [10, 0], [10, 0]]))
    tallies.add("b", np.array([[0, 10], [0, 10], [0, 5]]))
    iou, replicates = Repeats(tallies.total[None], tallies.replicates[None], 0).iou()
    np.testing.assert_allclose(iou, [1.0, 1 / 3])
    missing = np.isnan(replicates[:, 1])
    # Poisson(1) is 0 in 37 % of the replicates
    assert 0.25 < missing.mean() < 0.5
    assert interval(replicates[:, 1]) == pytest.approx((1 / 3, 1 / 3))
