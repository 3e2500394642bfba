"""The tables of ``python -m benchmarks errors``, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .processes import print_table

#: Metric to its heading
METRICS = {"auroc": "AUROC", "auprc": "AUPRC"}
#: Kind or type of error to its heading
KINDS = {"drop": "Drop", "swap": "Swap", "shift": "Shift"}
TYPES = {**KINDS, "other": "other", "none": "none"}
_GROUPS = {"worst": "ranked worst", "all": "all mislabelled"}


def print_tables(figures: Mapping[str, Any]) -> None:
    """Prints the scores of each architecture, what was left out, and where there are suspects, how right they are.

    Args:
        figures: of `planted.measure`
    """
    architectures = list(dict.fromkeys(result["architecture"] for result in figures["results"]))
    for architecture in architectures:
        results = [result for result in figures["results"] if result["architecture"] == architecture]
        counts = ", ".join(f"{result['errors']} {KINDS[result['kind']]}" for result in results)
        print(f"\n{_name(architecture)}: {figures['images']} images, of which mislabelled, each kind apart: {counts}\n")
        print_table(*score_table(results))
    for kind, reason in figures["left_out"].items():
        print(f"\n{KINDS[kind]} is left out: {reason}.")
    for architecture, groups in figures["suspects"].items():
        print(f"\n{_name(architecture)}: error types found, mislabelled images among the worst-ranked #errors\n")
        print_table(*type_table(groups["worst"]))
        print(f"\n{_name(architecture)}: suggested classes and regions\n")
        print_table(*region_table(groups))


def score_table(results: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the scores' metrics with 95 % intervals, the best of each column bold.

    Args:
        results: of one architecture, one for each kind of error
    """
    header, columns = ["score"], []
    for result in results:
        for metric, heading in METRICS.items():
            header.append(f"{KINDS[result['kind']]} {heading}")
            columns.append(_column({name: metrics[metric] for name, metrics in result["scores"].items()}))
    names = dict.fromkeys(name for result in results for name in result["scores"])
    return header, [[name, *(column.get(name, "") for column in columns)] for name in names]


def type_table(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the confusion matrix of error types.

    Args:
        summary: of `benchmark.summarise_findings`
    """
    found = list(dict.fromkeys([*TYPES, *(name for row in summary["confusion"].values() for name in row)]))
    rows = [
        [KINDS[kind], *(str(counts.get(name, 0)) for name in found), _share(summary["kinds"][kind]["right_type"])]
        for kind, counts in summary["confusion"].items()
    ]
    return ["true error", *(TYPES.get(name, name) for name in found), "right"], rows


def region_table(groups: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of how right and how exact the suspects are.

    Args:
        groups: ``worst`` and ``all``, each of `benchmark.summarise_findings`
    """
    header = ["true error", "images", "suggested class is the true one"]
    header += ["median IoU, suspects of the error", "median IoU, strongest suspect"]
    rows = [
        [f"{KINDS[kind]}, {label}", str(values["images"]), *map(_share, _exactness(values))]
        for name, label in _GROUPS.items()
        for kind, values in groups[name]["kinds"].items()
        if "right_class" in values
    ]
    return header, rows


def _column(estimates: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    best = max((_share(estimate["value"]) for estimate in estimates.values()), default="")
    return {name: _cell(estimate, best) for name, estimate in estimates.items()}


def _cell(estimate: Mapping[str, float], best: str) -> str:
    value = _share(estimate["value"])
    shown = f"**{value}**" if value == best else value
    return f"{shown} ({_share(estimate['low'])}–{_share(estimate['high'])})"


def _exactness(values: Mapping[str, Any]) -> Iterable[float]:
    return values["right_class"], values["matching_iou"], values["strongest_iou"]


def _share(value: float) -> str:
    return f"{value:.3f}"


def _name(architecture: str | None) -> str:
    return "The preset's own decoder" if architecture in (None, "default") else str(architecture)
