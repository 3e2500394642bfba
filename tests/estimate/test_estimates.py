"""What samples say of pixels, classes, mean IoU and images, on cases that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from label_quality.plugin.estimate.estimates import PixelEstimates, judged_by_group, judged_number
from label_quality.plugin.estimate.replicates import UNKNOWN, Judged

#: Two strata of 100 and 300 pixels, by given class
CLASS_PIXELS = np.array([[60, 40, 0], [240, 30, 30]])


def estimates(units: list[tuple[int, int, int, int]], class_pixels: np.ndarray = CLASS_PIXELS) -> PixelEstimates:
    """Of (stratum, given, true, how many)."""
    rows = np.array([one[:3] for one in units for _ in range(one[3])])
    return PixelEstimates(Judged(class_pixels.sum(axis=1), *rows.T), class_pixels)


#: 10 of the 100 are judged, each standing for 10, and 30 of the 300
UNITS = [(0, 0, 0, 4), (0, 0, 1, 2), (0, 1, 1, 3), (0, 1, 2, 1), (1, 0, 0, 25), (1, 1, 1, 2), (1, 2, 0, 3)]


def test_by_hand() -> None:
    found = estimates(UNITS)
    # 2 + 1 wrong of 10, and 3 of 30
    assert found.share().value == pytest.approx((100 * 0.3 + 300 * 0.1) / 400)
    assert found.wrong(np.array([True, False])).value == pytest.approx(30)
    first, second, third = (found.of_class(index) for index in range(3))
    assert [one.pixels for one in (first, second, third)] == [300, 70, 30]
    # 20 of the pixels given 0 are 1; 10 given 1 are 2; 30 given 2 are 0
    assert first.wrong.value == pytest.approx(20 / 300)
    assert second.wrong.value == pytest.approx(10 / 70)
    assert third.wrong.value == pytest.approx(30 / 30)
    assert first.missed.value == pytest.approx(30 / (280 + 30))
    assert second.missed.value == pytest.approx(20 / (60 + 20))
    assert third.missed.value == pytest.approx(1)
    ious = [280 / (300 + 30), 60 / (70 + 20), 0 / (30 + 10)]
    assert found.label_miou().value == pytest.approx(np.mean(ious))


def test_intervals_are_around_their_estimates_and_within_what_is_possible() -> None:
    found = estimates(UNITS)
    for index in range(3):
        for one in (found.of_class(index).wrong, found.of_class(index).missed):
            assert 0 <= one.low <= one.value <= one.high <= 1
    miou = found.label_miou()
    assert 0 <= miou.low < miou.value < miou.high <= 1
    inside = found.wrong(np.array([True, False]))
    assert 3 < inside.low < 30 < inside.high < 100


def test_a_census_gives_the_true_confusion_exactly() -> None:
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 9, (2, 3, 3))
    units = [(h, g, t, int(pixels[h, g, t])) for h in range(2) for g in range(3) for t in range(3)]
    found = estimates(units, pixels.sum(axis=2))
    both = pixels.sum(axis=0)
    right, given, true = np.diag(both), both.sum(axis=1), both.sum(axis=0)
    share, miou = found.share(), found.label_miou()
    assert (share.low, share.high) == pytest.approx([1 - right.sum() / both.sum()] * 2)
    assert (miou.low, miou.high) == pytest.approx([np.mean(right / (given + true - right))] * 2)
    for index in range(3):
        errors = found.of_class(index)
        assert (errors.wrong.low, errors.wrong.high) == pytest.approx([1 - right[index] / given[index]] * 2)
        assert (errors.missed.low, errors.missed.high) == pytest.approx([1 - right[index] / true[index]] * 2)


def test_a_wrong_pixel_of_an_unknown_class_is_missed_by_none() -> None:
    found = estimates([(0, 0, UNKNOWN, 5), (0, 1, 1, 5), (1, 0, 0, 30)])
    assert found.of_class(0).wrong.value == pytest.approx(50 / 300)
    assert found.of_class(1).missed.value == 0
    assert found.label_miou().value == pytest.approx(np.mean([250 / 300, 1, 1]))


def test_a_class_that_is_nowhere_has_no_missed_share() -> None:
    found = estimates([(0, 0, 0, 5), (1, 1, 1, 30)], np.array([[100, 0, 0], [0, 300, 0]]))
    assert found.of_class(2).pixels == 0 and found.of_class(2).wrong.high == 0
    assert found.of_class(2).missed is None


def test_how_many_more_verdicts_a_precision_takes() -> None:
    found = estimates([(0, 0, 0, 90), (0, 0, 1, 10)], np.array([[10**8, 10**7]]))
    width = found.share().high - found.share().low
    assert found.more_verdicts(width / 2) == 0
    # The width goes with the root of the number
    more = found.more_verdicts(width / 4)
    assert more is not None and 240 < more < 360
    assert found.more_verdicts(1e-7) is None


def test_images_that_are_wrong() -> None:
    found = judged_number(np.array([10, 90]), np.repeat([0, 1], [10, 30]), np.arange(40) < 13)
    assert found.value == pytest.approx(10 + 90 * 3 / 30)
    assert 10 < found.low < 19 < found.high < 40


def test_suspects_of_each_issue_that_are_real() -> None:
    # By level and issue; of the first level 6 are judged and 4 wrong, of the second 4 and 1 wrong
    sizes = np.array([[20, 10, 3], [40, 0, 2]])
    level, issue = np.repeat([0, 0, 1], [4, 2, 4]), np.repeat([0, 1, 0], [4, 2, 4])
    wrong = np.array([1, 1, 1, 0, 1, 0, 0, 1, 0, 0], bool)
    first, second, third = judged_by_group(sizes, level, issue, wrong)
    assert first.value == pytest.approx(20 * 3 / 4 + 40 * 1 / 4)
    assert second.value == pytest.approx(10 * 1 / 2)
    assert 4 < first.low < 25 < first.high < 60 and 0 < second.low < 5 < second.high < 10
    # None is judged: as the whole level in the value, and all or none in the interval
    assert third.value == pytest.approx(3 * 4 / 6 + 2 * 1 / 4)
    assert (third.low, third.high) == (0, 5)
    # One of no issue counts for its level alone
    beside = judged_by_group(sizes, np.append(level, 1), np.append(issue, -1), np.append(wrong, True))
    assert beside[:2] == [first, second] and beside[2].value == pytest.approx(3 * 4 / 6 + 2 * 2 / 5)
    alone = judged_number(np.array([20, 40]), np.repeat([0, 1], [4, 4]), wrong[[0, 1, 2, 3, 6, 7, 8, 9]])
    assert first == alone


def test_of_an_issue_that_is_judged_in_one_level_alone_the_other_may_be_anything() -> None:
    found = judged_by_group(
        np.array([[4, 6], [5, 0]]),
        np.array([0, 0, 0, 0, 1]),
        np.array([0, 1, 1, 1, 0]),
        np.array([1, 1, 0, 0, 1], bool),
    )
    assert len(found) == 2
    unjudged = judged_by_group(
        np.array([[4, 6], [5, 7]]),
        np.array([0, 0, 0, 0, 1]),
        np.array([0, 1, 1, 1, 0]),
        np.array([1, 1, 0, 0, 1], bool),
    )
    assert unjudged[1].low == found[1].low
    assert unjudged[1].high == pytest.approx(found[1].high + 7)
    assert unjudged[1].value == pytest.approx(found[1].value + 7 * 1.0)


def test_a_census_tells_each_issue_exactly() -> None:
    rng = np.random.default_rng(8)
    level, issue, wrong = rng.integers(0, 2, 90), rng.integers(0, 5, 90), rng.random(90) < 0.4
    sizes = np.zeros((2, 5), np.int64)
    np.add.at(sizes, (level, issue), 1)
    for number, found in enumerate(judged_by_group(sizes, level, issue, wrong)):
        truth = np.count_nonzero(wrong[issue == number])
        assert (found.low, found.value, found.high) == pytest.approx((truth, truth, truth))


def test_a_census_is_exact() -> None:
    """Every pixel is judged, and the strata that come first have none."""
    class_pixels = np.zeros((7, 2), np.int64)
    class_pixels[5:] = [[2, 2], [6, 6]]
    sizes = class_pixels.sum(axis=1)
    given = np.concatenate([np.repeat([0, 1], one) for one in class_pixels])
    true = given.copy()
    true[0] = 1
    found = PixelEstimates(Judged(sizes, np.repeat(np.arange(7), sizes), given, true), class_pixels)
    assert (found.share().low, found.share().high) == pytest.approx((1 / 16, 1 / 16))
    miou = (7 / 8 + 8 / 9) / 2
    assert (found.label_miou().low, found.label_miou().high) == pytest.approx((miou, miou))
