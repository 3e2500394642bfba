"""The parts of a form about classes, scores and what is written."""

from __future__ import annotations

from typing import Any

from ...plugin.base.errors import LabelQualityError
from ...plugin.labels.class_table import ClassTable
from ...plugin.samples.checks import class_targets
from ...plugin.scores.config import DEFAULT_THRESHOLDS, SCORES, ScoreConfig
from .forms import Form
from .parameters import to_arguments

_SCANNED = "The dataset has no mask targets: its masks will be scanned, and every value in them becomes a class."
_SOURCES = {
    "mask_targets": "the mask targets of '{field}'",
    "default_mask_targets": "the dataset's default mask targets",
    "argument": "the classes entered",
}


def classes(form: Form) -> None:
    """Which mask values are classes and which take part in nothing."""
    form.heading("classes", "Classes")
    form.text("classes", "Classes", "As '0: road, 1: car', or a file's path; empty for the dataset's mask targets")
    form.text("ignored", "Ignored", "Values or names that take part in nothing, as '255, void'", half=True)
    form.text("unlabelled", "Unlabelled class", "Its name or value; empty to find it by its name", half=True)
    form.choice(
        "unknown",
        "A mask value outside the classes",
        {"error": "is an error", "ignore": "is ignored"},
        default="error",
    )


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
    form.text("scores", "Which scores", f"Some of {', '.join(SCORES)}; empty for all")
    form.number("temperature", "Softmin temperature", "Smaller is closer to the minimum", ScoreConfig.temperature)
    form.whole("pooling", "Pooling", "Side of the blocks of CLC and CoCo; 1 for full resolution", ScoreConfig.pooling)
    form.choice(
        "clc_rule",
        "Confident learning flags",
        {"cleanlab": "as many of the lowest pixels (cleanlab)", "joint": "off the diagonal of the confident joint"},
        default="cleanlab",
    )
    form.choice("coco_average", "CoCo averages over", ("components", "classes"), default="components")
    thresholds = f"{DEFAULT_THRESHOLDS[0]}, {DEFAULT_THRESHOLDS[1]}, …, {DEFAULT_THRESHOLDS[-1]}"
    form.text("thresholds", "TCCP thresholds", f"In (0, 1), separated by commas; empty for {thresholds}")
    form.flag("per_class", "Also score every class of every image", default=True)


def writing(form: Form) -> None:
    """What happens to bad samples, and where files go."""
    form.heading("writing", "Run")
    form.flag("skip_failures", "Leave out samples that cannot be processed", "They are listed in the run's record")
    form.text("output_dir", "Folder for heatmaps and predictions", "Empty for the default, beside FiftyOne's datasets")
    form.whole("workers", "Threads", "That score; empty for one a core")
