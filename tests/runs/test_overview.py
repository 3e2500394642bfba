"""The overview of a run: hand-computed cases, any split into portions, and what a real run's record says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.json_values import from_json, to_json
from label_quality.plugin.records.record_parts import Distribution, Overview, ScorePart, SuspectPart, WorstImage
from label_quality.plugin.runs.overview import BINS, Estimates, ScoreOverview, SuspectOverview, bin_range, estimates
from label_quality.plugin.suspects.class_effects import ClassEffect

from ..predicted import add_swapped_predictions


def test_distributions_and_ranking_by_hand() -> None:
    overview = ScoreOverview("softmin", listed=3)
    overview.update(["a", "b"], {"softmin": np.array([0.5, 0.011]), "iou": np.array([np.nan, 1.0])})
    overview.update(["c", "d", "e"], {"softmin": np.array([np.nan, 0.011, 1.0]), "iou": np.array([0.0, 0.2, 0.3])})
    found = overview.overview({"b": "/b.png", "d": "/d.png"})
    assert found.quality == "softmin"
    assert found.worst == [WorstImage("b", "/b.png", 0.011), WorstImage("d", "/d.png", 0.011), WorstImage("a", "", 0.5)]
    softmin, iou = found.scores["softmin"], found.scores["iou"]
    assert {place: count for place, count in enumerate(softmin.histogram) if count} == {0: 2, 25: 1, 49: 1}
    assert (softmin.images, softmin.lowest) == (4, 0.011)
    assert softmin.mean == pytest.approx((0.5 + 0.011 + 0.011 + 1) / 4)
    assert {place: count for place, count in enumerate(iou.histogram) if count} == {0: 1, 10: 1, 15: 1, 49: 1}
    assert from_json(Overview, json.loads(json.dumps(to_json(found), allow_nan=False)), "") == found


def test_a_score_that_no_image_has() -> None:
    overview = ScoreOverview("iou")
    overview.update(["a"], {"iou": np.array([np.nan])})
    assert overview.overview({}) == Overview("iou", {"iou": Distribution(0, None, None, [0] * BINS)}, [])


def test_without_a_quality_there_is_no_ranking() -> None:
    overview = ScoreOverview(None)
    overview.update(["a"], {})
    assert overview.overview({}) == Overview()


@given(st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), max_size=60), st.integers(1, 20), st.integers(1, 12))
def test_it_does_not_matter_in_which_portions_images_come(values: list[float], portion: int, listed: int) -> None:
    overview, ids = ScoreOverview("ccp", listed), [str(place) for place in range(len(values))]
    for first in range(0, len(values), portion):
        part = slice(first, first + portion)
        overview.update(ids[part], {"ccp": np.array(values[part])})
    known = [(value, place) for place, value in enumerate(values) if not np.isnan(value)]
    assert overview.worst == [(str(place), value) for value, place in sorted(known)[:listed]]
    if values:
        counts = overview.overview({}).scores["ccp"].histogram
        for place, count in enumerate(counts):
            low, high = bin_range(place)
            assert count == sum(low <= value and (value < high or high == 1) for value, _ in known)


def test_a_range_of_bins() -> None:
    assert bin_range(0) == (0.0, 0.02)
    assert bin_range(49) == (0.98, 1.0)
    assert bin_range(5, 9) == (0.1, 0.2)


def test_suspects_by_hand() -> None:
    names = ["road", "car", "tree"]
    suspects = SuspectOverview(names, ["a", "c", "z"])
    regions = {"given": np.array([0, 1]), "suggested": np.array([1, 2]), "strength": np.array([3.0, 7.0])}
    nothing = {name: np.zeros(0) for name in regions}
    suspects.update("a", "swap", **regions)
    suspects.update("b", "swap", **regions)
    suspects.update("c", "none", **nothing)
    listed = [WorstImage(one, f"/{one}.png", 0.1) for one in ("a", "c", "z")]
    earlier = replace(listed[2], error_type="drop", given="car", suggested="road")
    overview = Overview("ccp", worst=[*listed[:2], earlier], images_by_type={"drop": 9})
    suspects.add_to(overview)
    assert overview.images_by_type == {"swap": 2, "none": 1}
    assert overview.worst == [
        replace(listed[0], error_type="swap", given="car", suggested="tree"),
        replace(listed[1], error_type="none"),
        listed[2],
    ]


def record(scored: int, classes: Sequence[tuple[int, int]] = (), **known: Any) -> Any:
    """A run's record with classes of so many pixels, and so many of them in suspects."""
    from label_quality.plugin.records.run_record import RunRecord

    effects = [ClassEffect(0, "", before, before, suspected, None, None) for before, suspected in classes]
    return RunRecord("lq", "ground_truth", scored=scored, classes=effects, **known)


def test_estimates_by_hand(fiftyone: Any) -> None:
    flagged = ScorePart(flagged_pixels=5, pooled_pixels=50)
    found = estimates(record(7, [(600, 30), (200, 0)], scores=flagged, suspects=SuspectPart(images=2)))
    assert found == Estimates(7, 2, 800, 30, 30 / 800, 0.1)
    assert found.flagged_pixels == 80


def test_estimates_of_a_run_without_suspects_or_probabilities(fiftyone: Any) -> None:
    flagged = estimates(record(7, scores=ScorePart(flagged_pixels=5, pooled_pixels=50)))
    assert flagged == Estimates(7, flagged_share=0.1) and flagged.flagged_pixels is None
    assert estimates(record(7)) == Estimates(7)
    nothing = ScorePart(flagged_pixels=0, pooled_pixels=0)
    assert estimates(record(0, [(0, 0)], scores=nothing)) == Estimates(0, 0, 0, 0)


@pytest.fixture
def predicted(make_dataset: Any, tmp_path: Path) -> Any:
    """Five images with probabilities; in the third, road and car are swapped."""
    dataset = make_dataset(count=5, sizes=((48, 64),))
    add_swapped_predictions(dataset, tmp_path)
    return dataset


def test_a_run_keeps_its_overview_and_a_new_search_renews_its_suspects(predicted: Any) -> None:
    from label_quality.plugin.audit import audit_labels, find_suspects
    from label_quality.plugin.records.run_record import load_record
    from label_quality.plugin.scores.config import SCORES

    audit_labels(predicted, "ground_truth", source="files", field="probabilities")
    overview = load_record(predicted, "lq").overview
    assert set(overview.scores) == set(SCORES)
    for name, one in overview.scores.items():
        values = np.array(predicted.values(f"lq_{name}"))
        assert one.images == sum(one.histogram) == 5
        assert one.lowest == values.min()
        assert one.mean == pytest.approx(values.mean())
    ranked = predicted.sort_by("lq_quality")
    assert [one.quality for one in overview.worst] == ranked.values("lq_quality")
    worst = overview.worst[0]
    assert worst.id == ranked.first().id
    assert worst.filepath == ranked.first().filepath
    assert worst.error_type == "swap"
    assert {worst.given, worst.suggested} == {"road", "car"}
    assert overview.images_by_type == predicted.count_values("lq_error_type") == {"swap": 1, "none": 4}

    find_suspects(predicted, key="lq", min_area=1.0)
    renewed = load_record(predicted, "lq").overview
    assert renewed.images_by_type == {"none": 5}
    assert {one.error_type for one in renewed.worst} == {"none"}
    assert renewed.scores == overview.scores
