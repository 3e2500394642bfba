"""The tables of a benchmark of the scores, laid out as the paper's four: a row a score, a column a kind and model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.console import format_table
from ..scores.config import SCORES

#: Metric to its heading, in the order of the paper's tables
METRICS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "lift_at_100": "Lift@100",
    "lift_at_errors": "Lift@#errors",
}
KIND_NAMES = {"drop": "Drop", "swap": "Swap", "shift": "Shift", "all": "All errors"}
#: Score to the name that the paper gives it
SCORE_NAMES = {
    "ccp": "Correctly classified pixels",
    "tccp": "Thresholded CCP",
    "cil": "Confidence in label",
    "clc": "Confident learning counts",
    "iou": "IoU",
    "coco": "Connected components",
    "softmin": "Softmin",
    "evidence": "Class-pair evidence",
}
OWN_DECODER = "own decoder"

Table = tuple[list[str], list[list[str]]]


def metric_table(
    results: Sequence[Mapping[str, Any]], metric: str, *, bold: str = "**", intervals: bool = True
) -> Table:
    """Header and rows of one of the paper's tables; what looks best of a column is bold.

    Args:
        results: of a benchmark's record
        metric: one of `METRICS`
        bold: what stands before and after the best
        intervals: add the 95 % intervals

    Returns:
        the header ``score``, then kind and architecture of each result; a row a score. Without rows where no result has
        the metric
    """
    shown = [result for result in results if any(metric in metrics for metrics in result["scores"].values())]
    found = {name for result in shown for name in result["scores"]}
    columns = [_column(result, metric, bold, intervals) for result in shown]
    names = [*(name for name in SCORES if name in found), *sorted(found - set(SCORES))]
    rows = [[SCORE_NAMES.get(name, name), *(column.get(name, "") for column in columns)] for name in names]
    return ["score", *map(column_name, shown)], rows


def column_name(result: Mapping[str, Any]) -> str:
    """Kind of errors and architecture of a result."""
    return f"{KIND_NAMES.get(result['kind'], result['kind'])}, {result['architecture'] or OWN_DECODER}"


def describe_benchmark(benchmark: Mapping[str, Any]) -> str:
    """A benchmark as text for a terminal: the four tables, what is left out, and the notes.

    Args:
        benchmark: its record, or its summary as a dict
    """
    counts = {
        KIND_NAMES.get(one["kind"], one["kind"]): f"{one['errors']} of {one['images']}" for one in benchmark["results"]
    }
    mislabelled = ", ".join(f"{name} {count}" for name, count in counts.items())
    lines = ["", f"{benchmark['images']} images, of which mislabelled: {mislabelled or 'none'}."]
    lines.append("Best of each column with *; in brackets 95 % intervals.")
    for metric, heading in METRICS.items():
        header, rows = metric_table(benchmark["results"], metric, bold="*")
        if rows:
            lines += ["", heading, "", format_table(header, rows)]
    left_out = [f"{KIND_NAMES.get(kind, kind)} is left out: {why}" for kind, why in benchmark["left_out"].items()]
    notes = [*left_out, *(f"Note: {note}" for note in benchmark["notes"])]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _column(result: Mapping[str, Any], metric: str, bold: str, intervals: bool) -> dict[str, str]:
    estimates = {name: metrics[metric] for name, metrics in result["scores"].items() if metric in metrics}
    best = max((_shown(one["value"]) for one in estimates.values()), key=float, default="")
    return {name: _cell(one, best, bold, intervals) for name, one in estimates.items()}


def _cell(estimate: Mapping[str, float], best: str, bold: str, intervals: bool) -> str:
    value = _shown(estimate["value"])
    cell = f"{bold}{value}{bold}" if value == best else value
    return f"{cell} ({_shown(estimate['low'])}–{_shown(estimate['high'])})" if intervals else cell


def _shown(value: float) -> str:
    return f"{value:.3f}"
