"""A run seen from a terminal: progress bars, the ranked table, how to go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tqdm import tqdm


class TerminalProgress:
    """A `Progress` that draws one bar a stage on standard error, and one line a stage where that is no terminal."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: tqdm | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._bar is None or stage != self._stage:
            self.close()
            self._stage = stage
            # Without a terminal a redrawn bar fills a log file with copies of itself
            interval = 0.1 if sys.stderr.isatty() else 30.0
            self._bar = tqdm(total=total, desc=stage, mininterval=interval, file=sys.stderr, dynamic_ncols=True)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Ends the bar of the current stage."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A plain-text table: numbers right-aligned with three decimals, text left-aligned."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    numeric = [bool(rows) and isinstance(rows[0][i], int | float) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        return "  ".join(aligned).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, cells)])


def format_seconds(seconds: float) -> str:
    """A duration as a person would say it, such as ``45 s``, ``6 min`` or ``2 h 10 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def short_path(path: str) -> str:
    """The path relative to the current folder where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(path) else path
