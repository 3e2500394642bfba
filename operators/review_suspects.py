"""The operator `review_suspects`: a person's verdict on suspects, by form, from Python, or by one key.

Every few verdicts the suspects that are left are rated anew, see `learn_from_verdicts`.

``assets/app.js`` sends the keys; `ReviewState` tells it what is on show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.dataset.sample_fields import PLACE
from ..plugin.dataset.suspect_fields import SUSPECTS
from ..plugin.dataset.verdicts import ADDED, EDITED
from ..plugin.documents.neighbours import neighbours
from ..plugin.documents.ownership import field_name
from ..plugin.records.run_record import load_record
from ..plugin.review.decide import (
    CONFIRMED,
    REJECTED,
    ReviewProgress,
    are_drawn,
    corrections,
    find_region,
    find_regions,
    progress,
    set_verdict,
    suspects_owner,
)
from ..plugin.review.learn import can_learn, learn_from_verdicts
from ..plugin.review.restore import restore_suspects
from ..plugin.runs.request import Request
from ..plugin.samples.private_fiftyone import root_of
from .form.forms import Form
from .panel.text import accusation, redrawing

_LABEL = "Review suspects"
_CONFIRM, _CHANGE, _REJECT, _UNDO, _RESTORE = "confirm", "change", "reject", "undo", "restore"
_DECISIONS = {
    _CONFIRM: "Confirm: the given mask is wrong here (key y)",
    _CHANGE: "Confirm, with another class than the suggested one (key o)",
    _REJECT: "Reject: the given mask is right (key n)",
    _UNDO: "Undo: no verdict (key u)",
    _RESTORE: "Restore: no verdict, and the shape and class as they were found, where it was edited",
}
_VERDICTS = {_CONFIRM: CONFIRMED, _CHANGE: CONFIRMED, _REJECT: REJECTED, _UNDO: None}
#: Verdicts after which the others are rated anew
_LEARN_EVERY = 5
#: The operator of ``assets/app.js`` that goes on to the next region
SHOW_REVIEW = "show_review"
_CLICK = "Click a suspect to review it"
_DONE = {
    _CONFIRM: "Confirmed",
    _CHANGE: "Confirmed as {corrected_to}",
    _REJECT: "Rejected",
    _UNDO: "No verdict on",
    _RESTORE: "As found",
}
_STILL_DRAWN = (
    "What was drawn counts as edited or added for as long as it is there: choose Restore to have it as it was found."
)
#: What keys do to what was drawn to be judged
_OF_DRAWN = {_CONFIRM: "Wrong", _REJECT: "Right"}
_NONE_CHOSEN = (
    "Choose suspects first: open a patch of a saved view such as '{key}: suspect regions', select patches, or "
    "click suspects in an image."
)


@dataclass(frozen=True)
class Chosen:
    """Regions of one run.

    Args:
        key: the run's key
        ids: of the regions
    """

    key: str
    ids: list[str]


class ReviewSuspects(foo.Operator):
    """Confirms or rejects suspects, or says which class is right instead."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="review_suspects",
            label=_LABEL,
            description="Confirm or reject the suspects that are selected, or give them another class",
            icon="/assets/review.svg",
            dynamic=True,
            risk_level="medium",
            view_target=False,
        )

    def __call__(
        self,
        sample_collection: Any,
        region_ids: Sequence[str],
        decision: str = _CONFIRM,
        corrected_to: str | None = None,
        key: str = Request.key,
        reviewer: str | None = None,
    ) -> Any:
        """Reviews regions.

        Args:
            sample_collection: the dataset, or a view of it, such as the patches that are reviewed
            region_ids: ids of the regions' labels, which are those of their patches too
            decision: ``confirm``, ``change``, ``reject``, ``undo`` or ``restore``
            corrected_to: name of the right class, where ``decision`` is ``change``
            key: the run's key
            reviewer: who decides; by default the user of this computer

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` has the ``message`` and the review's progress
        """
        params = {"region_ids": list(region_ids), "decision": decision, "key": key, "reviewer": reviewer}
        place = {"dataset": root_of(sample_collection), "view": sample_collection.view()}
        return foo.execute_operator(self.uri, place, params={**params, "corrected_to": corrected_to})

    def resolve_placement(self, ctx: Any) -> types.Placement:
        """A button among the actions of an open sample."""
        button = types.Button(label=_LABEL, icon="/assets/review.svg", prompt=True)
        return types.Placement(types.Places.SAMPLES_VIEWER_ACTIONS, button)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The decision on the regions that are chosen."""
        form = Form(ctx)
        if ctx.params.get("by_key"):
            # Where nothing can be reviewed a key does nothing, and an invalid form would be an error
            return form.property(_LABEL)
        try:
            chosen = _required(choose(ctx))
            found = progress(ctx.dataset, chosen.key, chosen.ids)
            form.notice("chosen", f"{_counted(ctx.dataset, chosen)} chosen. {_sentence(found)}")
            if not are_drawn(ctx.dataset, chosen.key, chosen.ids):
                form.notice("redraw", redrawing())
        except LabelQualityError as error:
            form.fail("region_ids", str(error))
            return form.property(_LABEL, "Save")
        decision = form.choice("decision", "Your verdict", _DECISIONS, default=_CONFIRM, radio=True)
        if decision == _CHANGE:
            names = corrections(ctx.dataset, chosen.key)
            if form.choice("corrected_to", "The right class", names) is None:
                form.fail("corrected_to", "Choose the right class.")
        return form.property(_LABEL, "Save")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """Saves the verdict and shows what is left; a key where nothing can be reviewed does nothing."""
        by_key = bool(ctx.params.get("by_key"))
        try:
            chosen = choose(ctx)
            if by_key and (chosen is None or not chosen.ids):
                if chosen is not None and ctx.current_sample:
                    ctx.ops.notify(_NONE_CHOSEN.format(key=chosen.key), variant="warning")
                return {}
            if by_key and ctx.params.get("decision") == _CHANGE and not ctx.params.get("corrected_to"):
                ctx.prompt(self.uri, params={"decision": _CHANGE})
                return {}
            if by_key and _overtaken(ctx, _required(chosen)):
                return {"overtaken": True}
            result = _decide(ctx, _required(chosen))
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        self._show(ctx, result)
        return result

    def _show(self, ctx: Any, result: dict[str, Any]) -> None:
        """Has the App say what was done, and show what is left."""
        patches = patches_key(ctx) is not None
        if not (ctx.params.get("by_key") and ctx.current_sample):
            ctx.ops.notify(result["message"], variant="success")
        if not (patches and ctx.current_sample):
            ctx.ops.clear_selected_labels()
            ctx.ops.clear_selected_samples()
            ctx.ops.reload_dataset()
        ctx.trigger(
            f"{self.plugin_name}/{SHOW_REVIEW}", {**result, "patches": patches, "place": ctx.params.get("place")}
        )


class ReviewState(foo.Operator):
    """What the App shows that can be reviewed, for the line of keys below an open sample."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="review_state",
            label="State of the review",
            icon="/assets/review.svg",
            unlisted=True,
            risk_level="low",
        )

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """What a key would review, whether that is a patch, the classes that it could be, and the progress.

        There is no ``key`` where nothing can be reviewed.

        With the parameter ``around``, a sample of the view, also the ``neighbours`` of that, where it has any.
        """
        around = ctx.params.get("around")
        found = neighbours(ctx.view, around) if around and ctx.view is not None else None
        return {**self._state(ctx), **({} if found is None else {"neighbours": asdict(found)})}

    def _state(self, ctx: Any) -> dict[str, Any]:
        try:
            chosen = choose(ctx)
            if chosen is None:
                return {"key": None}
            found = progress(ctx.dataset, chosen.key, chosen.ids)
            region = find_region(ctx.dataset, chosen.key, chosen.ids[0]) if len(chosen.ids) == 1 else None
            text = _CLICK if region is None else _describe(region)
            given = None if region is None else region.get("given")
            classes = [name for name in corrections(ctx.dataset, chosen.key) if name != given]
            layers = _layers(ctx, chosen.key)
        except LabelQualityError:
            return {"key": None}
        known = {} if region is None else {"region": str(region["_id"]), "verdict": region.get("verdict")}
        state = {"key": chosen.key, "patch": patches_key(ctx) is not None, "text": text, "classes": classes}
        state |= {"layers": layers, **known, **_counts(found)}
        unit = (region or {}).get("unit")
        # Where nothing is suggested the right class is asked for
        asks = unit == PLACE and not (region or {}).get("suggested")
        return {**state, "names": _OF_DRAWN, "asks": asks} if unit else state


