"""Metrics of rankings: scikit-learn's values on random rankings with ties, hand-computed cases, and the bootstrap."""

from __future__ import annotations

import time
from functools import partial
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.benchmark.ranking_metrics import (
    auroc,
    average_precision,
    bootstrap,
    bootstrap_interval,
    lift_at,
    precision_recall,
)
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

#: Whether an image is an error, its quality of a few that tie often, and how often it counts
IMAGES = st.lists(st.tuples(st.booleans(), st.integers(-3, 3), st.integers(0, 3)), min_size=2, max_size=40)


def ranking(images: list[tuple[bool, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As arrays, with an error and a correct image that count added."""
    flags, quality, weights = (np.array(column) for column in zip(*images, (True, 0, 1), (False, 1, 1), strict=True))
    return flags.astype(bool), quality / 3, weights


@given(IMAGES)
def test_auroc_and_average_precision_are_those_of_scikit_learn(images: list[tuple[bool, int, int]]) -> None:
    flags, quality, weights = ranking(images)
    assert auroc(flags, quality) == pytest.approx(roc_auc_score(flags, -quality), abs=1e-12)
    assert average_precision(flags, quality) == pytest.approx(average_precision_score(flags, -quality), abs=1e-12)
    weighted = np.stack([weights, np.ones_like(weights)])
    expected = [roc_auc_score(flags, -quality, sample_weight=row) for row in weighted]
    assert auroc(flags, quality, weighted) == pytest.approx(expected, abs=1e-12)
    expected = [average_precision_score(flags, -quality, sample_weight=row) for row in weighted]
    assert average_precision(flags, quality, weighted) == pytest.approx(expected, abs=1e-12)


@given(IMAGES)
def test_the_precision_recall_curve_is_that_of_scikit_learn(images: list[tuple[bool, int, int]]) -> None:
    flags, quality, _ = ranking(images)
    precision, recall, _ = precision_recall_curve(flags, -quality)
    # Theirs ends where all images are looked at, ours where all errors are found
    complete = int((recall == 1).sum()) - 1
    expected = recall[complete:][::-1], precision[complete:][::-1]
    found = precision_recall(flags, quality)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(st.integers(0, 1000), st.sampled_from([2, 5, 101]))
def test_a_thinned_curve_has_points_of_the_whole_one_and_its_ends(seed: int, points: int) -> None:
    rng = np.random.default_rng(seed)
    flags = rng.random(600) < 0.4
    quality = rng.normal(size=600) - flags
    whole, thinned = (np.stack(precision_recall(flags, quality, count), axis=1) for count in (10_000, points))
    assert 2 <= len(thinned) <= points and len(whole) > 101
    assert {tuple(point) for point in thinned} <= {tuple(point) for point in whole}
    assert tuple(thinned[0]) == (0, 1) and thinned[-1, 0] == 1 and tuple(thinned[-1]) in map(tuple, whole)
    assert (np.diff(thinned[:, 0]) >= 0).all()


def test_a_curve_needs_two_points_and_some_errors() -> None:
    flags = np.array([True, False])
    recall, precision = precision_recall(flags, np.array([0.9, 0.1]))
    assert (recall.tolist(), precision.tolist()) == ([0, 0, 1], [1, 0, 0.5])
    with pytest.raises(LabelQualityError, match=r"^Expected at least 2 points of a curve, but got 1\.$"):
        precision_recall(flags, np.array([0.1, 0.9]), 1)
    with pytest.raises(LabelQualityError, match="none of the 2 images is mislabelled"):
        precision_recall(np.array([False, False]), np.array([0.1, 0.9]))


@given(IMAGES)
def test_weights_are_repetitions(images: list[tuple[bool, int, int]]) -> None:
    flags, quality, weights = ranking(images)
    repeated = flags.repeat(weights), quality.repeat(weights)
    for metric in (auroc, average_precision, partial(lift_at, count=min(len(flags), int(weights.sum())))):
        assert metric(flags, quality, weights=weights) == pytest.approx(metric(*repeated), abs=1e-12)


def test_by_hand() -> None:
    flags = np.array([True, False, True, False])
    quality = np.array([0.1, 0.2, 0.3, 0.4])
    # Of the four pairs of an error and a correct image one is the wrong way round
    assert auroc(flags, quality) == 0.75
    assert average_precision(flags, quality) == pytest.approx((1 + 2 / 3) / 2)
    assert [lift_at(flags, quality, count) for count in (1, 2, 3, 4)] == pytest.approx([2, 1, 4 / 3, 1])
    assert auroc(flags, np.zeros(4)) == 0.5 and average_precision(flags, np.zeros(4)) == 0.5


def test_lift_of_equal_qualities_is_the_mean_over_their_orders() -> None:
    flags = np.array([True, False, True, False, False])
    quality = np.array([0.1, 0.2, 0.2, 0.2, 0.3])
    # Of the first and two of the three that tie: the mean over the orders of the three
    orders = [[True, *order[:2]] for order in permutations([False, True, False])]
    expected = float(np.mean(orders)) / flags.mean()
    assert lift_at(flags, quality, 3) == pytest.approx(expected)
    assert lift_at(flags, quality, 5) == pytest.approx(1)


@pytest.mark.parametrize("metric", [auroc, average_precision, partial(lift_at, count=5)])
def test_the_bootstrap_is_that_of_drawn_indices(metric: object) -> None:
    rng = np.random.default_rng(3)
    flags = rng.random(60) < 0.3
    quality = np.round(rng.normal(size=60) - flags, 1)
    errors, correct = np.flatnonzero(flags), np.flatnonzero(~flags)
    drawn = [np.concatenate([rng.choice(errors, len(errors)), rng.choice(correct, len(correct))]) for _ in range(4000)]
    plain = np.array([metric(flags[rows], quality[rows]) for rows in drawn])  # type: ignore[operator]
    values = bootstrap(metric, flags, quality, resamples=4000, seed=1)  # type: ignore[arg-type]
    assert values.shape == (4000,)
    assert values.mean() == pytest.approx(plain.mean(), abs=4 * plain.std() / 4000**0.5)
    assert values.std() == pytest.approx(plain.std(), rel=0.06)
    low, high = bootstrap_interval(metric, flags, quality, resamples=4000, seed=1, level=0.9)  # type: ignore[arg-type]
    assert [low, high] == pytest.approx(np.quantile(values, [0.05, 0.95]))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    # Two normals one standard deviation apart: AUROC is the standard normal's distribution function at 1/sqrt(2)
    truth, flags, held = 0.760250, np.arange(200) < 60, 0
    for draw in range(200):
        low, high = bootstrap_interval(auroc, flags, rng.normal(size=200) - flags, resamples=300, seed=draw)
        held += low <= truth <= high
    assert 180 <= held <= 198


def test_seeds_and_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.plugin.benchmark import ranking_metrics

    flags, quality = np.arange(30) < 9, np.random.default_rng(2).random(30)
    first = bootstrap(auroc, flags, quality, resamples=50, seed=1)
    assert (first == bootstrap(auroc, flags, quality, resamples=50, seed=1)).all()
    assert (first != bootstrap(auroc, flags, quality, resamples=50, seed=2)).any()
    # A transformed score draws the same images
    assert first == pytest.approx(bootstrap(auroc, flags, quality**3, resamples=50, seed=1))
    monkeypatch.setattr(ranking_metrics, "_LARGEST_BATCH", 30 * 7)
    assert bootstrap(auroc, flags, quality, resamples=50, seed=1).shape == (50,)


def test_a_perfect_ranking_has_no_spread() -> None:
    flags = np.arange(20) < 5
    assert bootstrap_interval(auroc, flags, np.arange(20.0)) == (1, 1)
    assert bootstrap_interval(average_precision, flags, np.arange(20.0)) == (1, 1)


def test_a_thousand_resamples_of_eight_scores_take_seconds() -> None:
    rng = np.random.default_rng(0)
    flags = rng.random(530) < 0.2
    began = time.monotonic()
    for _ in range(8):
        for metric in (auroc, average_precision):
            bootstrap_interval(metric, flags, rng.normal(size=530) - flags)
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("flags", "quality", "message"),
    [
        (
            [False] * 3,
            [0.1, 0.2, 0.3],
            "Expected some mislabelled images and some correct ones, but none of the 3 images is mislabelled: a "
            "ranking cannot be judged by them.",
        ),
        (
            [True] * 2,
            [0.1, 0.2],
            "Expected some mislabelled images and some correct ones, but all of the 2 images are mislabelled: a "
            "ranking cannot be judged by them.",
        ),
        (
            [],
            [],
            "Expected some mislabelled images and some correct ones, but none of the 0 images is mislabelled: a "
            "ranking cannot be judged by them.",
        ),
        ([True, False], [0.1, np.nan], "Expected every image to have a quality, but 1 of 2 are NaN."),
        ([True, False], [0.1], "Expected one quality for each image, but got (2,) images and (1,) qualities."),
    ],
)
def test_what_cannot_be_judged_is_said(flags: list[bool], quality: list[float], message: str) -> None:
    for metric in (auroc, average_precision, partial(bootstrap, auroc), partial(bootstrap_interval, auroc)):
        with pytest.raises(LabelQualityError) as caught:
            metric(np.array(flags, bool), np.array(quality))
        assert str(caught.value) == message


def test_parameters_out_of_range_are_said() -> None:
    flags, quality = np.array([True, False]), np.array([0.1, 0.2])
    for count in (0, 3):
        with pytest.raises(LabelQualityError) as caught:
            lift_at(flags, quality, count)
        expected = f"Expected to count the errors among 1 to 2 images, as many as there are, but got {count}."
        assert str(caught.value) == expected
    with pytest.raises(LabelQualityError, match=r"^Expected at least 1 resample, but got 0.$"):
        bootstrap(auroc, flags, quality, resamples=0)
    with pytest.raises(LabelQualityError, match=r"^Expected a level in \(0, 1\), but got 95.$"):
        bootstrap_interval(auroc, flags, quality, level=95)
