"""The panel's card on what has changed from another run of the same masks to the one that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import fiftyone.operators.types as types

from ...plugin.compare.text import class_change_rows, comparison_sentences
from ...plugin.documents.ownership import field_name
from ...plugin.records.comparison import ClassChange, Comparison
from ...plugin.records.run_record import RunRecord
from . import layout
from . import text as words
from .events import told
from .folding import FoldingSections
from .runs import Header, headers

#: Clicks of this card that change nothing in the panel
LEADING_ELSEWHERE = ("compare", "open_changed")
#: Classes of the table, all in sight
_SHOWN = 10
_OFFER = "Run “{before}” is of the same masks. “Compare runs…” says which images and issues have changed since."
_OUTDATED = "One of the two runs is another one since: compare them again."
_COLUMNS = {"name": "Class", "before": "Before", "after": "After"}


class ComparisonSection(FoldingSections):
    """What a panel has to compare runs; what was compared is read from the record of the run after."""

    plugin_name: str

    @told
    def compare(self, ctx: Any) -> None:
        """Opens the form of the comparison: from the run before the one that is shown, or the one compared last."""
        runs, key = headers(ctx.dataset), self._key(ctx)  # type: ignore[attr-defined]
        kept = self._record(ctx).comparison  # type: ignore[attr-defined]
        before = kept.before if kept and kept.before in [run.key for run in runs] else _before(ctx.dataset, runs, key)
        params = {"before": before, "after": key} if before else None
        ctx.prompt(f"{self.plugin_name}/compare_runs", params=params, on_success=self.refresh)  # type: ignore[attr-defined]

    @told
    def open_changed(self, ctx: Any) -> None:
        """Shows the images that were compared, those whose quality fell most first."""
        from ...plugin.compare.comparison import changed_view

        ctx.ops.set_view(view=changed_view(ctx.dataset, self._key(ctx)))  # type: ignore[attr-defined]

    def render_comparison(self, ctx: Any, cards: types.Object, record: RunRecord, runs: Sequence[Header]) -> None:
        """Adds the card, where something was compared, or there is an earlier run of the same masks.

        Args:
            ctx: FiftyOne's execution context
            cards: what it goes into
            record: of the run that is shown
            runs: all of the dataset's, the oldest first
        """
        found, before = record.comparison, _before(ctx.dataset, runs, record.key)
        if found is None and before is None:
            return
        hint = "" if found is None else f"From run “{found.before}” to this one · compared {words.when(found.created)}"
        block = layout.section(cards, "changes", "What has changed", hint, self.folding(ctx))
        if block is None:
            return
        if found is None:
            layout.text(block, "offer", _OFFER.format(before=before), color="text.secondary")
        else:
            _changes(block, found)
            if _is_outdated(found, record, runs):
                layout.text(block, "outdated", _OUTDATED, color="warning.main")
        buttons = layout.row(block, "buttons")
        if found is not None:
            layout.button(buttons, "changed", "Show the images, most fallen first", self.open_changed, "sort")
        layout.button(buttons, "compare", "Compare runs…", self.compare, "compare_arrows")


def _changes(block: types.Object, found: Comparison) -> None:
    for index, sentence in enumerate(comparison_sentences(found)):
        layout.text(block, f"sentence_{index}", sentence)
    changed = sorted((_change(one), one.name, one) for one in found.classes if _change(one))[::-1]
    if changed:
        rows = class_change_rows(replace(found, classes=[one for _, _, one in changed[:_SHOWN]]))
        layout.text(block, "iou", "IoU of given and suggested masks, of the classes with the largest change", mt=1)
        layout.table(block, "classes", _COLUMNS, rows, None, numbers=2, height=480)


def _change(one: ClassChange) -> float:
    return 0.0 if one.before is None or one.after is None else abs(one.after - one.before)


def _before(dataset: Any, runs: Sequence[Header], key: str) -> str | None:
    """The key of the latest run before one, of the same masks and with scores; None where there is none."""
    place = next((place for place, run in enumerate(runs) if run.key == key), 0)
    earlier = [
        run.key
        for run in runs[:place]
        if run.label_field == runs[place].label_field and dataset.has_sample_field(field_name(run.key, "quality"))
    ]
    return earlier[-1] if earlier else None


def _is_outdated(found: Comparison, record: RunRecord, runs: Sequence[Header]) -> bool:
    """Whether suspects were found anew, or the run before was made anew, after the comparison."""
    searched = record.suspects.set if record.suspects is not None else None
    return searched != found.searched or any(run.key == found.before and run.created > found.created for run in runs)
