"""Class-pair evidence: hand-computed cases, the plain definition, and what must not change or must only fall."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.scores.class_pair_evidence import (
    PairEvidence,
    Usual,
    UsualEvidence,
    evidence_score,
    evidence_strength,
    pair_evidence,
)

from .. import reference

Image = tuple[np.ndarray, np.ndarray]
shares = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(2, 6), st.integers(1, 9), st.integers(1, 9))


def row(*pixels: tuple[int, list[float]]) -> Image:
    """An image of one row of pixels, each a label and its probabilities."""
    probabilities = np.array([[values for _, values in pixels]], np.float32).transpose(2, 0, 1)
    return probabilities, np.array([[label for label, _ in pixels]], np.int16)


def make_image(rng: np.random.Generator, shape: tuple[int, int, int], ignored: float = 0.1) -> Image:
    """Softmaxed noise of some sharpness, and labels that are the argmax but where they are random or ignored."""
    exponents = np.exp(rng.normal(scale=rng.uniform(0.3, 6), size=shape))
    probabilities = (exponents / exponents.sum(axis=0)).astype(np.float32)
    labels = probabilities.argmax(axis=0)
    labels = np.where(rng.random(labels.shape) < rng.choice([0, 0.3]), rng.integers(0, shape[0], labels.shape), labels)
    labels[rng.random(labels.shape) < ignored] = -1
    return probabilities, labels.astype(np.int16)


def make_images(seed: int, shape: tuple[int, int, int], count: int = 12) -> list[Image]:
    rng = np.random.default_rng(seed)
    return [make_image(rng, shape) for _ in range(count)]


def by_pair(pairs: PairEvidence) -> dict[tuple[int, int], float]:
    return {
        (g, c): nats
        for g, c, nats in zip(pairs.given.tolist(), pairs.suggested.tolist(), pairs.strength.tolist(), strict=True)
    }


def odds_of(pairs: PairEvidence) -> dict[int, float]:
    """The odds of each class that is suggested, which are the same in all its pairs."""
    odds: dict[int, float] = {}
    for c, value in zip(pairs.suggested.tolist(), pairs.odds.tolist(), strict=True):
        assert odds.setdefault(c, value) == value
    return odds


def evidence_of(content: dict[tuple[int, int], float], odds: dict[int, float] | None = None) -> PairEvidence:
    """The reverse of `by_pair` and `odds_of`; even odds where none are said."""
    ends = np.array(list(content), np.int16).reshape(-1, 2)
    of_seen = np.array([(odds or {}).get(c, 1.0) for c in ends[:, 1].tolist()], float)
    return PairEvidence(ends[:, 0], ends[:, 1], np.array(list(content.values()), float), of_seen)


def usual_of(images: list[PairEvidence], classes: int) -> Usual:
    total = UsualEvidence(classes)
    for pairs in images:
        total.update(pairs)
    return total.usual()


def nothing_usual(classes: int) -> Usual:
    return UsualEvidence(classes).usual()


def test_one_pair_by_hand():
    image = row(
        (0, [0.25, 0.75]),  # the only contradiction
        (0, [0.875, 0.125]),
        (1, [0.25, 0.75]),
        (-1, [1.0, 0.0]),  # takes no part, not in the number of pixels either
    )
    pairs = pair_evidence(*image)
    assert by_pair(pairs) == pytest.approx({(0, 1): 0.5 * math.log(3) / 3})
    assert odds_of(pairs) == pytest.approx({1: 0.5 / 0.6})
    dtypes = [column.dtype for column in (pairs.given, pairs.suggested, pairs.strength, pairs.odds)]
    assert dtypes == [np.int16, np.int16, np.float64, np.float64]


def test_several_pairs_by_hand():
    image = row(
        (0, [0.25, 0.5, 0.25]),
        (0, [0.125, 0.625, 0.25]),
        (2, [0.125, 0.75, 0.125]),
        (1, [0.5, 0.375, 0.125]),
    )
    zero_to_one = 0.25 * math.log(2) + 0.5 * math.log(5)
    expected = {(0, 1): zero_to_one / 4, (1, 0): 0.125 * math.log(4 / 3) / 4, (2, 1): 0.625 * math.log(6) / 4}
    pairs = pair_evidence(*image)
    assert by_pair(pairs) == pytest.approx(expected)
    assert odds_of(pairs) == pytest.approx({0: 10, 1: 10})  # no pixel agrees


def test_odds_by_hand():
    """Of each class, the pixels given or seen as it: those that disagree, to those that agree and a tenth of all."""
    image = row(
        (0, [0.25, 0.75, 0.0]),
        (1, [0.25, 0.75, 0.0]),
        (1, [0.75, 0.25, 0.0]),
        (1, [0.25, 0.75, 0.0]),
        (0, [0.75, 0.25, 0.0]),
        (0, [0.0, 0.25, 0.75]),
        (-1, [0.0, 1.0, 0.0]),  # takes no part
        (-1, [0.0, 0.0, 1.0]),
    )
    expected = {0: 3 / (1 + 0.4), 1: 2 / (2 + 0.4), 2: 1 / 0.1}  # of 4, 4 and 1 pixels
    assert odds_of(pair_evidence(*image)) == pytest.approx(expected)


def test_a_class_that_is_missed_is_more_suspect_than_an_edge_of_one_that_is_there():
    """One pixel of ten says the same in both; in one the class is in no mask, in the other nine pixels confirm it."""
    wrong = (0, [0.0, 1.0])
    missed = pair_evidence(*row(wrong, *[(0, [1.0, 0.0])] * 9))
    edge = pair_evidence(*row(wrong, *[(1, [0.0, 1.0])] * 9))
    nats = math.log(100) / 10
    assert by_pair(missed) == by_pair(edge) == pytest.approx({(0, 1): nats})
    assert odds_of(missed) == pytest.approx({1: 10})
    assert odds_of(edge) == pytest.approx({1: 0.1})
    of_missed, of_edge = (evidence_strength(pairs, nothing_usual(2)) for pairs in (missed, edge))
    ratio = nats / 0.0015
    assert of_missed == pytest.approx(ratio * (math.sqrt(2) * 100) ** (1 / 4))
    assert of_edge == pytest.approx(ratio * (math.sqrt(2) / 100) ** (1 / 4))
    assert evidence_score(missed, nothing_usual(2), 0.5) < evidence_score(edge, nothing_usual(2), 0.5)


def test_what_is_impossible_is_no_more_than_sure():
    """A given class of probability 0 counts as one of 0.01: certainty says ln 100 nats."""
    impossible = pair_evidence(*row((1, [1.0, 0.0])))
    unlikely = pair_evidence(*row((1, [0.9921875, 0.0078125])))
    assert by_pair(impossible) == pytest.approx({(1, 0): math.log(100)})
    assert by_pair(unlikely) == pytest.approx({(1, 0): 0.984375 * math.log(99.21875)})


def test_classes_that_are_equally_likely_do_not_contradict_each_other():
    assert by_pair(pair_evidence(*row((1, [0.5, 0.5, 0.0]), (1, [0.0, 0.5, 0.5])))) == {}


def test_an_image_without_contradictions_scores_one():
    pairs = pair_evidence(*row((0, [0.6, 0.4]), (1, [0.4, 0.6]), (-1, [0.0, 1.0])))
    assert pairs.strength.size == 0
    assert evidence_strength(pairs, nothing_usual(2)) == 0
    assert evidence_score(pairs, nothing_usual(2), softmin=0.0) == 1
    for name, values in vars(pairs).items():
        np.testing.assert_array_equal(getattr(PairEvidence.none(), name), values, strict=True)


def test_an_image_that_is_wholly_ignored_has_no_evidence_but_is_an_image():
    ignored = pair_evidence(*row((-1, [0.0, 1.0]), (-1, [1.0, 0.0])))
    assert by_pair(ignored) == {}
    assert evidence_score(ignored, nothing_usual(2), 1.0) == 1
    wrong = [evidence_of({(0, 1): 0.5})] * 2
    # Two of nine images are more than a fifth, two of ten are not
    assert usual_of([*wrong, *[ignored] * 7], 2).pair(0, 1) == 0.5
    assert usual_of([*wrong, *[ignored] * 8], 2).pair(0, 1) == 0


def test_what_is_usual_by_hand():
    """Of ten images the third highest is the 80th percentile; powers of two are the upper ends of bins."""
    images = [evidence_of({})] * 6 + [
        evidence_of({(0, 1): 2.0}, {1: 2.0}),
        evidence_of({(0, 1): 0.5, (2, 1): 1.0}, {1: 0.5}),
        evidence_of({(0, 2): 0.25, (2, 1): 0.125}, {1: 4.0, 2: 10.0}),
        evidence_of({(2, 1): 0.25}, {1: 2.0}),
    ]
    pair = {(2, 1): 0.125}  # of 1, 0.125, 0.25; the other pairs are in two images or one
    given = [0.25, 0.0, 0.125]  # of 2, 0.5, 0.25; of none; of 1, 0.125, 0.25
    seen = [0.0, 0.25, 0.0]  # of none; of 2, 1.5, 0.125, 0.25; of 0.25 alone
    image = 2**-1.25  # of 2, 1.5, 0.375, 0.25: 0.375 ends no bin, its own ends there
    missed = [0.0, 1.0, 0.0]  # of none; of 8, 0.375, 2, 1; of 25 alone
    usual = usual_of(images, 3)
    pairs = [pair.get((g, c), 0.0) for g in range(3) for c in range(3)]
    np.testing.assert_allclose(usual.level, [*pairs, *given, *seen, image, *missed], rtol=1e-14)
    assert [usual.pair(g, c) for g in range(3) for c in range(3)] == usual.level[:9].tolist()


@pytest.mark.parametrize(
    ("strength", "end"),
    [
        (0.3, 2**-1.5),
        (2**-1.5, 2**-1.5),
        (0.5001, 2**-0.75),
        (2.0**-24, 2.0**-24),
        (2.0**-30, 2.0**-24),
        (math.log(100), 2**2.25),
    ],
)
def test_the_percentile_is_the_end_of_its_quarter_octave(strength: float, end: float):
    assert usual_of([evidence_of({(0, 1): strength})] * 3, 2).pair(0, 1) == pytest.approx(end, rel=1e-12)


def test_the_most_that_a_class_can_be_missed_has_a_bin():
    """A whole image that is surely of a class that is nowhere given."""
    pairs = pair_evidence(*row((0, [0.0, 1.0]), (0, [0.0, 1.0])))
    assert 2**8.75 < 100 * math.log(100) < 2**9
    assert usual_of([pairs] * 3, 2).level[-1] == 2**9


@pytest.mark.parametrize(
    ("images", "having", "percentile"),
    [(10, 2, 0), (10, 3, 0.5), (100, 20, 0), (100, 21, 0.5), (5, 1, 0), (4, 1, 0), (4, 2, 0.5), (2, 2, 0.5), (1, 1, 0)],
)
def test_a_fifth_of_the_images_may_have_what_is_not_usual(images: int, having: int, percentile: float):
    some = [evidence_of({(1, 0): 0.5})] * having + [evidence_of({})] * (images - having)
    assert usual_of(some, 2).pair(1, 0) == percentile


def test_what_is_not_usual_is_so_however_much_it_is():
    """Two of ten images say all that can be said, or next to nothing; what is usual is the same."""
    for strength in (math.log(100), 2.0**-20):
        some = [evidence_of({(1, 0): strength})] * 2 + [evidence_of({(1, 0): 2.0**-22})] * 8
        assert usual_of(some, 2).pair(1, 0) == 2.0**-22


def test_nothing_is_usual_where_there_are_no_images_or_the_class_is_never_given():
    assert nothing_usual(3).level.tolist() == [0.0] * (9 + 6 + 1 + 3)
    usual = usual_of([evidence_of({(0, 1): 0.5, (1, 2): 0.5})] * 5, 3)
    assert [usual.pair(2, c) for c in range(3)] == [0.0] * 3
    assert usual.level[9 + 2] == 0
    assert usual.level[9 + 3 + 2] == 0.5
    assert usual.level[9 + 6 + 1 :].tolist() == [0, 0.5, 0.5]


@pytest.mark.parametrize(("odds", "missed"), [(1.0, 2), (10.0, 200), (0.5, 0.5)])
def test_strength_of_one_pair_by_hand(odds: float, missed: float):
    """Twice the floor as a pair, as the class lost, as the class won, and as an image; the odds squared on top."""
    pairs = evidence_of({(0, 1): 0.003}, {1: odds})
    expected = (2 * math.sqrt(2**2 + 2**2) * 2 * missed) ** (1 / 4)
    assert evidence_strength(pairs, nothing_usual(2)) == pytest.approx(expected, rel=1e-12)


def test_strength_is_relative_to_what_is_usual_at_each_level():
    level = np.zeros(2 * 2 + 2 * 2 + 1 + 2)
    level[[1, 4, 4 + 2 + 1, 8, 9 + 1]] = 0.0015, 0.0045, 0.0015, 0.0135, 0.0285
    # A pair that is 1 time what is usual, classes 0.5 and 1 times, the image 0.2 times, and 0.4 times as missed
    expected = (1 * math.sqrt(0.5**2 + 1) * 0.2 * 0.4) ** (1 / 4)
    assert evidence_strength(evidence_of({(0, 1): 0.003}, {1: 2.0}), Usual(2, level)) == pytest.approx(expected)


def test_strength_of_several_pairs_by_hand():
    """Times the floor: 3, 4 and 12 as pairs; 7 lost by 0, 12 by 2, 15 won by 1, 4 by 2; 19 as an image."""
    pairs = evidence_of({(0, 1): 0.0045, (0, 2): 0.006, (2, 1): 0.018}, {1: 0.2, 2: 2.0})
    classes = math.sqrt(7**2 + 12**2 + 15**2 + 4**2)
    missed = math.sqrt((15 * 0.04) ** 2 + (4 * 4) ** 2)
    expected = (13 * classes * 19 * missed) ** (1 / 4)
    assert evidence_strength(pairs, nothing_usual(3)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("evidence", "softmin", "suspicion"),
    [
        (128, 0.5, 8),
        (512, 1.0, 8),
        (1, 1.0, 1),
        (0.125, 1.0, 0.5),
        (64, 0.125, 16),
        (1, 0.001, 100),
        (1, 0.0009, 100),  # a softmin below 0.001 is as good as that
        (1, 0, 100),
    ],
)
def test_score_by_hand(evidence: float, softmin: float, suspicion: float):
    """So many times the floor at each level but by two classes, which the odds of missing one make up for."""
    pairs = evidence_of({(0, 1): evidence * 0.0015}, {1: 2**-0.25})
    assert evidence_strength(pairs, nothing_usual(2)) == pytest.approx(evidence, rel=1e-12)
    expected = 8 / (8 + suspicion)
    assert evidence_score(pairs, nothing_usual(2), softmin) == pytest.approx(expected, rel=1e-12)


def test_two_classes_from_the_pixels_to_the_score():
    """Three images of two pixels, the third clean: what is usual is the lesser of the two others', which are alike."""
    wrong = pair_evidence(*row((0, [0.0, 1.0]), (1, [0.0, 1.0])))
    clean = pair_evidence(*row((0, [1.0, 0.0]), (1, [0.0, 1.0])))
    nats = math.log(100) / 2
    ratio = nats / (2**1.25 + 0.0015)  # 2.303 nats are between 2^1 and 2^1.25
    missed = nats * (0.5 / 0.6) ** 2  # of two pixels one agrees; 1.599 nats are between 2^0.5 and 2^0.75
    ratio_missed = missed / (2**0.75 + 0.0015)
    strength = (ratio * ratio * math.sqrt(2) * ratio * ratio_missed) ** (1 / 4)
    usual = usual_of([wrong, wrong, clean], 2)
    assert evidence_score(wrong, usual, 0.02) == pytest.approx(8 / (8 + (2500 * strength) ** (1 / 3)))
    assert evidence_score(clean, usual, 1.0) == 1


