"""Suspects: each kind of mistake on masks small enough to draw, thresholds, and the plain definition."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.pixels.pooling import pool_labels
from label_quality.plugin.scores.class_pair_evidence import Usual, pair_evidence
from label_quality.plugin.suspects.config import SuspectConfig
from label_quality.plugin.suspects.regions import Region, find_regions, leading_kind
from label_quality.plugin.suspects.seen_image import SeenImage

ALL = SuspectConfig(min_evidence=0, min_area=0, max_regions=None)
#: Evidence of a pixel of a class at 0.8, given one at 0.1
NATS = 0.7 * math.log(8)


def drawing(*rows: str) -> np.ndarray:
    """Class indices drawn as digits; a dot is ignored."""
    return np.array([[-1 if one == "." else int(one) for one in row] for row in rows], np.int16)


def sure_of(seen: np.ndarray, classes: int = 3, sure: float = 0.8) -> np.ndarray:
    """(K, h, w) probabilities of a model that sees these classes; the others share the rest."""
    probabilities = np.full((classes, *seen.shape), (1 - sure) / (classes - 1), np.float32)
    np.put_along_axis(probabilities, np.maximum(seen, 0)[None].astype(np.int64), np.float32(sure), axis=0)
    return probabilities


def search(labels, seen, *, classes=3, config=ALL, usual=None, unlabelled=None) -> list[Region]:
    """The regions at full resolution."""
    return find_regions(SeenImage(sure_of(seen, classes), labels, 1), labels, config, usual, unlabelled)


def filled(size: tuple[int, int], value: int, *patches: tuple[slice, slice, int]) -> np.ndarray:
    image = np.full(size, value, np.int16)
    for rows, columns, patch in patches:
        image[rows, columns] = patch
    return image


MIDDLE = (slice(4, 8), slice(5, 9))


def test_an_object_left_unlabelled_is_a_drop():
    labels = filled((12, 14), 0)
    (region,) = search(labels, filled((12, 14), 0, (*MIDDLE, 2)), unlabelled=0)
    assert (region.given, region.suggested, region.kind, region.area, region.box) == (0, 2, "drop", 16, (5, 4, 4, 4))
    assert region.evidence == pytest.approx(16 * NATS, rel=1e-6)
    assert region.confidence == pytest.approx(0.8)
    assert region.mask.shape == (4, 4)
    assert region.mask.all()


def test_without_an_unlabelled_class_nothing_is_a_drop():
    labels = filled((12, 14), 0)
    (region,) = search(labels, filled((12, 14), 0, (*MIDDLE, 2)))
    assert region.kind == "other"


def test_an_object_of_the_wrong_class_is_a_swap():
    (region,) = search(filled((12, 14), 0, (*MIDDLE, 1)), filled((12, 14), 0, (*MIDDLE, 2)), unlabelled=0)
    assert (region.given, region.suggested, region.kind) == (1, 2, "swap")


def test_half_an_object_is_most_of_it_and_less_is_not():
    labels, seen = filled((12, 14), 0, (*MIDDLE, 1)), filled((12, 14), 0, (*MIDDLE, 1))
    seen[4:6, 5:9] = 2
    assert [one.kind for one in search(labels, seen)] == ["swap"]
    seen[5, 8] = 1
    assert [one.kind for one in search(labels, seen)] == ["other"]


def test_parts_of_an_object_count_together():
    labels, seen = filled((12, 14), 0, (*MIDDLE, 1)), filled((12, 14), 0, (*MIDDLE, 2))
    seen[4:8, 6] = 1
    assert [(one.kind, one.area) for one in search(labels, seen)] == [("swap", 8), ("swap", 4)]


@pytest.mark.parametrize(("edge", "pair"), [(9, (0, 1)), (5, (1, 0))])
def test_a_band_along_an_edge_is_a_shift_on_either_side(edge, pair):
    labels, seen = filled((12, 14), 0), filled((12, 14), 0)
    labels[:, edge:], seen[:, 7:] = 1, 1
    (region,) = search(labels, seen, unlabelled=0)
    assert (region.given, region.suggested, region.kind) == (*pair, "shift")
    assert (region.box[2:], region.area) == ((2, 12), 24)


@pytest.mark.parametrize(
    ("given_from", "kind"),
    [
        (16, "drop"),  # all of it
        (12, "drop"),  # two thirds of it
        (10, "drop"),
        (8, "shift"),  # a band along its edge, a third as wide as it is
    ],
)
def test_the_part_of_an_object_that_is_unlabelled_is_a_drop_and_the_edge_a_shift(given_from: int, kind: str):
    """The object is from row 4 to 15, 32 blocks wide; the mask has it from some row on."""
    labels, seen = filled((20, 40), 0), filled((20, 40), 0)
    seen[4:16, 4:36] = 1
    labels[given_from:16, 4:36] = 1
    (region,) = search(labels, seen, unlabelled=0)
    assert (region.given, region.suggested, region.kind) == (0, 1, kind)


def test_a_hole_in_an_object_is_a_drop_and_a_slit_along_its_edge_a_shift():
    labels, seen = filled((40, 40), 0), filled((40, 40), 0)
    seen[4:36, 4:36] = labels[4:36, 4:36] = 1
    labels[15:21, 15:21] = 0
    (region,) = search(labels, seen, unlabelled=0)
    assert (region.kind, region.area) == ("drop", 6 * 6)
    labels[15:21, 15:21], labels[4:6, 4:36] = 1, 0
    (region,) = search(labels, seen, unlabelled=0)
    assert (region.kind, region.area) == ("shift", 2 * 32)


def test_an_object_left_unlabelled_beside_a_labelled_one_of_its_class_is_a_drop():
    labels, seen = filled((20, 40), 0), filled((20, 40), 0)
    seen[4:14, 4:36] = 1
    labels[4:14, 24:36] = 1
    (region,) = search(labels, seen, unlabelled=0)
    assert (region.kind, region.area) == ("drop", 10 * 20)


def test_a_compact_object_beside_its_true_class_is_a_swap_and_a_band_a_shift():
    labels, seen = filled((12, 14), 0), filled((12, 14), 0)
    labels[8:], seen[8:] = 1, 1
    labels[4:8, 5:9] = 2
    seen[4:8, 5:9] = 1
    assert [one.kind for one in search(labels, seen)] == ["swap"]
    labels[4:8], seen[4:8] = 0, 0
    labels[7, 2:12], seen[7, 2:12] = 2, 1
    assert [one.kind for one in search(labels, seen)] == ["shift"]


def test_an_edge_that_the_model_contradicts_too_is_no_sign_of_a_shift():
    """Two neighbours with each other's class: beyond the edge the suggested class is given, but not seen."""
    labels, seen = filled((12, 14), 0), filled((12, 14), 1)
    labels[:, 6:], seen[:, 6:] = 1, 0
    assert [one.kind for one in search(labels, seen)] == ["swap", "swap"]


