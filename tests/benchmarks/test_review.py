"""Simulated reviewing, by hand."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import numpy as np
import pytest
from label_quality.plugin.suspects.probability import SuspectModel
from label_quality.plugin.suspects.region_features import FEATURES

from benchmarks import review

from .test_suspects import made_suspects

COUNT = len(FEATURES)


def test_suspects_are_reviewed_in_order_until_enough_are_found() -> None:
    """Of 40, five are real, at places 1, 3, 8, 20 and 31; four of them are found with the 20th verdict."""
    real = np.zeros(40, bool)
    real[[0, 2, 7, 19, 30]] = True
    found = review.review(real, -np.arange(40.0))
    assert found["effort"] == 20
    assert found["rest"]["0"] == pytest.approx((1 + 2 / 3 + 3 / 8 + 4 / 20 + 5 / 31) / 5)
    # The last one is the sixth of what is left after 25
    assert found["rest"]["25"] == pytest.approx(1 / 6)
    assert set(found["rest"]) == {"0", "25"}


def test_what_is_learnt_changes_the_order_of_what_is_left() -> None:
    """The suspects of the one pair are all real, those of the other none; the scores know nothing of it."""
    count = 200
    pair = np.arange(count) % 2
    real = pair == 1
    suspects = made_suspects(real.astype(float).tolist(), given=pair.tolist(), suggested=(1 - pair).tolist())
    model = SuspectModel(np.zeros(COUNT), np.ones(COUNT), np.zeros(COUNT), 0.0)
    judged = review.judge_set(suspects, model, 1.5)
    assert (judged["suspects"], judged["real"]) == (200, 100)
    by = {name: one["effort"] for name, one in judged["orders"].items()}
    assert by["probability"] == by["evidence"] == 160
    assert by["learning"] <= 85
    # After 25 verdicts all that is real is in front
    assert judged["orders"]["learning"]["rest"]["25"] == pytest.approx(1)
    assert judged["orders"]["probability"]["rest"]["25"] == pytest.approx(0.5, abs=0.05)


def test_the_most_useful_first_puts_most_pixels_right_with_few_verdicts() -> None:
    real = np.array([True, True, True, True, False, True])
    scores, area = np.array([3.0, 2.9, 2.8, 2.7, 2.6, 0.0]), np.array([1.0, 1, 1, 1, 1, 40])
    pixels = real * area
    probable = review.review(real, scores, pixels=pixels, every=1)
    assert (probable["effort"], probable["pixel_effort"]) == (4, 6)
    useful = review.review(real, scores, pixels=pixels, area=area, every=1)
    assert (useful["effort"], useful["pixel_effort"]) == (4, 1)


def test_a_page_takes_one_decision_and_one_for_each_exception() -> None:
    real = np.zeros(60, bool)
    # Page by page: all but two, none, then five of ten
    real[:18] = True
    real[40:50:2] = True
    found = review.review(real, -np.arange(60.0))
    # 19 of the 23 are found with the 41st verdict: the third page has one suspect then
    assert (found["effort"], found["decisions"]) == (41, (1 + 2) + 1 + 1)


def test_old_verdicts_count_less_where_these_were_wrong() -> None:
    """None of the first pair is real, which is confirmed now and then by a reviewer who is new to it."""
    pair = np.repeat([0, 1], 100)
    suspects = made_suspects(pair.astype(float).tolist(), given=pair.tolist(), suggested=(1 - pair).tolist())
    model = SuspectModel(np.zeros(COUNT), np.ones(COUNT), np.zeros(COUNT), 0.0)
    scores = review.prior(suspects, model)

    def first_pair(**how: Any) -> float:
        return float(review.Teacher(suspects, scores, model, review.Learning(**how)).scores(range(40))[90])

    assert first_pair() < first_pair(half_life=5, novice=20) < first_pair(novice=20) - 0.5


def test_verdicts_of_the_same_weight_are_learnt_as_without_weights() -> None:
    pair = np.arange(60) % 3
    suspects = made_suspects((pair == 1).astype(float).tolist(), given=pair.tolist())
    model = SuspectModel(np.zeros(COUNT), np.ones(COUNT), np.zeros(COUNT), 0.0)
    scores = review.prior(suspects, model)
    alike, ageless = (
        review.Teacher(suspects, scores, model, one).scores(range(30))
        for one in (review.Learning(), review.Learning(half_life=1e9))
    )
    assert ageless == pytest.approx(alike, abs=1e-3)


def test_the_tables_have_all_orders_and_what_is_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = np.arange(80) % 4
    wrong, images = (pair == 1).astype(float).tolist(), np.arange(80) % 40
    suspects = dataclasses.replace(made_suspects(wrong, given=pair.tolist()), image=images, images=40)
    model = SuspectModel(np.zeros(COUNT), np.ones(COUNT), np.zeros(COUNT), 2.0)
    monkeypatch.setattr(review, "measured_sets", lambda options: {"scenes sparse": suspects})
    monkeypatch.setattr(review, "learn", lambda *arguments: model)
    parser = argparse.ArgumentParser()
    review.add_arguments(parser)
    asked = ["--every", "1", "20", "--half-life", "10", "--novice", "30", "--resamples", "3"]
    figures = review.run(parser.parse_args(asked))
    compared = figures["learnings"]["scenes sparse"]
    assert list(compared) == [
        *("probability", "doubt 1.5", "every 1", "every 20", "half-life 10"),
        *("all verdicts alike, 20% of the first 30 wrong", "half-life 10, 20% of the first 30 wrong"),
    ]
    # Three parts of some 14 real suspects of 56: what is learnt from one pair is worth half of the verdicts
    assert compared["doubt 1.5"]["less"] == compared["doubt 1.5"]["error"] == 0
    assert compared["probability"]["less"] < -8
    assert compared["every 1"]["less"] > 0 > compared["every 20"]["less"]
    one = compared["every 20"]
    found = figures["sets"]["scenes sparse"]["orders"]
    assert list(found) == ["evidence", "probability", "learning", "useful", "useful, learning", "alike"]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert ["scenes sparse", "80", "20", *(str(each["effort"]) for each in found.values())] in rows
    assert ["every 20", f"{one['effort']:.1f} ({one['less']:+.1f} ± {one['error']:.1f})"] in rows


def test_of_the_suspects_that_are_shown_only_these_are_reviewed() -> None:
    probable = np.arange(60) < 20
    real = np.arange(60) % 2 == 0
    features = np.zeros((60, COUNT))
    features[:, 0] = np.where(probable, 3.0, -3.0)
    suspects = dataclasses.replace(made_suspects(real.astype(float).tolist()), features=features)
    weights = np.zeros(COUNT)
    weights[0] = 1.0
    found = review.judge_set(suspects, SuspectModel(np.zeros(COUNT), np.ones(COUNT), weights, 0.0), 1.5)
    assert (found["suspects"], found["real"]) == (60, 30)
    assert (found["shown"]["suspects"], found["shown"]["real"]) == (20, 10)
    assert found["shown"]["orders"]["probability"]["effort"] == 15


def test_more_doubt_learns_faster() -> None:
    pair = np.arange(100) % 4
    suspects = made_suspects((pair == 1).astype(float).tolist(), given=pair.tolist())
    model = SuspectModel(np.zeros(COUNT), np.ones(COUNT), np.zeros(COUNT), 0.0)
    slow, fast = (review.judge_set(suspects, model, doubt)["orders"]["learning"] for doubt in (0.0, 1.5))
    assert slow == review.judge_set(suspects, model, 1.5)["orders"]["probability"]
    assert fast["effort"] < slow["effort"]
