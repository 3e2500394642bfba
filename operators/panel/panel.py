"""The panel "Label quality": how good a dataset's masks are at a glance, and the way to what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone import ViewField as F

from ...plugin.base.database_errors import database_errors
from ...plugin.base.errors import LabelQualityError
from ...plugin.dataset.views import (
    TYPE_VIEWS,
    group_view,
    own_views,
    suspect_regions,
    suspect_view,
    view_name,
    worst_first,
)
from ...plugin.documents.display import active_for, usual_for
from ...plugin.records.run_record import RunRecord, load_record
from ...plugin.review.order import PROBABLE, order_suspects
from ...plugin.runs.overview import bin_range
from ...plugin.samples.checks import label_fields
from ...plugin.samples.private_fiftyone import stages_of
from ...plugin.samples.slices import images_of
from ...plugin.suspects.issues import Group
from ..execution import IN_NEXT_VIEW, MEND_SIDEBAR, colors_of, groups_of
from . import layout, sections
from . import text as words
from .benchmark import LEADING_ELSEWHERE, BenchmarkSection
from .breakdown import BreakdownSection
from .comparison import LEADING_ELSEWHERE as LEADING_TO_COMPARISONS
from .comparison import ComparisonSection
from .estimate import render_estimate
from .events import told
from .lint import LEADING_ELSEWHERE as LEADING_TO_LINTS
from .lint import LintSection
from .operations import render_operations
from .prompts import LEADING_ELSEWHERE as LEADING_TO_FORMS
from .prompts import Prompts
from .runs import Header, Operation, any_running, headers, is_written, operations, record_of, under_way
from .shown_rows import CLASSES, ISSUES, MATRIX, WORST, find_issue, keep_shown, no_issue, shown_at
from .threshold import ThresholdControl

_TITLE = "Label quality"
_HELP = "Which masks of this dataset are probably wrong, where and why. All numbers are those of the chosen run."
#: Where the panel's state has what was chosen: the paths of the two lists
_RUN, _SCORE = "page.top.run", "page.cards.scores.score"
#: Where it has which runs there were
_KNOWN = "known"
#: The operator of ``assets/app.js`` that tells of changes of the view only where the panel follows it
_FOLLOW_VIEW = "follow_view"
#: Clicks that change nothing in the panel
_LEADING_ELSEWHERE = (
    *LEADING_TO_FORMS,
    *("review", "open_scores", "select_scores", "open_type", "open_pair"),
    *("open_group", "open_class", "open_worst", "show_worst_first", "show_groups", "open_part", "show_breakdown"),
    *LEADING_ELSEWHERE,
    *LEADING_TO_COMPARISONS,
    *LEADING_TO_LINTS,
)
#: Milliseconds between two looks at operations that are under way
_POLL = 4000


class LabelQualityPanel(
    Prompts, BenchmarkSection, BreakdownSection, ComparisonSection, LintSection, ThresholdControl, foo.Panel
):
    """Shows a run's record; clicks lead to samples, views and forms."""

    @property
    def config(self) -> foo.PanelConfig:
        """FiftyOne's description of the panel."""
        return foo.PanelConfig(
            name="label_quality_panel",
            label=_TITLE,
            icon="fact_check",
            help_markdown=_HELP,
            allow_multiple=False,
            surfaces="grid",
        )

    def resolve_panel_config(self) -> dict[str, Any]:
        """FiftyOne's description of what it calls: of changes of the view, an operator of the page's own."""
        return {**super().resolve_panel_config(), "on_change_view": f"{self.plugin_name}/{_FOLLOW_VIEW}"}

    @database_errors()
    def execute(self, ctx: Any) -> Any:
        """FiftyOne's entry. Draws the panel only where it looks different: drawing it again takes the page time.

        For the same reason the panel follows the grid's view, of which FiftyOne tells it up to four times a change,
        only if asked to: it looks for runs made elsewhere whenever something in it is clicked.
        """
        method = ctx.params.get("__method__")
        if method == "on_change_view" and not self.follows(ctx):
            return None
        if method not in _LEADING_ELSEWHERE:
            result = super().execute(ctx)
            while method == "fold" and self.missed_a_click(ctx):
                ctx.ops.show_panel_output(self.render(ctx))
            return result
        getattr(self, method)(ctx)
        if self._outdated(ctx):
            self.refresh(ctx)
            ctx.ops.show_panel_output(self.render(ctx))
        return None

    def on_load(self, ctx: Any) -> None:
        """Chooses the latest run, unless the panel remembers one."""
        self.forget_clicks(ctx)
        self.refresh(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        """Leaves the other dataset's run."""
        ctx.panel.set_state({_RUN: None, _SCORE: words.QUALITY, _KNOWN: []})
        self.refresh(ctx)

    def refresh(self, ctx: Any) -> None:
        """Goes to a run that is new, and away from one that is deleted."""
        runs = headers(ctx.dataset) if ctx.dataset is not None else []
        known = ctx.panel.get_state(_KNOWN) or []
        keys, new = [run.key for run in runs], [run.key for run in runs if run.identity not in known]
        chosen = ctx.panel.get_state(_RUN)
        if (known and new) or chosen not in keys:
            chosen = (new or keys)[-1] if keys else None
            ctx.panel.set_state({_RUN: chosen, _SCORE: words.QUALITY})
            _show_fields(ctx, chosen)
        self.count_parts(ctx, chosen)
        self.refresh_benchmarks(ctx, known)
        ctx.panel.set_state(_KNOWN, self._identities(ctx, runs))

    def follow(self, ctx: Any) -> None:
        """Looks at what is under way; of what it has just finished, the page does not know the fields and views."""
        if self._outdated(ctx):
            ctx.ops.reload_dataset()
            colors = colors_of(ctx.dataset)
            # An open page keeps the colours and groups that it began with, also when it loads the dataset again
            if colors:
                ctx.trigger("set_color_scheme", colors)
            ctx.trigger(f"{self.plugin_name}/{MEND_SIDEBAR}", {"groups": groups_of(ctx.dataset)})
            self.refresh(ctx)

    def choose_run(self, ctx: Any) -> None:
        """Shows another run; of its scores, the one to sort by; in the grid its fields, in place of the other's."""
        key = ctx.params.get("value")
        ctx.panel.set_state({_RUN: key, _SCORE: words.QUALITY})
        # For a moment after a new run, or after patches, the page says that nothing is drawn
        _show_fields(ctx, key, usual_for(ctx.dataset, key) if key else ())
        self.count_parts(ctx, key)

    def choose_score(self, ctx: Any) -> None:
        """Shows another score's distribution."""
        ctx.panel.set_state(_SCORE, ctx.params.get("value"))

    @told
    def review(self, ctx: Any) -> None:
        """Opens the most probable suspect that nobody has reviewed, with the others behind it."""
        view = order_suspects(ctx.dataset, self._record(ctx).key, PROBABLE)
        first = next(iter(view.limit(1).values("id")), None)
        if first is None:
            ctx.ops.notify("All suspects are reviewed.", variant="info")
        else:
            self._open(ctx, first, view)

    @told
    def open_scores(self, ctx: Any) -> None:
        """Shows the images of the bar that was clicked."""
        place = ctx.params.get("idx")
        if isinstance(place, int):
            self._show_scores(ctx, place, place)

    @told
    def select_scores(self, ctx: Any) -> None:
        """Shows the images of the bars that a drag went over."""
        places = [point["idx"] for point in ctx.params.get("data") or []]
        if places:
            self._show_scores(ctx, min(places), max(places))

    @told
    def open_type(self, ctx: Any) -> None:
        """Shows the images of a type of error, in the saved view where there is one."""
        record = self._record(ctx)
        kind = list(sections.types_of(record))[ctx.params["idx"]]
        samples = self.samples_of(ctx)
        _show(ctx, record, TYPE_VIEWS.get(kind), samples, lambda: suspect_view(samples, record.key, kind))

    @told
    def open_pair(self, ctx: Any) -> None:
        """Shows the regions of the cell that was clicked."""
        record = self._record(ctx)
        given, suggested = (shown_at(ctx, MATRIX, place) for place in ctx.params["idx"])
        group = find_issue(record, given, suggested)
        if group is not None:
            _show_group(ctx, record, group, self.samples_of(ctx))
        elif self._outdated(ctx):
            raise no_issue(record, given, suggested)

    @told
    def open_group(self, ctx: Any) -> None:
        """Shows the regions of the group that was clicked."""
        row = ctx.params.get("row", -1)
        if row >= 0:
            record, (given, suggested) = self._record(ctx), shown_at(ctx, ISSUES, row)
            group = find_issue(record, given, suggested)
            if group is None:
                raise no_issue(record, given, suggested)
            _show_group(ctx, record, group, self.samples_of(ctx))

    @told
    def open_class(self, ctx: Any) -> None:
        """Shows the regions given a class; those that it is suggested for, where its growth was clicked."""
        record = self._record(ctx)
        name = shown_at(ctx, CLASSES, ctx.params["idx"])
        side = "suggested" if ctx.params.get("trace_idx") == 1 else "given"
        field = f"{record.key}_suspects"
        # Literally: in an expression, MongoDB reads a name that begins with "$" as a field
        of_class = F(f"{field}.{side}") == F.literal(name)
        ctx.ops.set_view(view=suspect_regions(self.samples_of(ctx), record.key).match(of_class))

    @told
    def open_worst(self, ctx: Any) -> None:
        """Opens an image of the list of the worst, with the others behind it in the same order."""
        row = ctx.params.get("row", -1)
        if row < 0:
            return
        sample_id, ranking = shown_at(ctx, WORST, row), worst_first(ctx.dataset, self._record(ctx).key)
        if self.samples_of(ctx) is not ctx.dataset:
            ctx.ops.open_sample(id=sample_id)
        else:
            self._open(ctx, sample_id, ranking)

    def _open(self, ctx: Any, sample_id: str, view: Any) -> None:
        """Opens a sample of a view, with the view's others behind it."""
        if _same(ctx.view, view):
            ctx.ops.open_sample(id=sample_id)
        else:
            ctx.trigger(f"{self.plugin_name}/{IN_NEXT_VIEW}", params={"id": sample_id})
            ctx.ops.set_view(view=view)

    @told
    def show_worst_first(self, ctx: Any) -> None:
        """Shows all images of the run, worst first."""
        ctx.ops.set_view(view=worst_first(ctx.dataset, self._record(ctx).key))

    @told
    def show_groups(self, ctx: Any) -> None:
        """Opens the form that shows any group."""
        ctx.prompt(f"{self.plugin_name}/show_group", params={"key": self._key(ctx)})

    def render(self, ctx: Any) -> types.Property:
        """The page: a run's sections, or what to do first."""
        return layout.page(lambda content: self._render(ctx, content))

    def _render(self, ctx: Any, page: types.Object) -> None:
        dataset, key = ctx.dataset, self._key(ctx)
        runs = headers(dataset)
        found = operations(dataset, self.plugin_name)
        busy = under_way(found)
        if key is None:
            render_operations(page, found)
            self._render_first_steps(page, dataset, found)
            self.render_lint(ctx, page)
        else:
            record = self._load(ctx, key, runs)
            written = is_written(record)
            busy = busy or written
            self._render_top(page, runs, record)
            controls = layout.row(page, "controls", gap=3)
            self.render_switch(controls)
            self.render_threshold(ctx, controls, key)
            render_operations(page, found)
            score = self._score(ctx, record)
            counted = record if written else self.counted_now(ctx, record, score)
            keep_shown(ctx, counted)
            cards = sections.render(page, counted, score, self, self.folding(ctx), written)
            if cards is not None:
                render_estimate(cards, record, self.folding(ctx))
                self.render_comparison(ctx, cards, record, runs)
                self.render_lint(ctx, cards)
                self.render_breakdown(ctx, cards, record)
        self.render_benchmark(ctx, page)
        if busy:
            page.view("timer", types.TimerView(interval=_POLL, on_interval=self.follow))

    def _render_top(self, page: types.Object, runs: list[Header], record: RunRecord) -> None:
        top = layout.row(page, "top", gap=1.5, justifyContent="space-between")
        labels = {run.key: f"Run “{run.key}”" for run in reversed(runs)}
        layout.choice(top, "run", labels, "Run", self.choose_run)
        buttons = layout.row(top, "buttons")
        reviewable = record.overview is not None and record.suspects is not None
        layout.button(buttons, "audit", "Run audit…", self.audit, "play_arrow", primary=not reviewable)
        layout.button(buttons, "suspects", "Find suspects…", self.find_suspects, "search")
        layout.button(buttons, "tag", "Tag for relabelling…", self.tag, "label")
        layout.button(buttons, "delete", "Delete run…", self.delete, "delete")
        if reviewable:
            after = layout.row(page, "after")
            layout.button(after, "review", "Review suspects", self.review, "rate_review", primary=True)
            layout.button(after, "estimate", "Estimate errors…", self.estimate, "calculate")
            layout.button(after, "export", "Export clean dataset…", self.export, "download")
            layout.button(after, "report", "Write report…", self.report, "description")
            layout.button(after, "lint", "Lint masks…", self.lint, "rule")
        layout.text(page, "line", sections.summary_line(record), color="text.secondary")

    def _render_first_steps(self, page: types.Object, dataset: Any, found: list[Operation]) -> None:
        steps = layout.column(page, "first", gap=1.5, alignItems="center", textAlign="center", py=8, px=2)
        if under_way(found):
            title = f"The first audit {'is on its way' if any_running(found) else 'waits for a worker'}"
            layout.text(steps, "title", title, fontSize="1.25rem", fontWeight=500)
            layout.text(steps, "text", "Its results will be shown here as soon as it is done.", color="text.secondary")
            return
        if not label_fields(dataset):
            layout.text(steps, "title", "There are no masks to check", fontSize="1.25rem", fontWeight=500)
            lines = (
                "Add the given masks to this dataset as Segmentation labels, or as instances (Detections with masks, "
                "or filled Polylines), then run an audit here."
            )
            layout.text(steps, "text", lines, color="text.secondary", maxWidth="56ch", mx="auto")
            return
        layout.text(steps, "title", "Find the masks that are wrong", fontSize="1.25rem", fontWeight=500)
        lines = (
            "An audit compares every mask with what a model sees that has not been trained on that image. It ranks the "
            "images by how likely their mask is wrong, and shows where and why. Your masks are not changed."
        )
        layout.text(steps, "text", lines, color="text.secondary", maxWidth="56ch", mx="auto")
        buttons = layout.row(steps, "buttons", justifyContent="center")
        layout.button(buttons, "audit", "Run audit…", self.audit, "play_arrow", primary=True)
        layout.button(buttons, "lint", "Lint masks…", self.lint, "rule")
        hint = "A lint takes seconds and needs no model: stray pixels, holes, frames, masks that are empty or missing."
        layout.text(steps, "hint", hint, color="text.secondary", fontSize="0.8125rem", maxWidth="56ch", mx="auto")

    def _outdated(self, ctx: Any) -> bool:
        """Whether there is something to show that was not there when the panel was drawn."""
        return self._identities(ctx, headers(ctx.dataset)) != ctx.panel.get_state(_KNOWN)

    def _identities(self, ctx: Any, runs: list[Header]) -> list[str]:
        return [run.identity for run in runs] + self.identities(ctx) + self.lints(ctx)

    def _key(self, ctx: Any) -> str | None:
        return ctx.panel.get_state(_RUN) or None

    def _record(self, ctx: Any) -> RunRecord:
        key = self._key(ctx)
        if key is None:
            raise LabelQualityError("No run is chosen. Run an audit first.")
        return self._load(ctx, key, headers(ctx.dataset))

    def _load(self, ctx: Any, key: str, runs: list[Header]) -> RunRecord:
        """The record of a run; an error says which there are where it is gone."""
        header = next((one for one in runs if one.key == key), None)
        return load_record(ctx.dataset, key) if header is None else record_of(ctx.dataset.name, header)

    def _score(self, ctx: Any, record: RunRecord) -> str:
        chosen = ctx.panel.get_state(_SCORE)
        return chosen if chosen in sections.scores_of(record) else words.QUALITY

    def _show_scores(self, ctx: Any, first: int, last: int) -> None:
        record = self._record(ctx)
        name = f"{record.key}_{self._score(ctx, record)}"
        if not ctx.dataset.has_sample_field(name):
            raise LabelQualityError(f"The scores are no longer on the dataset: its field '{name}' was deleted.")
        low, high = bin_range(first, last)
        below = F(name) <= high if high >= 1 else F(name) < high
        ctx.ops.set_view(view=images_of(self.samples_of(ctx)).match((F(name) >= low) & below).sort_by(name))


def _show_fields(ctx: Any, key: str | None, usual: Sequence[str] = ()) -> None:
    """Draws the run's fields in the grid where those of another run are drawn; the usual ones where none is drawn."""
    active = list(ctx.active_fields or [])
    wanted = active_for(ctx.dataset, key, active) if key and active else list(usual)
    if wanted and wanted != active:
        ctx.ops.set_active_fields(wanted)


def _show(ctx: Any, record: RunRecord, title: str | None, samples: Any, view: Callable[[], Any]) -> None:
    """Opens the run's saved view of that title, whose name the App then shows; where it has none, the same unsaved."""
    name = view_name(record.key, title) if title else None
    if samples is ctx.dataset and name in own_views(ctx.dataset, record.key):
        ctx.ops.set_view(name=name)
    else:
        ctx.ops.set_view(view=view())


def _show_group(ctx: Any, record: RunRecord, group: Group, samples: Any) -> None:
    pair = group.given_name, group.suggested_name
    _show(ctx, record, group.title, samples, lambda: group_view(samples, record.key, *pair))


def _same(view: Any, other: Any) -> bool:
    return view is not None and stages_of(view) == stages_of(other)
