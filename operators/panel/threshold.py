"""The panel's slider: below which probability of the given class the chosen run's heatmap is drawn."""

from __future__ import annotations

from typing import Any

from ...plugin.dataset.heatmap_range import draws_by_value, has_heatmap, show_below, shown_below
from . import layout
from .events import told

#: Where the panel's state has it, in percent
_BELOW = "page.controls.below_row.below"
_STEP = 5
_BY_FIELD = (
    "This dataset's labels are coloured by field, so that all of the heatmap is drawn. Choose “Color by value” in the "
    "App's colour settings."
)


class ThresholdControl:
    """What a panel has to draw of heatmaps only what is improbable enough."""

    @told
    def choose_threshold(self, ctx: Any) -> None:
        """Draws the heatmaps below another probability."""
        show_below(ctx.dataset, ctx.panel.get_state("page.top.run"), int(ctx.params["value"]) / 100)
        # What the grid has loaded it keeps until the dataset is loaded again
        ctx.ops.reload_dataset()
        if not draws_by_value(ctx.dataset):
            ctx.ops.notify(_BY_FIELD, variant="info")

    def render_threshold(self, ctx: Any, row: Any, key: str) -> None:
        """Adds the slider, where the run has heatmaps."""
        if not has_heatmap(ctx.dataset, key):
            return
        below = max(_STEP, round(100 * shown_below(ctx.dataset, key)))
        if ctx.panel.get_state(_BELOW) != below:
            ctx.panel.set_state(_BELOW, below)
        label = f"Heatmap where the given class is < {below} % probable"
        layout.slider(row, "below", label, self.choose_threshold, (_STEP, 100), _STEP)
