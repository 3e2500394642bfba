"""What a run shows when it is done: plain values first, FiftyOne's output views made of them second."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone.operators.types as types

from ...plugin.base.console import format_seconds
from ...plugin.base.words import expected
from ...plugin.lint.summary import run_sentence
from ...plugin.runs.summary import FoundSuspects, ScoredObjects
from .plain_text import plain

#: Images in the table of an output, and failures listed below it
_SHOWN_IMAGES = 10
_SHOWN_FAILURES = 5
_GROUP_COLUMNS = {"group": "Issue", "regions": "Suspects", "expected": "Probable", "images": "Images", "kind": "Kind"}


def summarise(summary: Any) -> dict[str, Any]:
    """An `audit.RunSummary` as JSON-serialisable values."""
    worst = [
        {"rank": rank, "quality": round(float(image.quality), 3), "image": os.path.basename(image.filepath)}
        for rank, image in enumerate(summary.worst[:_SHOWN_IMAGES], start=1)
    ]
    return {
        "key": summary.key,
        "images": int(summary.images),
        "scored": int(summary.scored),
        "classes": int(summary.classes),
        "seconds": float(summary.seconds),
        "note": summary.note or "",
        "failures": [str(failure) for failure in summary.failures],
        "worst": worst,
        "suspects": None if summary.suspects is None else summarise_suspects(summary.suspects),
        "groups": [] if summary.suspects is None else group_rows(summary.suspects),
        "lint": None if summary.lint is None else run_sentence(summary.key, summary.lint),
    }


def summarise_suspects(found: FoundSuspects) -> dict[str, Any]:
    """The numbers of suspects as JSON-serialisable values."""
    return {
        "regions": int(found.regions),
        "images": int(found.images),
        "by_type": {kind: int(count) for kind, count in found.by_type.items()},
        "notes": list(found.notes),
    }


def group_rows(found: FoundSuspects) -> list[dict[str, Any]]:
    """The leading groups as rows of `group_table`."""
    return [
        {
            "group": group["title"],
            "regions": int(group["regions"]),
            **({} if group["expected"] is None else {"expected": expected(group["expected"])}),
            "images": int(group["images"]),
            "kind": group["kind"].replace("_", " "),
        }
        for group in found.groups
    ]


def object_rows(found: ScoredObjects) -> list[dict[str, Any]]:
    """The classes of scored objects as rows of a table, the lowest mean quality first."""
    rows = sorted(found.classes, key=lambda one: one["quality"])
    return [{**one, "quality": round(float(one["quality"]), 3)} for one in rows]


def run_message(summary: Mapping[str, Any]) -> str:
    """One sentence for the notification at the end of a run."""
    left_out = f", {len(summary['failures'])} left out" if summary["failures"] else ""
    if not summary["worst"]:
        return f"Predicted {summary['images']} images{left_out}; score them as run '{summary['key']}'."
    worst = summary["worst"][0]
    return (
        f"Scored {summary['scored']} images{left_out}; the worst is {worst['image']} ({worst['quality']:.3f}). "
        f"Saved view '{summary['key']}: worst first' ranks them."
    )


def run_output(title: str, summary: Mapping[str, Any]) -> types.Property:
    """The worst images of a run in a table, what was left out, and how to go on."""
    outputs = types.Object()
    outputs.view("message", types.Notice(label=plain(f"{run_message(summary)} ({format_seconds(summary['seconds'])})")))
    if summary["note"]:
        outputs.view("note", types.Warning(label=plain(summary["note"])))
    if summary["worst"]:
        columns = {"rank": "Rank", "quality": "Quality", "image": "Image"}
        table(outputs, "worst", columns, "The worst images; a low quality means a probably wrong mask")
    # Of runs that older versions delegated, the results have neither suspects nor a lint
    found = summary.get("suspects")
    if found is not None:
        outputs.view("suspects", types.Notice(label=suspects_message(summary["key"], summary["scored"], found)))
        group_table(outputs, summary["groups"])
    if summary.get("lint"):
        outputs.view("lint", types.Notice(label=plain(summary["lint"])))
    warnings(outputs, [*(found["notes"] if found is not None else ()), *left_out(summary["failures"])])
    return types.Property(outputs, view=types.View(label=title))


def suspects_message(key: str, scored: int, found: Mapping[str, Any]) -> str:
    """How many suspects there are, by type, and what shows them.

    Args:
        key: the run's key
        scored: number of images searched
        found: as `summarise_suspects` gives it
    """
    if not found["regions"]:
        return f"No suspects in {scored:,} images."
    regions, images = found["regions"], found["images"]
    counted = f"{regions:,} suspect{'s' * (regions != 1)} in {images:,} of {scored:,} images"
    types_found = ", ".join(f"{count:,} {kind}" for kind, count in found["by_type"].items() if count)
    return f"Found {counted} ({types_found}). Saved view '{key}: suspect regions' shows them."


def group_table(outputs: types.Object, groups: Sequence[Any]) -> None:
    """The table of the leading issues, where there are any."""
    if groups:
        rated = "expected" in groups[0]
        columns = {name: heading for name, heading in _GROUP_COLUMNS.items() if name != "expected" or rated}
        most = "probable mistakes" if rated else "evidence"
        table(outputs, "groups", columns, f"Issues, those with the most {most} first")


def left_out(failures: Sequence[str]) -> list[str]:
    """The first samples left out, each with its reason, and how many more there are."""
    more = len(failures) - _SHOWN_FAILURES
    shown = [f"Left out: {failure}" for failure in failures[:_SHOWN_FAILURES]]
    return [*shown, f"{more} more are listed in the run's record."] if more > 0 else shown


def warnings(outputs: types.Object, texts: Sequence[str]) -> None:
    """One warning a text."""
    for index, text in enumerate(texts):
        outputs.view(f"warning_{index}", types.Warning(label=plain(text)))


def table(outputs: types.Object, name: str, columns: Mapping[str, str], label: str, rows: Sequence[Any] = ()) -> None:
    """A read-only table of the list of objects ``name``.

    Args:
        outputs: the form or output
        name: the property
        columns: key of each column, and its heading
        label: above the table
        rows: the content where it does not come with the results
    """
    view = types.TableView()
    for key, heading in columns.items():
        view.add_column(key, label=heading)
    outputs.list(name, types.Object(), label=label, view=view, default=list(rows) or None)
