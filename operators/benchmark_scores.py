"""The operator `benchmark_scores`: how far the scores can be trusted on this dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.console import format_seconds
from ..plugin.base.database_errors import database_errors
from ..plugin.base.json_values import to_json
from ..plugin.base.progress import Progress
from ..plugin.benchmark.config import DEFAULT_KEY
from ..plugin.parameters import PARAMETERS
from .execution import EngineOperator
from .form import benchmark as benchmark_form
from .form import forms
from .form.forms import Form
from .form.parameters import to_request
from .output import benchmark_text as text
from .output import outputs
from .panel.workers import delegates_first

_LABEL = "Benchmark the scores"


class BenchmarkScores(EngineOperator):
    """Measures how well each score finds errors that are known: planted in copies of the masks, or corrected."""

    operator_name = "benchmark_scores"
    title = _LABEL
    description = "Plant known errors in a copy of the masks, and see which scores find them; nothing is changed"
    icon = "/assets/benchmark.svg"
    offers_target = True

    def __call__(
        self,
        sample_collection: Any,
        label_field: str,
        key: str = DEFAULT_KEY,
        truth_field: str | None = None,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Tests the scores.

        Args:
            sample_collection: the dataset or view
            label_field: its field with the given masks or instances
            key: the benchmark's name
            truth_field: the field with corrected masks; by default errors are planted
            delegate: queue the benchmark for ``fiftyone delegated launch`` instead of running it now
            progress: draw progress bars
            **params: others of `label_quality.benchmark_scores`, such as ``rates``, ``architectures``,
                ``preset`` and ``folds``

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` has the benchmark's ``results``, ``left_out`` and ``notes``
        """
        given = {"key": key, "truth_field": truth_field, **params}
        request = {"label_field": label_field, **to_request(given, PARAMETERS[self.operator_name])}
        return self.call({"view": sample_collection.view()}, request, delegate, progress)

    def resolve_execution_options(self, ctx: Any) -> foo.ExecutionOptions:
        """Immediate or delegated, as the user likes; where models run, delegated comes first if a worker is there."""
        return foo.ExecutionOptions(
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            default_choice_to_delegated=delegates_first(benchmark_form.trains(ctx.params)),
        )

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The form, checked against the dataset."""
        form = Form(ctx)
        benchmark_form.fill(form)
        return form.property(f"{_LABEL}…", "Test")

    def resolve_run_name(self, ctx: Any) -> str:
        """The benchmark's name in the list of delegated operations."""
        return f"{_LABEL}: {ctx.params.get('label_field') or ''}"

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Tests with what the form, the Python call or the delegated run gave."""
        from ..plugin.benchmark.run import benchmark_scores

        samples = ctx.target_view()
        label_field = ctx.params.get("label_field") or next(iter(forms.given_fields(samples)))
        arguments = benchmark_form.to_engine(ctx.params)
        # The form names it among the advanced options, which need not have been opened
        if "key" not in arguments:
            arguments["key"] = benchmark_form.default_key(ctx.dataset)
        summary = to_json(benchmark_scores(samples, label_field, progress=progress, **arguments).to_dict())
        for result in summary["results"]:
            # For the panel's plots, which take them from the record
            result.pop("curves", None)
        return {**summary, "failures": []}

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        found = ", ".join(f"{label.lower()} {share}" for share, label, _ in text.findings(summary))
        return f"Tested the scores of '{summary['label_field']}': {found or 'see what was left out'}."

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """What was found, by one measure; the panel has the others."""
        shown = types.Object()
        for index, (share, label, where) in enumerate(text.findings(summary)):
            shown.view(f"finding_{index}", types.Notice(label=f"{label}: {share}, {where}."))
        if summary["results"]:
            columns = {name: heading.replace("\n", ", ") for name, heading in text.columns(summary).items()}
            rows = [{name: _in_line(cell) for name, cell in row.items()} for row in text.rows(summary, text.AUROC)]
            outputs.table(shown, "table", columns, f"{text.MEASURES[text.AUROC]} (95 % interval)", rows)
        seconds = format_seconds(summary["seconds"])
        more = f"The audits took {seconds}. The panel “Label quality” shows all measures and curves."
        shown.view("more", types.Notice(label=more))
        outputs.warnings(shown, text.remarks(summary))
        return types.Property(shown, view=types.View(label=_LABEL))


def _in_line(cell: str) -> str:
    """A value with its interval in one line."""
    value, _, interval = cell.partition("\n")
    return f"{value} ({interval})" if interval else value
