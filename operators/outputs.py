"""What a run shows when it is done: plain values first, FiftyOne's output views made of them second."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone.operators.types as types

from ..plugin.terminal import format_seconds

#: Images in the table of an output, and failures listed below it
_SHOWN_IMAGES = 10
_SHOWN_FAILURES = 5


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
    }


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
    outputs.view("message", types.Notice(label=f"{run_message(summary)} ({format_seconds(summary['seconds'])})"))
    if summary["note"]:
        outputs.view("note", types.Warning(label=summary["note"]))
    if summary["worst"]:
        columns = {"rank": "Rank", "quality": "Quality", "image": "Image"}
        table(outputs, "worst", columns, "The worst images; a low quality means a probably wrong mask")
    for index, failure in enumerate(summary["failures"][:_SHOWN_FAILURES]):
        outputs.view(f"failure_{index}", types.Warning(label=f"Left out: {failure}"))
    more = len(summary["failures"]) - _SHOWN_FAILURES
    if more > 0:
        outputs.view("failures", types.Warning(label=f"{more} more are listed in the run's record."))
    return types.Property(outputs, view=types.View(label=title))


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
