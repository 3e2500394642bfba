"""The panel's card on a run by a field of the samples: which annotator, batch or camera has the most mistakes."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types
from bson import json_util

from ...plugin.base.errors import LabelQualityError
from ...plugin.documents.ownership import field_name
from ...plugin.records.run_record import RunRecord
from ...plugin.runs.breakdown import (
    breakdown_columns,
    breakdown_fields,
    breakdown_rows,
    count_parts,
    images_with,
)
from ...plugin.samples.slices import images_of
from . import layout
from .events import told
from .folding import FoldingSections
from .following import FollowingSwitch

#: Where the panel's state has the chosen field, and what was counted for it
_FIELD, _COUNTED = "page.cards.breakdown.field", "breakdown"
#: No field; no field has such a name, and a list shows nothing for an empty one
_NONE = "$none"
#: Rows of the table; the operator shows the others
_SHOWN = 10
#: Columns of the panel's table, which is narrow
_COLUMNS = ("value", "images", "share", "expected")
_WITHOUT_SUSPECTS = ("value", "images", "quality")


class BreakdownSection(FoldingSections, FollowingSwitch):
    """What a panel has to show a run by a field. It is counted when the field is chosen: a pass over the samples."""

    @told
    def choose_field(self, ctx: Any) -> None:
        """Breaks the run down by another field."""
        ctx.panel.set_state(_FIELD, ctx.params.get("value") or _NONE)
        self.count_parts(ctx, ctx.panel.get_state("page.top.run"))

    @told
    def open_part(self, ctx: Any) -> None:
        """Shows the images of the part that was clicked, the worst first."""
        counted, row = ctx.panel.get_state(_COUNTED) or {}, ctx.params.get("row", -1)
        if row < 0 or not counted:
            return
        (value,) = json_util.loads(counted["values"][row])
        quality = field_name(counted["key"], "quality")
        images = images_of(self.samples_of(ctx)).exists(quality)
        images = images.match(images_with(ctx.dataset, counted["field"], value))
        ctx.ops.set_view(view=images.sort_by(quality))

    @told
    def show_breakdown(self, ctx: Any) -> None:
        """Opens the form that breaks the run down, with all values."""
        counted = ctx.panel.get_state(_COUNTED) or {}
        ctx.prompt(f"{self.plugin_name}/break_down", params={name: counted.get(name) for name in ("key", "field")})  # type: ignore[attr-defined]

    def count_parts(self, ctx: Any, key: str | None) -> None:
        """Counts again, for another run or field."""
        field = ctx.panel.get_state(_FIELD) or _NONE
        if not key or field == _NONE:
            # The list shows what the state has
            ctx.panel.set_state({_FIELD: _NONE, _COUNTED: {}})
            return
        try:
            found = count_parts(self.samples_of(ctx), field, key, issues=False)
        except LabelQualityError:
            # A field that was deleted since
            ctx.panel.set_state(_FIELD, _NONE)
            ctx.panel.set_state(_COUNTED, {})
            return
        wanted = _COLUMNS if found.has_suspects else _WITHOUT_SUSPECTS
        columns = {name: heading for name, heading in breakdown_columns(found).items() if name in wanted}
        rows = [{name: row[name] for name in columns} for row in breakdown_rows(found, _SHOWN)]
        # The page takes no dates, and no value that is a text of its own
        values = [json_util.dumps([part.value]) for part in found.parts[:_SHOWN]]
        counted = {"key": key, "field": field, "columns": columns, "rows": rows, "values": values}
        ctx.panel.set_state(_COUNTED, {**counted, "parts": len(found.parts)})

    def render_breakdown(self, ctx: Any, cards: types.Object, record: RunRecord) -> None:
        """Adds the card, where the samples have a field to choose."""
        fields = breakdown_fields(ctx.dataset)
        if not fields:
            return
        counted = ctx.panel.get_state(_COUNTED) or {}
        hint = "By a field of the samples; click a row"
        if "expected" in counted.get("columns", {}):
            hint += ". Probable: how many of its suspects are mistakes"
        block = layout.section(cards, "breakdown", "Whose masks are worst", hint, self.folding(ctx))
        if block is None:
            return
        labels = {_NONE: "Choose a field…", **{name: name for name in fields}}
        layout.choice(block, "field", labels, "Field", self.choose_field)
        if counted.get("key") != record.key or counted.get("field") not in fields:
            return
        numbers = len(counted["columns"]) - 1
        layout.table(block, "parts", counted["columns"], counted["rows"], self.open_part, numbers=numbers, height=480)
        others = counted["parts"] - len(counted["rows"])
        if others > 0:
            layout.button(block, "more", f"Show {others:,} more…", self.show_breakdown, "list")
