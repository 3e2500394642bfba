"""The image scores: hand-computed cases, the plain definitions on random and adversarial input, and their laws."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.pixels.components import component_score
from label_quality.plugin.scores.config import DEFAULT_THRESHOLDS, SCORES, ScoreConfig
from label_quality.plugin.scores.image_scores import ImageScores, score_image, score_labels_only

from .. import reference

NAMES = ("ccp", "tccp", "cil", "softmin", "iou", "coco")
ALL = ScoreConfig()


def softmaxed(rng: np.random.Generator, shape: tuple[int, int, int], scale: float = 3.0) -> np.ndarray:
    logits = rng.normal(scale=scale, size=shape)
    exponents = np.exp(logits - logits.max(axis=0))
    return (exponents / exponents.sum(axis=0)).astype(np.float32)


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    return np.stack([classes == k for k in range(count)]).astype(np.float32)


def probabilities_of(kind: str, rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Inputs that a wrong tie, a wrong comparison or a lost shift would show on."""
    classes, height, width = shape
    if kind == "one-hot":
        return one_hot(rng.integers(0, classes, (height, width)), classes)
    if kind == "uniform":
        return np.full(shape, 1 / classes, np.float32)
    if kind == "ties":
        # Multiples of 1/20 lie exactly on thresholds, up to the rounding of float32
        return (rng.integers(0, 5, shape) / 20).astype(np.float32)
    if kind == "half":
        return softmaxed(rng, shape).astype(np.float16).astype(np.float32)
    if kind == "sharp":
        return softmaxed(rng, shape, 200.0)
    return softmaxed(rng, shape)