def test_a_gross_error_scores_the_same_however_few_the_images():
    """Half an object is of another class; the other images only confuse the two a little, as this one does."""
    right, unsure = (0, [0.9, 0.1]), (0, [0.45, 0.55])
    gross = pair_evidence(*row(*[(0, [0.01, 0.99])] * 20, unsure, *[right] * 79))
    common = pair_evidence(*row(unsure, *[right] * 99))
    scores = [evidence_score(gross, usual_of([gross, *[common] * more], 2), 0.2) for more in range(1, 9)]
    assert scores == [scores[0]] * 8
    assert scores[0] < 0.3
    # Nothing is known to be usual by one image alone, which makes it no less suspect
    assert evidence_score(gross, usual_of([gross], 2), 0.2) <= scores[0]


def test_evidence_and_what_is_usual_survive_a_dict():
    pairs = pair_evidence(*make_images(3, (4, 9, 9), 1)[0])
    again = PairEvidence.from_dict(pairs.to_dict())
    for name, values in vars(pairs).items():
        np.testing.assert_array_equal(getattr(again, name), values, strict=True)
    usual = usual_of([pairs], 4)
    restored = Usual.from_dict({name: np.asarray(value) for name, value in usual.to_dict().items()})
    assert restored.classes == 4
    np.testing.assert_array_equal(restored.level, usual.level)


