"""The operator `evaluate_predictions`: a run's predictions in FiftyOne's panel Model Evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.progress import Progress
from ..plugin.evaluation.config import EvaluationRequest
from ..plugin.evaluation.text import evaluated_class_rows, evaluation_sentences
from ..plugin.records.evaluations import check_evaluation, own_evaluations
from .form.forms import Form
from .output import outputs
from .output.plain_text import plain
from .scored_run import ScoredRunOperator

_LABEL = "Evaluate predictions"
_PURPOSE = (
    "Compares the run's predicted masks with the given ones by FiftyOne's own evaluator, for the panel Model "
    "Evaluation: confusion matrix, scenarios, and the accuracy of each image. No model runs."
)


class EvaluatePredictions(ScoredRunOperator):
    """Has FiftyOne evaluate a run's predicted masks."""

    operator_name = "evaluate_predictions"
    title = _LABEL
    description = "Evaluate a run's predicted masks against the given ones, for FiftyOne's panel Model Evaluation"
    icon = "/assets/evaluate.svg"

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, the evaluation's name, and the band along edges."""
        form = Form(ctx)
        form.notice("purpose", _PURPOSE)
        run = self.choose_run(form, ctx.dataset)
        if run is None:
            return form.property(_LABEL, "Evaluate")
        form.ask(EvaluationRequest, "eval_key", "bandwidth")
        request = form.config(EvaluationRequest, fallback="eval_key")
        if isinstance(request, EvaluationRequest):
            _check(form, dataclasses.replace(request, key=run.key))
        return form.property(_LABEL, "Evaluate")

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Evaluates with what the form, the Python call or the delegated run gave."""
        from ..plugin.evaluation.evaluate import evaluate_predictions

        found = evaluate_predictions(ctx.dataset, progress=progress, **self.arguments(ctx))
        sentences, rows = evaluation_sentences(found), evaluated_class_rows(found)
        return {**dataclasses.asdict(found), "sentences": sentences, "class_rows": rows}

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        return " ".join(summary["sentences"])

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """The main figures, and those of each class."""
        shown = types.Object()
        shown.view("message", types.Notice(label=plain(self.message(summary))))
        if summary["class_rows"]:
            columns = {"name": "Class", "pixels": "Given", "iou": "IoU", "precision": "Precision", "recall": "Recall"}
            outputs.table(shown, "class_rows", columns, "Given and predicted masks by class")
        return types.Property(shown, view=types.View(label=_LABEL))


def _check(form: Form, request: EvaluationRequest) -> None:
    """Says under which name it will be kept, or what is in the way."""
    dataset = form.ctx.dataset
    again = request.name in own_evaluations(dataset, request.key) and form.ask(EvaluationRequest, "overwrite")
    try:
        check_evaluation(dataset, request.key, request.name, bool(again))
    except LabelQualityError as error:
        form.fail_as(error, fallback="eval_key")
    if form.valid:
        form.notice("plan", f"FiftyOne keeps it as '{request.name}'.")
