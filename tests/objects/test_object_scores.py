"""The scores of annotated objects: by hand on small masks, and against a plain reference on any."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.objects.object_scores import Objects, find_objects, score_objects
from label_quality.plugin.pixels.overlaps import block_overlaps
from label_quality.plugin.pixels.pooling import pool_probabilities


def test_blocks_share_pixels_with_parts() -> None:
    numbers = np.array([[1, 1, 0, 2, 2], [1, 3, 0, 2, 2], [0, 3, 3, 3, 2]], np.int32)
    parts, blocks, counts = block_overlaps(numbers, 2)
    # Blocks by rows: 0 1 2 above, 3 4 5 below; the right and lowest ones are cut off
    assert list(zip(blocks.tolist(), parts.tolist(), counts.tolist(), strict=True)) == [
        *((0, 1, 3), (0, 3, 1), (1, 2, 2), (2, 2, 2)),
        *((3, 3, 1), (4, 3, 2), (5, 2, 1)),
    ]


def test_no_part_has_no_block() -> None:
    parts, blocks, counts = block_overlaps(np.zeros((3, 5), np.int32), 4)
    assert parts.size == blocks.size == counts.size == 0


def test_objects_are_8_connected_and_of_the_wanted_classes_and_large_enough() -> None:
    labels = np.array([[1, 0, 1, 2], [0, 1, 0, 2], [-1, 0, 0, 2], [1, 0, 0, 3]], np.int16)
    numbers, found = find_objects(labels, {1, 2}, 2)
    np.testing.assert_array_equal(numbers, [[1, 0, 1, 2], [0, 1, 0, 2], [0, 0, 0, 2], [0, 0, 0, 0]])
    assert found.tolist() == [1, 2] and found.dtype == np.int16
    numbers, found = find_objects(labels, {0, 1, 2, 3}, 1)
    assert found.tolist() == [1, 0, 2, 1, 3]
    assert find_objects(labels, set(), 0)[1].size == 0


def test_a_car_that_looks_like_a_tree_by_hand() -> None:
    """Classes ground, car, tree; of 4 × 4 pixels the left half is a car, the lower right quarter a tree."""
    labels = np.zeros((4, 4), np.int16)
    labels[:, :2], labels[2:, 2:] = 1, 2
    labels[0, 3] = -1
    # Blocks of 2 × 2: the upper left one is seen as a car by 0.6, the lower left one as a tree by 0.8
    blocks = np.array([[[0.3, 1.0], [0.0, 0.0]], [[0.6, 0.0], [0.2, 0.1]], [[0.1, 0.0], [0.8, 0.9]]], np.float32)
    found = score_objects(blocks, labels, 2, {1, 2}, 0.0)
    assert found.given.tolist() == [1, 2]
    assert found.area.tolist() == [8, 4] and found.share == pytest.approx([8 / 15, 4 / 15])
    assert found.box.tolist() == [[0, 0, 2, 4], [2, 2, 2, 2]]
    assert found.given_confidence == pytest.approx([0.4, 0.9])
    assert found.looks_like.tolist() == [2, 2] and found.confidence == pytest.approx([0.45, 0.9])
    contradiction = 0.5 * (0.8 - 0.2) * math.log(0.8 / 0.2)
    assert found.contradiction == pytest.approx([contradiction, 0])
    assert found.quality == pytest.approx([1 / (1 + contradiction * (8 / 15) ** (1 / 3) / 0.3), 1.0])
    assert found.worst(1).given.tolist() == [1]
    assert found.worst(5).given.tolist() == [1, 2]


def test_a_pole_that_is_half_as_wide_as_a_block_looks_like_one_where_a_block_is_all_its_own() -> None:
    """Of blocks of 2 × 2, the pole has half of each but the lowest, which is all of its foot."""
    labels = np.zeros((8, 4), np.int16)
    labels[:6, 1], labels[6:, :2] = 1, 1
    seen = np.where(np.arange(2)[:, None, None] == labels, np.float32(0.9), np.float32(0.1)).astype(np.float32)
    found = score_objects(pool_probabilities(seen, 2), labels, 2, {1}, 0.0)
    # Six pixels of blocks of 0.5 count by a half, the four of the foot in full
    assert found.given_confidence == pytest.approx([(6 * 0.5 * 0.5 + 4 * 0.9) / (6 * 0.5 + 4)])
    assert (
        found.looks_like.tolist() == [1] and found.area.tolist() == [10] and found.contradiction == pytest.approx([0])
    )


def test_of_two_objects_that_look_alike_the_larger_one_is_worse() -> None:
    labels = np.zeros((8, 16), np.int16)
    labels[1, 1], labels[3:7, 4:14] = 1, 1
    sure = np.stack([np.full(labels.shape, 0.9), np.full(labels.shape, 0.1)]).astype(np.float32)
    small, large = score_objects(sure, labels, 1, {1}, 0.0).quality
    assert large < small < 1


def test_an_image_without_objects_or_pixels() -> None:
    labels = np.full((4, 6), -1, np.int16)
    found = score_objects(np.full((2, 2, 3), 0.5, np.float32), labels, 2, {0, 1}, 0.0)
    assert found.given.size == found.quality.size == 0 and found.box.shape == (0, 4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.floats(0, 0.3))
def test_scores_are_those_of_the_plain_definition(seed: int, factor: int, min_area: float) -> None:
    rng = np.random.default_rng(seed)
    height, width, classes = int(rng.integers(1, 14)), int(rng.integers(1, 14)), int(rng.integers(2, 5))
    labels = np.kron(rng.integers(-1, classes, (7, 7)), np.ones((2, 2)))[:height, :width].astype(np.int16)
    full = rng.dirichlet(np.full(classes, 0.3), (height, width)).transpose(2, 0, 1).astype(np.float32)
    pooled = pool_probabilities(full, factor, labels)
    wanted = set(rng.permutation(classes)[: int(rng.integers(1, classes + 1))].tolist())
    found = score_objects(pooled, labels, factor, wanted, min_area)
    expected = plain_objects(pooled, labels, factor, wanted, min_area)
    assert len(expected) == found.given.size
    for place, one in enumerate(expected):
        for name, value in one.items():
            assert getattr(found, name)[place] == pytest.approx(value, rel=1e-5, abs=1e-7), name
    assert ((found.quality > 0) & (found.quality <= 1)).all()
    assert (np.diff(found.worst(3).quality) >= 0).all()


def plain_objects(
    pooled: np.ndarray, labels: np.ndarray, factor: int, wanted: set[int], min_area: float
) -> list[dict[str, Any]]:
    """The objects pixel by pixel, less the class that each looks like where several are as probable."""
    taking_part = int((labels >= 0).sum())
    seen, found = np.zeros(labels.shape, bool), []
    for start in zip(*np.nonzero(np.isin(labels, list(wanted))), strict=True):
        if seen[start]:
            continue
        pixels, queue = [], deque([start])
        seen[start] = True
        while queue:
            y, x = queue.popleft()
            pixels.append((int(y), int(x)))
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                inside = 0 <= near[0] < labels.shape[0] and 0 <= near[1] < labels.shape[1]
                if inside and not seen[near] and labels[near] == labels[start]:
                    seen[near] = True
                    queue.append(near)
        if len(pixels) < min_area * taking_part:
            continue
        given_class = int(labels[start])
        columns = [pooled[:, y // factor, x // factor].astype(float) for y, x in pixels]
        own = [(y // factor, x // factor) for y, x in pixels]
        every = [(y // factor, x // factor) for y, x in zip(*np.nonzero(labels >= 0), strict=True)]
        weights = [own.count(block) / every.count(block) for block in own]
        gains = [(max(p) - p[given_class]) * math.log(max(max(p), 0.01) / max(p[given_class], 0.01)) for p in columns]
        mean = np.average(columns, axis=0, weights=weights)
        rows, lefts = [y for y, _ in pixels], [x for _, x in pixels]
        contradiction, share = float(np.average(gains, weights=weights)), len(pixels) / taking_part
        found.append(
            {
                "given": given_class,
                "confidence": float(mean.max()),
                "given_confidence": float(mean[given_class]),
                "contradiction": contradiction,
                "share": share,
                "quality": 1 / (1 + contradiction * share ** (1 / 3) / 0.3),
                "area": len(pixels),
                "box": [min(lefts), min(rows), max(lefts) - min(lefts) + 1, max(rows) - min(rows) + 1],
            }
        )
    return found


def test_columns_go_together() -> None:
    columns = {name: np.arange(3.0) for name in ("given", "looks_like", "confidence", "given_confidence")}
    more = {"contradiction": np.array([0.1, 0.9, 0.0]), "share": np.full(3, 0.5), "area": np.arange(3)}
    found = Objects(**columns, **more, box=np.zeros((3, 4), np.int32)).worst(2)
    assert found.given.tolist() == [1, 0] and found.area.tolist() == [1, 0] and found.box.shape == (2, 4)