def test_ignored_pixels_are_in_no_region():
    labels = filled((8, 10), 0)
    labels[3, 4] = -1
    (region,) = search(labels, filled((8, 10), 0, (slice(3, 5), slice(3, 7), 2)))
    assert (region.area, region.box) == (7, (3, 3, 4, 2))
    assert not region.mask[0, 1]


def test_ignored_pixels_are_no_outline():
    labels, seen = filled((12, 14), 0), filled((12, 14), 0)
    labels[:, 9:], seen[:, 7:] = 1, 1
    assert [one.kind for one in search(labels, seen)] == ["shift"]
    # Along one side of the band all but one pixel is ignored: 1 of 13 neighbours goes on as class 1
    labels[1:, 9] = -1
    assert [one.kind for one in search(labels, seen)] == ["other"]
    # Along the other side too: 1 of 2
    labels[1:, 6] = -1
    assert [one.kind for one in search(labels, seen)] == ["shift"]


def test_nothing_is_found_where_all_is_ignored_or_agreed_on():
    assert search(filled((5, 6), -1), filled((5, 6), 1)) == []
    assert search(filled((5, 6), 1), filled((5, 6), 1)) == []


def test_an_image_of_one_class_seen_as_another_is_one_region():
    for unlabelled, kind in ((0, "drop"), (None, "swap")):
        (region,) = search(filled((5, 7), 0), filled((5, 7), 1), classes=2, unlabelled=unlabelled)
        assert (region.kind, region.area, region.box) == (kind, 35, (0, 0, 7, 5))