def _layers(ctx: Any, key: str) -> dict[str, str]:
    """The fields that can be shown and hidden: of patches that of the suspects alone, as FiftyOne copies no others."""
    names = {
        "given": load_record(ctx.dataset, key).label_field,
        **{name: field_name(key, name) for name in ("prediction", "heatmap", SUSPECTS)},
    }
    shown = ctx.view if ctx.view is not None else ctx.dataset
    return {name: field for name, field in names.items() if shown.has_sample_field(field)}


def choose(ctx: Any) -> Chosen | None:
    """The regions that are meant: given ones, an open patch, selected patches, selected labels, or an image's only one.

    Returns:
        the regions; without ids where suspects are on show and none is chosen; None where there are none at all

    Raises:
        LabelQualityError: regions of two runs are chosen
    """
    if ctx.params.get("region_ids"):
        return Chosen(ctx.params.get("key") or Request.key, list(ctx.params["region_ids"]))
    key = patches_key(ctx)
    if key is not None:
        # Before the selected labels: one that was selected in an earlier patch still is
        return Chosen(key, [ctx.current_sample] if ctx.current_sample else list(ctx.selected))
    selected: dict[str, list[str]] = {}
    for label in ctx.selected_labels or []:
        owner = suspects_owner(ctx.dataset, label["field"])
        if owner is not None:
            selected.setdefault(owner, []).append(label["label_id"])
    if len(selected) > 1:
        raise LabelQualityError(f"Choose suspects of one run, not of {' and '.join(sorted(selected))}.")
    for owner, ids in selected.items():
        return Chosen(owner, ids)
    return _in_image(ctx)


