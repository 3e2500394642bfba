"""Confident learning: hand-computed cases, the plain definitions, and cleanlab's flags pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest
from cleanlab.segmentation.filter import find_label_issues
from cleanlab.segmentation.rank import get_label_quality_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.scores.confident_learning import (
    ConfidentJoint,
    Image,
    LowestCut,
    ThresholdSums,
    confident_classes,
    count_issues,
    counts_score,
    find_cut,
    flag_candidates,
    flags_joint,
    learn,
)
from label_quality.plugin.scores.config import ScoreConfig
from label_quality.plugin.scores.image_scores import score_image

from .. import reference


def make_images(seed: int, count: int, classes: int, height: int, width: int, ignored: float = 0.0) -> list[Image]:
    """Softmaxed noise, labels that are 30 % random; with odd seeds the last class is never given."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        exponents = np.exp(rng.normal(scale=rng.uniform(0.5, 3), size=(classes, height, width)))
        probabilities = (exponents / exponents.sum(axis=0)).astype(np.float32)
        labels = probabilities.argmax(axis=0).astype(np.int16)
        labels = np.where(rng.random(labels.shape) < 0.3, rng.integers(0, classes, labels.shape), labels)
        if seed % 2:
            labels[labels == classes - 1] = 0
        labels[rng.random(labels.shape) < ignored] = -1
        images.append((probabilities, labels.astype(np.int16)))
    return images


def image(*pixels: tuple[int, list[float]]) -> Image:
    """One row of pixels, each a label and its probabilities."""
    return np.array([[row for _, row in pixels]], np.float32).transpose(2, 0, 1), np.array(
        [[label for label, _ in pixels]]
    )


def test_thresholds_by_hand():
    sums = ThresholdSums(3)
    sums.update(*image((0, [0.5, 0.25, 0.25]), (0, [1.0, 0.0, 0.0]), (1, [0.5, 0.5, 0.0]), (-1, [0.0, 0.0, 1.0])))
    sums.update(*image((0, [0.75, 0.25, 0.0])))
    assert sums.thresholds().tolist() == [0.75, 0.5, np.inf]
    assert sums.counts.tolist() == [3, 1, 0]
    assert sums.steps.tolist() == [9 << 30, 1 << 31, 0]


def test_joint_by_hand():
    thresholds = np.array([0.9, 0.25, 0.15])
    pixels = image(
        (0, [0.95, 0.03, 0.02]),  # confident of 0, given 0
        (1, [0.95, 0.03, 0.02]),  # confident of 0, given 1: flagged
        (0, [0.5, 0.3, 0.2]),  # the argmax, 0, is not confident; of 1 and 2, which are, 1 is likelier: flagged
        (1, [0.5, 0.3, 0.2]),
        (2, [0.8, 0.1, 0.1]),  # confident of nothing
        (-1, [0.0, 1.0, 0.0]),
    )
    assert confident_classes(pixels[0], thresholds).tolist() == [[0, 0, 1, 1, -1, 1]]
    joint = ConfidentJoint(3)
    joint.update(*pixels, thresholds)
    assert joint.counts.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    flags = flags_joint(*pixels, thresholds)
    assert flags.tolist() == [[False, True, True, False, False, False]]
    assert counts_score(flags, pixels[1]) == pytest.approx(3 / 5)


def test_a_probability_equal_to_its_threshold_is_confident():
    """A uniform prediction equals the thresholds it gives, also where float32 cannot hold 1 / K."""
    for classes in (2, 3, 7, 150):
        probabilities = np.full((classes, 3, 5), 1 / classes, np.float32)
        labels = np.arange(15).reshape(3, 5) % classes
        sums = ThresholdSums(classes)
        sums.update(probabilities, labels)
        assert (confident_classes(probabilities, sums.thresholds()) == 0).all()


def test_thresholds_are_compared_as_the_numbers_they_are():
    """A threshold between two float32 numbers is reached by the upper one and not by the lower."""
    probability = np.float32(0.3)
    pixels = np.array([[[probability]], [[0.0]]], np.float32)
    for offset, confident in ((-1e-10, 0), (0.0, 0), (1e-10, -1)):
        assert confident_classes(pixels, np.array([float(probability) + offset, 0.5])).item() == confident