def labels_of(kind: str, rng: np.random.Generator, probabilities: np.ndarray) -> np.ndarray:
    labels = probabilities.argmax(axis=0).astype(np.int16)
    wrong = rng.random(labels.shape) < 0.3
    labels[wrong] = rng.integers(0, len(probabilities), int(wrong.sum()))
    if kind == "ignored":
        labels[rng.random(labels.shape) < 0.3] = -1
        labels[: labels.shape[0] // 2, : labels.shape[1] // 2] = -1
        labels[-1, -1] = 0
    return labels


def assert_matches_reference(probabilities: np.ndarray, labels: np.ndarray, config: ScoreConfig) -> ImageScores:
    result = score_image(probabilities, labels, config)
    mean, majority = reference.pool(probabilities, labels, config.pooling)
    expected = {
        "ccp": reference.ccp(probabilities, labels),
        "tccp": reference.tccp(probabilities, labels, config.thresholds),
        "cil": reference.cil(probabilities, labels),
        "softmin": reference.softmin(probabilities, labels, config.temperature),
        "iou": reference.iou(probabilities, labels),
        # Of the means as they were rounded: where two classes are equally likely, rounding decides between them
        "coco": reference.coco(result.pooled_probabilities, majority, config.coco_average),
    }
    for name, value in expected.items():
        assert getattr(result, name) == pytest.approx(value, abs=1e-6), name
    for name, values in reference.per_class(probabilities, labels, config.temperature).items():
        np.testing.assert_allclose(result.per_class[name], values, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(result.prediction, probabilities.argmax(axis=0))
    np.testing.assert_array_equal(result.heatmap, reference.heatmap(probabilities, labels))
    np.testing.assert_array_equal(result.pooled_labels, majority)
    # Numbers below this have fewer digits
    np.testing.assert_allclose(result.pooled_probabilities, mean, rtol=5e-7, atol=np.finfo(np.float32).tiny)
    np.testing.assert_array_equal(result.class_pixels, np.bincount(labels[labels >= 0], minlength=len(probabilities)))
    assert result.pixels == (labels >= 0).sum()
    return result


@pytest.mark.parametrize("kind", ["softmax", "one-hot", "uniform", "ties", "half", "sharp"])
@pytest.mark.parametrize("labelling", ["complete", "ignored"])
@pytest.mark.parametrize("shape", [(2, 16, 24), (7, 13, 22), (3, 1, 1), (5, 1, 9), (4, 9, 1), (150, 6, 10)])
def test_agrees_with_the_definitions(kind: str, labelling: str, shape: tuple[int, int, int]):
    rng = np.random.default_rng([*shape, len(kind), len(labelling)])
    probabilities = probabilities_of(kind, rng, shape)
    assert_matches_reference(probabilities, labels_of(labelling, rng, probabilities), ALL)


@pytest.mark.parametrize("pooling", [1, 2, 3, 5, 64])
@pytest.mark.parametrize("average", ["components", "classes"])
def test_agrees_with_the_definitions_at_any_pooling(pooling: int, average: str):
    rng = np.random.default_rng(pooling)
    probabilities = softmaxed(rng, (5, 17, 23))
    config = replace(ALL, pooling=pooling, coco_average=average, temperature=0.02, thresholds=(0.9, 0.35, 0.1))
    assert_matches_reference(probabilities, labels_of("ignored", rng, probabilities), config)


def test_agrees_with_the_definitions_over_several_chunks_of_rows():
    rng = np.random.default_rng(8)
    probabilities = softmaxed(rng, (3, 90, 131))
    assert_matches_reference(probabilities, labels_of("ignored", rng, probabilities), ALL)


def stored_as(kind: str, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities in another type, and what they are then as float32."""
    if kind == "uint8":
        stored = np.rint(probabilities * 255).astype(np.uint8)
        return stored, stored.astype(np.float32) / np.float32(255)
    stored = probabilities.astype(kind)
    return stored, stored.astype(np.float32)


@pytest.mark.parametrize("stored_type", ["float16", "uint8"])
@pytest.mark.parametrize("kind", ["softmax", "one-hot", "ties", "sharp"])
@pytest.mark.parametrize("labelling", ["complete", "ignored"])
@pytest.mark.parametrize("shape", [(2, 16, 24), (7, 13, 22), (3, 1, 1), (150, 6, 10), (5, 37, 131)])
def test_other_types_score_like_the_float32_that_they_are(stored_type, kind, labelling, shape):
    rng = np.random.default_rng([*shape, len(kind)])
    stored, single = stored_as(stored_type, probabilities_of(kind, rng, shape))
    labels = labels_of(labelling, rng, single)
    expected = assert_matches_reference(single, labels, ALL)
    result = score_image(stored, labels, ALL)
    for name in ("ccp", "tccp", "iou"):
        assert getattr(result, name) == getattr(expected, name), name
    for name in ("cil", "softmin"):
        assert getattr(result, name) == pytest.approx(getattr(expected, name), abs=1e-6), name
    assert result.coco == pytest.approx(reference.coco(result.pooled_probabilities, result.pooled_labels), abs=1e-6)
    if kind != "ties":
        assert result.coco == pytest.approx(expected.coco, abs=1e-6)
    for name, values in expected.per_class.items():
        np.testing.assert_allclose(result.per_class[name], values, atol=1e-6, err_msg=name)
    for name in ("prediction", "heatmap", "pooled_labels", "class_pixels"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name), err_msg=name)
    np.testing.assert_allclose(result.pooled_probabilities, expected.pooled_probabilities, rtol=5e-7)


@pytest.mark.parametrize("stored_type", ["float16", "uint8"])
def test_other_types_are_scored_without_a_float32_copy(stored_type: str):
    """The most memory that numpy's arrays take meanwhile is far below the image's size as float32."""
    stored, _ = stored_as(stored_type, softmaxed(np.random.default_rng(2), (60, 96, 128)))
    labels = stored.argmax(axis=0).astype(np.int16)
    score_image(stored, labels, ALL)
    tracemalloc.start()
    score_image(stored, labels, ALL)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < stored.size * 4 / 4


def test_the_smallest_float16_are_what_they_are():
    """Below 2^-14 they have no leading one."""
    tiny = np.array([2.0**-24, 3 * 2.0**-24, 2.0**-14, 2.0**-15], np.float16).reshape(1, 2, 2)
    labels = np.zeros((2, 2), np.int16)
    result = score_image(tiny, labels, replace(ALL, pooling=2))
    assert result.cil == pytest.approx(float(tiny.astype(np.float64).mean()), rel=1e-9)
    assert result.pooled_probabilities.item() == pytest.approx(float(tiny.astype(np.float64).mean()), rel=1e-6)


@pytest.mark.parametrize("stored_type", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.6, 0.8, 1e-5, 1 - 1e-12])
def test_a_threshold_means_the_same_in_every_type(stored_type: str, threshold: float):
    """51 of 255 is 0.2 as near as float32 has it, which is more than 0.2."""
    exact = np.linspace(0, 1, 256, dtype=np.float32).reshape(1, 16, 16)
    stored, single = stored_as(stored_type, np.concatenate([exact, 1 - exact]))
    labels = (np.arange(256).reshape(16, 16) % 3 == 0).astype(np.int16)
    result = score_image(stored, labels, ScoreConfig(scores=("tccp",), thresholds=(threshold,)))
    assert result.tccp == pytest.approx(reference.tccp(single, labels, (threshold,)), abs=1e-12)


def test_the_size_of_the_chunks_changes_nothing():
    """An image of many chunks, and the same as one column, which lies in others."""
    rng = np.random.default_rng(6)
    probabilities = softmaxed(rng, (4, 150, 90))
    labels = labels_of("ignored", rng, probabilities)
    wide = score_image(probabilities, labels, ALL)
    tall = score_image(probabilities.reshape(4, -1, 1), labels.reshape(-1, 1), ALL)
    for name in ("ccp", "tccp", "iou"):
        assert getattr(tall, name) == getattr(wide, name), name
    for name in ("cil", "softmin"):
        assert getattr(tall, name) == pytest.approx(getattr(wide, name), abs=1e-12), name
    np.testing.assert_array_equal(tall.heatmap.reshape(150, 90), wide.heatmap)


def test_an_image_of_one_class_only():
    probabilities = softmaxed(np.random.default_rng(7), (3, 19, 21))
    assert_matches_reference(probabilities, np.full((19, 21), 2, np.int16), ALL)
    assert_matches_reference(np.ones((1, 5, 7), np.float32), np.zeros((5, 7), np.int16), ALL)


@pytest.mark.parametrize("temperature", [1e-4, 1 / 601, 1 / 599])
def test_softmin_is_the_same_on_both_sides_of_where_weights_are_shifted(temperature: float):
    rng = np.random.default_rng(9)
    probabilities = softmaxed(rng, (4, 12, 15))
    labels = labels_of("ignored", rng, probabilities)
    assert_matches_reference(probabilities, labels, replace(ALL, temperature=temperature))


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(2, 5), st.integers(1, 11), st.integers(1, 11)),
    kind=st.sampled_from(["softmax", "one-hot", "ties", "half", "sharp"]),
    labelling=st.sampled_from(["complete", "ignored"]),
    temperature=st.sampled_from([0.0005, 0.1, 5.0]),
)
@settings(max_examples=100, deadline=None)
def test_agrees_with_the_definitions_on_any_input(seed, shape, kind, labelling, temperature):
    rng = np.random.default_rng(seed)
    probabilities = probabilities_of(kind, rng, shape)
    labels = labels_of(labelling, rng, probabilities)
    result = assert_matches_reference(probabilities, labels, replace(ALL, temperature=temperature))
    assert all(0 <= getattr(result, name) <= 1 for name in NAMES)


def test_by_hand():
    # Two pixels predicted right at .9 and .6, one given 1 but predicted 0 (.2), one given 0 but predicted 1 (.4)
    probabilities = np.array([[[0.9, 0.4], [0.8, 0.4]], [[0.1, 0.6], [0.2, 0.6]]], np.float32)
    labels = np.array([[0, 1], [1, 0]], np.int16)
    result = score_image(probabilities, labels, replace(ALL, pooling=1))
    assert result.ccp == 0.5
    assert result.cil == pytest.approx((0.9 + 0.6 + 0.2 + 0.4) / 4)
    # Class 0: p > .8 holds for the first pixel only, right in 3 of 4; class 1: p > .2 (a little more in float32) holds
    # for the three others, also 3 of 4
    assert result.tccp == 0.75
    # Each class has one pixel of intersection and three of union
    assert result.iou == pytest.approx(1 / 3)
    weights = [math.exp((1 - s) / 0.1) for s in (0.9, 0.6, 0.2, 0.4)]
    weighted = sum(s * w for s, w in zip((0.9, 0.6, 0.2, 0.4), weights, strict=True))
    assert result.softmin == pytest.approx(weighted / sum(weights))
    # Four pairs (P, l) of one pixel each
    assert result.coco == pytest.approx((0.9 + 0.6 + 0.2 + 0.4) / 4)
    assert result.heatmap.tolist() == [[26, 102], [204, 153]]
    assert result.per_class["ccp"].tolist() == [0.5, 0.5]
    np.testing.assert_allclose(result.per_class["cil"], [0.65, 0.4])


def test_diagonal_neighbours_are_connected_and_every_component_counts_the_same():
    prediction = np.array([[0, 1, 1, 1], [1, 0, 1, 1]])
    labels = np.zeros((2, 4), np.int16)
    confidence = np.where(prediction == 0, 0.9, 0.3)
    # Of the pair (0, 0) one diagonal component, of (1, 0) two: the corner and the rest touch at a corner, so one
    assert component_score(prediction, labels, confidence, 2) == pytest.approx((0.9 + 0.3) / 2)
    labels[:, 2] = -1
    labels[0, 1] = -1
    # The column cuts the right part off: (0, 0), the corner (1, 0), the right (1, 0)
    assert component_score(prediction, labels, confidence, 2) == pytest.approx((0.9 + 0.3 + 0.3) / 3)


def test_averaging_by_class_first_weighs_the_classes_the_same():
    prediction = np.array([[0, 1, 0, 1]])
    labels = np.array([[0, 0, 0, 1]], np.int16)
    confidence = np.array([[0.9, 0.1, 0.8, 0.7]])
    assert component_score(prediction, labels, confidence, 2) == pytest.approx(2.5 / 4)
    assert component_score(prediction, labels, confidence, 2, "classes") == pytest.approx((0.6 + 0.7) / 2)


def test_the_predicted_background_pair_is_a_component_of_its_own():
    """Pair number 0 must not be taken for the background of the labelling."""
    assert component_score(np.zeros((2, 2), int), np.zeros((2, 2), np.int16), np.full((2, 2), 0.4), 3) == 0.4


def test_a_perfect_label_has_all_scores_one():
    labels = np.random.default_rng(0).integers(0, 4, (12, 16)).astype(np.int16).repeat(4, 0).repeat(4, 1)
    result = score_image(one_hot(labels, 4), labels, ALL)
    assert {name: getattr(result, name) for name in NAMES} == dict.fromkeys(NAMES, 1.0)
    assert not result.heatmap.any()


def test_an_everywhere_wrong_label_has_the_lowest_scores():
    labels = np.zeros((8, 8), np.int16)
    result = score_image(one_hot(np.ones((8, 8), int), 2), labels, ALL)
    assert (result.ccp, result.cil, result.softmin, result.iou, result.coco) == (0, 0, 0, 0, 0)
    assert (result.heatmap == 255).all()


def test_ties_of_the_argmax_go_to_the_smaller_class():
    result = score_image(np.full((3, 2, 2), 1 / 3, np.float32), np.array([[0, 1], [2, 0]], np.int16), ALL)
    assert (result.prediction == 0).all()
    assert result.ccp == 0.5


def test_softmin_neither_overflows_nor_vanishes_at_any_temperature():
    probabilities = np.array([[[1.0, 0.0, 0.5]], [[0.0, 1.0, 0.5]]], np.float32)
    labels = np.array([[0, 0, 1]], np.int16)
    cold = score_image(probabilities, labels, ScoreConfig(scores=("softmin",), temperature=1e-12))
    assert cold.softmin == 0.0
    np.testing.assert_array_equal(cold.per_class["softmin"], [0.0, 0.5])
    hot = score_image(probabilities, labels, ScoreConfig(scores=("softmin",), temperature=1e12))
    assert hot.softmin == pytest.approx(0.5)


def test_a_threshold_is_compared_as_the_number_it_is():
    """0.05 is a little less than its nearest float32, so that value exceeds it; 0.5 does not exceed 0.5."""
    labels = np.array([[0, 1]], np.int16)
    nearest = np.float32(0.05)
    probabilities = np.array([[[nearest, 0.0]], [[0.0, 0.5]]], np.float32)
    assert score_image(probabilities, labels, ScoreConfig(scores=("tccp",), thresholds=(0.05,))).tccp == 1.0
    below = np.array([[[np.nextafter(nearest, np.float32(0)), 0.0]], [[0.0, 0.5]]], np.float32)
    assert score_image(below, labels, ScoreConfig(scores=("tccp",), thresholds=(0.05,))).tccp == 0.75
    assert score_image(probabilities, labels, ScoreConfig(scores=("tccp",), thresholds=(0.5,))).tccp == 0.5


def test_only_what_is_asked_for_is_there():
    rng = np.random.default_rng(3)
    probabilities = softmaxed(rng, (3, 8, 8))
    labels = labels_of("complete", rng, probabilities)
    complete = score_image(probabilities, labels, ALL)
    for name in NAMES:
        result = score_image(probabilities, labels, ScoreConfig(scores=(name,)))
        assert getattr(result, name) == getattr(complete, name)
        assert all(math.isnan(getattr(result, other)) for other in NAMES if other != name)
        assert set(result.per_class) == {name} & {"ccp", "cil", "softmin", "iou"}
        assert (result.pooled_probabilities is None) == (name != "coco")
    assert score_image(probabilities, labels, ScoreConfig(scores=("clc",))).pooled_labels is not None
    assert score_image(probabilities, labels, ScoreConfig(per_class=False)).per_class == {}


def test_bad_input_is_refused():
    probabilities = np.full((2, 4, 4), 0.5, np.float32)
    with pytest.raises(ValueError, match=r"Expected probabilities of shape \(K, \*\(4, 5\)\), but got \(2, 4, 4\)"):
        score_image(probabilities, np.zeros((4, 5), np.int16), ALL)
    with pytest.raises(ValueError, match="Expected labels below the number of classes, 2, but got 2"):
        score_image(probabilities, np.full((4, 4), 2, np.int16), ALL)
    with pytest.raises(ValueError, match="at least one pixel that takes part, but all pixels are ignored"):
        score_image(probabilities, np.full((4, 4), -1, np.int16), ALL)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", [math.nan, -math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("label", [-1, 0, 1])
def test_probabilities_that_are_not_finite_are_refused_where_pixels_take_part(dtype: type, bad: float, label: int):
    """Wherever they are: in the whole tiles and chunks or the rest, of the class that is given or another."""
    size = 70, 83
    for row, column in ((0, 0), (33, 40), (69, 82)):
        probabilities = np.full((2, *size), 0.5, dtype)
        labels = np.ones(size, np.int16)
        probabilities[1, row, column], labels[row, column] = bad, label
        if label < 0:
            assert score_image(probabilities, labels, ALL).cil == 0.5
            continue
        with pytest.raises(ValueError) as error:
            score_image(probabilities, labels, ALL)
        assert str(error.value) == (
            f"Expected finite probabilities, but 1 of {2 * 70 * 83} are NaN or infinite, the first in class 1 at row "
            f"{row}, column {column}: {np.float64(bad)}."
        )


@pytest.mark.parametrize("row", [0, 2, 3])
def test_nan_where_a_pixel_takes_no_part_hides_no_value_beside_it(row: int):
    """The only pixel that is likeliest of the second class lies in a column with one that takes no part."""
    probabilities, labels = np.zeros((2, 4, 16), np.float32), np.zeros((4, 16), np.int16)
    probabilities[0], probabilities[1, row, 3] = 0.5, 0.75
    labels[1, 3], probabilities[1, 1, 3] = -1, np.nan
    result = score_image(probabilities, labels, ALL)
    assert np.argwhere(result.prediction == 1).tolist() == [[row, 3]]


def test_read_only_half_precision_and_strided_arrays_score_like_their_copies():
    rng = np.random.default_rng(4)
    half = softmaxed(rng, (4, 11, 14)).astype(np.float16)
    labels = labels_of("ignored", rng, half.astype(np.float32))
    expected = score_image(half.astype(np.float32), labels, ALL)
    read_only = half.astype(np.float32)
    read_only.flags.writeable = False
    strided = np.ascontiguousarray(np.moveaxis(half, 0, -1))
    for probabilities in (half, read_only, np.moveaxis(strided, -1, 0)):
        result = score_image(probabilities, labels.astype(np.int64), ALL)
        assert all(getattr(result, name) == getattr(expected, name) for name in NAMES)


images = st.builds(
    lambda seed, height, width: (np.random.default_rng(seed), (4, height, width)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 20),
    st.integers(1, 20),
)


@given(images, st.permutations(range(4)))
@settings(max_examples=30, deadline=None)
def test_renaming_the_classes_renames_the_results(image, permutation):
    rng, shape = image
    probabilities = softmaxed(rng, shape)
    labels = labels_of("ignored", rng, probabilities)
    order = np.array(permutation)
    renamed = np.where(labels >= 0, np.argsort(order)[labels], -1).astype(np.int16)
    # At full resolution, as the majority vote settles ties by the order of the classes
    config = replace(ALL, pooling=1)
    before, after = score_image(probabilities, labels, config), score_image(probabilities[order], renamed, config)
    for name in NAMES:
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-12), name
    for name, values in before.per_class.items():
        np.testing.assert_allclose(after.per_class[name], values[order], atol=1e-12)
    np.testing.assert_array_equal(order[after.prediction], before.prediction)
    np.testing.assert_array_equal(after.heatmap, before.heatmap)


@given(images)
@settings(max_examples=30, deadline=None)
def test_mirroring_leaves_the_scores_that_know_no_neighbours_unchanged(image):
    rng, shape = image
    probabilities = softmaxed(rng, shape)
    labels = labels_of("ignored", rng, probabilities)
    before = score_image(probabilities, labels, ALL)
    after = score_image(probabilities[:, :, ::-1], labels[:, ::-1], ALL)
    for name in ("ccp", "tccp", "cil", "softmin", "iou"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-12), name
    np.testing.assert_array_equal(after.heatmap[:, ::-1], before.heatmap)


@given(images, st.integers(0, 9), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_ignored_pixels_change_nothing(image, below, right):
    rng, shape = image
    probabilities = softmaxed(rng, shape)
    labels = labels_of("ignored", rng, probabilities)
    before = score_image(probabilities, labels, ALL)
    padded = softmaxed(rng, (shape[0], shape[1] + below, shape[2] + right))
    # What the model says where the label is ignored is anything
    padded[:, : shape[1], : shape[2]] = np.where(labels >= 0, probabilities, padded[:, : shape[1], : shape[2]])
    padded_labels = np.pad(labels, ((0, below), (0, right)), constant_values=-1)
    after = score_image(padded, padded_labels, ALL)
    for name in NAMES:
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-12), name
    assert after.pixels == before.pixels
    assert not after.heatmap[padded_labels < 0].any()


@given(images)
@settings(max_examples=30, deadline=None)
def test_an_image_beside_itself_scores_the_same(image):
    rng, shape = image
    probabilities = softmaxed(rng, shape)
    labels = labels_of("complete", rng, probabilities)
    once = score_image(probabilities, labels, ALL)
    twice = score_image(np.tile(probabilities, (1, 1, 2)), np.tile(labels, (1, 2)), ALL)
    for name in ("ccp", "tccp", "cil", "softmin", "iou"):
        assert getattr(twice, name) == pytest.approx(getattr(once, name), abs=1e-12), name


@given(images)
@settings(max_examples=30, deadline=None)
def test_a_wronger_label_scores_lower(image):
    rng, shape = image
    probabilities = softmaxed(rng, shape)
    likeliest = probabilities.argmax(axis=0).astype(np.int16)
    worse = likeliest.copy()
    worse[0, 0] = probabilities[:, 0, 0].argmin()
    good, bad = score_image(probabilities, likeliest, ALL), score_image(probabilities, worse, ALL)
    assert bad.ccp < good.ccp == 1.0
    assert bad.cil < good.cil
    assert bad.softmin < good.softmin
    assert bad.iou < good.iou == 1.0


def test_labels_only_gives_ccp_and_iou_and_marks_the_differences():
    prediction = np.array([[0, 1, 1], [2, 2, -1]], np.int16)
    labels = np.array([[0, 1, 2], [2, -1, 0]], np.int16)
    result = score_labels_only(prediction, labels, ALL, 4)
    assert result.ccp == pytest.approx(3 / 5)
    # Class 0: 1 of 2; class 1: 1 of 2; class 2: 1 of 2, as the ignored pixel does not count; class 3 is nowhere
    assert result.iou == pytest.approx(0.5)
    assert result.heatmap.tolist() == [[0, 0, 255], [0, 0, 255]]
    assert result.class_pixels.tolist() == [2, 1, 2, 0]
    np.testing.assert_array_equal(result.per_class["iou"], [0.5, 0.5, 0.5, np.nan])
    assert set(result.per_class) == {"ccp", "iou"}
    assert all(math.isnan(getattr(result, name)) for name in ("tccp", "cil", "softmin", "coco"))
    assert result.pooled_probabilities is None


def test_labels_only_agrees_with_one_hot_probabilities():
    rng = np.random.default_rng(5)
    prediction = rng.integers(0, 3, (9, 10)).astype(np.int16)
    labels = rng.integers(-1, 3, (9, 10)).astype(np.int16)
    alone, full = score_labels_only(prediction, labels, ALL), score_image(one_hot(prediction, 3), labels, ALL)
    assert (alone.ccp, alone.iou) == (full.ccp, full.iou)
    np.testing.assert_array_equal(alone.heatmap, full.heatmap)


def test_labels_only_refuses_bad_input():
    labels = np.zeros((2, 2), np.int16)
    with pytest.raises(ValueError, match=r"Expected a prediction of shape \(2, 2\) like the labels, but got \(2, 3\)"):
        score_labels_only(np.zeros((2, 3), np.int16), labels, ALL)
    with pytest.raises(ValueError, match="Expected class indices below 3, but got 3"):
        score_labels_only(np.full((2, 2), 3, np.int16), labels, ALL, 3)
    with pytest.raises(ValueError, match="all pixels are ignored"):
        score_labels_only(labels, np.full((2, 2), -1, np.int16), ALL)


def test_the_reference_has_the_default_thresholds():
    assert reference.THRESHOLDS == DEFAULT_THRESHOLDS
    assert {*NAMES, "clc", "evidence"} == set(SCORES)
    assert len(list(itertools.pairwise(DEFAULT_THRESHOLDS))) == 18
