"""Progress, tables, durations and paths as a terminal or a log file shows them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from label_quality.plugin.base import console as terminal
from label_quality.plugin.base.console import TerminalProgress, format_seconds, format_table, short_path, time_left


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_file_gets_one_line_a_stage() -> None:
    log = io.StringIO()
    progress = TerminalProgress(log)
    for done in range(1, 6):
        progress("Scoring", done, 5)
    progress("Writing fields", 3, 5)
    progress.close()
    assert log.getvalue() == "Scoring: 5 of 5, 0.0 s\nWriting fields: 3 of 5, 0.0 s\n"


def test_a_log_file_gets_a_line_now_and_then_from_a_long_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(terminal.time, "time", lambda: now)
    log = io.StringIO()
    progress = TerminalProgress(log)
    for second in range(1, 71):
        now = 1000.0 + second
        progress("Training", second, 70)
    progress.close()
    assert log.getvalue().splitlines() == [
        "Training: 30 of 70, 30 s",
        "Training: 60 of 70, 60 s",
        "Training: 70 of 70, 70 s",
    ]


def test_a_terminal_gets_a_bar_a_stage_that_ends_full() -> None:
    screen = Screen()
    progress = TerminalProgress(screen)
    progress("Scoring", 1, 4)
    progress("Scoring", 4, 4)
    progress("Writing fields", 2, 2)
    progress.close()
    bars = [bar for bar in screen.getvalue().replace("\n", "\r").split("\r") if bar.strip()]
    assert any(bar.startswith("Scoring: 100%") and "4/4" in bar for bar in bars)
    assert bars[-1].startswith("Writing fields: 100%") and "2/2" in bars[-1]
    assert screen.getvalue().endswith("\n")


class Cell(Screen):
    """What a notebook has in place of standard output and standard error."""

    __module__ = "ipykernel.iostream"

    def isatty(self) -> bool:
        return False


def test_a_notebook_gets_a_bar_in_what_is_not_shown_as_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    out, errors = Cell(), Cell()
    monkeypatch.setattr(terminal.sys, "stdout", out)
    monkeypatch.setattr(terminal.sys, "stderr", errors)
    progress = TerminalProgress()
    progress("Scoring", 1, 4)
    progress("Scoring", 4, 4)
    progress.close()
    assert errors.getvalue() == ""
    last = out.getvalue().split("\r")[-1]
    assert last.startswith("Scoring: 100%") and "4/4" in last and last.endswith("\n")
    assert out.getvalue().count("\n") == 1
    assert max(map(len, out.getvalue().rstrip("\n").split("\r"))) <= 80


def test_a_terminal_without_a_size_gets_a_bar_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import pty

    ours, theirs = pty.openpty()
    with open(theirs, "w") as screen:
        # Of standard error alone tqdm asks for the size
        monkeypatch.setattr(terminal.sys, "stderr", screen)
        progress = TerminalProgress()
        progress("Scoring", 3, 4)
        progress.close()
        monkeypatch.undo()
    drawn = _read_all(ours)
    os.close(ours)
    assert "Scoring:  75%" in drawn and "3/4" in drawn


def _read_all(terminal_side: int) -> str:
    """What was written to a pseudo-terminal whose other side is closed; the kernel hands it over in pieces."""
    drawn = b""
    try:
        while piece := os.read(terminal_side, 10_000):
            drawn += piece
    except OSError:  # The other side is closed and everything has been read
        pass
    return drawn.decode()


def test_a_bar_counts_the_time_before_its_first_report(monkeypatch: pytest.MonkeyPatch) -> None:
    now = terminal.time.time()
    screen = Screen()
    monkeypatch.setattr(terminal.time, "time", lambda: now - 100)
    progress = TerminalProgress(screen)
    monkeypatch.undo()
    progress("Scoring", 50, 50)
    progress.close()
    assert "01:40<00:00" in screen.getvalue()


def test_closing_twice_or_before_any_stage_writes_nothing() -> None:
    log = io.StringIO()
    progress = TerminalProgress(log)
    progress.close()
    progress("Scoring", 1, 1)
    progress.close()
    progress.close()
    assert log.getvalue().count("\n") == 1


def test_table_aligns_numbers_right_and_text_left() -> None:
    table = format_table(["rank", "quality", "image"], [[1, None, "a.png"], [10, 0.12345, "long/b.png"]])
    assert table.splitlines() == [
        "rank  quality  image",
        "----  -------  ----------",
        "   1        -  a.png",
        "  10    0.123  long/b.png",
    ]


def test_table_without_rows_is_its_header() -> None:
    assert format_table(["a", "bc"], []) == "a  bc\n-  --"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.9, "9.9 s"),
        (9.96, "10 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5399, "1 h 30 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_paths_are_relative_where_that_is_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert short_path(str(tmp_path / "images" / "a.png")) == os.path.join("images", "a.png")
    assert short_path("/a.png") == "/a.png"


def test_a_terminal_gets_one_bar_of_a_run_whose_stages_are_known() -> None:
    stream = Screen()
    progress = TerminalProgress(stream)
    progress.expect({"Encoding": 1.0, "Scoring": 1.0})
    for stage in ("Encoding", "Scoring"):
        for done in range(1, 4):
            progress(stage, done, 3)
    progress.close()
    # One line, drawn over and over, with the stage and the time that is left, of which there is none at the end
    assert stream.getvalue().count("\n") == 1
    last = stream.getvalue().rstrip("\n").split("\r")[-1]
    assert last.startswith("100%|") and last.rstrip().endswith("| Scoring 3 of 3")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "some seconds left"), (9.9, "some seconds left"), (43, "about 45 s left"), (400, "about 7 min left")],
)
def test_forecasts_are_rounded(seconds: float, text: str) -> None:
    assert time_left(seconds) == text
