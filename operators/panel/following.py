"""The panel's switch "Only what is on show": its numbers are those of the view, and clicks stay in it."""

from __future__ import annotations

import dataclasses
from typing import Any

import fiftyone.operators.types as types

from ...plugin.dataset.record_parts import WorstImage
from ...plugin.dataset.run_record import RunRecord
from ...plugin.runs.after_review import after_review
from ...plugin.runs.on_show import on_show
from ...plugin.samples.private_fiftyone import is_generated
from . import layout

#: Where the panel's state has whether it is on, and what clicks need of numbers that are not the record's
_ON, _SHOWN = "page.controls.following", "shown"


class FollowingSwitch:
    """What a panel has to show a run as far as the view shows it."""

    def follow_view(self, ctx: Any) -> None:
        """Shows the numbers of the view's samples, or of all again."""
        ctx.panel.set_state(_ON, bool(ctx.params.get("value")))
        self.count_parts(ctx, ctx.panel.get_state("page.top.run"))  # type: ignore[attr-defined]

    def on_change_view(self, ctx: Any) -> None:
        """Counts again: asked only where the switch is on."""
        self.count_parts(ctx, ctx.panel.get_state("page.top.run"))  # type: ignore[attr-defined]

    def follows(self, ctx: Any) -> bool:
        """Whether the switch is on."""
        return bool(ctx.panel.get_state(_ON))

    def samples_of(self, ctx: Any) -> Any:
        """What clicks choose from: the view where the switch is on and it is of whole samples, else the dataset."""
        whole = ctx.view is not None and not is_generated(ctx.view)
        return ctx.view if self.follows(ctx) and whole else ctx.dataset

    def counted_now(self, ctx: Any, record: RunRecord, score: str) -> RunRecord:
        """The record of what is to be shown, counted where the switch is on, else where there are verdicts."""
        found = on_show(ctx.view, record, score) if self.follows(ctx) else after_review(ctx.dataset, record)
        shown: dict[str, Any] = {}
        if found is not record:
            worst = [one.id for one in found.overview.worst] if found.overview is not None else []
            shown = {"worst": worst, "pairs": [[one.given_name, one.suggested_name] for one in found.issues]}
        if (ctx.panel.get_state(_SHOWN) or {}) != shown:
            ctx.panel.set_state(_SHOWN, shown)
        return found

    def as_shown(self, ctx: Any, record: RunRecord) -> RunRecord:
        """The record with the images and issues of the rows that the panel shows, in their order, for clicks."""
        shown = ctx.panel.get_state(_SHOWN)
        if not shown or record.overview is None:
            return record
        issues = {(one.given_name, one.suggested_name): one for one in record.issues}
        worst = [WorstImage(one, "", 0.0) for one in shown["worst"]]
        return dataclasses.replace(
            record,
            overview=dataclasses.replace(record.overview, worst=worst),
            issues=[issues[tuple(pair)] for pair in shown["pairs"] if tuple(pair) in issues],
        )

    def render_switch(self, row: types.Object) -> None:
        """Adds the switch."""
        layout.switch(row, "following", "Only what is on show", self.follow_view)
