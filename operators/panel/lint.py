"""The panel's card on what a lint has found in the masks by themselves: a run's first stage, or one without a run."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from ...plugin.base.errors import LabelQualityError
from ...plugin.base.parameters import lower
from ...plugin.dataset.lint_fields import lint_keys, lint_names, lint_view
from ...plugin.lint.findings import KINDS
from ...plugin.lint.summary import found_sentence
from ...plugin.records.lint_part import LintPart, finished_lint
from ...plugin.runs.lint_on_show import lint_on_show
from ..execution import IN_NEXT_VIEW
from . import layout
from . import text as words
from .events import told
from .folding import FoldingSections

#: Clicks of this card that change nothing in the panel
LEADING_ELSEWHERE = ("lint", "show_lint", "open_lint_kind")
_HINT = "Found in the masks by themselves, without a model; click a kind to see it"
#: Where the panel's state has the kinds of the rows that it shows, for clicks
_SHOWN = "linted"
_COLUMNS = {"kind": "Kind", "findings": "Findings", "images": "Images"}
#: A table is as high as it has rows
_HEIGHT = 480


class LintSection(FoldingSections):
    """What a panel has to show what lints have found: of the run that is shown, or all where there is no run."""

    plugin_name: str

    @told
    def lint(self, ctx: Any) -> None:
        """Opens the form of the lint, which needs no run."""
        ctx.prompt(f"{self.plugin_name}/lint_masks", on_success=self.refresh)  # type: ignore[attr-defined]

    @told
    def show_lint(self, ctx: Any) -> None:
        """Shows the images with findings, those with the most first."""
        self._show(ctx, None)

    @told
    def open_lint_kind(self, ctx: Any) -> None:
        """Shows the images with findings of the kind that was clicked, and those alone."""
        row, kinds = ctx.params.get("row", -1), ctx.panel.get_state(_SHOWN) or []
        if 0 <= row < len(kinds):
            self._show(ctx, kinds[row])

    def lints(self, ctx: Any) -> list[str]:
        """What changes whenever masks are linted."""
        keys = lint_keys(ctx.dataset) if ctx.dataset is not None else []
        return [f"lint {key} {part.identity}" for key in keys if (part := finished_lint(ctx.dataset, key))]

    def render_lint(self, ctx: Any, parent: types.Object) -> None:
        """Adds the card, where there was a lint: beside a run's others it folds."""
        found = self._found(ctx)
        if found is None:
            return
        key, part = found
        # Without a run there is no switch to follow the view
        if self._key(ctx) and self.follows(ctx):  # type: ignore[attr-defined]
            part = lint_on_show(ctx.view, key, part)
        kinds = [one.kind for one in part.kinds]
        if ctx.panel.get_state(_SHOWN) != kinds:
            ctx.panel.set_state(_SHOWN, kinds)
        title = f"Lint: {lower(found_sentence(part))}".removesuffix(".")
        if self._key(ctx):  # type: ignore[attr-defined]
            block = layout.section(parent, "lint", title, _HINT, self.folding(ctx))
        else:
            block = layout.card(parent, "lint", title, _HINT, wide=True)
        if block is None:
            return
        if part.kinds:
            rows = [
                {
                    # By its name, which the boxes and the notes have, and what that is
                    "kind": f"{one.kind.replace('_', ' ').capitalize()}: {KINDS[one.kind]}",
                    "findings": words.count(one.findings),
                    "images": words.count(one.images),
                }
                for one in part.kinds
            ]
            layout.table(block, f"kinds_{key}", _COLUMNS, rows, self.open_lint_kind, numbers=2, height=_HEIGHT)
        for index, note in enumerate(part.notes):
            layout.text(block, f"note_{index}", note, color="text.secondary", fontSize="0.8125rem")
        if part.kinds:
            layout.button(block, "show", "Show all in the grid, the most first", self.show_lint, "sort")

    def _show(self, ctx: Any, kind: str | None) -> None:
        key = self._chosen(ctx)
        findings, active = lint_names(key)[0], list(ctx.active_fields or [])
        if findings not in active:
            # An audit does not draw them beside its suspects; a change of the view may lose what is asked for before it
            ctx.ops.set_active_fields([findings, *active])
            ctx.trigger(f"{self.plugin_name}/{IN_NEXT_VIEW}", params={"fields": [findings]})
        ctx.ops.set_view(view=lint_view(self.samples_of(ctx), key, kind))  # type: ignore[attr-defined]

    def _chosen(self, ctx: Any) -> str:
        found = self._found(ctx)
        if found is None:
            raise LabelQualityError("What the lint had found is no longer on the dataset. Lint the masks again.")
        return found[0]

    def _found(self, ctx: Any) -> tuple[str, LintPart] | None:
        """Key and counts of the lint of the run that is shown; without a run, of the latest."""
        run = self._key(ctx)  # type: ignore[attr-defined]
        parts = [(key, finished_lint(ctx.dataset, key)) for key in ([run] if run else lint_keys(ctx.dataset))]
        found = [(key, part) for key, part in parts if part is not None]
        return max(found, key=lambda one: one[1].created) if found else None
