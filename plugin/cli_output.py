"""A run's summary as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .terminal import format_seconds, format_table, short_path

if TYPE_CHECKING:
    from .summary import RunSummary


def describe(summary: RunSummary, worst: int = 10) -> str:
    """The ranked result as text: what was done, and the worst images first.

    Args:
        summary: of the run
        worst: number of images in the table
    """
    rows = [
        [position, float(image.quality), short_path(image.filepath)]
        for position, image in enumerate(summary.worst[:worst], start=1)
    ]
    lines = [
        "",
        f"{summary.scored} of {summary.images} images scored in {format_seconds(summary.seconds)} "
        f"(run '{summary.key}', {summary.classes} classes).",
    ]
    if summary.note:
        lines.append(f"Note: {summary.note}")
    lines += [f"Skipped: {failure}" for failure in summary.failures[:10]]
    if len(summary.failures) > 10:
        lines.append(f"... and {len(summary.failures) - 10} more, all in the run's record.")
    return "\n".join([*lines, "", "Worst images first (low quality = probably mislabelled):", "", *_table(rows)])


def _table(rows: Sequence[Sequence[object]]) -> list[str]:
    return [format_table(["rank", "quality", "image"], rows)] if rows else ["(none)"]
