"""The tables of ``python -m benchmarks errors`` on suspects, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .processes import print_table

#: Kind or type of error to its heading
KINDS = {"drop": "Drop", "swap": "Swap", "shift": "Shift"}
TYPES = {**KINDS, "other": "other", "none": "none"}
_GROUPS = {"worst": "ranked worst", "all": "all mislabelled"}


def print_suspects(results: Sequence[Mapping[str, Any]]) -> None:
    """Prints, for each architecture, how right the suspects of the mislabelled images are; nothing where none are.

    Args:
        results: of a benchmark's record
    """
    for architecture in dict.fromkeys(result["architecture"] for result in results):
        groups = suspects_of([result for result in results if result["architecture"] == architecture])
        if not groups:
            continue
        name = architecture or "The preset's own decoder"
        print(f"\n{name}: error types found, mislabelled images among the worst-ranked #errors\n")
        print_table(*type_table(groups["worst"]))
        print(f"\n{name}: suggested classes and regions\n")
        print_table(*region_table(groups))


def suspects_of(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The findings of all kinds of errors together: ``worst`` and ``all``, each as `assess.summarise_findings`.

    Args:
        results: of one architecture, one for each kind
    """
    found: dict[str, dict[str, Any]] = {}
    for result in results:
        for group, summary in result.get("suspects", {}).items():
            together = found.setdefault(group, {"confusion": {}, "kinds": {}})
            for part in together:
                together[part] |= summary[part]
    return found


def type_table(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the confusion matrix of error types.

    Args:
        summary: of `assess.summarise_findings`
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
        groups: ``worst`` and ``all``, each of `assess.summarise_findings`
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


def _exactness(values: Mapping[str, Any]) -> Iterable[float]:
    return values["right_class"], values["matching_iou"], values["strongest_iou"]


def _share(value: float) -> str:
    return f"{value:.3f}"