def _in_image(ctx: Any) -> Chosen | None:
    """The suspect of the open image, where it has one and no other; none of them, where it has several."""
    if not ctx.current_sample or ctx.dataset is None:
        return None
    names = [name for name in ctx.dataset.get_field_schema() if suspects_owner(ctx.dataset, name)]
    shown = [name for name in names if name.endswith(f"_{SUSPECTS}")]
    if not shown:
        return None
    field = shown[-1]
    try:
        label = ctx.dataset[ctx.current_sample][field]
    except KeyError:
        # A patch of other labels, or a frame or clip: those have ids of their own
        return None
    if label is None or not label.detections:
        return None
    ids = [region.id for region in label.detections]
    return Chosen(str(suspects_owner(ctx.dataset, field)), ids if len(ids) == 1 else [])


def _required(chosen: Chosen | None) -> Chosen:
    if chosen is None or not chosen.ids:
        raise LabelQualityError(_NONE_CHOSEN.format(key=chosen.key if chosen is not None else Request.key))
    return chosen


def patches_key(ctx: Any) -> str | None:
    """The key of the run whose suspects are on show as patches, None where none are."""
    for stage in ctx.request_params.get("view") or []:
        if stage.get("_cls", "").endswith(".ToPatches"):
            return suspects_owner(ctx.dataset, dict(stage["kwargs"])["field"])
    return None


