"""Builders of the operators' forms: one input each, checked against the dataset as the user types."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence, Set
from itertools import chain, count
from typing import Any

import fiftyone as fo
import fiftyone.operators.types as types

from ...plugin.base.config import Config
from ...plugin.base.errors import LabelQualityError
from ...plugin.base.parameters import DIR, FLAG, LIST, NUMBER, WHOLE, Parameter, table
from ...plugin.dataset.suspect_fields import SUSPECTS
from ...plugin.documents.ownership import field_name, owner
from ...plugin.records.run_record import RunRecord, list_records, validate_key
from ...plugin.runs.request import Request
from ...plugin.samples.checks import check_collection, check_label_field, label_fields
from ...plugin.samples.private_fiftyone import root_of
from ...plugin.store.new_file import check_folder
from ..output.plain_text import plain
from .parameters import in_labels, labels_of, to_arguments

_NAMED_PARAMETER = re.compile(r"parameter `(\w+)`")
#: What a Python call may send where the form has a text; the engine checks those itself
_STRUCTURED = (list, dict)


class Form:
    """The inputs of one operator, and whether what was entered holds.

    Args:
        ctx: FiftyOne's execution context
    """

    def __init__(self, ctx: Any) -> None:
        self.ctx = ctx
        self.inputs = types.Object()
        self.valid = True
        #: Whether a person fills it in: the App's prompts have an id, calls from Python do not
        self.interactive = ctx.prompt_id is not None

    @property
    def labels(self) -> dict[str, str]:
        """What the inputs are called, and those that are not shown."""
        shown = {name: prop.view.label for name, prop in self.inputs.properties.items() if prop.view is not None}
        return labels_of(str(self.ctx.operator_uri)) | {name: label for name, label in shown.items() if label}

    def value(self, name: str, default: Any = None) -> Any:
        """What was entered, or the default where the field is empty."""
        value = self.ctx.params.get(name)
        return default if value is None or value == "" else value

    def text(
        self, name: str, label: str, description: str | None = None, default: str | None = None, half: bool = False
    ) -> Any:
        """A text, over half the width if it is short; left out where a Python call sent a list or a mapping instead."""
        if not isinstance(self.ctx.params.get(name), _STRUCTURED):
            view = types.FieldView(space=6 if half else 12)
            self.inputs.str(name, allow_empty=True, label=label, description=description, default=default, view=view)
        return self.value(name, default)

    def folder(self, name: str, label: str, description: str | None = None, default: str | None = None) -> Any:
        """The path of a folder that files are to be written to; another one is refused."""
        path = self.text(name, label, description, default)
        try:
            if path:
                check_folder(path, name)
        except LabelQualityError as error:
            self.fail(name, str(error))
        return path

    def whole(self, name: str, label: str, description: str | None = None, default: int | None = None) -> Any:
        """A whole number."""
        self.inputs.int(name, label=label, description=description, default=default, view=types.FieldView(space=6))
        return self.value(name, default)

    def number(self, name: str, label: str, description: str | None = None, default: float | None = None) -> Any:
        """A number."""
        self.inputs.float(name, label=label, description=description, default=default, view=types.FieldView(space=6))
        return self.value(name, default)

    def flag(self, name: str, label: str, description: str | None = None, default: bool = False) -> bool:
        """A checkbox."""
        self.inputs.bool(name, label=label, description=description, default=default, view=types.CheckboxView())
        return bool(self.value(name, default))

    def choice(
        self,
        name: str,
        label: str,
        choices: Mapping[str, str] | Sequence[str],
        description: str | None = None,
        default: str | None = None,
        radio: bool = False,
        check: bool = True,
    ) -> Any:
        """One of several values; with ``check``, a value that is not among them is an error that lists them."""
        labels = choices if isinstance(choices, Mapping) else {value: value for value in choices}
        view = types.RadioGroup(orientation="vertical") if radio else types.Dropdown()
        for value, text in labels.items():
            view.add_choice(value, label=text)
        self.inputs.enum(name, list(labels), label=label, description=description, default=default, view=view)
        value = self.value(name, default)
        if check and value is not None and value not in labels:
            self.fail(name, f"Expected parameter `{name}` to be one of {', '.join(labels)}, but got {value!r}.")
        return value

    def ask(self, group: type[Config], *names: str, **changes: Any) -> Any:
        """The inputs of parameters, as the table has them.

        Args:
            group: the parameters' group
            names: which of them
            **changes: of `Parameter`, where the form knows better

        Returns:
            what was entered for the last of them
        """
        value: Any = None
        for name in names:
            one = dataclasses.replace(table(group)[name], **changes)
            value = self._input(one, _described(one) or None)
        return value

    def _input(self, one: Parameter, about: str | None) -> Any:
        if one.kind == FLAG:
            return self.flag(one.name, one.label, one.help or None, bool(one.default))
        if one.choices and one.kind != LIST:
            return self.choice(one.name, one.label, one.choices, about, one.default)
        if one.kind in (WHOLE, NUMBER):
            return (self.whole if one.kind == WHOLE else self.number)(one.name, one.label, about, one.default)
        default = one.default if isinstance(one.default, str) and one.default else None
        if one.unit == DIR:
            return self.folder(one.name, one.label, about, default)
        return self.text(one.name, one.label, about, default, half=one.short)

    def heading(self, name: str, label: str) -> None:
        """A line above a group of inputs."""
        self.inputs.view(f"heading_{name}", types.Header(label=label, divider=True))

    def notice(self, name: str, text: str) -> None:
        """A sentence of information."""
        self.inputs.view(f"notice_{name}", types.Notice(label=plain(text)))

    def warning(self, name: str, text: str) -> None:
        """A sentence of warning; the form can still be sent."""
        self.inputs.view(f"warning_{name}", types.Warning(label=plain(text)))

    def fail(self, name: str, text: str) -> None:
        """Marks the input invalid with this text, or shows the text alone where the form has no such input."""
        self.valid = False
        if self.interactive:
            text = in_labels(text, self.labels)
        prop = self.inputs.get_property(name)
        if prop is None:
            prop = self.inputs.view(f"error_{name}", types.Error(label=plain(text)))
        if not prop.invalid:
            prop.invalid = True
            prop.error_message = text

    def fail_as(self, error: LabelQualityError, fallback: str) -> None:
        """Marks the input that the engine's error names in backticks invalid, or else the fallback."""
        named = _NAMED_PARAMETER.search(str(error))
        self.fail(named.group(1) if named else fallback, str(error))

    def config(self, config: type[Config], fallback: str) -> Config | None:
        """The parameter group as entered, or None where it is invalid, which the form then shows."""
        try:
            return config.from_params(to_arguments(self.ctx.params, table(config)))
        except LabelQualityError as error:
            self.fail_as(error, fallback)
        return None

    def existing_path(self, name: str) -> None:
        """Checks that the text is the path of something that exists."""
        path = self.value(name)
        if isinstance(path, str) and not os.path.exists(os.path.expanduser(path)):
            self.fail(name, f"There is no file or folder {path!r}.")

    def property(self, label: str, button: str = "Execute") -> types.Property:
        """The finished form."""
        return types.Property(self.inputs, view=types.PromptView(label=label, submit_button_label=button))


