"""A run seen from a terminal: progress bars, tables, durations and paths as a person reads them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from tabulate import tabulate
from tqdm import tqdm

from .course import Course, Standing

#: Seconds between two lines of one stage where the output is a file
_LINE_EVERY = 30.0
#: The bar of a whole run, for tqdm
_WHOLE = "{percentage:3.0f}%|{bar:20}| {desc}"


class TerminalProgress:
    """A `Progress` that draws a bar on a terminal or below a notebook's cell.

    It is one of the whole run where its stages are known, else one a stage. Into a file it writes a line when a stage
    ends.

    Args:
        stream: where to; by default standard error, or in a notebook, which shows that as errors, standard output
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or (sys.stdout if _is_notebook(sys.stdout) else sys.stderr)
        self._bar: tqdm | None = None
        self._stage = ""
        self._done = self._total = 0
        self._course: Course | None = None
        self._standing: Standing | None = None
        self._began = self._written = self._last = time.time()

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Shows how far the whole run is, whose stages these are."""
        self.close()
        self._course = Course(seconds)

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._course is not None:
            self._standing = self._course.at(stage, done, total)
        if stage != self._stage:
            self._end_stage()
            # A stage reports when its first piece is done: it began when the one before it ended
            self._stage, self._began, self._written = stage, self._last, self._last
        self._done, self._total, self._last = done, total, time.time()
        if self._stream.isatty() or _is_notebook(self._stream):
            self._draw()
        elif self._last - self._written >= _LINE_EVERY and done < total:
            self._write_line()

    def close(self) -> None:
        """Ends the current stage, and the run."""
        self._end_stage()
        self._close_bar()
        self._course = self._standing = None
        self._last = time.time()

    def _end_stage(self) -> None:
        if self._bar is None:
            if self._stage:
                self._write_line()
        elif self._course is None:
            self._close_bar()
        self._stage = ""

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _draw(self) -> None:
        whole = self._standing is not None
        if self._bar is None:
            size = {"dynamic_ncols": True} if _has_size(self._stream) else {"ncols": 80, "nrows": 24}
            look = {"bar_format": _WHOLE, "total": 1.0} if whole else {"total": self._total, "desc": self._stage}
            self._bar = tqdm(file=self._stream, **look, **size)
            self._bar.start_t = self._bar.last_print_t = self._began
        if self._standing is None:
            self._bar.total = self._total
            self._bar.update(self._done - self._bar.n)
        else:
            left = f", {time_left(self._standing.left)}" if self._standing.left else ""
            stage = f"{self._stage} {self._done} of {self._total}{left}"
            self._bar.set_description_str(stage, refresh=False)
            self._bar.update(self._standing.share - self._bar.n)

    def _write_line(self) -> None:
        self._written = self._last
        line = f"{self._stage}: {self._done} of {self._total}, {format_seconds(self._last - self._began)}"
        if self._standing is not None and self._done < self._total:
            line += f" ({self._standing.share:.0%} of the run, {time_left(self._standing.left)})"
        print(line, file=self._stream, flush=True)


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A plain-text table: numbers right-aligned, with commas or three decimals, text left-aligned, None as ``-``."""
    lines = [list(header), *([_cell(cell) for cell in row] for row in rows)]
    lines.insert(1, ["-" * max(map(len, column)) for column in zip(*lines, strict=True)])
    aligned = ["right" if any(isinstance(row[i], int | float) for row in rows) else "left" for i in range(len(header))]
    # Texts stay as they are, also a run's name such as 1e5; headings of tabulate's own would be set wider
    table = tabulate(lines, tablefmt="plain", disable_numparse=True, colalign=aligned)
    return "\n".join(line.rstrip() for line in table.splitlines())


def format_seconds(seconds: float) -> str:
    """A duration as a person would say it, such as ``0.4 s``, ``45 s``, ``6 min`` or ``2 h 10 min``."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def time_left(seconds: float) -> str:
    """How long something will still take, no more exact than such a forecast is: ``about 40 s left``."""
    if seconds < 10:
        return "some seconds left"
    return f"about {format_seconds(5 * round(seconds / 5))} left"


def short_path(path: str) -> str:
    """The path relative to the current folder where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(path) else path


def _is_notebook(stream: TextIO) -> bool:
    """Whether what is written is shown below a cell of a Jupyter notebook, though it is no terminal."""
    return type(stream).__module__.startswith("ipykernel.")


def _has_size(stream: TextIO) -> bool:
    """Whether the terminal knows its size; in a container it may say 0 by 0, where tqdm draws nothing."""
    if _is_notebook(stream):
        # It has the size of the terminal in which the notebook's server was started
        return False
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except OSError:
        return False


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
