"""What `audit_labels`, `compute_predictions` and `score_label_quality` have in common: form, options, output."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.parameters import table
from ..plugin.base.progress import Progress
from ..plugin.dataset.views import worst_first
from ..plugin.parameters import PARAMETERS
from ..plugin.predictions.config import PREDICTION_SOURCES, FilesSource
from ..plugin.runs.request import Stages
from ..plugin.suspects.config import SuspectConfig
from .execution import EngineOperator
from .form import forms
from .form import run as run_form
from .form.forms import Form
from .form.parameters import to_arguments, to_request
from .output import outputs
from .panel.workers import delegates_first

_THRESHOLDS = set(table(SuspectConfig)) - set(SuspectConfig.execution_only)


class RunOperator(EngineOperator):
    """An operator that makes a run, or a part of one.

    Attributes:
        predicts: whether it makes predictions
        scores: whether it scores
    """

    offers_target = True
    predicts: ClassVar[bool] = True
    scores: ClassVar[bool] = True

    @abstractmethod
    def engine(self, samples: Any, label_field: str, progress: Progress, arguments: dict[str, Any]) -> Any:
        """Calls the engine and returns its `audit.RunSummary`."""

    def resolve_execution_options(self, ctx: Any) -> foo.ExecutionOptions:
        """Immediate or delegated, as the user likes; where models run, delegated comes first if a worker is there."""
        long = self.predicts and (ctx.params.get("source") or Stages.source) != FilesSource.source
        return foo.ExecutionOptions(
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            default_choice_to_delegated=delegates_first(long),
        )

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The form, checked against the dataset."""
        form = Form(ctx)
        run_form.fill(form, self.predicts, self.scores)
        return form.property(self.title)

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """The worst images, the suspects and what was left out."""
        return outputs.run_output(self.title, summary)

    def resolve_run_name(self, ctx: Any) -> str:
        """The run's name in the list of delegated operations."""
        return f"{self.title}: {ctx.params.get('label_field') or ''}"

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        return outputs.run_message(summary)

    def shown(self, ctx: Any, summary: Mapping[str, Any]) -> Any | None:
        """The ranking, where there is one."""
        return worst_first(ctx.dataset, summary["key"]) if summary["worst"] else None

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Runs the engine with what the form, the Python call or the delegated run gave."""
        samples = ctx.target_view()
        label_field = ctx.params.get("label_field") or next(iter(forms.given_fields(samples)))
        arguments = to_arguments(ctx.params, self.engine_names(ctx.params))
        if arguments.get("suspects") is False:
            # What a form hides then, and has sent before
            arguments = {name: value for name, value in arguments.items() if name not in _THRESHOLDS}
        return outputs.summarise(self.engine(samples, label_field, progress, arguments))

    def engine_names(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The parameters that the engine takes, for the source that was chosen."""
        names = list(PARAMETERS[self.operator_name])
        if self.predicts:
            chosen = PREDICTION_SOURCES[Stages(params.get("source") or Stages.source).source]
            others = {name for source in PREDICTION_SOURCES.values() for name in table(source)} - set(table(chosen))
            names = [name for name in names if name not in others]
        return tuple(names)

    def run_from_python(
        self, samples: Any, label_field: str, key: str, delegate: bool, progress: bool, given: dict[str, Any]
    ) -> Any:
        """The body of the operators' ``__call__``."""
        allowed = self.engine_names(given)
        params = to_request({"key": key, **given}, allowed)
        return self.call({"view": samples.view()}, {"label_field": label_field, **params}, delegate, progress)
