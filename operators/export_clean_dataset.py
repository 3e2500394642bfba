"""The operator `export_clean_dataset`: all images with the best masks that are known, in a format of FiftyOne's."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.parameters import table
from ..plugin.base.progress import Progress
from ..plugin.base.words import count
from ..plugin.clean.config import DROP, IGNORE, KEEP, CleanRequest
from ..plugin.parameters import PARAMETERS
from .execution import EngineOperator
from .form.forms import Form, run_labels, runs_with_suspects
from .form.parameters import to_arguments, to_request
from .output.outputs import left_out, warnings
from .output.plain_text import plain

_LABEL = "Export clean dataset"
_NO_RUN = "There are no suspects to correct yet: find suspects first, or audit the labels."
#: Regions that are named of those that say nothing; the manifest has all
_SHOWN_DOUBTS = 5
_FATE = {
    KEEP: "keep their given class",
    IGNORE: "are given a value that training ignores",
    DROP: "keep their images out",
}


class ExportCleanDataset(EngineOperator):
    """Exports images with masks as people have corrected them; the given masks stay."""

    operator_name = "export_clean_dataset"
    title = _LABEL
    description = (
        "Export all images with the best masks that are known, and a list of what was changed, by whom and why"
    )
    icon = "/assets/clean.svg"

    def __call__(
        self,
        sample_collection: Any,
        key: str = CleanRequest.key,
        delegate: bool = False,
        progress: bool = True,
        **params: Any,
    ) -> Any:
        """Exports a clean dataset.

        Args:
            sample_collection: the dataset, or a view of the images that are wanted
            key: the run's key
            delegate: queue the work for ``fiftyone delegated launch`` instead of doing it now
            progress: draw progress bars
            **params: of `CleanRequest`; without ``export_dir``, a new folder in the home folder is made

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` says what was exported
        """
        request = to_request({"key": key, **params}, PARAMETERS[self.operator_name])
        request["within_view"] = True
        return self.call({"view": sample_collection.view()}, request, delegate, progress)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """Which run, what becomes of what nobody has reviewed, the format and the folder."""
        form = Form(ctx)
        runs = runs_with_suspects(ctx.dataset)
        if not runs:
            form.fail("key", _NO_RUN)
            return form.property(_LABEL, "Export")
        labels = run_labels(runs)
        key = form.choice("key", table(CleanRequest)["key"].label, labels, default=runs[-1].key)
        form.ask(CleanRequest, "unreviewed", "dataset_type")
        folder = form.ask(CleanRequest, "export_dir", default=_default_folder(ctx.dataset))
        if form.flag("advanced", "Advanced options"):
            form.ask(CleanRequest, "media", "skip_failures")
            if ctx.has_custom_view:
                form.flag("within_view", "Only images of the current view")
        if form.valid:
            _check(form, key, folder)
        return form.property(_LABEL, "Export")

    def resolve_run_name(self, ctx: Any) -> str:
        """The run's name in the list of delegated operations."""
        return f"{_LABEL}: {ctx.params.get('key') or ''}"

    def run(self, ctx: Any, progress: Progress) -> dict[str, Any]:
        """Exports with what the form, the Python call or the delegated run gave."""
        from ..plugin.clean.clean_dataset import export_clean_dataset

        arguments = to_arguments(ctx.params, PARAMETERS[self.operator_name])
        runs = runs_with_suspects(ctx.dataset)
        if not runs and "key" not in arguments:
            raise LabelQualityError(_NO_RUN)
        key = arguments.pop("key", None) or runs[-1].key
        samples = ctx.view if ctx.params.get("within_view") else ctx.dataset
        arguments.setdefault("export_dir", _default_folder(ctx.dataset))
        made = export_clean_dataset(samples, key, progress=progress, **arguments)
        return {**dataclasses.asdict(made), "failures": list(made.failures), "unclear": list(made.unclear)}

    def message(self, summary: Mapping[str, Any]) -> str:
        """The notification at the end."""
        images, regions = count(summary["images"], "image"), count(summary["regions"], "corrected suspect")
        return f"Exported {images} with {regions} to {summary['folder']}."

    def output(self, summary: Mapping[str, Any]) -> types.Property:
        """Where the dataset is, and what is not in it."""
        shown = types.Object()
        text = f"{self.message(summary)} {os.path.basename(summary['manifest'])} there says what was changed, by whom "
        shown.view("message", types.Notice(label=plain(f"{text}and why. The given masks are as they were.")))
        left = [
            (summary["dropped"], "with a suspect that nobody has reviewed"),
            (summary["without_mask"], "without a mask"),
        ]
        notes = [f"Left out: {count(number, 'image')} {why}." for number, why in left if number]
        doubts = [f"Not corrected: {one}" for one in summary["unclear"][:_SHOWN_DOUBTS]]
        more = len(summary["unclear"]) - len(doubts)
        doubts += [f"Not corrected: {count(more, 'more region')}."] if more > 0 else []
        warnings(shown, [*notes, *doubts, *left_out(summary["failures"])])
        return types.Property(shown, view=types.View(label=_LABEL))


def _default_folder(dataset: Any) -> str:
    """A folder that is not there yet."""
    from ..plugin.store.export_folder import in_home

    endings = itertools.chain(["-clean"], (f"-clean-{number}" for number in itertools.count(2)))
    names = (in_home(dataset.name, ending) for ending in endings)
    return next(name for name in names if not os.path.exists(name))


def _check(form: Form, key: str, folder: str) -> None:
    """Says what will be done, or what is in the way."""
    from ..plugin.review.decide import progress
    from ..plugin.store.export_folder import check_export_dir

    entered = to_arguments(form.ctx.params, table(CleanRequest))
    try:
        request = CleanRequest.from_params({**entered, "export_dir": folder})
        check_export_dir(request.export_dir)
        reviewed = progress(form.ctx.dataset, key)
    except LabelQualityError as error:
        form.fail_as(error, fallback="export_dir")
        return
    left = reviewed.total - reviewed.reviewed
    text = f"{count(reviewed.confirmed, 'suspect')} confirmed, {reviewed.rejected:,} rejected"
    open_ones = f"; {left:,} that nobody has reviewed {_FATE[request.unreviewed]}" if left else ""
    form.notice("plan", f"{text}{open_ones}. Masks drawn in the App count as confirmed. The given masks stay.")
