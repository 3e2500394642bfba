"""Scores and suspects judged by known errors: hand-computed findings, and that perfect suspects are found perfect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.benchmark.assess import (
    Finding,
    assess_suspects,
    evaluate_scores,
    lowest,
    region_pixels,
    score_curves,
    summarise_findings,
)
from label_quality.plugin.benchmark.planted_errors import InjectionRules, inject_error
from label_quality.plugin.benchmark.ranking_metrics import auroc, bootstrap_interval
from label_quality.plugin.scenes.scenes import UNLABELLED, render_scene
from label_quality.plugin.suspects.regions import Region

#: Class indices of the masks below
BACKGROUND, ROAD, CAR = 0, 1, 2


def clean_mask() -> np.ndarray:
    """10x10: road, with a car of 4x5 pixels at its top left."""
    mask = np.full((10, 10), ROAD, np.int16)
    mask[:4, :5] = CAR
    return mask


def region(given: int, suggested: int, kind: str, box: tuple[int, int, int, int], **others: Any) -> Region:
    content = {"evidence": 10.0, "mask": np.ones((box[3], box[2]), bool), **others}
    area = int(content["mask"].sum())
    return Region(given=given, suggested=suggested, kind=kind, box=box, area=area, confidence=0.9, **content)


def changed_regions(clean: np.ndarray, labels: np.ndarray, kind: str) -> list[Region]:
    """What perfect suspects would be: one region for each (given, true) pair, over the whole image."""
    pairs = {pair for pair in zip(labels.ravel().tolist(), clean.ravel().tolist(), strict=True) if len(set(pair)) == 2}
    box = (0, 0, clean.shape[1], clean.shape[0])
    return [region(g, c, kind, box, mask=(labels == g) & (clean == c)) for g, c in sorted(pairs)]


def test_a_dropped_car_found_in_part() -> None:
    clean = clean_mask()
    labels = np.where(clean == CAR, BACKGROUND, clean)
    found = [
        region(BACKGROUND, CAR, "drop", (0, 0, 5, 2), evidence=9.0),
        region(BACKGROUND, CAR, "drop", (0, 2, 3, 2), evidence=5.0),
        # Of another kind, and of a class that was not dropped: part of no union
        region(ROAD, CAR, "shift", (0, 4, 5, 1), evidence=4.0),
        region(BACKGROUND, ROAD, "drop", (4, 2, 1, 2), evidence=3.0),
    ]
    finding = assess_suspects("drop", clean, labels, found, "drop")
    assert finding == Finding("drop", "drop", 4, True, strongest_iou=10 / 20, matching_iou=16 / 20)


def test_of_swapped_classes_either_direction_is_right() -> None:
    clean = clean_mask()
    labels = np.where(clean == CAR, ROAD, CAR).astype(np.int16)
    whole = changed_regions(clean, labels, "swap")
    finding = assess_suspects("swap", clean, labels, [replace(whole[0], evidence=99.0), whole[1]], "swap")
    assert finding == Finding("swap", "swap", 2, True, strongest_iou=0.2, matching_iou=1.0)
    finding = assess_suspects("swap", clean, labels, [whole[0], replace(whole[1], evidence=99.0)], "swap")
    assert finding == Finding("swap", "swap", 2, True, strongest_iou=0.8, matching_iou=1.0)
    background = assess_suspects("swap", clean, labels, [replace(whole[0], suggested=BACKGROUND)], "drop")
    assert background == Finding("swap", "drop", 1, False, strongest_iou=0.2, matching_iou=0.0)


def test_a_strongest_suspect_where_nothing_is_wrong_is_wrong() -> None:
    clean = clean_mask()
    labels = np.where(clean == CAR, BACKGROUND, clean)
    elsewhere = region(ROAD, CAR, "swap", (5, 5, 5, 5), evidence=99.0)
    finding = assess_suspects("drop", clean, labels, [region(BACKGROUND, CAR, "drop", (0, 0, 5, 4)), elsewhere], "swap")
    assert finding == Finding("drop", "swap", 2, False, strongest_iou=0.0, matching_iou=1.0)


@pytest.mark.parametrize(("road_pixels", "right"), [(4, True), (5, False), (6, False)])
def test_the_true_class_is_that_of_most_pixels(road_pixels: int, right: bool) -> None:
    clean = clean_mask()
    # Five pixels of the car and some of the road below it; of equally many the smaller class index is meant: the road
    mask = np.arange(15).reshape(3, 5) < 5 + road_pixels
    found = region(BACKGROUND, CAR, "drop", (0, 3, 5, 3), mask=mask)
    assert assess_suspects("drop", clean, np.zeros_like(clean), [found], None).right_class is right


def test_without_a_suspect_nothing_is_right() -> None:
    clean = clean_mask()
    labels = np.where(clean == CAR, BACKGROUND, clean)
    assert assess_suspects("drop", clean, labels, [], None) == Finding("drop", "none", 0, False, 0.0, 0.0)


@given(st.integers(0, 1000), st.sampled_from(["drop", "swap"]))
@settings(max_examples=15, deadline=None)
def test_perfect_suspects_are_found_perfect(seed: int, kind: str) -> None:
    clean = render_scene(seed, (60, 80))[1].astype(np.int16)
    planted = inject_error(clean, kind, seed, InjectionRules(unlabelled=UNLABELLED))
    if planted is None:
        return
    labels, _ = planted
    finding = assess_suspects(kind, clean, labels, changed_regions(clean, labels, kind), kind)
    assert finding.right_class and finding.matching_iou == 1
    assert finding.regions == (1 if kind == "drop" else 2)


def test_ignored_pixels_have_no_true_class() -> None:
    clean = np.full((4, 4), -1, np.int16)
    clean[0, 0] = ROAD
    labels = clean.copy()
    labels[0, 0] = BACKGROUND
    found = [region(BACKGROUND, ROAD, "drop", (0, 0, 2, 2))]
    assert assess_suspects("drop", clean, labels, found, "drop") == Finding("drop", "drop", 1, True, 0.25, 0.25)
    ignored = [region(BACKGROUND, ROAD, "drop", (1, 1, 2, 2))]
    assert not assess_suspects("drop", clean, labels, ignored, "drop").right_class


def test_regions_are_placed_in_their_image() -> None:
    corner = region(0, 1, "drop", (3, 2, 2, 2), mask=np.array([[1, 0], [1, 1]], bool))
    assert np.argwhere(region_pixels(corner, (4, 5))).tolist() == [[2, 3], [3, 3], [3, 4]]
    # A mask of another size is stretched to the box; what a rounded box has beyond the image is cut off
    coarse = region(0, 1, "drop", (2, 0, 4, 2), mask=np.array([[True, False]]))
    assert np.argwhere(region_pixels(coarse, (4, 5))).tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


def test_the_summary_by_hand() -> None:
    findings = [
        Finding("drop", "drop", 1, True, 0.2, 0.9),
        Finding("drop", "drop", 1, False, 0.3, 0.5),
        Finding("drop", "none", 0, False, 0.0, 0.0),
        Finding("shift", "swap", 2, True, 0.5, 0.5),
        Finding("shift", "shift", 2, True, 0.5, 0.5),
    ]
    assert summarise_findings(findings) == {
        "confusion": {
            "drop": {"drop": 2, "swap": 0, "shift": 0, "other": 0, "none": 1},
            "shift": {"drop": 0, "swap": 1, "shift": 1, "other": 0, "none": 0},
        },
        "kinds": {
            "drop": {
                "images": 3,
                "right_type": pytest.approx(2 / 3),
                "right_class": pytest.approx(1 / 3),
                "matching_iou": 0.5,
                "strongest_iou": 0.2,
            },
            "shift": {"images": 2, "right_type": 0.5},
        },
    }
    assert summarise_findings([]) == {"confusion": {}, "kinds": {}}


def test_the_lowest_come_first_and_ties_in_order() -> None:
    assert lowest(np.array([0.5, 0.1, 0.5, 0.9, 0.1]), 3).tolist() == [1, 4, 0]


def test_scores_are_judged_with_intervals() -> None:
    rng = np.random.default_rng(0)
    flags = np.arange(120) < 30
    scores = {"good": rng.normal(size=120) - 2 * flags, "random": rng.random(120)}
    found = evaluate_scores(flags, scores, resamples=200, seed=4)
    assert list(found) == ["good", "random"]
    assert list(found["good"]) == ["auroc", "auprc", "lift_at_errors", "lift_at_100"]
    estimate = found["good"]["auroc"]
    assert estimate.value == auroc(flags, scores["good"])
    assert (estimate.low, estimate.high) == bootstrap_interval(auroc, flags, scores["good"], resamples=200, seed=4)
    assert found["random"]["auroc"].high < estimate.low < estimate.value < estimate.high
    assert found["good"]["lift_at_errors"].value <= 4
    # Of just 100 images it is 1 whatever the score
    assert "lift_at_100" not in evaluate_scores(flags[20:], {"good": scores["good"][20:]}, resamples=2)["good"]
    assert "lift_at_100" in evaluate_scores(flags[19:], {"good": scores["good"][19:]}, resamples=2)["good"]


def test_every_score_has_its_curve() -> None:
    flags = np.array([True, False, True])
    curves = score_curves(flags, {"good": np.array([0.1, 0.9, 0.2]), "bad": np.array([0.9, 0.1, 0.9])})
    assert curves["good"] == {"recall": [0, 0.5, 1], "precision": [1, 1, 1]}
    assert curves["bad"] == {"recall": [0, 0, 1], "precision": [1, 0, 2 / 3]}


def test_a_score_that_cannot_be_judged_is_named() -> None:
    flags = np.array([True, False])
    with pytest.raises(LabelQualityError) as caught:
        evaluate_scores(flags, {"fine": np.array([0.1, 0.2]), "holey": np.array([0.1, np.nan])})
    assert str(caught.value) == (
        "The score 'holey' cannot be judged. Expected every image to have a quality, but 1 of 2 are NaN."
    )
    with pytest.raises(LabelQualityError, match=r"^The score 'one' cannot be judged\. .* none of the 2 images is"):
        evaluate_scores(np.array([False, False]), {"one": np.array([0.1, 0.2])})
