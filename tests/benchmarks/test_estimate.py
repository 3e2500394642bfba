"""Judging that is simulated, on populations that can be computed by hand."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from label_quality.plugin.estimate.levels import IMAGE_LEVELS, PLACE_LEVELS
from label_quality.plugin.estimate.replicates import Interval

from benchmarks import estimate
from benchmarks.estimate_populations import SYNTHETIC, synthetic_population


def test_truths_are_counted_where_they_are() -> None:
    tally = estimate.Tally()
    for low, high in ((0.0, 1.0), (0.6, 1.0), (0.0, 0.4), (0.4, 0.8)):
        tally.add(Interval(0.5, low, high), 0.5)
    tally.add(None, 0.5)
    assert tally.figures() == pytest.approx({"coverage": 0.5, "below": 0.25, "above": 0.25, "width": 0.55})
    assert estimate.Tally().figures()["coverage"] is None


def test_populations_have_the_rates_that_they_are_made_of() -> None:
    made = synthetic_population((0.9, 0.5, 0.1, 0.01, 0.001), 3)
    sizes, right = made.pixels.sum(axis=(1, 2)), np.trace(made.pixels, axis1=1, axis2=2)
    assert [int(size) for size in sizes if size] == pytest.approx(
        [60_000, 40_000, 500_000, 1_400_000, 8_000_000], abs=9
    )
    rates = 1 - right[sizes > 0] / sizes[sizes > 0]
    assert rates == pytest.approx([0.9, 0.5, 0.1, 0.01, 0.001], rel=0.01)
    assert made.share == pytest.approx((54 + 20 + 50 + 14 + 8) / 10_000, rel=0.01)
    assert made.region_level.max() < len(PLACE_LEVELS) and made.image_level.max() < len(IMAGE_LEVELS)
    nothing = synthetic_population(SYNTHETIC["nothing wrong"], 3)
    assert nothing.share == 0 and not nothing.region_wrong.any() and not nothing.image_wrong.any()


@pytest.mark.slow
def test_intervals_hold_and_a_stratified_sample_finds_what_is_suspected() -> None:
    made = synthetic_population((0.9, 0.9, 0.5, 0.1, 0.0), 3)
    found = estimate.simulate(made, 200, 60, 7)
    assert found["true_share"] == pytest.approx(made.share)
    for name in estimate.ESTIMANDS:
        assert found[name]["coverage"] >= 0.88, name
    # More of what is suspected is judged
    assert found["share"]["width"] < 0.8 * found["random_share"]["width"]
    assert estimate.simulate(made, 200, 60, 7) == found


def test_the_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    estimate.add_arguments(parser)
    options = parser.parse_args(["--no-sets", "--repetitions", "2", "--rates", "0.1", "0.1", "0.1"])
    figures = estimate.run(options)
    assert list(figures["populations"]) == [f"{name}, 200" for name in SYNTHETIC]
    assert set(figures["rates"]["0.1, 0.1, 0.1"]) == set(SYNTHETIC)
    printed = capsys.readouterr().out
    assert "How often the truth is in the 95 % interval" in printed and "| half wrong, 200" in printed