def test_1000_classes_take_memory_of_what_is_seen_of_them():
    """Two images of 24 × 24 pixels have some hundred pairs each, of a million; the result has 8 bytes for each."""
    images = make_images(0, (1000, 24, 24), 3)
    pairs = [pair_evidence(*image) for image in images]
    tracemalloc.start()
    total = UsualEvidence(1000)
    for one in pairs * 20:
        total.update(one)
    _, finding = tracemalloc.get_traced_memory()
    usual = total.usual()
    _, all_in_all = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.count_nonzero(usual.level) > 500
    assert finding < 1e6
    assert all_in_all < 10e6


@given(seeds, shapes, st.integers(1, 24), shares, st.booleans())
@settings(max_examples=80, deadline=None)
def test_agrees_with_the_definition(seed, shape, count, softmin, coarse):
    images = make_images(seed, shape, count)
    if coarse:  # with classes that are equally likely, and no pixels of many a class
        images = [((probabilities * 8).round() / 8, labels) for probabilities, labels in images]
    pairs = [pair_evidence(*image) for image in images]
    expected = [(reference.pair_evidence(*image), reference.odds(*image)) for image in images]
    for one, (plain, odds) in zip(pairs, expected, strict=True):
        assert by_pair(one) == pytest.approx(plain, rel=1e-9, abs=0)
        assert odds_of(one) == pytest.approx({c: odds[c] for _, c in plain}, rel=1e-9, abs=0)
    usual, plainly = usual_of(pairs, shape[0]), reference.usual_evidence(expected)
    np.testing.assert_allclose(usual.level, laid_out(plainly, shape[0]), rtol=1e-9)
    for one, plain in zip(pairs, expected, strict=True):
        score = reference.evidence(*plain, plainly, softmin)
        assert evidence_score(one, usual, softmin) == pytest.approx(score, rel=1e-9)


