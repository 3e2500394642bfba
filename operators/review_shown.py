"""The operator `review_shown`: one verdict on all suspects that are selected or shown, after saying which they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.words import count
from ..plugin.dataset.verdicts import CONFIRMED, REJECTED
from ..plugin.review.learn import can_learn, learn_from_verdicts
from ..plugin.review.many import (
    BEGUN,
    EVEN,
    UNDONE,
    Decision,
    Shown,
    decide_on_all,
    goes_on,
    last_decision,
    shown_suspects,
    undo_decision,
)
from ..plugin.runs.request import Request
from ..plugin.samples.private_fiftyone import is_patches, root_of
from .form.forms import Form, runs_with_suspects
from .panel.text import percent, probable
from .review_suspects import SHOW_REVIEW, patches_key

_LABEL = "Confirm or reject all shown"
_CONFIRM, _REJECT, _UNDO = "confirm", "reject", "undo"
_VERDICTS = {_CONFIRM: CONFIRMED, _REJECT: REJECTED}
_DECISIONS = {
    _CONFIRM: "Confirm all: the given masks are wrong there, and the suggested classes are right",
    _REJECT: "Reject all: the given masks are right",
}
_UNDO_LAST = "Undo the last"
_END_UNDO = "End the undo of the last"
_DONE = {CONFIRMED: "Confirmed", REJECTED: "Rejected"}
#: Issues that are named
_NAMED = 5
_NO_RUN = "There are no suspects to review yet: find suspects first, or audit the labels."


class ReviewShown(foo.Operator):
    """Confirms or rejects all suspects that are selected or shown, or takes the last such verdict back."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="review_shown",
            label=_LABEL,
            description="One verdict on all suspects that are selected or in the current view, with one undo",
            icon="/assets/review.svg",
            dynamic=True,
            risk_level="medium",
            view_target=False,
        )

    def __call__(
        self,
        sample_collection: Any,
        decision: str = _CONFIRM,
        key: str | None = None,
        region_ids: Sequence[str] | None = None,
        reviewer: str | None = None,
    ) -> Any:
        """Reviews all suspects of a view.

        Args:
            sample_collection: patches of suspects, such as those of an issue, or images, whose suspects are meant then
            decision: ``confirm``, ``reject``, or ``undo`` for the last of these
            key: the run's key; by default that of the patches, or of the latest run with suspects
            region_ids: ids of the suspects that are meant instead
            reviewer: who decides; by default the user of this computer

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` has the ``message`` and the ``region_ids``
        """
        params = {"decision": decision, "key": key, "region_ids": region_ids, "reviewer": reviewer}
        place = {"dataset": root_of(sample_collection), "view": sample_collection.view()}
        return foo.execute_operator(self.uri, place, params=params)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The verdict, and which suspects it is on."""
        form = Form(ctx)
        key = _key(ctx)
        if key is None:
            form.fail("decision", _NO_RUN)
            return form.property(_LABEL, "Save")
        last = last_decision(ctx.dataset, key)
        cut_short = last is not None and last.state == UNDONE
        first = _END_UNDO if cut_short else _UNDO_LAST
        undo = {} if last is None else {_UNDO: f"{first}: {_DONE[last.verdict].lower()} {_suspects(last.regions)}"}
        if last is None and ctx.params.get("decision") == _UNDO:
            undo = {_UNDO: _UNDO_LAST}
            form.fail("undo", f"There is no verdict on many suspects of run '{key}' to undo.")
        default = _UNDO if cut_short else _CONFIRM
        decision = form.choice("decision", "Your verdict", {**_DECISIONS, **undo}, default=default, radio=True)
        if cut_short and decision in _VERDICTS:
            form.fail("decision", f"The last undo has not ended. Choose “{_END_UNDO}” first.")
        elif last is not None and last.state == BEGUN and _is_another(last, decision, ctx.params.get("reviewer")):
            form.fail(
                "decision",
                f"The last verdict on many, {_DONE[last.verdict].lower()} by {last.reviewed_by}, has not ended. If it "
                f"was interrupted, choose “{_UNDO_LAST}” first, or the same verdict, which goes on with it.",
            )
        elif decision in _VERDICTS:
            chosen = _chosen(ctx)
            _preview(form, shown_suspects(_collection(ctx), key, chosen), decision, chosen is not None)
        return form.property(_LABEL, "Save")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """Saves the verdicts, has the others rated anew, and shows what is left."""
        try:
            key = _key(ctx)
            if key is None:
                raise LabelQualityError(_NO_RUN)
            result = _decide(ctx, key)
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        ctx.ops.notify(result["message"], variant="success")
        ctx.ops.clear_selected_labels()
        ctx.ops.clear_selected_samples()
        ctx.ops.reload_dataset()
        patches = patches_key(ctx) is not None
        ctx.trigger(f"{self.plugin_name}/{SHOW_REVIEW}", {**result, "patches": patches, "place": None})
        return result


def _decide(ctx: Any, key: str) -> dict[str, Any]:
    decision = ctx.params.get("decision") or _CONFIRM
    collection = _collection(ctx)
    view = collection if is_patches(collection) else None
    if decision == _UNDO:
        ids = undo_decision(ctx.dataset, key, view=view)
        message = f"No verdict any more on {_suspects(len(ids))}."
    elif decision in _VERDICTS:
        verdict = _VERDICTS[decision]
        done = decide_on_all(collection, key, verdict, region_ids=_chosen(ctx), reviewer=ctx.params.get("reviewer"))
        ids, message = done.ids, f"{_DONE[verdict]}: {_suspects(len(done.ids))} in {count(done.images, 'image')}."
    else:
        expected = ", ".join(map(repr, (*_VERDICTS, _UNDO)))
        raise LabelQualityError(f"Expected parameter `decision` to be one of {expected}, but got {decision!r}.")
    if can_learn(ctx.dataset, key):
        learn_from_verdicts(ctx.dataset, key, view=view)
    return {"key": key, "decision": decision, "region_ids": list(ids), "message": message}


def _is_another(last: Decision, decision: str, reviewer: str | None) -> bool:
    """Whether a decision is another verdict on many than the last one, or of somebody else."""
    return decision in _VERDICTS and not goes_on(last, _VERDICTS[decision], reviewer)


def _preview(form: Form, shown: Shown, decision: str, selected: bool) -> None:
    """Says which suspects the verdict is on, and warns of such as it is rather not true of."""
    where = "of the selection" if selected else "of the current view"
    if not shown.ids:
        form.fail("decision", f"No suspect {where} is left to review.")
        return
    named = [f"{number:,} {suggested} given as {given}" for (given, suggested), number in shown.issues[:_NAMED]]
    more = len(shown.issues) - _NAMED
    named += [count(more, "other issue")] if more > 0 else []
    found = f"{_suspects(len(shown.ids))} {where}, in {count(shown.images, 'image')}"
    form.notice("shown", f"{found}: {', '.join(named)}.")
    if shown.least is not None and shown.most is not None:
        form.notice("probability", f"Their probability is from {probable(shown.least)} to {probable(shown.most)}.")
        against = shown.improbable if decision == _CONFIRM else len(shown.ids) - shown.improbable
        side = "less than" if decision == _CONFIRM else "at least"
        if against:
            be = "is" if against == 1 else "are"
            form.warning("against", f"{against:,} of these {be} {side} {percent(EVEN)} probable: look at them first.")
    if shown.reviewed:
        kept = f"{count(shown.reviewed, 'other')} {'has' if shown.reviewed == 1 else 'have'} a verdict already"
        form.notice("reviewed", f"{kept}, which stays.")


def _key(ctx: Any) -> str | None:
    """The run that is meant: that of the patches, that of the form or call, or the latest that has suspects."""
    runs = runs_with_suspects(ctx.dataset)
    key = ctx.params.get("key") or patches_key(ctx) or (runs[-1].key if runs else None)
    return None if not runs else key or Request.key


def _collection(ctx: Any) -> Any:
    return ctx.view if ctx.view is not None else ctx.dataset.view()


def _chosen(ctx: Any) -> list[str] | None:
    """Ids of the suspects that were given or are selected, None where none are."""
    given = ctx.params.get("region_ids")
    if given is not None:
        return list(given)
    if patches_key(ctx) is not None and ctx.selected:
        return list(ctx.selected)
    key = _key(ctx)
    labels = [one["label_id"] for one in ctx.selected_labels or [] if one["field"] == f"{key}_suspects"]
    if labels:
        return labels
    if ctx.selected:
        chosen = ctx.dataset.select(list(ctx.selected))
        return [one for several in chosen.values(f"{key}_suspects.detections.id") for one in several or ()]
    return None


def _suspects(count: int) -> str:
    return "1 suspect" if count == 1 else f"{count:,} suspects"
