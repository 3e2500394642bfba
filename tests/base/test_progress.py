"""What ``progress`` may be: bars that end with the work, nothing, or a function."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest
from label_quality.plugin.base.console import TerminalProgress
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.base.progress import showing, silent


def test_true_shows_bars_that_end_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with showing(True) as progress:
        assert isinstance(progress, TerminalProgress)
        progress("Scoring", 4, 4)
        assert log.getvalue() == ""
    assert log.getvalue() == "Scoring: 4 of 4, 0.0 s\n"


def test_bars_end_also_where_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with pytest.raises(ZeroDivisionError), showing(True) as progress:
        progress("Scoring", 1, 4)
        _ = 1 / 0
    assert log.getvalue() == "Scoring: 1 of 4, 0.0 s\n"


@pytest.mark.parametrize("nothing", [False, None])
def test_false_and_none_show_nothing(nothing: bool | None) -> None:
    with showing(nothing) as progress:
        assert progress is silent


def test_a_function_is_called() -> None:
    reports: list[tuple[str, int, int]] = []

    def told(stage: str, done: int, total: int) -> None:
        reports.append((stage, done, total))

    with showing(told) as progress:
        progress("Scoring", 1, 4)
    assert reports == [("Scoring", 1, 4)]


@pytest.mark.parametrize(("other", "shown"), [("yes", "'yes'"), (1, "1"), ([], "[]")])
def test_anything_else_is_an_error(other: Any, shown: str) -> None:
    text = (
        "Expected parameter `progress` to be True for progress bars, False or None for none, or a function that is "
        f"called as progress(stage, done, total), but got {shown}."
    )
    with pytest.raises(LabelQualityError, match=f"^{re.escape(text)}$"), showing(other):
        raise AssertionError("The work has begun")