def laid_out(usual: dict[tuple[str, int, int], float], classes: int) -> list[float]:
    """The reference's levels in the order of `Usual.level`."""
    names = [("pair", g, c) for g in range(classes) for c in range(classes)]
    names += [("given", g, -1) for g in range(classes)] + [("seen", -1, c) for c in range(classes)]
    names += [("image", -1, -1)] + [("missed", -1, c) for c in range(classes)]
    return [usual.get(name, 0.0) for name in names]


@given(seeds, shapes, shares)
@settings(max_examples=60, deadline=None)
def test_scores_are_in_range_and_one_only_without_contradictions(seed, shape, softmin):
    pairs = [pair_evidence(*image) for image in make_images(seed, shape)]
    usual = usual_of(pairs, shape[0])
    for one in pairs:
        score = evidence_score(one, usual, softmin)
        assert 0 < score <= 1
        assert (score == 1) == (one.strength.size == 0)
        assert (one.given != one.suggested).all()
        assert ((one.strength > 0) & (one.strength <= math.log(100) * (1 + 1e-12))).all()
        assert ((one.odds > 0) & (one.odds <= 10 * (1 + 1e-12))).all()


@given(seeds, shapes, st.data())
@settings(max_examples=60, deadline=None)
def test_renaming_the_classes_renames_the_pairs_and_leaves_the_scores(seed, shape, data):
    images = make_images(seed, shape)
    new_name = np.array(data.draw(st.permutations(range(shape[0]))))
    order, names = new_name.argsort(), np.append(new_name, -1).astype(np.int16)
    renamed = [(probabilities[order], names[labels]) for probabilities, labels in images]
    before, after = ([pair_evidence(*image) for image in some] for some in (images, renamed))
    for one, other in zip(before, after, strict=True):
        expected = {(int(new_name[g]), int(new_name[c])): nats for (g, c), nats in by_pair(one).items()}
        assert by_pair(other) == pytest.approx(expected, rel=1e-12)
        odds = {int(new_name[c]): value for c, value in odds_of(one).items()}
        assert odds_of(other) == pytest.approx(odds, rel=1e-12)
    usual, usual_after = usual_of(before, shape[0]), usual_of(after, shape[0])
    for one, other in zip(before, after, strict=True):
        score = evidence_score(one, usual, 0.5)
        assert evidence_score(other, usual_after, 0.5) == pytest.approx(score, rel=1e-12)


