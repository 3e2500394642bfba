"""The form of a benchmark of the scores: which masks, how it is known which are wrong, and what will happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...plugin.base.errors import LabelQualityError
from ...plugin.base.parameters import table
from ...plugin.benchmark.config import (
    DEFAULT_KEY,
    DROP,
    ERROR_KINDS,
    INJECTED,
    PAPER_RATES,
    TRUTH,
    BenchmarkConfig,
    BenchmarkRequest,
    asked,
)
from ...plugin.benchmark.records import RUNNING, check_benchmark_key, list_benchmarks
from ...plugin.labels.class_table import ClassTable
from ...plugin.parameters import PARAMETERS
from ...plugin.records.record_parts import COMPLETE
from ...plugin.records.run_record import list_records
from ...plugin.samples.checks import check_mask_field, segmentation_fields
from ...plugin.training.config import CrossValidation
from ..output.benchmark_text import KINDS
from . import forms
from . import prediction as prediction_form
from . import score as score_form
from .estimates import describe_benchmark, engine, size_of
from .forms import Form, when
from .parameters import to_arguments

_HOW = {INJECTED: "Plant errors in a copy of the masks", TRUTH: "Compare with masks that I have corrected"}
#: Stands for a new audit among the runs whose scores can be judged; no run can be called so
NEW_AUDIT = "-"
_RATES = {kind: f"{kind}_rate" for kind in ERROR_KINDS}
_PURPOSE = {
    INJECTED: "Plants known errors in a copy of your masks, audits the copy and sees which scores find them.",
    TRUTH: "Compares your masks with those that you have corrected, and sees which scores find what was wrong.",
}
#: Fewer images with an error than this make wide intervals, and Lift@100 needs more images than that
_FEW, _LIFT = 20, 100


def mode_of(params: Mapping[str, Any]) -> str:
    """How it is known which masks are wrong; a call from Python tells by the field it gives."""
    return params.get("how") or (TRUTH if params.get("truth_field") else INJECTED)


def to_engine(params: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `benchmark_scores` that the form or a Python call stand for.

    Raises:
        LabelQualityError: a text that cannot be read as the list or mapping that it stands for
    """
    arguments = to_arguments(params, PARAMETERS["benchmark_scores"])
    if mode_of(params) == TRUTH:
        if arguments.get("run_key") == NEW_AUDIT:
            del arguments["run_key"]
        if "run_key" in arguments:
            arguments.pop("architectures", None)
        return arguments
    for name in ("truth_field", "run_key"):
        arguments.pop(name, None)
    if any(params.get(name) is not None for name in _RATES.values()):
        arguments["rates"] = {kind: rate for kind, rate in rates_of(params).items() if rate}
    return arguments


def trains(params: Mapping[str, Any]) -> bool:
    """Whether models will be trained, which takes a while."""
    return mode_of(params) == INJECTED or params.get("run_key") in (None, "", NEW_AUDIT)


def rates_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Kind of error to the share of the images that gets one; 0 where the kind is left out."""
    given = {kind: params.get(name) for kind, name in _RATES.items()}
    return {kind: PAPER_RATES[kind] if rate is None or rate == "" else rate for kind, rate in given.items()}


def fill(form: Form) -> None:
    """Adds the inputs, the few that need an answer first, and checks them.

    Args:
        form: the form
    """
    purpose = _PURPOSE.get(mode_of(form.ctx.params), _PURPOSE[INJECTED])
    form.notice("purpose", f"{purpose} Your data is not changed.")
    samples = forms.target(form, "Test")
    if samples is None:
        return
    label_field = forms.label_field(form, samples)
    if label_field is None:
        return
    default = mode_of({**form.ctx.params, "how": None})
    mode = form.choice("how", "How it is known which masks are wrong", _HOW, None, default, radio=True)
    run_key = _truth(form, samples, label_field) if mode == TRUTH else None
    images = forms.images_with_masks(form, samples, label_field)
    if form.flag("advanced", "Advanced options"):
        _advanced(form, samples, mode, run_key)
    _key(form)
    table = score_form.describe_classes(form, label_field)
    _check_classes(form, table)
    kinds = _check_rates(form, images, table) if mode == INJECTED else []
    if run_key is not None:
        form.notice("plan", f"The scores of run '{run_key}' are compared with the corrected masks; no model runs.")
        return
    config = form.config(CrossValidation, fallback="how")
    if isinstance(config, CrossValidation):
        prediction_form.check_folds(form, config, samples, images)
    _plan(form, samples, images, len(kinds) or 1)


def _truth(form: Form, samples: Any, label_field: str) -> str | None:
    """The field with corrected masks and whose scores are judged by it: a run's key, or None for a new audit."""
    masks = segmentation_fields(samples)
    given = [name for name in forms.given_fields(samples) if name in masks]
    corrected = [name for name in masks if name.endswith("_corrected") and name not in given]
    fields = [name for name in (*corrected, *given) if name != label_field]
    one = table(BenchmarkConfig)["truth_field"]
    name = form.choice("truth_field", one.label, fields, one.help, next(iter(fields), None), check=False)
    if name is None:
        form.fail("truth_field", "The dataset has no second field of masks. Add the corrected ones to it.")
        return None
    if name == label_field:
        form.fail("truth_field", f"The corrected masks cannot be the given masks '{name}' themselves.")
        return None
    try:
        check_mask_field(samples, name)
    except LabelQualityError as error:
        form.fail("truth_field", str(error))
        return None
    if not len(samples.exists(name)):
        form.fail("truth_field", f"None of the samples has a mask in '{name}'.")
    return _run(form, label_field)