def test_a_region_may_cover_more_than_half_of_the_image():
    labels, seen = filled((10, 10), 0), filled((10, 10), 0)
    labels[:8], seen[:8] = 1, 2
    (region,) = search(labels, seen)
    assert (region.kind, region.area) == ("swap", 80)


def test_corners_connect():
    labels, seen = filled((6, 6), 0), filled((6, 6), 0)
    seen[1, 1] = seen[2, 2] = seen[4, 0] = 1
    assert sorted(one.area for one in search(labels, seen)) == [1, 2]


def test_thresholds_are_shares_of_the_image():
    labels, seen = filled((10, 10), 0), filled((10, 10), 0)
    seen[1:3, 1:3] = 1
    seen[6, 6] = 1
    assert [one.area for one in search(labels, seen, config=SuspectConfig(0, 0.04))] == [4]
    assert search(labels, seen, config=SuspectConfig(0, 0.041)) == []
    assert [one.area for one in search(labels, seen, config=SuspectConfig(0, 0, max_regions=1))] == [4]
    assert [one.area for one in search(labels, seen)] == [4, 1]


@pytest.mark.parametrize("ignored", [0, 3])
def test_what_is_ignored_has_no_part_in_the_shares(ignored: int):
    """Of 4 × 5 blocks 2 × 2 are contradicted, in each of which some rows of four are ignored."""
    full = filled((16, 20), 0)
    full.reshape(4, 4, 20)[:, :ignored] = -1
    probabilities = sure_of(filled((4, 5), 0, (slice(1, 3), slice(1, 3), 1)))
    for config, regions in (
        (SuspectConfig(0.1999 * NATS, 0.2), 1),
        (SuspectConfig(0.2001 * NATS, 0.2), 0),
        (SuspectConfig(0.1999 * NATS, 0.2001), 0),
    ):
        assert len(find_regions(SeenImage(probabilities, filled((4, 5), 0), 4), full, config, None, None)) == regions


def test_the_regions_of_a_pair_need_the_evidence_together_and_a_fifth_of_it_each():
    labels, seen = filled((10, 10), 0), filled((10, 10), 0)
    seen[1:3, 1:3] = 1
    seen[6, 6] = 1
    seen[8, 8] = 2
    assert [one.area for one in search(labels, seen, config=SuspectConfig(0.0499 * NATS, 0))] == [4, 1]
    assert search(labels, seen, config=SuspectConfig(0.0501 * NATS, 0)) == []
    seen[6, 6] = 0
    seen[3, 1:3] = 1
    assert [one.area for one in search(labels, seen, config=SuspectConfig(0.0501 * NATS, 0))] == [6]
    seen[8, 6] = 1
    assert [one.area for one in search(labels, seen, config=SuspectConfig(0.0499 * NATS, 0))] == [6, 1]
    assert [one.area for one in search(labels, seen, config=SuspectConfig(0.0501 * NATS, 0))] == [6]


def test_what_a_pair_usually_says_is_discounted():
    labels, seen = filled((10, 10), 0), filled((10, 10), 0)
    seen[1:3, 1:3] = 1
    seen[6:8, 6] = 2
    usual = Usual(3, np.zeros(3 * 3 + 2 * 3 + 1))
    evidence = {one.suggested: one.evidence for one in search(labels, seen, usual=usual)}
    assert evidence == pytest.approx({1: 4 * NATS, 2: 2 * NATS}, rel=1e-6)
    usual.level[1] = 0.04 * NATS
    usual.level[2] = 3 * 0.02 * NATS
    evidence = {one.suggested: one.evidence for one in search(labels, seen, usual=usual)}
    assert evidence == pytest.approx({1: 2 * NATS, 2: 0.5 * NATS}, rel=1e-6)
    # A second region of the pair makes the first less usual too
    seen[5:7, 1:4] = 1
    usual.level[1] = 0.2 * NATS
    evidence = {one.area: one.evidence for one in search(labels, seen, usual=usual) if one.suggested == 1}
    assert evidence == pytest.approx({4: 4 / 3 * NATS, 6: 6 / 3 * NATS}, rel=1e-6)