def _overtaken(ctx: Any, chosen: Chosen) -> bool:
    """Whether somebody else has decided since the page has shown the suspect, of which its user is told then."""
    seen = ctx.params.get("seen")
    if not seen or chosen.ids != [seen["region"]]:
        return False
    region = find_region(ctx.dataset, chosen.key, seen["region"])
    verdict = region.get("verdict")
    if verdict in (None, seen["verdict"], EDITED, ADDED):
        return False
    text = f"{region.get('reviewed_by')} has {verdict} it meanwhile. Press the key again to overrule that."
    ctx.ops.notify(text, variant="warning")
    return True


def _decide(ctx: Any, chosen: Chosen) -> dict[str, Any]:
    decision = ctx.params.get("decision") or _CONFIRM
    if decision not in _DECISIONS:
        expected = ", ".join(map(repr, _DECISIONS))
        raise LabelQualityError(f"Expected parameter `decision` to be one of {expected}, but got {decision!r}.")
    corrected_to = ctx.params.get("corrected_to") if decision == _CHANGE else None
    if decision == _CHANGE and not corrected_to:
        raise LabelQualityError("Expected the right class as parameter `corrected_to`, but got none.")
    view = ctx.view if patches_key(ctx) else None
    drawn = are_drawn(ctx.dataset, chosen.key, chosen.ids)
    if decision == _RESTORE:
        restore_suspects(ctx.dataset, chosen.key, chosen.ids, view=view)
    else:
        reviewer = ctx.params.get("reviewer")
        verdict = _VERDICTS[decision]
        set_verdict(
            *(ctx.dataset, chosen.key, chosen.ids, verdict), corrected_to=corrected_to, reviewer=reviewer, view=view
        )
    found = progress(ctx.dataset, chosen.key, chosen.ids)
    if not drawn:
        _learn(ctx, chosen, decision, found.reviewed)
    done = _DONE[decision].format(corrected_to=corrected_to)
    message = f"{done}: {_counted(ctx.dataset, chosen)}. {_sentence(found)}"
    left_drawn = decision == _UNDO and not drawn
    if left_drawn and any(one.get("verdict") for one in find_regions(ctx.dataset, chosen.key, chosen.ids)):
        message = f"{message} {_STILL_DRAWN}"
    return {"key": chosen.key, "decision": decision, "region_ids": chosen.ids, "message": message, **_counts(found)}


def _learn(ctx: Any, chosen: Chosen, decision: str, reviewed: int) -> None:
    """Has what was decided change the probabilities of what is left, now and then: it takes a moment."""
    due = decision in (_UNDO, _RESTORE) or len(chosen.ids) >= _LEARN_EVERY or reviewed % _LEARN_EVERY == 0
    if due and can_learn(ctx.dataset, chosen.key):
        learn_from_verdicts(ctx.dataset, chosen.key, view=ctx.view if patches_key(ctx) else None)


def _describe(region: Mapping[str, Any]) -> str:
    """A region in words: what it is given as, what it should be, and what was decided."""
    verdict, right = region.get("verdict"), region.get("corrected_to")
    text = accusation(region)
    if verdict is None:
        return text
    return f"{text}: {verdict}{f' as {right}' if right else ''} by {region['reviewed_by']}"


def _counts(found: ReviewProgress) -> dict[str, int]:
    return {
        "reviewed": found.reviewed,
        "total": found.total,
        "confirmed": found.confirmed,
        "rejected": found.rejected,
    }


def _sentence(found: ReviewProgress) -> str:
    return (
        f"{found.reviewed:,} of {found.total:,} reviewed: {found.confirmed:,} confirmed, {found.rejected:,} rejected."
    )


def _counted(dataset: Any, chosen: Chosen) -> str:
    count, name = len(chosen.ids), "place" if are_drawn(dataset, chosen.key, chosen.ids) else "suspect"
    return f"1 {name}" if count == 1 else f"{count:,} {name}s"
