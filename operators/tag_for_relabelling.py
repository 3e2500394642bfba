"""The operators `tag_for_relabelling` and `untag_relabelling`: tags chosen images, and takes the last tagging back."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.words import count
from ..plugin.review import tags as relabelling
from ..plugin.review.choose_images import DEFAULT_TAG, Choice
from ..plugin.review.tags import Counts
from ..plugin.samples.checks import label_fields
from ..plugin.samples.private_fiftyone import root_of
from .form import choice as choice_form
from .form.forms import Form
from .form.parameters import to_request

_TAG, _UNTAG = "Tag for relabelling", "Undo tagging for relabelling"
_NAMES = (*choice_form.NAMES, "regions")


class TagForRelabelling(foo.Operator):
    """Tags images that were chosen by hand, by score or by what is wrong with them."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="tag_for_relabelling",
            label=_TAG,
            description="Tag the selected images, the worst, or those with one kind of error, to be labelled again",
            icon="/assets/tag.svg",
            dynamic=True,
            risk_level="medium",
            view_target=False,
        )

    def __call__(
        self,
        sample_collection: Any,
        choose: str = "view",
        tag: str = DEFAULT_TAG,
        regions: bool = False,
        selected: list[str] | None = None,
        **params: Any,
    ) -> Any:
        """Tags images.

        Args:
            sample_collection: the dataset or view, also of patches, that the images are among
            choose: ``selected``, ``view``, ``worst``, ``threshold``, ``error_type`` or ``group``
            tag: the tag's name
            regions: tag the suspects too
            selected: ids of the samples, or patches, where ``choose`` is ``selected``
            **params: what the choice takes (`Choice`): ``worst``, ``below``, ``error_type``, ``group``;
                and ``key``, of the run that is meant

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` has the numbers of ``images`` and ``regions`` tagged, of
            those that had the tag ``already``, and the ``message``
        """
        request = to_request({"choose": choose, "tag": tag, "regions": regions, **params}, _NAMES)
        ctx = {"view": sample_collection.view(), "selected": list(selected or [])}
        return foo.execute_operator(self.uri, ctx, params={**request, "within_view": True})

    def resolve_placement(self, ctx: Any) -> types.Placement | None:
        """A button in the toolbar above the grid, where there are masks."""
        if ctx.dataset is None or not label_fields(ctx.dataset):
            return None
        button = types.Button(label=_TAG, icon="/assets/tag.svg", prompt=True)
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The images, the tag, and live how many that are."""
        form = Form(ctx)
        choice = choice_form.fill(form, tagged=False)
        regions = False
        if form.flag("advanced", "Advanced options"):
            regions = form.flag("regions", "Tag their suspects too, as label tags")
            choice_form.advanced(form, choice)
        if choice is not None:
            _say(form, choice, regions)
        return form.property(_TAG, "Tag")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """Tags, and shows the tags."""
        try:
            choice = choice_form.sent(ctx, tagged=False)
            chosen = choice_form.chosen(ctx, choice)
            counts = relabelling.tag_samples(chosen, choice.tag, regions=bool(ctx.params.get("regions")))
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        message = _done(counts, choice.tag)
        ctx.ops.reload_dataset()
        ctx.ops.notify(message, variant="success" if counts.images or counts.regions else "info")
        return {"images": counts.images, "already": counts.already, "regions": counts.regions, "message": message}


class UntagRelabelling(foo.Operator):
    """Takes back the last tagging."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="untag_relabelling",
            label=_UNTAG,
            description="Remove the tag from the images that the last tagging added it to, and from no others",
            icon="/assets/untag.svg",
            dynamic=True,
            risk_level="medium",
            view_target=False,
        )

    def __call__(self, sample_collection: Any) -> Any:
        """Takes back the last tagging.

        Args:
            sample_collection: the dataset, or a view of it

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` has the numbers of ``images`` and ``regions``
        """
        return foo.execute_operator(self.uri, {"dataset": root_of(sample_collection)})

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """What will be taken back."""
        form = Form(ctx)
        last = relabelling.last_tagging(ctx.dataset)
        if last is None:
            form.fail("tag", "There is no tagging to undo.")
        else:
            counted = _counted(Counts(len(last.samples), 0, len(last.regions)))
            made = f"{last.created[:16].replace('T', ' ')} UTC"
            stopped = "" if last.finished else " That tagging was stopped half-way."
            form.notice(
                "tagging",
                f"This removes the tag '{last.tag}' from the {counted} that got it on {made}; what had it before keeps "
                f"it.{stopped}",
            )
        return form.property(_UNTAG, "Undo")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """Removes the tags."""
        try:
            last = relabelling.last_tagging(ctx.dataset)
            counts = relabelling.undo_tagging(ctx.dataset)
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        tag = last.tag if last is not None else DEFAULT_TAG
        message = f"Removed the tag '{tag}' from {_counted(counts)}."
        ctx.ops.reload_dataset()
        ctx.ops.notify(message, variant="success")
        return {"images": counts.images, "regions": counts.regions, "message": message}


def _say(form: Form, choice: Choice, regions: bool) -> None:
    """What will be tagged, counted."""
    tag = choice.tag
    try:
        chosen = choice_form.chosen(form.ctx, choice)
        if regions and chosen.field is None:
            form.fail("regions", "There are no suspects: find suspects first.")
            return
        counts = relabelling.count(chosen, tag, regions=regions)
    except LabelQualityError as error:
        form.fail_as(error, fallback="choose")
        return
    if counts.images or counts.regions:
        form.notice("plan", f"Tags {_counted(counts)} as '{tag}'{_have(counts.already)}.")
    elif counts.already:
        form.notice("plan", f"Nothing to tag{_have(counts.already)}.")
    else:
        form.fail("choose", f"There are none: {chosen.words}.")


def _done(counts: Counts, tag: str) -> str:
    if not counts.images and not counts.regions:
        return f"Nothing was tagged{_have(counts.already)}." if counts.already else "Nothing was tagged: no images."
    return f"Tagged {_counted(counts)} as '{tag}'{_have(counts.already)}. Undo: '{_UNTAG}'."


def _have(already: int) -> str:
    return f"; {already:,} {'has' if already == 1 else 'have'} the tag already" if already else ""


def _counted(counts: Counts) -> str:
    regions = f" and {count(counts.regions, 'suspect')}" if counts.regions else ""
    return count(counts.images, "image") + regions
