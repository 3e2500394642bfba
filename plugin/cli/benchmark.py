"""The command ``label-quality benchmark``: its options, and what it does."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError
from ..base.parameters import table
from ..benchmark.config import ERROR_KINDS, BenchmarkConfig, BenchmarkRequest
from ..engine.config import Execution
from ..parameters import PARAMETERS
from ..runs.request import Request
from ..scores.config import ScoreConfig
from ..training.config import OF_AUDITS, CrossValidation
from .data import UsageError, check_data, open_data, started_fiftyone
from .json_file import JsonFile
from .option_names import RENAMED
from .options import add_parameter, add_parameters, data_options, described

#: The field that notes the corrected masks of a folder
CORRECTED_FIELD = "corrected_mask"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.usage = "label-quality benchmark (--images DIR --masks DIR [--classes FILE] | --dataset NAME) [options]"
    data_options(parser)
    own = table(BenchmarkConfig)
    measured = parser.add_argument_group("what is measured")
    add_parameter(measured, table(BenchmarkRequest)["kinds"])
    add_parameter(measured, table(BenchmarkRequest)["rates"], type=_rate, nargs="+")
    add_parameters(measured, own, without=("seed", *RENAMED))
    truth = "plant nothing: a mask is wrong where this field, or this folder of masks, differs"
    measured.add_argument("--truth", metavar="FIELD|DIR", help=truth)
    run_key = dataclasses.replace(own["run_key"], name="run")
    add_parameter(measured, run_key, f"with --truth: {described(run_key)}")
    record = "also write the record to this file, which may be there with an earlier one"
    measured.add_argument("--json", metavar="FILE", type=Path, help=record)
    training = parser.add_argument_group("the models that are trained")
    add_parameters(training, table(CrossValidation), without=("architecture", *OF_AUDITS))
    add_parameters(parser.add_argument_group("scores"), table(ScoreConfig), without=("workers",))
    benchmark = parser.add_argument_group("the benchmark")
    add_parameters(benchmark, table(BenchmarkRequest), without=("kinds", "rates"))
    add_parameters(benchmark, table(Request), ("skip_failures", "output_dir"))
    add_parameters(benchmark, table(ScoreConfig), ("workers",))
    add_parameters(parser.add_argument_group("where the work runs"), table(Execution))


def run(options: argparse.Namespace) -> None:
    """Measures, prints the paper's four tables and, if asked to, writes the record as JSON."""
    check_data(options)
    parameters = _parameters(options)
    with started_fiftyone():
        from ..benchmark.run import benchmark_scores, load_benchmark

        dataset, samples, label_field = open_data(options, parameters)
        file = _json_file(options, dataset, parameters)
        if file is not None:
            file.check()
        if "truth" in options:
            parameters["truth_field"] = _truth_field(dataset, samples, options)
        summary = benchmark_scores(samples, label_field, progress=True, **parameters)
        print(summary.text())
        if file is not None:
            file.write(load_benchmark(dataset, summary.key))


def delete(dataset: Any, key: str) -> list[str] | None:
    """Deletes the benchmark of a key.

    Returns:
        files that are left, or None where the dataset has no benchmark of this key
    """
    from ..benchmark.records import delete_benchmark, list_benchmarks

    known = {one["key"] for one in list_benchmarks(dataset)}
    return delete_benchmark(dataset, key) if key in known else None


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    """The engine's parameters that were given."""
    names = {RENAMED.get(name, name): name for name in PARAMETERS["benchmark_scores"] if name != "truth_field"}
    given = {names[name]: value for name, value in vars(options).items() if name in names and name != "classes"}
    if "rates" in given:
        given["rates"] = dict(given["rates"])
    if "run_key" in given and "truth" not in options:
        raise UsageError("--run is for --truth: errors that are planted are always audited anew.")
    return given


def _json_file(options: argparse.Namespace, dataset: Any, parameters: dict[str, Any]) -> JsonFile | None:
    """The file to write, if one is asked for."""
    if "json" not in options:
        return None
    from ..runs.housekeeping import dataset_id

    key = parameters.get("key", BenchmarkRequest.key)
    about = {"key": key, "dataset_id": dataset_id(dataset)}
    return JsonFile(options.json, f"benchmark '{key}' of dataset '{dataset.name}'", about)


def _truth_field(dataset: Any, samples: Any, options: argparse.Namespace) -> str:
    """The field with corrected masks; those of a folder are noted in one."""
    truth: str = options.truth
    if dataset.has_sample_field(truth):
        return truth
    if not Path(truth).is_dir():
        from ..samples.checks import segmentation_fields

        fields = ", ".join(segmentation_fields(samples))
        raise LabelQualityError(
            f"Expected --truth to be a field of dataset '{dataset.name}' or a folder of masks, but there is no "
            f"'{truth}'. The dataset's segmentation fields are: {fields}."
        )
    from ..samples.folders import attach_predictions

    images = Path(options.images) if "images" in options else None
    return attach_predictions(dataset, Path(truth), images=images, field=CORRECTED_FIELD)


def _rate(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    try:
        rate = float(share)
    except ValueError:
        rate = 0.0
    if kind not in ERROR_KINDS or not 0 < rate < 1:
        raise argparse.ArgumentTypeError(
            f"expected {', '.join(ERROR_KINDS)} with a rate in (0, 1), as drop=0.2, but got {text!r}"
        )
    return kind, rate
