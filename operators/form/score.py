"""The parts of a form about classes, scores and what is written."""

from __future__ import annotations

import importlib.util
from typing import Any

from ...plugin.base.errors import LabelQualityError
from ...plugin.base.parameters import table
from ...plugin.engine.config import RAY, Execution
from ...plugin.labels.class_table import ClassTable
from ...plugin.runs.request import Request, Stages
from ...plugin.samples.checks import class_targets
from ...plugin.scores.config import ScoreConfig
from ...plugin.suspects.config import SuspectConfig
from .forms import Form
from .parameters import to_arguments

_SCANNED = "The dataset has no mask targets: its masks will be scanned, and every value in them becomes a class."
_SOURCES = {
    "mask_targets": "the mask targets of '{field}'",
    "default_mask_targets": "the dataset's default mask targets",
    "argument": "the classes entered",
    "classes": "the dataset's classes of '{field}'",
    "default_classes": "the dataset's default classes",
    "labels seen": "the labels in '{field}'",
}


def classes(form: Form) -> None:
    """Which mask values are classes and which take part in nothing."""
    form.heading("classes", "Classes")
    form.ask(Request, "classes", "ignored", "unlabelled", "unknown")


def describe_classes(form: Form, label_field: str) -> ClassTable | None:
    """Says how many classes there are and where they come from, or marks what is wrong with them.

    Returns:
        the classes, or None where the masks have to be scanned for them or something is wrong
    """
    table: ClassTable | None = None
    given: dict[str, Any] = {}
    # One more input at a time, so that an error is that of the input just added
    for name in ("classes", "ignored", "unlabelled"):
        try:
            given |= to_arguments(form.ctx.params, (name,))
            source, targets = class_targets(form.ctx.dataset, label_field, given.get("classes"))
            if targets is None:
                form.notice("classes", _SCANNED)
                return None
            table = ClassTable.from_targets(targets, given.get("ignored", ()), given.get("unlabelled"), source)
        except LabelQualityError as error:
            form.fail(name, str(error))
            return None
    if table is not None:
        form.notice("classes", _class_sentence(table, label_field))
    return table


def _class_sentence(table: ClassTable, label_field: str) -> str:
    shown = ", ".join(table.names[:8]) + (f" and {table.size - 8} more" if table.size > 8 else "")
    origin = _SOURCES[table.source].format(field=label_field)
    ignored = f"; {len(table.ignored)} ignored" if table.ignored else ""
    return f"{table.size} class{'es' if table.size > 1 else ''} from {origin}: {shown}{ignored}."


def scores(form: Form) -> None:
    """The scores' choices that the paper leaves open."""
    form.heading("scores", "Scores")
    form.ask(ScoreConfig, *(name for name in table(ScoreConfig) if name != "workers"))


def lint(form: Form) -> None:
    """Whether masks are linted first."""
    form.heading("lint", "Lint")
    form.ask(Stages, "lint")


def suspects(form: Form) -> None:
    """Whether suspects are found too, and which."""
    form.heading("suspects", "Suspects")
    if form.ask(Stages, "suspects"):
        form.ask(SuspectConfig, *(name for name in table(SuspectConfig) if name != "workers"))


def writing(form: Form) -> None:
    """What happens to bad samples, and where files go."""
    form.heading("writing", "Run")
    form.ask(Request, "skip_failures", "output_dir")
    if "workers" in form.labels:
        form.ask(ScoreConfig, "workers")
    execution(form)


def execution(form: Form) -> None:
    """Where the work runs."""
    if form.ask(Execution, "engine") == RAY:
        form.ask(Execution, "address", "num_gpus")
        if importlib.util.find_spec("ray") is None:
            form.fail("engine", "A cluster needs the package ray here and there: pip install ray")
    form.config(Execution, fallback="engine")