def test_cleanlab_counts_a_millionth_below_the_threshold():
    thresholds = np.array([0.5, 0.7])
    assert count_issues(*image((0, [0.3, 0.6999995])), thresholds) == 1
    assert count_issues(*image((0, [0.3, 0.699998])), thresholds) == 0
    assert count_issues(*image((1, [0.3, 0.8])), thresholds) == 0


def test_a_class_never_given_is_confident_nowhere_and_makes_no_nan():
    pixels = image((0, [0.1, 0.0, 0.9]), (1, [0.0, 0.6, 0.4]))
    learned = learn([pixels], 3)
    assert learned.thresholds[2] == np.inf
    assert learned.joint.counts[:, 2].sum() == 0
    noise = learned.joint.noise_matrix(np.array([1, 1, 0]))
    assert np.isfinite(noise).all()
    assert noise[:, 2].tolist() == [0, 0, 0]


def test_noise_matrix_by_hand():
    joint = ConfidentJoint(3)
    joint.counts[:] = [[30, 10, 0], [0, 20, 0], [0, 0, 0]]
    # Uncalibrated, columns are divided by their sums
    np.testing.assert_allclose(joint.noise_matrix(), [[1, 1 / 3, 0], [0, 2 / 3, 0], [0, 0, 0]])
    # 80 pixels given 0 split 60 : 20, 60 given 1 are truly 1, and the 5 given 2 show no noise
    expected = [[1, 20 / 80, 0], [0, 60 / 80, 0], [0, 0, 1]]
    np.testing.assert_allclose(joint.noise_matrix(np.array([80, 60, 5])), expected)


def test_every_image_counts_the_same_however_the_work_was_split():
    images = make_images(2, 6, 4, 9, 8, ignored=0.1)
    forward, backward, halves = (ThresholdSums(4) for _ in range(3))
    for one in images:
        forward.update(*one)
    for one in reversed(images):
        backward.update(*one)
    for half in (images[:1], images[1:]):
        part = ThresholdSums(4)
        for one in half:
            part.update(*one)
        halves.add(part.steps, part.counts)
    thresholds = forward.thresholds()
    for other in (backward, halves):
        np.testing.assert_array_equal(other.thresholds(), thresholds)
        np.testing.assert_array_equal(other.counts, forward.counts)
    whole, merged = ConfidentJoint(4), ConfidentJoint(4)
    for one in images:
        whole.update(*one, thresholds)
        part_joint = ConfidentJoint(4)
        part_joint.update(*one, thresholds)
        merged.merge(part_joint)
    np.testing.assert_array_equal(merged.counts, whole.counts)
    cut = LowestCut(thresholds)
    for _ in range(2):
        for one in reversed(images):
            cut.merge(cut.of_images([one]))
        cut.next_sweep()
    assert cut.value == find_cut(images, thresholds)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_thresholds_are_the_same_bits_however_many_pixels_a_part_has(dtype: type):
    """A part's sums are of more pixels than the 53 bits of a float64 have room for."""
    rng = np.random.default_rng(3)
    labels = np.zeros((1 << 11, 1 << 10), np.int16)
    images = [
        (np.sqrt(rng.random((1, *labels.shape), np.float32)).astype(dtype).astype(np.float32), labels) for _ in range(8)
    ]

    def thresholds(*parts: list[Image]) -> np.ndarray:
        total = ThresholdSums(1)
        for part in parts:
            sums = ThresholdSums(1)
            for one in part:
                sums.update(*one)
            total.add(sums.steps, sums.counts)
        return total.thresholds()

    whole = thresholds(images)
    for parts in ([[one] for one in images], [images[5:], images[:5]]):
        assert thresholds(*parts).tobytes() == whole.tobytes()
    mean = np.mean([one.mean(dtype=np.float64) for one, _ in images])
    assert -1e-15 <= mean - whole[0] <= (1e-15 if dtype == np.float16 else 2**-32)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 3),
    classes=st.integers(2, 5),
    size=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    rounding=st.sampled_from([np.float32, np.float16]),
)
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_definitions(seed, count, classes, size, rounding):
    images = make_images(seed, count, classes, *size, ignored=0.2)
    images = [(probabilities.astype(rounding).astype(np.float32), labels) for probabilities, labels in images]
    expected = reference.thresholds(images, classes)
    joint, lowest = learn(images, classes), learn(images, classes, "cleanlab")
    np.testing.assert_allclose(joint.thresholds, expected, rtol=1e-14, atol=0 if rounding == np.float16 else 2**-32)
    np.testing.assert_array_equal(joint.joint.counts, reference.confident_joint(images, joint.thresholds))
    flagged = sum(int(joint.flags(*one).sum()) for one in images)
    assert flagged == joint.joint.counts.sum() - joint.joint.counts.trace()
    for one, flags in zip(images, reference.cleanlab_flags(images, lowest.thresholds), strict=True):
        np.testing.assert_array_equal(lowest.flags(*one), flags)


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40), st.data())
@settings(max_examples=100, deadline=None)
def test_the_cut_is_the_nth_lowest_score(scores, data):
    """Two classes; pixels given 1 have the scores, pixels given 0 are the n sure issues, at the top of the order."""
    lowest = data.draw(st.integers(0, len(scores)))
    rows = [(1, [0.0, score]) for score in scores] + [(0, [1.0, 2.0])] * lowest
    probabilities, labels = image(*rows)
    cut = LowestCut(np.array([0.0, 1.5]))
    for _ in range(2):
        cut.merge(cut.of_images([(probabilities, labels)]))
        cut.next_sweep()
    assert cut.issues == lowest
    assert cut.value == (np.sort([*scores, *[1.0] * lowest])[lowest - 1] if lowest else -1.0)


