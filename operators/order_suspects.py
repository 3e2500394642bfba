"""The operator `order_suspects`: what is left to review, the most useful first or together what looks alike."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.review.choose_images import find_group
from ..plugin.review.order import ORDERS, SIMILAR, USEFUL, order_suspects
from ..plugin.samples.private_fiftyone import root_of
from ..plugin.suspects.issues import Group
from .form.forms import Form, run_labels, runs_with_suspects
from .review_suspects import choose

_LABEL = "Order suspects for review"
#: The choice of all issues; no title is so
_ALL = "*"
_NO_RUN = "There are no suspects to review yet: find suspects first, or audit the labels."


class OrderSuspects(foo.Operator):
    """Opens the suspects that nobody has reviewed, in an order to review them in."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="order_suspects",
            label=_LABEL,
            description="Show what is left to review: the most useful suspects first, or those together that are alike",
            icon="/assets/group.svg",
            dynamic=True,
            risk_level="low",
            view_target=False,
        )

    def __call__(
        self,
        sample_collection: Any,
        order: str = USEFUL,
        group: str | None = None,
        key: str | None = None,
        to: str | None = None,
        brain_key: str | None = None,
    ) -> Any:
        """Orders suspects and, where an App shows the dataset, opens their patches in it.

        `label_quality.order_suspects` gives the same patches as a view.

        Args:
            sample_collection: the dataset, or a view of it
            order: ``useful``, ``alike``, ``probable`` or ``similar``
            group: the title of an issue, such as "pillow given as couch"; by default suspects of all issues
            key: the run's key; by default that of the latest run with suspects
            to: of the order ``similar``, the id of the suspect that the others are to be like
            brain_key: of the order ``similar``, the index of FiftyOne's Brain to use

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` has the number of ``suspects``
        """
        params = {"order": order, "group": group or _ALL, "key": key, "to": to, "brain_key": brain_key}
        return foo.execute_operator(self.uri, {"dataset": root_of(sample_collection)}, params=params)

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The order, the run where there are several, and the issue."""
        form = Form(ctx)
        runs = runs_with_suspects(ctx.dataset)
        if not runs:
            form.fail("key", _NO_RUN)
            return form.property(_LABEL, "Show")
        orders = {name: text for name, text in ORDERS.items() if name != SIMILAR or _selected(ctx) is not None}
        form.choice("order", "Order", orders, default=USEFUL, radio=True)
        labels = run_labels(runs)
        key = form.choice("key", "Run", labels, default=runs[-1].key)
        chosen = next((run for run in runs if run.key == key), None)
        if chosen is not None and chosen.issues:
            titles = {_ALL: "All issues", **{one.title: one.title for one in chosen.issues}}
            form.choice("group", "Issue", titles, default=_ALL)
        return form.property(_LABEL, "Show")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """Opens the patches, and says how many there are."""
        try:
            runs = runs_with_suspects(ctx.dataset)
            if not runs:
                raise LabelQualityError(_NO_RUN)
            key = ctx.params.get("key") or runs[-1].key
            order = ctx.params.get("order") or USEFUL
            like = {"to": _selected(ctx), "brain_key": ctx.params.get("brain_key")} if order == SIMILAR else {}
            view = order_suspects(ctx.dataset, key, order, **_pair(runs, key, ctx.params), **like)
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        suspects = len(view)
        if not suspects:
            ctx.ops.notify("Nothing is left to review there.", variant="info")
            return {"key": key, "suspects": 0}
        ctx.ops.set_view(view=view)
        return {"key": key, "suspects": suspects}


def _selected(ctx: Any) -> str | None:
    """The suspect that is meant by itself; None where several are, or none."""
    if ctx.params.get("to"):
        return str(ctx.params["to"])
    try:
        chosen = choose(ctx)
    except LabelQualityError:
        return None
    return chosen.ids[0] if chosen is not None and len(chosen.ids) == 1 else None


def _pair(runs: Any, key: str, params: Any) -> dict[str, str]:
    """The classes of the issue that is asked for."""
    title = params.get("group")
    issues: list[Group] = next((run.issues for run in runs if run.key == key), [])
    if not title or title == _ALL:
        return {}
    if not issues:
        raise LabelQualityError(f"Run '{key}' has no issues, so that it has no issue {title!r}.")
    found = find_group(key, issues, title)
    return {"given": found.given_name, "suggested": found.suggested_name}