@given(seeds, shapes, st.data())
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_images_makes_no_difference_at_all(seed, shape, data):
    pairs = [pair_evidence(*image) for image in make_images(seed, shape)]
    shuffled = data.draw(st.permutations(pairs))
    assert usual_of(shuffled, shape[0]).level.tobytes() == usual_of(pairs, shape[0]).level.tobytes()


@given(seeds, shapes, st.integers(2, 3))
@settings(max_examples=40, deadline=None)
def test_evidence_does_not_depend_on_the_size_of_the_image(seed, shape, times):
    (probabilities, labels), *_ = make_images(seed, shape, 1)
    larger = probabilities.repeat(times, 1).repeat(times, 2), labels.repeat(times, 0).repeat(times, 1)
    expected, found = pair_evidence(probabilities, labels), pair_evidence(*larger)
    assert by_pair(found) == pytest.approx(by_pair(expected), rel=1e-12)
    assert odds_of(found) == pytest.approx(odds_of(expected), rel=1e-12)


@given(seeds, shapes)
@settings(max_examples=40, deadline=None)
def test_ignored_pixels_change_nothing(seed, shape):
    rng = np.random.default_rng(seed)
    probabilities, labels = make_image(rng, shape)
    noise, _ = make_image(rng, shape)
    wider = np.concatenate([np.where(labels >= 0, probabilities, noise), noise], axis=2)
    ignoring = np.concatenate([labels, np.full_like(labels, -1)], axis=1)
    expected, found = pair_evidence(probabilities, labels), pair_evidence(wider, ignoring)
    assert by_pair(found) == pytest.approx(by_pair(expected), rel=1e-12)
    assert odds_of(found) == pytest.approx(odds_of(expected), rel=1e-12)


