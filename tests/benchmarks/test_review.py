"""Simulated reviewing, by hand."""

from __future__ import annotations

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


def test_more_doubt_learns_faster() -> None:
    pair = np.arange(100) % 4
    suspects = made_suspects((pair == 1).astype(float).tolist(), given=pair.tolist())
    model = SuspectModel(np.zeros(COUNT), np.ones(COUNT), np.zeros(COUNT), 0.0)
    slow, fast = (review.judge_set(suspects, model, doubt)["orders"]["learning"] for doubt in (0.0, 1.5))
    assert slow == review.judge_set(suspects, model, 1.5)["orders"]["probability"]
    assert fast["effort"] < slow["effort"]