def _run(form: Form, label_field: str) -> str | None:
    runs = [one for one in list_records(form.ctx.dataset) if one.label_field == label_field and one.status == COMPLETE]
    if not runs and form.value("run_key") is None:
        return None
    labels = {one.key: f"of run {one.key} ({when(one)})" for one in reversed(runs)} | {NEW_AUDIT: "of a new audit"}
    default = next(iter(labels)) if form.interactive else NEW_AUDIT
    one = table(BenchmarkConfig)["run_key"]
    key = form.choice("run_key", one.label, labels, one.help, default)
    return None if key == NEW_AUDIT else key


def _advanced(form: Form, samples: Any, mode: str, run_key: str | None) -> None:
    form.heading("errors", "What is wrong")
    if mode == TRUTH:
        form.ask(BenchmarkConfig, "min_difference")
    else:
        for kind, name in _RATES.items():
            words = f"{KINDS[kind]}: the share of images that get one; 0 leaves this kind out"
            form.number(name, f"Rate of {kind.capitalize()}", words, PAPER_RATES[kind])
        form.ask(BenchmarkConfig, "severity", "min_fraction", "suspects")
    if run_key is None:
        prediction_form.cross_validation(form, samples, several=True)
    score_form.classes(form)
    score_form.scores(form)
    form.heading("test", "Benchmark")
    form.ask(BenchmarkConfig, "resamples")
    form.ask(BenchmarkRequest, "key", default=default_key(form.ctx.dataset))
    form.ask(BenchmarkRequest, "keep_runs", "rescore")
    score_form.writing(form)


def default_key(dataset: Any) -> str:
    """The name of a benchmark that was interrupted, which then goes on; else a free one."""
    benchmarks = list_benchmarks(dataset)
    running = [one["key"] for one in benchmarks if one["status"] == RUNNING]
    return str(running[-1]) if running else forms.free_key(DEFAULT_KEY, {one["key"] for one in benchmarks})


def _key(form: Form) -> None:
    key = form.value("key", default_key(form.ctx.dataset))
    try:
        check_benchmark_key(form.ctx.dataset, key)
    except LabelQualityError as error:
        form.fail("key", str(error))
        return
    benchmarks = {one["key"]: one for one in list_benchmarks(form.ctx.dataset)}
    # From Python the engine decides: with the same parameters it goes on, or gives the results of one that is finished
    if (
        key not in benchmarks
        or not form.interactive
        or form.ask(BenchmarkRequest, "overwrite", label=f"Replace the benchmark '{key}'")
    ):
        return
    if benchmarks[key]["status"] == RUNNING:
        form.notice(
            "key",
            f"The benchmark '{key}' was begun before. With the same choices it goes on where it was; for others, "
            "replace it or give another name under the advanced options.",
        )
    else:
        free = forms.free_key(key, set(benchmarks))
        form.fail("key", f"There is a benchmark '{key}' already. Replace it, or choose another name, such as '{free}'.")


def _check_classes(form: Form, table: ClassTable | None) -> None:
    if table is not None and table.size < 2:
        form.fail(
            "classes",
            f"Expected at least two classes, but there is only '{table.names[0]}': no error can be planted or found.",
        )


def _check_rates(form: Form, images: int, table: ClassTable | None) -> list[str]:
    """The kinds of errors that will be planted; rates that cannot be are marked."""
    if form.value("rates") is not None or form.value("kinds") is not None:
        return [*(form.value("kinds") or form.value("rates"))]
    kinds, fewest = [], images
    for kind, rate in rates_of(form.ctx.params).items():
        errors = _errors(form, kind, rate, images)
        if errors and kind == DROP and table is not None and table.unlabelled is None:
            form.notice("drop", "No class is called unlabelled or background, so left-out objects are not tested.")
        elif errors:
            kinds.append(kind)
            fewest = min(fewest, errors)
    if not kinds and form.valid:
        form.fail("how", "No kind of error is left to plant: give at least one a rate above 0.")
    elif kinds and fewest < _FEW:
        form.warning("few", f"Of one kind of error, only {fewest} images will have one, so its intervals will be wide.")
    if form.valid and images <= _LIFT:
        form.notice("lift", f"Lift among the {_LIFT} worst needs more than {_LIFT} images and is left out.")
    return kinds


def _errors(form: Form, kind: str, rate: Any, images: int) -> int:
    """How many images get an error of a kind; 0 where it is left out or cannot be planted."""
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
        form.fail(_RATES[kind], f"Expected the rate of {kind} errors to be in (0, 1), or 0 for none, but got {rate!r}.")
        return 0
    errors = round(rate * images)
    if rate and not errors:
        form.fail(_RATES[kind], f"A rate of {rate:g} of {images} images is not one {kind} error. Choose a higher rate.")
    return errors


def _plan(form: Form, samples: Any, images: int, kinds: int) -> None:
    """Checks everything together, and says what will be done and how long it takes, if nothing is wrong."""
    if not form.valid:
        return
    presets = engine()
    if presets is None:
        form.notice("plan", "Models will be trained for each kind of error, and their scores tested.")
        return
    try:
        _, _, config = asked(to_engine(form.ctx.params))
        audits = [config.cross_validation(architecture) for architecture in config.architectures]
        form.notice("plan", describe_benchmark(presets, audits, images, kinds, size_of(samples)))
    except LabelQualityError as error:
        # The form asks for several architectures; what the engine says is of one of them
        form.fail_as(LabelQualityError(str(error).replace("`architecture`", "`architectures`")), fallback="how")
