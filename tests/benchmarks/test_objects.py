"""The benchmark of objects: which count as wrong, by hand, and how orders of them are judged."""

from __future__ import annotations

import numpy as np
import pytest
from label_quality.plugin.objects.object_scores import Objects

from benchmarks.objects import CONFIDENCE, OTHER_CLASS, QUALITY, SOFTMIN, WRONG, Judged, judge, judged_image, scores_of


def blocks(labels: np.ndarray) -> np.ndarray:
    """(3, H, W) probabilities of predictions that see these labels by 0.8."""
    return np.where(np.arange(3)[:, None, None] == labels, np.float32(0.8), np.float32(0.1)).astype(np.float32)


def test_what_is_wrong_with_objects() -> None:
    """Of class 1: right, cut to 2 of 8 pixels, misnamed and twice a half of one true object."""
    true = np.zeros((6, 24), np.int16)
    true[1:3, 1:5], true[1:3, 7:11], true[1:3, 13:17], true[4, 1:5] = 1, 1, 2, 1
    given = true.copy()
    given[1:3, 8:11], given[1:3, 13:17] = 0, 1
    # A whole of four, given as two parts of one and two pixels
    given[4, 2] = 0
    objects, known = judged_image(blocks(true), given, true, 1, (1, 2), 0.0)
    assert objects.area.tolist() == [8, 2, 8, 1, 2] and objects.given.tolist() == [1] * 5
    assert known["other"].tolist() == [0, 0, 1, 0, 0]
    # What the other part covers does not count, and what neither does counts for both
    assert known["iou"] == pytest.approx([1, 2 / 8, 0, 1 / 2, 2 / 3])
    assert known["true"].tolist() == [1, 1, 2, 1, 1] and objects.looks_like.tolist() == [1, 1, 2, 1, 1]
    assert known["softmin"] == pytest.approx([0.8, 0.8, 0.1, 0.8, 0.8])


def test_softmin_has_most_weight_on_the_lowest_pixels() -> None:
    given = np.ones((1, 2), np.int16)
    probabilities = np.array([[[0.5, 0.1]], [[0.5, 0.9]]], np.float32)
    _, known = judged_image(probabilities, given, given, 1, (1,), 0.0)
    weights = np.exp([5, 1])
    assert known["softmin"] == pytest.approx([(0.5 * weights[0] + 0.9 * weights[1]) / weights.sum()], rel=1e-5)


def test_ignored_pixels_of_the_truth_are_no_error() -> None:
    given = np.ones((2, 2), np.int16)
    true = np.array([[-1, 1], [1, 2]], np.int16)
    _, known = judged_image(blocks(given), given, true, 1, (1,), 0.0)
    assert known["other"].tolist() == [1 / 4] and known["true"].tolist() == [1]


def test_orders_are_judged_over_all_and_in_each_class() -> None:
    n = 8
    objects = Objects(
        given=np.array([1, 1, 1, 1, 2, 2, 2, 2], np.int16),
        looks_like=np.ones(n, np.int16),
        confidence=np.full(n, 0.5),
        given_confidence=np.linspace(0.9, 0.2, n),
        contradiction=np.array([0.5, 0.4, 0.3, 0, 0, 0, 0, 0.1]),
        share=np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1.0]),
        area=np.ones(n, np.int64),
        box=np.zeros((n, 4), np.int32),
    )
    wrong = np.array([True, True, True, False, False, False, False, True])
    other, iou = wrong * np.array([1, 1, 0.4, 0, 0, 0, 0, 0.5]), np.where(wrong, 0.74, 0.75)
    judged = Judged(4, objects, np.linspace(0, 1, n), np.arange(n) // 2, other, iou, np.zeros(n, int))
    assert judged.errors[WRONG].tolist() == wrong.tolist() and judged.errors[OTHER_CLASS].sum() == 3
    scores = scores_of(judged, (0.0, 1.0))
    assert list(scores) == [CONFIDENCE, SOFTMIN, "share^0", "share^1", QUALITY]
    assert scores["share^1"][[0, 7]] == pytest.approx([-0.05, -0.1])
    assert (np.argsort(scores[QUALITY], kind="stable")[:4] == [0, 1, 2, 7]).all()
    draws = np.random.default_rng(0).multinomial(4, [0.25] * 4, 50)
    found = judge(wrong, scores[QUALITY], judged, draws)
    assert (found["ap"], found["auroc"], found["top"], found["ap_in_class"]) == (1.0, 1.0, 0.5, 1.0)
    assert found["interval"] == [1.0, 1.0]
    # By falling probability the last one is found first, and the class with three of four errors has 1/2, 2/3, 3/4
    plain = judge(wrong, scores[CONFIDENCE], judged)
    assert plain["ap"] == pytest.approx((1 / 1 + 2 / 6 + 3 / 7 + 4 / 8) / 4) and "interval" not in plain
    assert plain["ap_in_class"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 4) / 3)
    assert judge(np.zeros(n, bool), scores[SOFTMIN], judged)["ap"] is None