def test_evidence_in_full_is_that_of_the_pairs():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4) / 2, (9, 11)).transpose(2, 0, 1).astype(np.float32)
    labels = rng.integers(-1, 4, (9, 11)).astype(np.int16)
    found: Counter[tuple[int, int]] = Counter()
    for region in find_regions(SeenImage(probabilities, labels, 1), labels, ALL, None, None):
        found[region.given, region.suggested] += region.evidence / (labels >= 0).sum()
    pairs = pair_evidence(probabilities, labels)
    expected = {(int(g), int(c)): nats for g, c, nats in zip(pairs.given, pairs.suggested, pairs.strength, strict=True)}
    assert dict(found) == pytest.approx(expected, rel=1e-9)


def test_masks_hold_only_pixels_given_the_class_at_full_resolution():
    given_mask = filled((7, 6), 0)
    given_mask[4:7, 3:] = 1
    labels = pool_labels(given_mask, 4, 3)
    assert labels.tolist() == [[0, 0], [0, 1]]
    seen = drawing("02", "22")
    regions = find_regions(SeenImage(sure_of(seen), labels, 4), given_mask, ALL, None, None)
    by_class = {one.given: one for one in regions}
    # The right blocks are 2 pixels wide and the lower ones 3 high; of the lower left one 3 × 3 pixels are given 0
    assert by_class[0].area == 4 * 2 + 3 * 3
    assert by_class[0].box == (0, 0, 6, 7)
    assert by_class[0].evidence == pytest.approx(17 * NATS, rel=1e-6)
    assert not by_class[0].mask[4:, 3:].any()
    assert (by_class[1].area, by_class[1].box) == (6, (4, 4, 2, 3))
    assert by_class[1].mask.all()


@pytest.mark.parametrize(
    ("regions", "kind"),
    [
        ([], "none"),
        ([("other", 1.0)], "other"),
        ([("swap", 5.0), ("shift", 3.0), ("shift", 3.0)], "shift"),
        ([("shift", 5.0), ("drop", 5.0)], "drop"),
        ([("shift", 0.0)], "shift"),
    ],
)
def test_the_kind_with_most_evidence_together_is_the_images(regions, kind):
    assert leading_kind([one for one, _ in regions], [nats for _, nats in regions]) == kind
    assert leading_kind([one for one, _ in regions], np.array([nats for _, nats in regions])) == kind


def test_of_rated_regions_the_most_probable_says_the_kind():
    kinds, evidence = ["shift", "drop", "swap"], [50.0, 20.0, 30.0]
    assert leading_kind(kinds, evidence, [0.4, 0.9, 0.8]) == "drop"
    # Equally probable ones: that of the most evidence
    assert leading_kind(kinds, evidence, np.array([0.4, 0.9, 0.9])) == "swap"
    assert leading_kind([], [], []) == "none"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"min_probability": 1.5}, "Expected parameter `min_probability` to be in [0, 1], but got 1.5."),
        ({"min_evidence": -1}, "Expected parameter `min_evidence` to be at least 0, but got -1."),
        ({"min_area": 1.5}, "Expected parameter `min_area` to be in [0, 1], but got 1.5."),
        ({"max_regions": 0}, "Expected parameter `max_regions` to be at least 1, or None for all, but got 0."),
    ],
)
def test_thresholds_out_of_range_are_named(params, message):
    with pytest.raises(LabelQualityError) as error:
        SuspectConfig(**params)
    assert str(error.value) == message


