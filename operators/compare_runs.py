"""The operator `compare_runs`: what has changed from one run to another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.parameters import table
from ..plugin.base.progress import Progress
from ..plugin.compare.config import CompareRequest
from ..plugin.compare.text import class_change_rows, comparison_sentences, image_rows, issue_rows
from ..plugin.parameters import PARAMETERS
from ..plugin.records.run_record import list_records
from ..plugin.samples.private_fiftyone import root_of
from .execution import EngineOperator
from .form.forms import Form, run_labels
from .form.parameters import to_arguments, to_request
from .output import outputs
from .output.plain_text import plain

_LABEL = "Compare runs"


class CompareRuns(EngineOperator):
    """Compares two runs that have scores."""

    operator_name = "compare_runs"
    title = _LABEL
    description = "Compare two runs: which images became better or worse, which issues are gone or new"
    icon = "/assets/compare.svg"

    def __call__(
        self,
        sample_collection: Any,
        before: str = CompareRequest.before,
        after: str = CompareRequest.after,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Compares two runs.

        Args:
            sample_collection: the dataset, or a view of it
            before: key of the run that the other is compared with
            after: key of the run whose changes are told
            delegate: queue the work for ``fiftyone delegated launch`` instead of doing it now
            progress: draw progress bars
            **params: none

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` says what has changed
        """
        request = to_request({"before": before, "after": after, **params}, PARAMETERS[self.operator_name])
        return self.call({"dataset": root_of(sample_collection)}, request, delegate, progress)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the two runs: the last two unless others are chosen."""
        form = Form(ctx)
        runs = [run for run in list_records(ctx.dataset) if ctx.dataset.has_sample_field(f"{run.key}_quality")]
        if len(runs) < 2:
            form.fail("before", "There are fewer than two scored runs: audit again with another name first.")
            return form.property(_LABEL, "Compare")
        labels = run_labels(runs)
        for name, default in (("before", runs[-2].key), ("after", runs[-1].key)):
            one = table(CompareRequest)[name]
            form.choice(name, one.label, labels, one.help, default)
        entered = {"before": form.value("before", runs[-2].key), "after": form.value("after", runs[-1].key)}
        if form.valid and entered["before"] == entered["after"]:
            form.fail("after", f"Choose another run than '{entered['before']}'.")
        if form.valid:
            field = f"{entered['after']}_change"
            form.notice("plan", f"Each image's change of quality goes to the field '{field}', which the grid sorts by.")
        return form.property(_LABEL, "Compare")

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Compares with what the form, the Python call or the delegated run gave."""
        from ..plugin.compare.comparison import compare_runs

        runs = [run.key for run in list_records(ctx.dataset) if ctx.dataset.has_sample_field(f"{run.key}_quality")]
        defaults = dict(zip(("before", "after"), runs[-2:], strict=False)) if len(runs) > 1 else {}
        given = defaults | to_arguments(ctx.params, PARAMETERS[self.operator_name])
        found = compare_runs(ctx.dataset, given.get("before", ""), given.get("after", ""), progress=progress)
        return {
            **dataclasses.asdict(found),
            "sentences": comparison_sentences(found),
            "issue_rows": issue_rows(found),
            "class_rows": class_change_rows(found),
            "image_rows": image_rows(found),
        }

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        return str(summary["sentences"][0])

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """What has changed, by issue, class and image."""
        shown = types.Object()
        shown.view("message", types.Notice(label=plain(" ".join(summary["sentences"]))))
        counts = {"before": "Before", "after": "After", "change": "Change"}
        if summary["issue_rows"]:
            issues = {"title": "Issue", "before": "Before", "after": "After", "rejected": "Rejected before"}
            text = "Suspects by issue, the most changed first; those rejected before are no change"
            outputs.table(shown, "issue_rows", {**issues, "change": "Change"}, text)
        if summary["class_rows"]:
            ious = {"name": "Class", "before": "Before", "after": "After", "masks": "Masks of both"}
            outputs.table(
                shown, "class_rows", ious, "IoU of given and suggested masks by class, and of both runs' masks"
            )
        if summary["image_rows"]:
            images = {"image": "Image", **counts}
            outputs.table(shown, "image_rows", images, "Quality: the images that fell most, then those that grew most")
        outputs.warnings(shown, summary["notes"])
        return types.Property(shown, view=types.View(label=_LABEL))

    def shown(self, ctx: Any, summary: Mapping[str, Any]) -> Any:
        """The images that were compared, those whose quality fell most first."""
        from ..plugin.compare.comparison import changed_view

        return changed_view(ctx.dataset, summary["after"])
