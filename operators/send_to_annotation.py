"""The operator `send_to_annotation`: chosen images to CVAT, Label Studio or another service, suspects as context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.annotation import backends as annotation_backends
from ..plugin.annotation import send as annotation
from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.progress import Progress
from ..plugin.base.words import count
from ..plugin.records.run_record import list_records
from ..plugin.review.choose_images import TAGGED, Choice
from .execution import EngineOperator
from .form import choice as choice_form
from .form import forms
from .form.forms import Form
from .form.parameters import to_request
from .output.plain_text import plain

_LABEL = "Send to annotation"
_OPTIONS = ("project_name",)
_NAMES = (*choice_form.NAMES, "backend", "anno_key", "label_field", "regions", "options", *_OPTIONS)


class SendToAnnotation(EngineOperator):
    """Sends what there is to relabel to an annotation service that FiftyOne is set up for."""

    operator_name = "send_to_annotation"
    title = _LABEL
    description = "Send the images to relabel to CVAT, Label Studio or another service, with the suspects"
    icon = "/assets/annotate.svg"
    # Images leave this machine, which nothing takes back
    risk = "high"

    def __call__(
        self,
        sample_collection: Any,
        choose: str = TAGGED,
        backend: str | None = None,
        anno_key: str = annotation.DEFAULT_KEY,
        label_field: str | None = None,
        regions: bool = True,
        selected: list[str] | None = None,
        options: Mapping[str, Any] | None = None,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Sends images to an annotation service.

        Args:
            sample_collection: the dataset or view, also of patches, that the images are among
            choose: ``tagged``, ``selected``, ``view``, ``worst``, ``threshold``, ``error_type`` or ``group``
            backend: one of ``fo.annotation_config.backends``; by default the first that is set up
            anno_key: ``load_corrections(dataset, anno_key)`` loads the corrections when they are done
            label_field: the given masks; by default those of the run
            regions: send the suspects too
            selected: ids of the samples, or patches, where ``choose`` is ``selected``
            options: of the backend, such as ``{"project_name": "streets"}``
            delegate: queue the work for ``fiftyone delegated launch`` instead of doing it now
            progress: draw progress bars
            **params: what the choice takes (`Choice`): ``tag``, ``worst``, ``below``, ``error_type``,
                ``group``; and ``key``, of the run that is meant

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` says what was sent
        """
        given = {
            "choose": choose,
            "backend": backend,
            "anno_key": anno_key,
            "label_field": label_field,
            "regions": regions,
            "options": dict(options or {}),
            **params,
        }
        request = {**to_request(given, _NAMES), "within_view": True}
        ctx = {"view": sample_collection.view(), "selected": list(selected or [])}
        return self.call(ctx, request, delegate, progress)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The images and the service, or how to set one up."""
        form = Form(ctx)
        ready = annotation_backends.configured()
        if not ready:
            _say_how(form)
            return form.property(_LABEL, "Send")
        choice = choice_form.fill(form, tagged=True)
        titles = {name: annotation_backends.title_of(name) for name in ready}
        backend = form.choice("backend", "Service", titles, default=ready[0], check=False)
        missing = annotation_backends.problem(backend)
        if missing:
            form.fail("backend", missing)
        if form.flag("advanced", "Advanced options"):
            _advanced(form, choice)
        if choice is not None and not missing:
            _say(form, choice, backend)
        return form.property(_LABEL, "Send")

    def resolve_run_name(self, ctx: Any) -> str:
        """The run's name in the list of delegated operations."""
        return f"{_LABEL}: {ctx.params.get('anno_key') or annotation.DEFAULT_KEY}"

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Sends with what the form, the Python call or the delegated run gave."""
        choice = choice_form.sent(ctx, tagged=True)
        params = ctx.params
        options = dict(params.get("options") or {})
        options |= {name: params[name] for name in _OPTIONS if params.get(name)}
        sent = annotation.send_to_annotation(
            choice_form.chosen(ctx, choice),
            params.get("label_field") or _label_field(ctx, choice),
            anno_key=params.get("anno_key") or annotation.DEFAULT_KEY,
            backend=params.get("backend") or None,
            regions=params.get("regions") is not False,
            options=options,
            progress=progress,
        )
        return {
            "anno_key": sent.anno_key,
            "backend": sent.backend,
            "images": sent.images,
            "regions": sent.regions,
            "field": sent.field,
        }

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        title = annotation_backends.title_of(summary["backend"])
        sent = count(summary["images"], "image")
        if summary["regions"]:
            sent += f" with {count(summary['regions'], 'suspect')}"
        return f"Sent {sent} to {title} as '{summary['anno_key']}'."

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """What was sent, and how the corrections come back."""
        shown = types.Object()
        shown.view("message", types.Notice(label=plain(self.message(summary))))
        shown.view(
            "back",
            types.Notice(
                label=plain(
                    f"When the annotators are done: Load corrections, from '{summary['anno_key']}'. Their masks go to "
                    f"the field '{summary['field']}'; the given masks stay as they are."
                )
            ),
        )
        return types.Property(shown, view=types.View(label=_LABEL))


def _say_how(form: Form) -> None:
    """How to set a service up; a call from Python gets it in one text."""
    if not form.interactive:
        form.fail("backend", annotation_backends.none_is_set_up())
        return
    form.fail("backend", "No annotation service is set up. Set one up as follows, then start FiftyOne again.")
    for name in ("cvat", "labelstudio"):
        form.inputs.md(annotation_backends.instructions(name), name=f"how_{name}")


def _advanced(form: Form, choice: Choice | None) -> None:
    given = forms.given_fields(form.ctx.dataset)
    if len(given) > 1 and choice is not None:
        form.choice("label_field", "Given masks", given, None, _label_field(form.ctx, choice))
    form.text("anno_key", "Name", "By which FiftyOne loads the corrections", annotation.DEFAULT_KEY)
    form.text("project_name", "Project", "Its name at the service; empty for one of its own")
    form.flag("regions", "Send the suspects too, as boxes to look at", default=True)
    choice_form.advanced(form, choice)


def _label_field(ctx: Any, choice: Choice) -> str:
    """The given masks of the run, else the dataset's likeliest."""
    runs = {run.key: run.label_field for run in list_records(ctx.dataset)}
    found = runs.get(choice.key) if choice.key else next(reversed(runs.values()), None)
    given = forms.given_fields(ctx.dataset)
    if not found and not given:
        raise LabelQualityError(f"Dataset '{ctx.dataset.name}' has no segmentation field with masks to correct.")
    return found or next(iter(given))


def _say(form: Form, choice: Choice, backend: str) -> None:
    """What will be sent, counted, and what keeps it from that."""
    dataset, anno_key = form.ctx.dataset, form.value("anno_key", annotation.DEFAULT_KEY)
    try:
        label_field = form.value("label_field") or _label_field(form.ctx, choice)
        chosen = choice_form.chosen(form.ctx, choice)
        annotation.check_result_field(dataset, label_field)
        if not len(chosen.samples):
            form.fail("choose", f"There are none: {chosen.words}.")
        annotation.check_key(dataset, anno_key)
    except LabelQualityError as error:
        form.fail_as(error, fallback="choose")
        return
    if form.valid:
        field = annotation.result_field(label_field)
        images = count(len(chosen.samples), "image")
        title = annotation_backends.title_of(backend)
        form.notice(
            "plan", f"Sends {images} to {title}. Corrections will come back to '{field}'; the given masks stay."
        )