@st.composite
def images(draw):
    """Full-resolution and pooled labels, and pooled probabilities, with pieces of several blocks."""
    classes, factor = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    coarse = rng.integers(-1, classes, (height // 3 + 1, width // 3 + 1)).repeat(3, 0).repeat(3, 1)
    full = coarse[:height, :width].astype(np.int16)
    labels = pool_labels(full, factor, classes)
    h, w = labels.shape
    coarse = rng.dirichlet(np.ones(classes) / 2, (h // 2 + 1, w // 2 + 1)).repeat(2, 0).repeat(2, 1)
    return coarse[:h, :w].transpose(2, 0, 1).astype(np.float32), labels, full, factor


@settings(max_examples=60, deadline=None)
@given(images(), st.sampled_from([None, 0]))
def test_regions_are_those_of_the_plain_definition(image, unlabelled):
    probabilities, labels, full, factor = image
    found = find_regions(SeenImage(probabilities, labels, factor), full, ALL, None, unlabelled)
    expected = plain_regions(probabilities, labels, full, unlabelled, factor)
    assert {(one.given, one.suggested, one.kind, pixels_of(one)) for one in found} == set(expected)
    for one in found:
        evidence, confidence = expected[one.given, one.suggested, one.kind, pixels_of(one)]
        assert one.evidence == pytest.approx(evidence, rel=1e-5, abs=1e-9)
        assert one.confidence == pytest.approx(confidence, rel=1e-5)
    assert [one.evidence for one in found] == sorted((one.evidence for one in found), reverse=True)


@settings(max_examples=30, deadline=None)
@given(images())
def test_regions_are_disjoint_and_hold_only_what_is_given(image):
    probabilities, labels, full, factor = image
    covered = np.zeros(full.shape, int)
    for one in find_regions(SeenImage(probabilities, labels, factor), full, ALL, None, None):
        left, top, width, height = one.box
        inside = (slice(top, top + height), slice(left, left + width))
        covered[inside] += one.mask
        assert one.area == one.mask.sum() > 0
        assert (full[inside][one.mask] == one.given).all()
        assert one.mask.any(axis=0)[[0, -1]].all()
        assert one.mask.any(axis=1)[[0, -1]].all()
        assert one.given != one.suggested
        assert 0 < one.confidence <= 1
    assert covered.max() <= 1


def pixels_of(region: Region) -> frozenset[tuple[int, int]]:
    return frozenset((region.box[1] + y, region.box[0] + x) for y, x in np.argwhere(region.mask).tolist())


def plain_regions(p, labels, full, unlabelled, factor):
    """The definition, block by block: (given, suggested, kind, pixels) to (evidence, confidence)."""
    seen = p.argmax(axis=0)
    blocks = [(y, x) for y in range(labels.shape[0]) for x in range(labels.shape[1])]
    wrong = [b for b in blocks if labels[b] >= 0 and labels[b] != seen[b]]
    results = {}
    for region in pieces(wrong, lambda b: (labels[b], seen[b])):
        old, new = int(labels[region[0]]), int(seen[region[0]])
        (whole,) = [one for one in pieces(blocks, lambda b: labels[b]) if region[0] in one]
        kind = plain_kind(set(region), set(whole), set(blocks), labels, seen, old == unlabelled)
        pixels = [(y, x) for y, x in np.argwhere(full == old).tolist() if (y // factor, x // factor) in region]
        weights = [(p[(new, y // factor, x // factor)], p[(old, y // factor, x // factor)]) for y, x in pixels]
        evidence = sum((c - g) * math.log(max(c, 0.01) / max(g, 0.01)) for c, g in weights)
        results[old, new, kind, frozenset(pixels)] = (evidence, sum(c for c, _ in weights) / len(weights))
    return results


def plain_kind(region, whole, blocks, labels, seen, from_unlabelled):
    new = seen[next(iter(region))]
    outline = [(y + i, x + j) for y, x in region for i, j in ((0, 1), (1, 0), (0, -1), (-1, 0))]
    outline = [b for b in outline if b in blocks and b not in region and labels[b] >= 0]
    contact = sum(labels[b] == new and seen[b] == new for b in outline)
    width = 2 * half_width(region, blocks)
    if from_unlabelled:
        objects = pieces([b for b in blocks if labels[b] >= 0], lambda b: seen[b])
        (whole_seen,) = [one for one in objects if region & set(one)]
        is_narrow = min(contact, len(outline) / 2) >= 3 * width and 2 * half_width(set(whole_seen), blocks) >= 3 * width
        return "shift" if is_narrow else "drop"
    is_object = 2 * sum(seen[b] == new for b in whole) >= len(whole)
    is_band = len(region) >= 2 * width**2
    if contact and contact >= (0.2 if is_object else 0.1) * len(outline) and (is_band or not is_object):
        return "shift"
    return "swap" if is_object else "other"


def half_width(region, blocks):
    outside = blocks - region
    reach = [min((max(abs(y - v), abs(x - u)) for v, u in outside), default=99) for y, x in region]
    return max(reach)


def pieces(blocks, key):
    """The 8-connected pieces of blocks of the same key."""
    left, found = set(blocks), []
    while left:
        piece = [min(left)]
        left.remove(piece[0])
        for y, x in piece:
            for near in [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
                if near in left and key(near) == key((y, x)):
                    left.remove(near)
                    piece.append(near)
        found.append(piece)
    return found
