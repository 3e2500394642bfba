"""The operator `measure_gain`: what clean masks are worth to a model that is trained on them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.console import format_seconds
from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.parameters import table
from ..plugin.base.progress import Progress
from ..plugin.gain.config import GainRequest
from ..plugin.gain.text import class_rows, gain_sentences, score_rows
from ..plugin.records.run_record import RunRecord
from ..plugin.samples.checks import segmentation_fields
from ..plugin.training.config import NOT_OF_GAIN, CrossValidation
from ..plugin.training.defaults import chosen
from .form.estimates import describe_gain
from .form.forms import Form
from .form.parameters import to_arguments
from .output import outputs
from .output.plain_text import plain
from .scored_run import ScoredRunOperator

_LABEL = "Measure gain"
_PURPOSE = (
    "Trains the same model on the given masks, on those without what is suspected, and on the clean ones, and judges "
    "all three on verified masks. Nothing of the dataset changes."
)
#: Trained in another call, as all images are judged here
_LEFT_OUT = "only_folds"


class MeasureGain(ScoredRunOperator):
    """Measures what the corrections of a run are worth."""

    operator_name = "measure_gain"
    title = _LABEL
    description = "Train the same model on the given and on the clean masks, and compare the two on verified masks"
    icon = "/assets/gain.svg"

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, its clean and verified masks, and how to train."""
        form = Form(ctx)
        form.notice("purpose", _PURPOSE)
        run = self.choose_run(form, ctx.dataset)
        if run is None:
            return form.property(_LABEL, "Measure")
        fields = [name for name in segmentation_fields(ctx.dataset) if name != run.label_field]
        for name in ("clean_field", "verified_field"):
            _field(form, name, fields)
        form.ask(GainRequest, "repeats")
        if form.flag("advanced", "Advanced options"):
            form.ask(GainRequest, "resamples", "overwrite", "skip_failures")
            form.heading("training", "Training, as in the run's audit unless changed")
            before = CrossValidation.from_params(_before(run))
            for name in table(CrossValidation):
                if name not in NOT_OF_GAIN:
                    form.ask(CrossValidation, name, default=getattr(before, name))
        if form.valid:
            _check(form, run)
        return form.property(_LABEL, "Measure")

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Measures with what the form, the Python call or the delegated run gave."""
        from ..plugin.gain.measure import measure_gain

        started = time.monotonic()
        found = measure_gain(ctx.dataset, progress=progress, **self.arguments(ctx))
        return {
            **dataclasses.asdict(found),
            "sentences": gain_sentences(found),
            "rows": score_rows(found),
            "by_class": class_rows(found),
            "took": time.monotonic() - started,
        }

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        return str(summary["sentences"][0])

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """What each kind of masks is worth, in all and by class."""
        shown = types.Object()
        text = f"{' '.join(summary['sentences'])} ({format_seconds(summary['took'])})"
        shown.view("message", types.Notice(label=plain(text)))
        columns = {"masks": "Masks", "changed": "Pixels changed", "miou": "mIoU", "miou_gain": "Gain"}
        columns |= {"accuracy": "Accuracy", "accuracy_gain": "Gain in accuracy"}
        outputs.table(shown, "rows", columns, "Trained on each kind of masks, with 95 % intervals")
        by_class = {
            "name": "Class",
            "given": "Given",
            "unsuspected": "Without suspects",
            "clean": "Clean",
            "gain": "Gain",
        }
        outputs.table(shown, "by_class", by_class, "IoU by class, the largest gain of clean masks first")
        outputs.warnings(shown, summary["notes"])
        return types.Property(shown, view=types.View(label=_LABEL))


def _before(run: RunRecord) -> dict[str, Any]:
    """What was chosen for the run's own cross-validation, if it has one; what is its preset's own goes with that."""
    found = chosen(run.config.get("predictions", {})) if run.source == CrossValidation.source else {}
    return {name: value for name, value in found.items() if name not in (_LEFT_OUT, "device")}


def _field(form: Form, name: str, fields: list[str]) -> None:
    one = table(GainRequest)[name]
    given = form.value(name)
    form.choice(name, one.label, fields, f"{one.help}; empty for {one.empty}", check=False)
    if given is not None and given not in fields:
        form.fail(name, f"Expected another segmentation field of the dataset ({', '.join(fields) or 'none'}).")


def _check(form: Form, run: RunRecord) -> None:
    """Says what will be done, or what is in the way."""
    from ..plugin.regions.reviewed import reviewed_run

    try:
        reviewed_run(form.ctx.dataset, run.key)
        entered = to_arguments(form.ctx.params, table(CrossValidation))
        config = CrossValidation.from_params({**_before(run), **entered})
        request = GainRequest.from_params({**to_arguments(form.ctx.params, table(GainRequest)), "key": run.key})
    except LabelQualityError as error:
        form.fail_as(error, fallback="key")
        return
    form.notice("plan", describe_gain(config, run.scored, request.repeats))
