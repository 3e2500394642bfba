"""What a benchmark of the scores found, in words and as the rows of a table, made of its record alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...plugin.scores.results import QUALITY_ORDER
from ..panel.text import SCORE_NAMES, count, percent, when

Benchmark = Mapping[str, Any]
Result = Mapping[str, Any]

AUROC, AUPRC, LIFT_100, LIFT_ERRORS = "auroc", "auprc", "lift_at_100", "lift_at_errors"
MEASURES = {
    AUROC: "AUROC: wrong ranked before right",
    AUPRC: "AUPRC: mean precision",
    LIFT_100: "Lift among the 100 worst",
    LIFT_ERRORS: "Lift among as many as are wrong",
}
MEASURE_HINTS = {
    AUROC: "How often, of a wrong mask and a right one, the wrong one has the lower score: 1 is always, 0.5 is chance.",
    AUPRC: "Going through the images worst first, the mean share of wrong masks among those seen: 1 is best, and "
    "chance is the share of wrong masks.",
    LIFT_100: "How many times more wrong masks are among the 100 images of lowest score than among 100 random ones: "
    "1 is chance.",
    LIFT_ERRORS: "Among as many images of lowest score as there are wrong masks, how many times more are wrong than "
    "among random ones: 1 is chance.",
}
KINDS = {
    "drop": "Object left out",
    "swap": "Wrong class",
    "shift": "Displaced edge",
    "all": "All kinds together",
    "real": "Corrected masks",
}
_FOUND = {
    "drop": "Left-out objects found",
    "swap": "Wrong classes found",
    "shift": "Displaced edges found",
    "all": "Errors of all kinds found",
    "real": "Wrong masks found",
}
INVITATION = (
    "Plant known errors in a copy of your masks, or compare with masks that you have corrected, and see which scores "
    "find what is wrong. Your data is not changed."
)
_MISSING = "–"


def measures_of(benchmark: Benchmark) -> dict[str, str]:
    """The measures that the benchmark could compute: name to phrase."""
    found = {name for result in benchmark["results"] for score in result["scores"].values() for name in score}
    return {name: label for name, label in MEASURES.items() if name in found}


def scores_of(results: Sequence[Result]) -> list[str]:
    """The scores that were judged, in the order of all lists of them."""
    found = {name for result in results for name in result["scores"]}
    return [*(name for name in SCORE_NAMES if name in found), *sorted(found - set(SCORE_NAMES))]


def columns(benchmark: Benchmark) -> dict[str, str]:
    """The table's columns: key to heading."""
    results = benchmark["results"]
    return {"score": "Score"} | {f"result_{place}": title(benchmark, one, "\n") for place, one in enumerate(results)}


def title(benchmark: Benchmark, result: Result, joint: str = " · ") -> str:
    """What one of the results is of: the kind of error, how many there were, and by which architecture."""
    kind = str(result["kind"])
    parts = [KINDS.get(kind, kind), count(result["errors"], "error")]
    if len({one["architecture"] for one in benchmark["results"]}) > 1:
        parts.append(architecture_name(result["architecture"]))
    return joint.join(parts)


def architecture_name(architecture: str | None) -> str:
    """An architecture's name; None is the preset's own."""
    return architecture or "own decoder"


def rows(benchmark: Benchmark, measure: str) -> list[dict[str, str]]:
    """The table's rows, a score each: value and 95 % interval in each column."""
    results = benchmark["results"]
    return [
        {"score": score_name(name)}
        | {f"result_{place}": _cell(one["scores"].get(name, {}), measure) for place, one in enumerate(results)}
        for name in scores_of(results)
    ]


def best_cells(benchmark: Benchmark, measure: str) -> list[tuple[int, int]]:
    """Row and column of the best value of each result, all of them where several look the same."""
    names, cells = scores_of(benchmark["results"]), []
    for column, result in enumerate(benchmark["results"], start=1):
        values = {name: value_of(result["scores"].get(name, {}).get(measure)) for name in names}
        shown = {name: _number(value, measure) for name, value in values.items() if value is not None}
        top = max(shown.values(), key=float, default=None)
        cells += [(row, column) for row, name in enumerate(names) if name in shown and shown[name] == top]
    return cells


def findings(benchmark: Benchmark) -> list[tuple[str, str, str]]:
    """How many of each kind of error the ranking score finds: the share, what it is of, and where they are found."""
    by_kind: dict[str, list[Result]] = {}
    for result in benchmark["results"]:
        by_kind.setdefault(result["kind"], []).append(result)
    found = (_finding(kind, results) for kind, results in by_kind.items())
    return [one for one in found if one is not None]


def _finding(kind: str, results: Sequence[Result]) -> tuple[str, str, str] | None:
    name = next((score for score in QUALITY_ORDER if all(score in one["scores"] for one in results)), "")
    shares = [_share_found(one, name) for one in results]
    known = sorted(share for share in shares if share is not None)
    if not known:
        return None
    errors, images = results[0]["errors"], results[0]["images"]
    looked_at = count(errors, "image that ranks", "images that rank")
    caption = f"among the {looked_at} worst by {score_name(name).lower()}; by chance {percent(errors / images)}"
    return " to ".join(dict.fromkeys(map(percent, (known[0], known[-1])))), _FOUND.get(kind, kind), caption


def _share_found(result: Result, score: str) -> float | None:
    """The share of the errors that are among as many images, those of lowest score."""
    lift = value_of(result["scores"].get(score, {}).get(LIFT_ERRORS))
    return None if lift is None or not result["images"] else min(1.0, lift * result["errors"] / result["images"])


def summary_line(benchmark: Benchmark) -> str:
    """One line on a benchmark: which masks, how, of how many images, and when."""
    truth = benchmark.get("truth_field")
    how = f"compared with “{truth}”" if truth else "errors planted in a copy"
    images = count(benchmark.get("images") or 0, "image")
    return " · ".join([f"Masks in “{benchmark['label_field']}”", how, images, when(benchmark.get("created") or "")])


def progress(benchmark: Benchmark) -> str:
    """How far an unfinished benchmark is, and how it goes on where nothing runs any more."""
    done = count(len(benchmark["results"]), "result") if benchmark["results"] else "no result yet"
    return (
        f"This benchmark is not finished: {done}. While it runs, results appear here one by one; if it was "
        f"interrupted, start it again with the same name, “{benchmark['key']}”, and it continues where it was."
    )


def score_name(name: str) -> str:
    """A score's phrase."""
    return SCORE_NAMES.get(name, name)


def remarks(benchmark: Benchmark) -> list[str]:
    """What the user must know of a benchmark: kinds of error that were left out and why, and its notes."""
    left_out = [
        f"“{KINDS.get(kind, kind)}” has no figures: {reason}{'' if reason.endswith('.') else '.'}"
        for kind, reason in benchmark["left_out"].items()
    ]
    return [*left_out, *benchmark["notes"]]


def _cell(estimates: Mapping[str, Any], measure: str) -> str:
    value = value_of(estimates.get(measure))
    if value is None:
        return _MISSING
    low, high = (estimates[measure].get(side) for side in ("low", "high"))
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return _number(value, measure)
    return f"{_number(value, measure)}\n{_number(low, measure)}–{_number(high, measure)}"


def value_of(estimate: Mapping[str, Any] | None) -> float | None:
    """An estimate's value; None where there is none, also where it could not be computed."""
    value = (estimate or {}).get("value")
    return float(value) if isinstance(value, int | float) else None


def _number(value: float, measure: str) -> str:
    return f"{value:.3f}" if measure in (AUROC, AUPRC) else f"{value:.2f}"
