"""The measures of suspects on masks small enough to work each of them out, and on whatever may come."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.pixels.pooling import pool_labels
from label_quality.plugin.suspects.config import SuspectConfig
from label_quality.plugin.suspects.picture import Picture
from label_quality.plugin.suspects.region_features import FEATURES, region_features
from label_quality.plugin.suspects.regions import Region, find_regions
from label_quality.plugin.suspects.seen_image import SeenImage

ALL = SuspectConfig(min_evidence=0, min_area=0, max_regions=None)
SIZE = (12, 14)
SIDE = math.sqrt(12 * 14)
#: Evidence of a pixel of a class at 0.8, given one at 0.1, and the entropy of 0.8, 0.1 and 0.1
NATS = 0.7 * math.log(8)
ENTROPY = -0.8 * math.log(0.8) - 0.2 * math.log(0.1)
PICTURE_FEATURES = FEATURES[FEATURES.index("given_edge") :]


def filled(value: int, *patches: tuple[int, int, int, int, int]) -> np.ndarray:
    """Labels of a class, with patches (top, bottom, left, right, class)."""
    labels = np.full(SIZE, value, np.int16)
    for top, bottom, left, right, patch in patches:
        labels[top:bottom, left:right] = patch
    return labels


def sure_of(seen: np.ndarray, sure: float = 0.8) -> np.ndarray:
    """(3, h, w) probabilities of a model that sees these classes; the others share the rest."""
    probabilities = np.full((3, *seen.shape), (1 - sure) / 2, np.float32)
    np.put_along_axis(probabilities, seen[None].astype(np.int64), np.float32(sure), axis=0)
    return probabilities


def measure(
    labels: np.ndarray, probabilities: np.ndarray, unlabelled: int | None = None, factor: int = 1
) -> tuple[list[Region], np.ndarray]:
    image = SeenImage(probabilities, pool_labels(labels, factor, len(probabilities)), factor)
    regions = find_regions(image, labels, ALL, None, unlabelled)
    size = (labels.shape[0], labels.shape[1])
    picture = Picture(np.full((*size, 3), 90, np.uint8), size)
    return regions, region_features(image, regions, labels, picture, unlabelled)


def only(labels: np.ndarray, seen: np.ndarray, unlabelled: int | None = None) -> dict[str, float]:
    """The measures of the one suspect."""
    _, (row,) = measure(labels, sure_of(seen), unlabelled)
    return dict(zip(FEATURES, row.tolist(), strict=True))


def test_an_object_that_was_left_out() -> None:
    """Sixteen pixels that are given as unlabelled and seen as 2, in the middle."""
    found = only(filled(0), filled(0, (4, 8, 5, 9, 2)), unlabelled=0)
    expected = {
        "evidence": math.log(16 * NATS / 168),
        "pixel_evidence": math.log(NATS),
        "area": math.log(16 / 168),
        "suggested_probability": 0.8,
        "given_probability": 0.1,
        "entropy": ENTROPY,
        "margin": 0.7,
        "object_share": 16 / 168,
        "contact": 0,
        "width": math.log(4 / SIDE),
        "seen_width": math.log(4 / SIDE),
        "length": math.log(1.25),
        "suggested_around": 0.1,
        "given_around": 0.8,
        "seen_contradicted": 1,
        "seen_size": math.log(16 / 168),
        "border": 0,
        "class_confirmed": (152 * 0.8 + 16 * 0.1) / 168,
        "drop": 1,
        "swap": 0,
        "shift": 0,
        "from_unlabelled": 1,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert tuple(expected) + PICTURE_FEATURES == FEATURES
    labels, size = filled(0), SIZE
    (region,), _ = measure(labels, sure_of(filled(0, (4, 8, 5, 9, 2))), 0)
    contrasts = Picture(np.full((*size, 3), 90, np.uint8), size).contrasts(region, labels)
    assert [found[name] for name in PICTURE_FEATURES] == contrasts


def test_an_edge_that_is_two_columns_off() -> None:
    """The mask has class 1 from column 9 on, the model from column 7: a band beside what both agree on."""
    found = only(filled(0, (0, 12, 9, 14, 1)), filled(0, (0, 12, 7, 14, 1)), unlabelled=2)
    expected = {
        "evidence": math.log(24 * NATS / 168),
        "object_share": 24 / 108,
        # One of its two long sides; along the image's border it has no outline
        "contact": 0.5,
        "width": math.log(2 / SIDE),
        # Seven columns wide, up to the image's border: from its last column it is seven to the next that is not of it
        "seen_width": math.log(14 / SIDE),
        "length": math.log(24 / 4 + 0.25),
        # Two columns of class 0 at 0.1, two of class 1 at 0.8
        "suggested_around": 0.45,
        "given_around": 0.8,
        "seen_contradicted": 24 / 84,
        "seen_size": math.log(84 / 168),
        # The ends of the band
        "border": 4 / 24,
        "class_confirmed": (84 * 0.8 + 24 * 0.1) / 108,
        "drop": 0,
        "swap": 0,
        "shift": 1,
        "from_unlabelled": 0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_an_object_of_the_wrong_class() -> None:
    found = only(filled(0, (4, 8, 5, 9, 1)), filled(0, (4, 8, 5, 9, 2)), unlabelled=0)
    expected = {
        "object_share": 1,
        # Nothing around it is given the same class
        "given_around": 0.5,
        "suggested_around": 0.1,
        "class_confirmed": 0.1,
        "drop": 0,
        "swap": 1,
        "shift": 0,
        "from_unlabelled": 0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_an_image_that_is_wrong_altogether_has_no_surroundings() -> None:
    found = only(filled(0), filled(1))
    expected = {"suggested_around": 0, "given_around": 0.5, "contact": 0, "area": 0, "seen_size": 0, "object_share": 1}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert found["border"] == pytest.approx((2 * 14 + 2 * 10) / 168)


def test_a_region_in_a_corner_is_partly_along_the_border() -> None:
    found = only(filled(0), filled(0, (0, 4, 10, 14, 2)))
    assert found["border"] == pytest.approx(7 / 16)
    assert found["suggested_around"] == pytest.approx(0.1)
    # From the corner it is four blocks to the next that is not of it: beyond the border is not outside
    assert found["width"] == pytest.approx(math.log(8 / SIDE))


def test_ignored_pixels_count_nowhere() -> None:
    """Sizes are shares of what takes part, and what is ignored is no surroundings."""
    labels = filled(0, (0, 12, 0, 5, -1), (0, 4, 5, 14, -1))
    found = only(labels, filled(0, (4, 8, 5, 9, 2)))
    pixels = 8 * 9
    assert found["area"] == pytest.approx(math.log(16 / pixels))
    assert found["evidence"] == pytest.approx(math.log(16 * NATS / pixels), abs=1e-5)
    assert found["width"] == pytest.approx(math.log(4 / math.sqrt(pixels)))
    assert found["class_confirmed"] == pytest.approx((56 * 0.8 + 16 * 0.1) / 72, abs=1e-5)
    assert found["given_around"] == pytest.approx(0.8)
    assert found["border"] == 0


def test_an_object_that_is_given_in_part_is_contradicted_in_part() -> None:
    labels, seen = filled(0, (4, 8, 7, 9, 2)), filled(0, (4, 8, 5, 9, 2))
    assert only(labels, seen)["seen_contradicted"] == pytest.approx(0.5)
    assert only(labels, seen)["seen_size"] == pytest.approx(math.log(16 / 168))


def test_means_are_over_pixels_and_the_margin_is_the_lower_quartile_of_blocks() -> None:
    """Of four blocks of 2 × 2 pixels in a row, one pixel of the last one takes no part."""
    labels = np.zeros((8, 12), np.int16)
    labels[3, 9] = -1
    probabilities = np.zeros((3, 4, 6), np.float32)
    probabilities[0] = 1
    certain = np.array([0.9, 0.8, 0.7, 0.6])
    probabilities[2, 1, 1:5], probabilities[0, 1, 1:5] = certain, 1 - certain
    _, (row,) = measure(labels, probabilities, factor=2)
    found = dict(zip(FEATURES, row.tolist(), strict=True))
    assert found["suggested_probability"] == pytest.approx((4 * (0.9 + 0.8 + 0.7) + 3 * 0.6) / 15, abs=1e-5)
    assert found["given_probability"] == pytest.approx((4 * (0.1 + 0.2 + 0.3) + 3 * 0.4) / 15, abs=1e-5)
    assert found["margin"] == pytest.approx(np.quantile(2 * certain - 1, 0.25), abs=1e-5)
    assert found["area"] == pytest.approx(math.log(15 / 95))
    # In blocks of the image, whose 95 pixels have a side of 9.7
    assert found["width"] == pytest.approx(math.log(2 / (math.sqrt(95) / 2)))


def test_sizes_and_resolution_hardly_matter() -> None:
    """The same image with twice as many pixels a side has the same measures, but for what is counted in blocks."""
    labels, seen = filled(0, (0, 12, 9, 14, 1)), filled(0, (0, 12, 7, 14, 1))
    small = only(labels, seen)
    twice = labels.repeat(2, axis=0).repeat(2, axis=1)
    _, (row,) = measure(twice, sure_of(seen), factor=2)
    found = dict(zip(FEATURES, row.tolist(), strict=True))
    measures = [name for name in FEATURES if name not in PICTURE_FEATURES]
    assert {name: found[name] for name in measures} == pytest.approx({name: small[name] for name in measures}, abs=1e-5)


def test_regions_keep_their_order() -> None:
    labels, seen = filled(0), filled(0, (1, 3, 1, 3, 1), (6, 10, 6, 10, 2))
    regions, features = measure(labels, sure_of(seen))
    assert [region.area for region in regions] == [16, 4]
    assert features[:, FEATURES.index("area")] == pytest.approx([math.log(16 / 168), math.log(4 / 168)])


def test_an_image_without_suspects_has_no_rows() -> None:
    regions, features = measure(filled(0), sure_of(filled(0)))
    assert (regions, features.shape) == ([], (0, len(FEATURES)))


def test_evidence_of_nothing_is_very_little() -> None:
    """Both classes are as probable: what the one gains on the other is nothing, whose logarithm would be infinite."""
    _, features = measure(np.ones((4, 4), np.int16), np.full((3, 4, 4), 1 / 3, np.float32))
    assert len(features) == 1 and np.isfinite(features).all()
    assert features[0, :2] == pytest.approx([math.log(1e-6)] * 2)


@given(st.data())
@settings(max_examples=150)
def test_whatever_is_given_and_seen_the_measures_are_finite(data: st.DataObject) -> None:
    factor, classes = data.draw(st.integers(1, 4), "factor"), data.draw(st.integers(2, 5), "classes")
    height, width = data.draw(st.integers(1, 30), "height"), data.draw(st.integers(1, 30), "width")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    coarse = rng.integers(data.draw(st.sampled_from([-1, 0]), "least"), classes, (-(-height // 5), -(-width // 5)))
    labels = coarse.repeat(5, axis=0).repeat(5, axis=1)[:height, :width].astype(np.int16)
    shape = classes, -(-height // factor), -(-width // factor)
    logits = rng.normal(size=shape) * data.draw(st.sampled_from([0, 1, 30]), "sure")
    odds = np.exp(logits - logits.max(axis=0))
    # As they are kept: a byte each
    probabilities = (np.rint(255 * odds / odds.sum(axis=0)) / 255).astype(np.float32)
    image = SeenImage(probabilities, pool_labels(labels, factor, classes), factor)
    unlabelled = data.draw(st.sampled_from([None, 0]), "unlabelled")
    regions = find_regions(image, labels, ALL, None, unlabelled)
    picture = Picture(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (height, width))
    features = region_features(image, regions, labels, picture, unlabelled)
    assert features.shape == (len(regions), len(FEATURES))
    assert np.isfinite(features).all()
    shares = ("suggested_probability", "given_probability", "object_share", "contact", "seen_contradicted", "border")
    for name in (*shares, "suggested_around", "given_around", "class_confirmed"):
        column = features[:, FEATURES.index(name)]
        assert ((column >= 0) & (column <= 1 + 1e-6)).all(), name
    kinds = features[:, [FEATURES.index(name) for name in ("drop", "swap", "shift", "from_unlabelled")]]
    assert np.isin(kinds, (0, 1)).all() and (kinds[:, :3].sum(axis=1) <= 1).all()