@given(seeds, shapes, st.tuples(shares, shares))
@settings(max_examples=60, deadline=None)
def test_less_softmin_never_raises_a_score(seed, shape, softmin):
    pairs = [pair_evidence(*image) for image in make_images(seed, shape, 4)]
    usual = usual_of(pairs, shape[0])
    for one in pairs:
        worse, better = (evidence_score(one, usual, low) for low in sorted(softmin))
        assert worse <= better


@given(seeds, shapes, st.floats(1.01, 100), st.data())
@settings(max_examples=60, deadline=None)
def test_more_evidence_or_longer_odds_lower_the_score(seed, shape, factor, data):
    pairs = [pair_evidence(*image) for image in make_images(seed, shape, 4)]
    usual = usual_of(pairs, shape[0])
    for one in pairs:
        if one.strength.size:
            before = evidence_score(one, usual, 0.5)
            index = data.draw(st.integers(0, one.strength.size - 1))
            stronger = np.where(np.arange(one.strength.size) == index, factor, 1) * one.strength
            longer = np.where(one.suggested == one.suggested[index], factor, 1) * one.odds
            assert evidence_score(replace(one, strength=stronger), usual, 0.5) <= before
            assert evidence_score(replace(one, odds=longer), usual, 0.5) <= before
            assert evidence_score(replace(one, strength=factor * one.strength), usual, 0.5) < before
            assert evidence_score(replace(one, odds=factor * one.odds), usual, 0.5) < before