def _described(one: Parameter) -> str:
    """The sentence below an input, and what it may be left empty for."""
    parts = [one.help, "separated by commas" if one.kind == LIST else "", f"empty for {one.empty}" if one.empty else ""]
    return "; ".join(filter(None, parts))


def target(form: Form, action: str) -> Any | None:
    """The selector of what to work on, and the samples chosen; None where they cannot be worked on at all."""
    if form.ctx.dataset is None:
        form.fail("dataset", "Open a dataset first.")
        return None
    form.inputs.view_target(form.ctx, action_description=action)
    samples = form.ctx.target_view()
    try:
        check_collection(samples)
    except LabelQualityError as error:
        form.fail("dataset", str(error))
        return None
    return samples


def given_fields(samples: Any) -> dict[str, str]:
    """The fields of masks or instances that no run has made, the likeliest to hold the given labels first.

    Returns:
        name to what it is called, as of `label_fields`
    """
    dataset = root_of(samples)
    given = {name: words for name, words in label_fields(samples).items() if owner(dataset, name) is None}
    return dict(sorted(given.items(), key=lambda item: item[0] != "ground_truth"))


def label_field(form: Form, samples: Any) -> str | None:
    """The field of given masks.

    Args:
        form: the form
        samples: the dataset or view to work on

    Returns:
        the field, or None where it is missing or holds neither masks nor instances
    """
    given, others = given_fields(samples), label_fields(samples)
    default = next(iter(given), None)
    name = form.value("label_field", default)
    form.choice(
        "label_field",
        "Given masks",
        given | {one: words for one, words in others.items() if one == name},
        "The field of masks, or of instances, to check for annotation errors",
        default,
        check=False,
    )
    if name is None:
        schema = samples.get_field_schema(embedded_doc_type=fo.Label)
        found = ", ".join(f"'{other}' ({field.document_type.__name__})" for other, field in schema.items())
        form.fail(
            "label_field",
            f"The dataset has no segmentation field{f', only {found}' if found else ''}: add the given masks to it as "
            "Segmentation labels, or as instances: Detections with masks, or filled Polylines.",
        )
        return None
    try:
        check_label_field(samples, name)
    except LabelQualityError as error:
        form.fail("label_field", str(error))
        return None
    return name


