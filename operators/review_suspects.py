"""The operator `review_suspects`: a person's verdict on suspect regions, by form, from Python, or by one key.

``assets/review.js`` sends the keys; `ReviewState` tells it what is on show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.errors import LabelQualityError
from ..plugin.fields import field_name
from ..plugin.review import (
    CONFIRMED,
    REJECTED,
    ReviewProgress,
    corrections,
    progress,
    set_verdict,
    suspects_owner,
)
from ..plugin.suspect_fields import SUSPECTS
from .forms import DEFAULT_KEY, Form

_LABEL = "Review suspects"
_CONFIRM, _CHANGE, _REJECT, _UNDO = "confirm", "change", "reject", "undo"
_DECISIONS = {
    _CONFIRM: "Confirm: the given mask is wrong here (key y)",
    _CHANGE: "Confirm, with another class than the suggested one (key o)",
    _REJECT: "Reject: the given mask is right (key n)",
    _UNDO: "Undo: no verdict (key u)",
}
_VERDICTS = {_CONFIRM: CONFIRMED, _CHANGE: CONFIRMED, _REJECT: REJECTED, _UNDO: None}
_DONE = {_CONFIRM: "Confirmed", _CHANGE: "Confirmed as {corrected_to}", _REJECT: "Rejected", _UNDO: "No verdict on"}
_NONE_CHOSEN = (
    "Choose suspect regions first: open a patch of a saved view such as '{key}: suspect regions', select patches, or "
    "click regions in an image."
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
    """Confirms or rejects suspect regions, or says which class is right instead."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="review_suspects",
            label=_LABEL,
            description="Confirm or reject the suspect regions that are selected, or give them another class",
            icon="/assets/review.svg",
            dynamic=True,
            view_target=False,
        )

    def __call__(
        self,
        sample_collection: Any,
        region_ids: Sequence[str],
        decision: str = _CONFIRM,
        corrected_to: str | None = None,
        key: str = DEFAULT_KEY,
        reviewer: str | None = None,
    ) -> Any:
        """Reviews regions.

        Args:
            sample_collection: the dataset, or a view of it, such as the patches that are reviewed
            region_ids: ids of the regions' labels, which are those of their patches too
            decision: ``confirm``, ``change``, ``reject`` or ``undo``
            corrected_to: name of the right class, where ``decision`` is ``change``
            key: the run's key
            reviewer: who decides; by default the user of this computer

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` has the ``message`` and the review's progress
        """
        params = {"region_ids": list(region_ids), "decision": decision, "key": key, "reviewer": reviewer}
        place = {"dataset": sample_collection._root_dataset, "view": sample_collection.view()}
        return foo.execute_operator(self.uri, place, params={**params, "corrected_to": corrected_to})

    def resolve_placement(self, ctx: Any) -> types.Placement:
        """A button among the actions of an open sample."""
        button = types.Button(label=_LABEL, icon="/assets/review.svg", prompt=True)
        return types.Placement(types.Places.SAMPLES_VIEWER_ACTIONS, button)

    def resolve_input(self, ctx: Any) -> types.Property:
        """The decision on the regions that are chosen."""
        form = Form(ctx)
        try:
            chosen = choose(ctx)
            form.notice("chosen", f"{_regions(len(chosen.ids))} chosen. {_sentence(progress(ctx.dataset, chosen.key))}")
        except LabelQualityError as error:
            form.fail("region_ids", str(error))
            return form.property(_LABEL, "Save")
        decision = form.choice("decision", "Your verdict", _DECISIONS, default=_CONFIRM, radio=True)
        if decision == _CHANGE:
            names = corrections(ctx.dataset, chosen.key)
            if form.choice("corrected_to", "The right class", names) is None:
                form.fail("corrected_to", "Choose the right class.")
        return form.property(_LABEL, "Save")

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Saves the verdict; without ``quiet``, says so and shows what is left."""
        try:
            result = _decide(ctx)
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        if not ctx.params.get("quiet"):
            ctx.ops.notify(result["message"], variant="success")
        if not (ctx.current_sample and _patches_key(ctx)):
            ctx.ops.clear_selected_labels()
            ctx.ops.clear_selected_samples()
            ctx.ops.reload_samples()
        return result


class ReviewState(foo.Operator):
    """What the App shows that can be reviewed, for the line of keys in an open sample."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="review_state",
            label="State of the review",
            icon="/assets/review.svg",
            unlisted=True,
            risk_level=types.RiskLevel.LOW,
        )

    def execute(self, ctx: Any) -> dict[str, Any]:
        """The regions that a key would review, and how far the review is; nothing where no suspect is on show."""
        try:
            chosen = choose(ctx)
        except LabelQualityError:
            return {"key": None}
        return {"key": chosen.key, "region_ids": chosen.ids, **_counts(progress(ctx.dataset, chosen.key))}


