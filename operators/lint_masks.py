"""The operator `lint_masks`: what is improbable in masks by themselves, in seconds and without a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.console import format_seconds
from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.parameters import table
from ..plugin.base.progress import Progress
from ..plugin.dataset.lint_fields import check_lint, lint_names, lint_view
from ..plugin.lint.config import LintConfig
from ..plugin.lint.summary import example_rows, image_rows, kind_rows, lint_sentence
from ..plugin.parameters import PARAMETERS
from ..plugin.records.run_record import validate_key
from ..plugin.runs.request import LintRequest
from .execution import EngineOperator
from .form import forms
from .form import score as score_form
from .form.forms import Form
from .form.parameters import to_arguments, to_request
from .output import outputs
from .output.plain_text import plain

_LABEL = "Lint masks"
_PURPOSE = (
    "Looks for what is improbable in masks by themselves: stray pixels, holes, slivers, gaps, frames, rare classes and "
    "values, outliers, wrong sizes, equal images with other masks. No model runs."
)


class LintMasks(EngineOperator):
    """Finds what is improbable in given masks by themselves."""

    operator_name = "lint_masks"
    title = _LABEL
    description = "Find stray pixels, holes, slivers, frames, outliers and equal images in masks, in seconds"
    icon = "/assets/lint.svg"
    offers_target = True

    def __call__(
        self,
        sample_collection: Any,
        label_field: str,
        key: str = LintRequest.key,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Lints masks.

        Args:
            sample_collection: the dataset or view
            label_field: its segmentation field with the given masks
            key: the prefix of the fields that are written
            delegate: queue the work for ``fiftyone delegated launch`` instead of doing it now
            progress: draw progress bars
            **params: others of `label_quality.lint_masks`, such as ``only_kinds`` or ``few_pixels``

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` says how much was found
        """
        request = to_request({"key": key, **params}, PARAMETERS[self.operator_name])
        return self.call(
            {"view": sample_collection.view()}, {"label_field": label_field, **request}, delegate, progress
        )

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The masks, and what is looked for."""
        form = Form(ctx)
        form.notice("purpose", _PURPOSE)
        samples = forms.target(form, "Lint")
        label_field = forms.label_field(form, samples) if samples is not None else None
        if label_field is None:
            return form.property(_LABEL, "Lint")
        key = form.ask(LintRequest, "key")
        if form.flag("advanced", "Advanced options"):
            form.ask(LintConfig, *table(LintConfig))
            form.heading("classes", "Classes")
            form.ask(LintRequest, "classes", "ignored", "unlabelled", "clear")
        form.config(LintConfig, fallback="key")
        score_form.describe_classes(form, label_field)
        _check(form, ctx.dataset, key)
        return form.property(_LABEL, "Lint")

    def resolve_run_name(self, ctx: Any) -> str:
        """The run's name in the list of delegated operations."""
        return f"{_LABEL}: {ctx.params.get('label_field') or ''}"

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Lints with what the form, the Python call or the delegated run gave."""
        from ..plugin.lint_masks import lint_masks

        samples = ctx.target_view()
        label_field = ctx.params.get("label_field") or next(iter(forms.given_fields(samples)))
        arguments = to_arguments(ctx.params, PARAMETERS[self.operator_name])
        found = lint_masks(samples, label_field, progress=progress, **arguments)
        return {
            **dataclasses.asdict(found),
            "counts": found.counts,
            "sentence": lint_sentence(found),
            "kind_rows": kind_rows(found),
            "example_rows": example_rows(found),
            "image_rows": image_rows(found),
        }

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        shown = f" Saved view '{summary['view']}' shows them." if summary["findings"] else ""
        return f"{summary['sentence']}{shown}"

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """How much there is of each kind, an example of each, and the images with the most."""
        shown = types.Object()
        text = f"{self.message(summary)} ({format_seconds(summary['seconds'])})"
        shown.view("message", types.Notice(label=plain(text)))
        if summary["findings"]:
            kinds = {"kind": "Kind", "findings": "Findings", "images": "Images", "what": "What it is"}
            outputs.table(shown, "kind_rows", kinds, "Findings by kind")
            outputs.table(shown, "example_rows", {"kind": "Kind", "example": "The first of them"}, "For example")
            images = {"image": "Image", "findings": "Findings", "kinds": "Kinds"}
            outputs.table(shown, "image_rows", images, "The images with the most findings")
        outputs.warnings(shown, summary["notes"])
        return types.Property(shown, view=types.View(label=_LABEL))

    def shown(self, ctx: Any, summary: Mapping[str, Any]) -> Any:
        """The images with findings, those with the most first; nothing where there is none."""
        return lint_view(ctx.dataset, summary["key"]) if summary["findings"] else None


def _check(form: Form, dataset: Any, key: str) -> None:
    """Marks a name that cannot be used, and says what will happen."""
    try:
        validate_key(dataset, key)
        check_lint(dataset, key)
    except LabelQualityError as error:
        form.fail_as(error, fallback="key")
        return
    if not form.valid:
        return
    there = dataset.has_sample_field(lint_names(key)[0])
    if form.value("clear"):
        form.notice(
            "plan", f"What a lint has written as '{key}' is deleted." if there else "There is nothing to delete."
        )
        return
    again = ", in place of what is there" if there else ""
    form.notice("plan", f"What is found goes to the field '{lint_names(key)[0]}'{again}; no mask is changed.")
