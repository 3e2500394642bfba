"""The operator `export_relabelling_queue`: chosen images and their suspects as a CSV or JSON file."""

from __future__ import annotations

import os
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.words import count
from ..plugin.review.choose_images import TAGGED, Choice
from ..plugin.review.queue import check_path, default_path, export_queue
from .form import choice as choice_form
from .form.forms import Form
from .form.parameters import to_request
from .output.plain_text import plain

_LABEL = "Export relabelling queue"
_NAMES = (*choice_form.NAMES, "path", "overwrite")


class ExportRelabellingQueue(foo.Operator):
    """Writes what there is to relabel to a file, for people and tools outside FiftyOne."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="export_relabelling_queue",
            label=_LABEL,
            description="Write the images to relabel, with each suspect, its box and suggested class, to a file",
            icon="/assets/export.svg",
            dynamic=True,
            risk_level="medium",
            view_target=False,
        )

    def __call__(
        self,
        sample_collection: Any,
        path: str | os.PathLike[str],
        choose: str = TAGGED,
        overwrite: bool = False,
        selected: list[str] | None = None,
        **params: Any,
    ) -> Any:
        """Writes the queue; `plugin.review.queue` describes the files.

        Args:
            sample_collection: the dataset or view, also of patches, that the images are among
            path: of the file; ``.csv`` or ``.json`` says which kind
            choose: ``tagged``, ``selected``, ``view``, ``worst``, ``threshold``, ``error_type`` or ``group``
            overwrite: replace the file if it is there
            selected: ids of the samples, or patches, where ``choose`` is ``selected``
            **params: what the choice takes (`Choice`): ``tag``, ``worst``, ``below``, ``error_type``,
                ``group``; and ``key``, of the run that is meant

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` has the ``path``, the numbers of ``images`` and ``regions``,
            and the ``message``
        """
        given = {"path": path, "choose": choose, "overwrite": overwrite, **params}
        ctx = {"view": sample_collection.view(), "selected": list(selected or [])}
        return foo.execute_operator(self.uri, ctx, params={**to_request(given, _NAMES), "within_view": True})

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The images and the file, and live how many that are."""
        form = Form(ctx)
        choice = choice_form.fill(form, tagged=True)
        about = "On the computer that FiftyOne runs on; .csv has a line a suspect, .json an object an image"
        path = form.text("path", "File", about, default_path(ctx.dataset))
        overwrite = bool(form.value("overwrite"))
        if _is_there(path):
            overwrite = form.flag("overwrite", "Replace the file that is there")
        if form.flag("advanced", "Advanced options"):
            choice_form.advanced(form, choice)
        if choice is not None:
            _say(form, choice, path, overwrite)
        return form.property(_LABEL, "Export")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """Writes the file."""
        try:
            chosen = choice_form.chosen(ctx, choice_form.sent(ctx, tagged=True))
            path = ctx.params.get("path") or default_path(ctx.dataset)
            written = export_queue(chosen, path, overwrite=bool(ctx.params.get("overwrite")))
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        message = f"Wrote {count(written.images, 'image')} with {count(written.regions, 'suspect')} to "
        message += f"{written.path}."
        ctx.ops.notify(message, variant="success")
        return {"path": written.path, "images": written.images, "regions": written.regions, "message": message}

    def resolve_output(self, ctx: Any) -> types.Property | None:
        """Where the file is."""
        if not ctx.results:
            return None
        shown = types.Object()
        shown.view("message", types.Notice(label=plain(ctx.results["message"])))
        return types.Property(shown, view=types.View(label=_LABEL))


def _say(form: Form, choice: Choice, path: str, overwrite: bool) -> None:
    """What will be written where, counted."""
    try:
        chosen = choice_form.chosen(form.ctx, choice)
        images = len(chosen.samples)
        if not images:
            form.fail("choose", f"There are none: {chosen.words}.")
        target = check_path(path, overwrite)
    except LabelQualityError as error:
        form.fail_as(error, fallback="path")
        return
    if form.valid:
        form.notice("plan", f"Writes {count(images, 'image')}, the worst first, to {target}.")


def _is_there(path: Any) -> bool:
    try:
        check_path(path, overwrite=True)
    except LabelQualityError:
        return False
    return os.path.exists(os.path.expanduser(path.strip()))
