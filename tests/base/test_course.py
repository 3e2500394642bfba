"""One share of a run of several stages, on a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base import course
from label_quality.plugin.base.course import Course
from label_quality.plugin.base.progress import expect, silent
from label_quality.plugin.base.timing import StageTimes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time, in seconds since the test began."""
    now = SimpleNamespace(value=0.0)
    monkeypatch.setattr(course, "time", SimpleNamespace(monotonic=lambda: now.value))

    def at(seconds: float) -> None:
        now.value = seconds

    return at


def test_a_run_that_goes_as_forecast(clock: Callable[[float], None]) -> None:
    run = Course({"Encoding": 10, "Training": 30, "Scoring": 60})
    shares, left = [], []
    for seconds, stage, done in ((1, "Encoding", 1), (10, "Encoding", 10), (25, "Training 5 folds", 15)):
        clock(seconds)
        standing = run.at(stage, done, 10 if stage == "Encoding" else 30)
        shares.append(standing.share)
        left.append(standing.left)
    assert shares == pytest.approx([0.01, 0.1, 0.25])
    assert left == pytest.approx([99, 90, 75])
    clock(100)
    end = run.at("Scoring", 60, 60)
    assert (end.share, end.left) == (1.0, 0.0)


def test_what_comes_is_forecast_by_what_went_before(clock: Callable[[float], None]) -> None:
    run = Course({"Encoding": 10, "Scoring": 90})
    clock(20)
    # Twice as slow, of which the forecast of the whole, 100 s, has a tenth of the weight: (20 + 10) / (10 + 10)
    assert run.at("Encoding", 10, 10).left == pytest.approx(1.5 * 90)


def test_a_stage_under_way_is_more_and_more_measured_by_its_own_speed(clock: Callable[[float], None]) -> None:
    run = Course({"Scoring": 10})
    left = []
    for done in (1, 2, 5, 9):
        clock(10.0 * done)
        left.append(run.at("Scoring", done, 10).left)
    # Ten times as slow as forecast
    assert left[0] < left[1] < 80
    assert left[3] == pytest.approx(10, rel=0.1)


def test_a_stage_that_goes_on_is_not_taken_for_a_fast_one(clock: Callable[[float], None]) -> None:
    run = Course({"Scoring": 100})
    clock(1)
    run.at("Scoring", 91, 100)
    clock(2)
    # Two steps in two seconds, eight are left: not 92 in two seconds
    assert run.at("Scoring", 92, 100).left == pytest.approx(8, rel=0.1)


def test_stages_that_are_finished_already_take_no_time(clock: Callable[[float], None]) -> None:
    run = Course({"Encoding": 50, "Training": 50, "Scoring": 10})
    clock(5)
    standing = run.at("Scoring", 5, 10)
    assert standing.left == pytest.approx(5, rel=0.3)
    assert standing.share == pytest.approx(0.5, abs=0.1)


def test_a_stage_that_nobody_expected_counts_with_its_own_speed(clock: Callable[[float], None]) -> None:
    run = Course({"Scoring": 10})
    for done in (1, 2):
        clock(done)
        standing = run.at("Reading mask values", done, 4)
    assert standing.left == pytest.approx(2 + 10, rel=0.5)
    assert Course({}).at("Scoring", 1, 2).left == 0.0


def test_a_forecast_of_next_to_nothing_says_nothing(clock: Callable[[float], None]) -> None:
    run = Course({"a": 1e-312, "b": 0.0})
    clock(1)
    assert run.at("a", 0, 9).left == pytest.approx(0.0, abs=1e-9)


@given(
    reports=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", "?"]), st.integers(0, 9), st.floats(0, 100)), min_size=1, max_size=30
    ),
    expected=st.lists(st.floats(0, 1000), min_size=3, max_size=3),
)
def test_shares_never_fall_and_are_shares(reports: list[tuple[str, int, float]], expected: list[float]) -> None:
    now = SimpleNamespace(value=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "time", SimpleNamespace(monotonic=lambda: now.value))
        run, before = Course(dict(zip("abc", expected, strict=True))), 0.0
        for stage, done, seconds in reports:
            now.value += seconds
            standing = run.at(stage, done, 9)
            assert before <= standing.share <= 1.0
            assert standing.left >= 0
            before = standing.share


def test_stages_are_told_to_those_who_ask() -> None:
    class Asking:
        def __init__(self) -> None:
            self.told: dict[str, float] = {}

        def __call__(self, stage: str, done: int, total: int) -> None: ...

        def expect(self, seconds: dict[str, float]) -> None:
            self.told = seconds

    asking = Asking()
    StageTimes(asking).expect({"Scoring": 1.5})
    assert asking.told == {"Scoring": 1.5}
    expect(silent, {"Scoring": 1.5})
