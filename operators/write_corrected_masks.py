"""The operator `write_corrected_masks`: gets masks out in which confirmed suspects have the right class."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.progress import Progress
from ..plugin.base.words import count
from ..plugin.dataset.verdicts import CONFIRMED
from .execution import EngineOperator
from .form.forms import Form, run_labels, runs_with_suspects
from .form.parameters import to_request
from .output.outputs import left_out, warnings
from .output.plain_text import plain

_LABEL = "Write corrected masks"
_NAMES = ("key", "regions", "complete", "output_dir", "skip_failures", "within_view")
_REGIONS = {CONFIRMED: "Those confirmed in the review", "all": "All that nobody has rejected"}


class WriteCorrectedMasks(EngineOperator):
    """Writes copies of the given masks with suspects corrected; the given masks stay."""

    operator_name = "write_corrected_masks"
    title = _LABEL
    description = "Write copies of the given masks in which confirmed suspects have their right class"
    icon = "/assets/correct.svg"

    def __call__(
        self,
        sample_collection: Any,
        key: str = "lq",
        regions: str = CONFIRMED,
        complete: bool = False,
        output_dir: str | os.PathLike[str] | None = None,
        skip_failures: bool = False,
        delegate: bool = False,
        progress: bool = True,
    ) -> Any:
        """Writes corrected masks.

        Args:
            sample_collection: the dataset, or a view of the images that are wanted
            key: the run's key
            regions: ``confirmed`` ones only, or ``all`` that nobody has rejected
            complete: write the masks of images without such a region too, as they are
            output_dir: the folder, or None for one below FiftyOne's dataset folder
            skip_failures: leave images out that have changed since the run or cannot be corrected
            delegate: queue the work for ``fiftyone delegated launch`` instead of doing it now
            progress: draw progress bars

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` says what was written where
        """
        given = {
            "key": key,
            "regions": regions,
            "complete": complete,
            "output_dir": output_dir,
            "skip_failures": skip_failures,
            "within_view": True,
        }
        return self.call({"view": sample_collection.view()}, to_request(given, _NAMES), delegate, progress)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """Which regions, and where to."""
        from ..plugin.corrections.corrected_masks import default_folder

        form = Form(ctx)
        runs = runs_with_suspects(ctx.dataset)
        if not runs:
            form.fail("key", "There are no suspects to correct yet: find suspects first, or audit the labels.")
            return form.property(_LABEL, "Write")
        key = form.value("key", runs[-1].key)
        regions = form.choice("regions", "Suspects to correct", _REGIONS, default=CONFIRMED)
        folder = default_folder(ctx.dataset, key)
        folder = form.folder("output_dir", "Folder", "For PNG files that are named like their images", folder)
        if form.flag("advanced", "Advanced options"):
            if len(runs) > 1:
                labels = run_labels(runs)
                form.choice("key", "Run", labels, default=runs[-1].key)
            form.flag("complete", "Write unchanged masks too, for a whole training set")
            form.flag("skip_failures", "Leave images out that have changed since the run, or cannot be corrected")
            if ctx.has_custom_view:
                form.flag("within_view", "Only images of the current view")
        if form.valid:
            _say(form, key, regions, folder)
        return form.property(_LABEL, "Write")

    def resolve_run_name(self, ctx: Any) -> str:
        """The run's name in the list of delegated operations."""
        return f"{_LABEL}: {ctx.params.get('key') or ''}"

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Writes with what the form, the Python call or the delegated run gave."""
        from ..plugin.corrections.corrected_masks import write_corrected_masks
        from ..plugin.review.choose_images import whole_samples

        runs, params = runs_with_suspects(ctx.dataset), ctx.params
        if not runs and not params.get("key"):
            raise LabelQualityError("There are no suspects to correct yet: find suspects first, or audit the labels.")
        written = write_corrected_masks(
            whole_samples(ctx.view) if params.get("within_view") else ctx.dataset,
            params.get("key") or runs[-1].key,
            regions=params.get("regions") or CONFIRMED,
            complete=bool(params.get("complete")),
            output_dir=params.get("output_dir") or None,
            skip_failures=bool(params.get("skip_failures")),
            progress=progress,
        )
        return {
            "field": written.field,
            "folder": written.folder,
            "images": written.images,
            "regions": written.regions,
            "failures": list(written.failures),
        }

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        masks, regions = count(summary["images"], "mask"), count(summary["regions"], "corrected suspect")
        return f"Wrote {masks} with {regions} to {summary['folder']}; field '{summary['field']}' shows them."

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """Where the masks are."""
        shown = types.Object()
        text = f"{self.message(summary)} The given masks are as they were."
        shown.view("message", types.Notice(label=plain(text)))
        # Of masks that older versions were asked for, the results have no failures
        warnings(shown, left_out(summary.get("failures", ())))
        return types.Property(shown, view=types.View(label=_LABEL))


def _say(form: Form, key: str, regions: str, folder: str) -> None:
    from ..plugin.corrections import corrected_masks

    try:
        images, found = corrected_masks.count(form.ctx.dataset, key, regions)
    except LabelQualityError as error:
        form.fail_as(error, fallback="regions")
        return
    if not found:
        text = "No suspect is confirmed yet: review the suspects first, or correct all that nobody has rejected."
        form.fail("regions", text if regions == CONFIRMED else "There is no suspect to correct.")
        return
    whole = "in the run's images" if form.value("within_view") else f"in {count(images, 'image')}"
    form.notice("plan", f"Corrects {count(found, 'suspect')} {whole}, in copies under {folder}; the given masks stay.")
