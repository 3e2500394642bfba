"""The choice of images in the forms of tagging, exporting and sending: which, and the one number or name it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...plugin.base.errors import LabelQualityError
from ...plugin.base.words import count
from ...plugin.dataset.suspect_fields import ERROR_TYPE, SUSPECTS
from ...plugin.documents.ownership import field_name
from ...plugin.records.run_record import RunRecord, list_records
from ...plugin.review import choose_images as choices
from ...plugin.review.choose_images import Choice, Chosen
from ...plugin.samples.private_fiftyone import is_generated
from ...plugin.samples.slices import images_of
from .forms import Form, run_labels
from .parameters import to_arguments

#: Parameters of every operator that works on chosen images
NAMES = (*Choice.names(), "within_view")
_TYPES = {"drop": "Drop: an object left out", "swap": "Swap: a wrong class", "shift": "Shift: a displaced edge"}


def sent(ctx: Any, *, tagged: bool) -> Choice:
    """The choice that was sent, or what the form offers first; raises `LabelQualityError` where it is none.

    Args:
        ctx: FiftyOne's execution context
        tagged: as for `fill`
    """
    if ctx.dataset is None:
        raise LabelQualityError("Open a dataset first.")
    if ctx.params.get("choose"):
        return _choice(ctx.params, tagged)
    run = _run(ctx.dataset, list_records(ctx.dataset), ctx.params.get("key"))
    return _choice({**ctx.params, "choose": _default(ctx, _offered(ctx, run, tagged))}, tagged)


def chosen(ctx: Any, choice: Choice) -> Chosen:
    """The images that are meant: of the current view where that is said, else of the dataset."""
    in_view = choice.choose in (choices.SELECTED, choices.VIEW) or ctx.params.get("within_view")
    labels = [label["label_id"] for label in ctx.selected_labels or [] if label.get("field", "").endswith(SUSPECTS)]
    return choices.choose(ctx.view if in_view else ctx.dataset, choice, selected(ctx), labels)


def selected(ctx: Any) -> list[str]:
    """Ids of the selected samples, else of those of the selected labels, else of the one that is open."""
    if ctx.selected:
        return list(ctx.selected)
    of_labels = list(dict.fromkeys(label["sample_id"] for label in ctx.selected_labels or []))
    return of_labels or ([ctx.current_sample] if ctx.current_sample else [])


def fill(form: Form, *, tagged: bool) -> Choice | None:
    """Adds the choice of images, what it takes, and the tag; and checks them.

    Args:
        form: the form
        tagged: the tag is one that images have: offer those, and first of all; else it is one that they get

    Returns:
        the choice, or None where it cannot be made, which the form then shows
    """
    ctx = form.ctx
    runs = list_records(ctx.dataset)
    run = _run(ctx.dataset, runs, form.value("key"))
    offered = _offered(ctx, run, tagged)
    default = _default(ctx, offered)
    name = form.choice("choose", "Images", offered, None, default)
    if not form.valid:
        return None
    if run is not None:
        _detail(form, ctx.dataset, run, name)
    if name == choices.TAGGED or not tagged:
        form.text("tag", "Tag", None if tagged else "Its name, as in the sidebar", choices.DEFAULT_TAG)
    try:
        return _choice({**form.ctx.params, "choose": name}, tagged)
    except LabelQualityError as error:
        form.fail_as(error, fallback="choose")
    return None


def advanced(form: Form, choice: Choice | None) -> None:
    """The run, where there are several, and whether only the view's images are meant."""
    runs = list_records(form.ctx.dataset)
    if len(runs) > 1:
        labels = run_labels(runs)
        run = _run(form.ctx.dataset, runs, None)
        form.choice("key", "Run", labels, "Whose scores and suspects", run.key if run else None, check=False)
    if form.ctx.has_custom_view and choice is not None and choice.choose not in (choices.SELECTED, choices.VIEW):
        form.flag("within_view", "Only among the images of the current view")


def _choice(params: Mapping[str, Any], tagged: bool) -> Choice:
    # A tag that is not asked for may be left of another choice, and is nothing to refuse then
    unused = {"tag"} if tagged and params["choose"] != choices.TAGGED else set()
    return Choice(**to_arguments(params, [name for name in Choice.names() if name not in unused]))


def _run(dataset: Any, runs: list[RunRecord], key: str | None) -> RunRecord | None:
    """The run of the key; else the latest with suspects, else the latest with scores."""
    if key:
        return next((run for run in runs if run.key == key), None)
    for suffix in (SUSPECTS, "quality"):
        fitting = [run for run in runs if dataset.has_sample_field(field_name(run.key, suffix))]
        if fitting:
            return fitting[-1]
    return None


def _offered(ctx: Any, run: RunRecord | None, tagged: bool) -> dict[str, str]:
    offered, picked = {}, len(selected(ctx))
    if picked:
        offered[choices.SELECTED] = f"Selected ({picked:,})" if picked > 1 else "The selected one"
    if tagged:
        offered[choices.TAGGED] = "Tagged for relabelling"
    offered[choices.VIEW] = "The current view" if ctx.has_custom_view else "All images"
    if run is not None and ctx.dataset.has_sample_field(field_name(run.key, "quality")):
        offered |= {choices.WORST: "The worst", choices.THRESHOLD: "All below a quality"}
    if run is not None and ctx.dataset.has_sample_field(field_name(run.key, SUSPECTS)):
        offered[choices.TYPE] = "One type of error"
        if run.issues:
            offered[choices.GROUP] = "One issue"
    return offered


def _default(ctx: Any, offered: Mapping[str, str]) -> str:
    if choices.SELECTED in offered:
        return choices.SELECTED
    if choices.TAGGED in offered and len(
        images_of(ctx.dataset).match_tags(ctx.params.get("tag") or choices.DEFAULT_TAG)
    ):
        return choices.TAGGED
    return choices.WORST if choices.WORST in offered and not _narrowed(ctx) else choices.VIEW


def _narrowed(ctx: Any) -> bool:
    """Whether the current view is of some of the images, and does not only sort them."""
    return ctx.has_custom_view and (is_generated(ctx.view) or len(ctx.view) < len(images_of(ctx.dataset)))


def _detail(form: Form, dataset: Any, run: RunRecord, name: str) -> None:
    """The number, type or group that the choice takes."""
    if name == choices.WORST:
        form.whole("worst", "How many", "Those of the lowest quality", Choice.worst)
    elif name == choices.THRESHOLD:
        form.number("below", "Quality below", "From 0, certainly wrong, to 1", Choice.below)
    elif name == choices.TYPE:
        counts = images_of(dataset).count_values(field_name(run.key, ERROR_TYPE))
        kinds = {kind: counts.get(kind, 0) for kind in (*_TYPES, "other")}
        labels = {kind: f"{_TYPES.get(kind, 'Another')} ({count(images, 'image')})" for kind, images in kinds.items()}
        form.choice("error_type", "Type of error", labels, default=Choice.error_type)
    elif name == choices.GROUP:
        labels = {issue.title: f"{issue.title} ({count(issue.images, 'image')})" for issue in run.issues}
        form.choice("group", "Issue", labels, "The most probable mistakes first", run.issues[0].title, check=False)
