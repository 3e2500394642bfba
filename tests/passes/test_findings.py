"""What is kept of a search for suspects: masks in one array, and the regions that are probable enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.passes.findings import Findings, drops, numbered, packed, rated, unpacked
from label_quality.plugin.suspects.issues import GroupTally
from label_quality.plugin.suspects.probability import Rates
from label_quality.plugin.suspects.regions import DROP

#: As many mistakes as false alarms
EVEN = Rates(0.5, 0.5, 0.5)


@given(st.lists(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)), max_size=5))
def test_masks_come_back_as_they_were(masks: list[np.ndarray]) -> None:
    boxes = np.array([(7, 9, *mask.shape[::-1]) for mask in masks], np.int32).reshape(-1, 4)
    array = packed(masks)
    assert array.dtype == np.uint8 and array.size == sum(-(-mask.size // 8) for mask in masks)
    found = list(unpacked(array, boxes))
    assert len(found) == len(masks)
    for one, mask in zip(found, masks, strict=True):
        assert one.dtype == bool
        np.testing.assert_array_equal(one, mask)


def row_of(counts: list[int], log_odds: list[float]) -> dict[str, Any]:
    """A shard's results; a region's evidence is its place."""
    regions = len(log_odds)
    whole = {name: np.zeros(regions, np.int64) for name in ("given", "suggested", "area", "confidence")}
    return {
        **whole,
        "counts": np.array(counts, np.int64),
        "evidence": np.arange(regions, dtype=np.float64),
        "box": np.zeros((regions, 4), np.int32),
        "features": np.zeros((regions, 2)),
        "similarity": np.zeros(regions),
        "descriptors": np.repeat(np.arange(regions)[:, None], 3, axis=1),
        "kind": [f"kind {place}" for place in range(regions)],
        "log_odds": np.array(log_odds),
    }


def test_improbable_regions_are_left_out_and_the_rest_sorted() -> None:
    """At a rate of one half the probability is that of the log-odds alone: .12, .88, .5, none, .88 and .88."""
    row = numbered(row_of([3, 0, 2], [-2.0, 2.0, 0.0, 2.0, 2.0]))
    assert row["numbers"].tolist() == [0, 1, 2, 0, 1]
    found = rated(row, EVEN, 0.5)
    assert found["counts"].tolist() == [2, 0, 2] and found["candidates"] == 5
    # Of equally probable ones that of the most evidence first; masks are filed by the numbers of before
    assert found["numbers"].tolist() == [1, 2, 1, 0]
    assert found["kind"] == ["kind 1", "kind 2", "kind 4", "kind 3"]
    assert found["descriptors"].tolist() == [[1] * 3, [2] * 3, [4] * 3, [3] * 3]
    np.testing.assert_allclose(found["probability"], [0.8808, 0.5, 0.8808, 0.8808], atol=1e-4)
    nothing = rated(row, EVEN, 1.0)
    assert nothing["counts"].tolist() == [0, 0, 0] and nothing["kind"] == [] and nothing["candidates"] == 5


def test_drops_are_rated_by_their_own_rate() -> None:
    row = numbered(row_of([2, 1], [0.0, 0.0, 0.0])) | {"kind": ["swap", DROP, DROP]}
    assert drops(row).tolist() == [False, True, True]
    found = rated(row, Rates(drops=0.75, others=0.1, all=0.3), 0.2)
    assert found["kind"] == [DROP, DROP] and found["probability"] == pytest.approx([0.75, 0.75])
    assert rated(row, Rates(0.75, 0.1, 0.3), 0.0)["probability"] == pytest.approx([0.75, 0.1, 0.75])


def test_the_number_of_mistakes_that_is_expected_is_the_sum_of_the_probabilities() -> None:
    table = ClassTable(ids=(0, 1), names=("road", "car"))
    found = Findings(table, GroupTally(2), np.zeros(2, np.int64), np.zeros(2, np.int64))
    row = numbered(row_of([3, 0, 2], [-2.0, 2.0, 0.0, 2.0, 2.0]))
    row |= {"class_pixels": np.array([5, 5]), "class_images": np.array([3, 1]), "sizes": np.full((3, 2), 10)}
    row |= {"kind": ["swap"] * 5, "suggested": np.ones(5, np.int64), "area": np.ones(5, np.int64)}
    found.add(row)
    assert found.expected is None
    for least, sum_of_shown in ((0.0, 3.2616), (0.6, 2.6424)):
        found.expected = None
        found.add(rated(row, EVEN, least))
        assert found.expected == pytest.approx(sum_of_shown, abs=1e-4)
