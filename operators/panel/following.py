"""The panel's switch "Only what is on show": its numbers are those of the view, and clicks stay in it."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from ...plugin.records.run_record import RunRecord
from ...plugin.runs.after_review import after_review
from ...plugin.runs.on_show import on_show
from ...plugin.samples.private_fiftyone import is_generated
from . import layout

#: Where the panel's state has whether it is on
_ON = "page.controls.following"


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
        return on_show(ctx.view, record, score) if self.follows(ctx) else after_review(ctx.dataset, record)

    def render_switch(self, row: types.Object) -> None:
        """Adds the switch."""
        layout.switch(row, "following", "Only what is on show", self.follow_view)