def choose(ctx: Any) -> Chosen:
    """The regions that are meant: given ones, selected labels, an open patch, selected patches, or an image's only one.

    Raises:
        LabelQualityError: none is meant, or regions of two runs are
    """
    if ctx.params.get("region_ids"):
        return Chosen(ctx.params.get("key") or DEFAULT_KEY, list(ctx.params["region_ids"]))
    by_key: dict[str, list[str]] = {}
    for label in ctx.selected_labels or []:
        key = suspects_owner(ctx.dataset, label["field"])
        if key is not None:
            by_key.setdefault(key, []).append(label["label_id"])
    if len(by_key) > 1:
        raise LabelQualityError(f"Choose regions of one run, not of {' and '.join(sorted(by_key))}.")
    for key, ids in by_key.items():
        return Chosen(key, ids)
    key = _patches_key(ctx)
    if key is not None:
        return _chosen(key, [ctx.current_sample] if ctx.current_sample else list(ctx.selected))
    return _only_region(ctx)


def _only_region(ctx: Any) -> Chosen:
    """The suspect of the open image, where there is one and no other."""
    keys = [key for name in ctx.dataset.get_field_schema() if (key := suspects_owner(ctx.dataset, name))]
    key = keys[-1] if keys else DEFAULT_KEY
    if not keys or not ctx.current_sample:
        return _chosen(key, [])
    label = ctx.dataset[ctx.current_sample][field_name(key, SUSPECTS)]
    ids = [region.id for region in label.detections] if label is not None else []
    return _chosen(key, ids if len(ids) == 1 else [])


def _chosen(key: str, ids: list[str]) -> Chosen:
    if not ids:
        raise LabelQualityError(_NONE_CHOSEN.format(key=key))
    return Chosen(key, ids)


def _patches_key(ctx: Any) -> str | None:
    """The key of the run whose suspects are on show as patches, None where none are."""
    for stage in ctx.request_params.get("view") or []:
        if stage.get("_cls", "").endswith(".ToPatches"):
            return suspects_owner(ctx.dataset, dict(stage["kwargs"])["field"])
    return None


def _decide(ctx: Any) -> dict[str, Any]:
    decision = ctx.params.get("decision") or _CONFIRM
    if decision not in _DECISIONS:
        expected = ", ".join(map(repr, _DECISIONS))
        raise LabelQualityError(f"Expected parameter `decision` to be one of {expected}, but got {decision!r}.")
    corrected_to = ctx.params.get("corrected_to") if decision == _CHANGE else None
    if decision == _CHANGE and not corrected_to:
        raise LabelQualityError("Expected the right class as parameter `corrected_to`, but got none.")
    chosen = choose(ctx)
    set_verdict(
        ctx.dataset,
        chosen.key,
        chosen.ids,
        _VERDICTS[decision],
        corrected_to=corrected_to,
        reviewer=ctx.params.get("reviewer"),
        view=ctx.view if _patches_key(ctx) else None,
    )
    found = progress(ctx.dataset, chosen.key)
    done = _DONE[decision].format(corrected_to=corrected_to)
    message = f"{done}: {_regions(len(chosen.ids))}. {_sentence(found)}"
    return {"key": chosen.key, "region_ids": chosen.ids, "message": message, **_counts(found)}


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


def _regions(count: int) -> str:
    return "1 suspect region" if count == 1 else f"{count:,} suspect regions"