def images_with_masks(form: Form, samples: Any, label_field: str) -> int:
    """The number of samples that have a mask; where some have none, offers to leave them out."""
    images, total = len(samples.exists(label_field)), len(samples)
    if images == 0:
        form.fail("label_field", f"None of the {total} samples has a mask in '{label_field}'.")
    elif images < total and not form.ask(Request, "skip_failures"):
        form.fail(
            "skip_failures",
            f"{total - images} of the {total} samples have no mask in '{label_field}'. Choose to leave them out, or a "
            "view without them.",
        )
    return images


def fields_of(dataset: Any, *kinds: type) -> list[str]:
    """The dataset's top-level fields of these kinds."""
    return [name for name, field in dataset.get_field_schema().items() if isinstance(field, kinds) and name != "id"]


def run_key(form: Form, runs: Sequence[RunRecord]) -> None:
    """The run's key, a free one to begin with; where a finished run of that key exists, offers to overwrite it.

    Args:
        form: the form
        runs: the dataset's runs
    """
    finished = {run.key for run in runs if run.status == "complete"}
    # A call from Python that gives no name means the default one, whatever is there
    key = form.ask(Request, "key", default=free_key(Request.key, finished) if form.interactive else Request.key)
    try:
        validate_key(form.ctx.dataset, key)
    except LabelQualityError as error:
        form.fail("key", str(error))
        return
    existing = next((run for run in runs if run.key == key and run.status == "complete"), None)
    if existing is None or form.ask(Request, "overwrite", label=f"Overwrite the run '{key}'"):
        return
    # From Python the engine decides: with the same parameters it gives the finished run's results again
    if form.interactive:
        free = free_key(key, {run.key for run in runs})
        form.fail(
            "key",
            f"There is a run '{key}' already, of '{existing.label_field}', made {when(existing)}. Overwrite it, or "
            f"choose another name, such as '{free}'.",
        )


def runs_with_suspects(dataset: Any) -> list[RunRecord]:
    """The runs whose suspects there are, the oldest first."""
    return [run for run in list_records(dataset) if dataset.has_sample_field(field_name(run.key, SUSPECTS))]


def free_key(key: str, taken: Set[str]) -> str:
    """The key, or else the first of the key with 2, 3, … that is not taken."""
    return next(name for name in chain([key], (f"{key}{number}" for number in count(2))) if name not in taken)


def run_labels(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Key to what a choice of runs calls each: its key, the masks that it is of, and when it was made."""
    return {run.key: f"{run.key} (of {run.label_field}, {when(run)})" for run in runs}


def when(run: RunRecord) -> str:
    """The time at which a run was made, to the minute."""
    return minute(run.created)


def minute(created: str) -> str:
    """A UTC time of ISO 8601, to the minute."""
    return f"{created[:16].replace('T', ' ')} UTC"