@given(seeds, shapes)
@settings(max_examples=60, deadline=None)
def test_pixels_that_confirm_a_class_make_it_less_likely_to_be_missed(seed, shape):
    """Every class is confirmed at as many pixels as there are: all odds fall, what is contradicted stays."""
    probabilities, labels = make_image(np.random.default_rng(seed), shape)
    confirming = np.zeros((shape[0], shape[1], shape[0] * shape[2]), np.float32)
    confirmed = np.arange(shape[0], dtype=np.int16).repeat(shape[2])[None].repeat(shape[1], 0)
    np.put_along_axis(confirming, confirmed[None].astype(int), 1, 0)
    wider = np.concatenate([probabilities, confirming], axis=2), np.concatenate([labels, confirmed], axis=1)
    before, after = pair_evidence(probabilities, labels), pair_evidence(*wider)
    share = (labels >= 0).sum() / (wider[1] >= 0).sum()
    assert by_pair(after) == pytest.approx({pair: share * nats for pair, nats in by_pair(before).items()}, rel=1e-12)
    assert all(after < before for after, before in zip(after.odds, before.odds, strict=True))


@given(seeds, shapes)
@settings(max_examples=60, deadline=None)
def test_correcting_the_surest_contradiction_raises_the_score(seed, shape):
    images = make_images(seed, shape)
    usual = usual_of([pair_evidence(*image) for image in images], shape[0])
    for probabilities, labels in images:
        before = pair_evidence(probabilities, labels)
        if before.strength.size:
            margin = probabilities.max(axis=0) - np.take_along_axis(probabilities, np.maximum(labels, 0)[None], 0)[0]
            surest = np.unravel_index(np.where(labels >= 0, margin, -1).argmax(), labels.shape)
            corrected = labels.copy()
            corrected[surest] = probabilities[(slice(None), *surest)].argmax()
            after = pair_evidence(probabilities, corrected)
            assert evidence_score(after, usual, 0.5) > evidence_score(before, usual, 0.5)


@given(seeds, shapes, st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_more_usual_is_less_suspect(seed, shape, data):
    pairs = [pair_evidence(*image) for image in make_images(seed, shape)]
    usual = usual_of(pairs, shape[0])
    raised = usual.level.copy()
    raised[data.draw(st.integers(0, raised.size - 1))] *= 2
    for one in pairs:
        assert evidence_strength(one, Usual(shape[0], raised)) <= evidence_strength(one, usual)
