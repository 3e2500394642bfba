"""The operator `show_group`: the suspects of one class pair, as patches."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..plugin.base.database_errors import database_errors
from ..plugin.base.errors import LabelQualityError
from ..plugin.base.words import count
from ..plugin.dataset.views import group_view
from ..plugin.records.record_parts import COMPLETE
from ..plugin.records.run_record import RunRecord, list_records, load_record
from ..plugin.review.choose_images import find_group
from ..plugin.samples.private_fiftyone import root_of
from ..plugin.suspects.issues import Group
from .form.forms import Form, run_labels

_LABEL = "Show issue"
_KINDS = {"false_negative": "false negative"}


class ShowGroup(foo.Operator):
    """Opens the regions of one issue, such as "pillow given as couch", the strongest first."""

    @property
    def config(self) -> foo.OperatorConfig:
        """FiftyOne's description of the operator."""
        return foo.OperatorConfig(
            name="show_group",
            label=_LABEL,
            description="Show all suspects of one issue, such as 'pillow given as couch'",
            icon="/assets/group.svg",
            dynamic=True,
            risk_level="low",
            view_target=False,
        )

    def __call__(self, sample_collection: Any, group: str | None = None, key: str | None = None) -> Any:
        """Finds a group and, where an App shows the dataset, opens its patches in it.

        `plugin.dataset.views.group_view` gives the same patches as a view.

        Args:
            sample_collection: the dataset, or a view of it
            group: its title, such as "pillow given as couch"; by default the leading one
            key: the run's key; by default that of the latest run with groups

        Returns:
            FiftyOne's ``ExecutionResult``; its ``result`` is the group as the run's record has it, with ``key``
        """
        return foo.execute_operator(
            self.uri, {"dataset": root_of(sample_collection)}, params={"group": group, "key": key}
        )

    @database_errors()
    def resolve_input(self, ctx: Any) -> types.Property:
        """The choice of the run, where there are several, and of the group, with what it means."""
        form = Form(ctx)
        labels = run_labels(_runs_with_groups(ctx.dataset))
        if labels:
            form.choice("key", "Run", labels, default=list(labels)[-1], check=False)
        try:
            _choose_group(form, choose_run(ctx.dataset, form.value("key")))
        except LabelQualityError as error:
            form.fail("key", str(error))
        return form.property(_LABEL, "Show")

    @database_errors()
    def execute(self, ctx: Any) -> dict[str, Any]:
        """Opens the issue's patches and returns what is known of it."""
        try:
            record = choose_run(ctx.dataset, ctx.params.get("key"))
            group = find_group(record.key, record.issues, ctx.params.get("group"))
            view = group_view(ctx.dataset, record.key, group.given_name, group.suggested_name)
        except LabelQualityError as error:
            raise error.with_traceback(None) from None
        ctx.ops.set_view(view=view)
        return {"key": record.key, **group.to_dict()}


def choose_run(dataset: Any, key: str | None) -> RunRecord:
    """The run of this key, or the latest one that has issues.

    Raises:
        LabelQualityError: there is no such run, or it has no issues
    """
    if key:
        run = load_record(dataset, key)
        if not run.issues:
            raise LabelQualityError(_no_groups(dataset, run))
        return run
    runs = _runs_with_groups(dataset)
    if not runs:
        raise LabelQualityError(_no_groups(dataset))
    return runs[-1]


def _runs_with_groups(dataset: Any) -> list[RunRecord]:
    return [run for run in list_records(dataset) if run.issues]


def _choose_group(form: Form, run: RunRecord) -> None:
    """The choice of a run's issue, and in words what the chosen one means."""
    groups = run.issues
    labels = {group.title: _label(group) for group in groups}
    title = form.choice("group", "Issue", labels, "The most probable mistakes first", groups[0].title, check=False)
    try:
        form.notice("group", find_group(run.key, groups, title).text)
    except LabelQualityError as error:
        form.fail("group", str(error))


def _no_groups(dataset: Any, run: RunRecord | None = None) -> str:
    if run is not None and run.suspects is not None and run.suspects.status == COMPLETE:
        return f"Run '{run.key}' has no suspects, and therefore no issues."
    of = f"Run '{run.key}'" if run is not None else f"Dataset '{dataset.name}'"
    return f"{of} has no issues yet: find suspects first, or audit the labels."


def _label(group: Group) -> str:
    counts = f"{count(group.regions, 'suspect')} in {count(group.images, 'image')}"
    return f"{group.title} ({_KINDS.get(group.kind, group.kind)}, {counts})"