def test_a_dataset_without_issues_flags_nothing():
    labels = np.array([[0, 1], [1, 0]])
    probabilities = np.stack([labels == 0, labels == 1]).astype(np.float32)
    for rule in ("joint", "cleanlab"):
        learned = learn([(probabilities, labels)], 2, rule)
        assert not learned.flags(probabilities, labels).any()
    assert counts_score(np.zeros((2, 2), bool), labels) == 1.0
    assert np.isnan(counts_score(np.zeros((2, 2), bool), np.full((2, 2), -1)))


def test_all_pixels_at_the_cut_are_flagged_except_where_the_label_is_the_likeliest():
    pixels = image((1, [0.75, 0.25]), (0, [0.25, 0.75]), (1, [0.7, 0.3]), (0, [0.25, 0.25]), (-1, [0.9, 0.1]))
    assert flag_candidates(*pixels, 0.25).tolist() == [[True, True, False, False, False]]


@pytest.mark.parametrize("seed", range(8))
def test_flags_and_softmin_are_those_of_cleanlab(seed: int):
    classes, size = 2 + seed, (40 + 7 * seed, 90 - 5 * seed)
    images = make_images(seed, 1 + seed % 4, classes, *size)
    probabilities, labels = np.stack([one[0] for one in images]), np.stack([one[1] for one in images]).astype(int)
    learned = learn(images, classes, "cleanlab")
    flags = np.stack([learned.flags(*one) for one in images])
    theirs = find_label_issues(labels, probabilities, downsample=1, n_jobs=1, verbose=False)
    assert theirs.sum() > 100
    np.testing.assert_array_equal(flags, theirs)
    softmin, _ = get_label_quality_scores(labels, probabilities, method="softmin", n_jobs=1, verbose=False)
    ours = [score_image(*one, ScoreConfig(scores=("softmin",))).softmin for one in images]
    np.testing.assert_allclose(ours, softmin, rtol=0, atol=1e-12)


def test_cleanlab_counts_every_argmax_of_a_class_never_given():
    images = make_images(1, 1, 3, 6, 6)
    thresholds = learn(images, 3).thresholds
    assert np.isinf(thresholds[2])
    of_the_class = (images[0][0].argmax(axis=0) == 2).sum()
    assert of_the_class > 0
    rest = np.where(images[0][0].argmax(axis=0) == 2, -1, images[0][1])
    assert count_issues(*images[0], thresholds) == of_the_class + count_issues(images[0][0], rest, thresholds)
