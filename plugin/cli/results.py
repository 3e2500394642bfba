"""The commands on what runs have found: compared, broken down, evaluated, reported, estimated, and what it is worth."""

from __future__ import annotations

import argparse

from ..base.console import format_table
from ..base.parameters import table
from ..base.words import count
from ..estimate.config import EstimateConfig
from ..evaluation.config import EvaluationRequest
from ..gain.config import GainRequest
from ..parameters import PARAMETERS
from ..report.config import ReportRequest
from ..runs.request import BreakdownRequest, EstimateRequest
from ..training.config import CrossValidation
from .data import load_dataset, started_fiftyone
from .json_file import JsonFile
from .text import comparison_text, estimate_text, evaluation_text, gain_text


def gain(options: argparse.Namespace) -> None:
    """Measures what clean masks are worth, and prints it."""
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["measure_gain"]}
    for group in (GainRequest, CrossValidation):
        group.from_params({name: value for name, value in parameters.items() if name in table(group)})
    with started_fiftyone():
        from ..gain.measure import measure_gain

        found = measure_gain(load_dataset(options.dataset), progress=True, **parameters)
        print(gain_text(found))


def compare(options: argparse.Namespace) -> None:
    """Compares two runs, and prints what has changed."""
    with started_fiftyone():
        from ..compare.comparison import compare_runs

        found = compare_runs(load_dataset(options.dataset), options.before, options.after, progress=True)
        print(comparison_text(found))


def breakdown(options: argparse.Namespace) -> None:
    """Breaks a run down by a field, and prints the table."""
    parameters = {name: value for name, value in vars(options).items() if name in table(BreakdownRequest)}
    with started_fiftyone():
        from ..runs.breakdown import break_down, breakdown_columns, breakdown_rows, breakdown_sentence

        found = break_down(load_dataset(options.dataset), **parameters)
        print(breakdown_sentence(found))
        rows = breakdown_rows(found, options.rows)
        if rows:
            print(f"\n{format_table(list(breakdown_columns(found).values()), [list(row.values()) for row in rows])}")
        others = len(found.parts) - len(rows)
        if others:
            print(f"\n{count(others, 'other')} not shown: --rows shows more.")


def evaluate(options: argparse.Namespace) -> None:
    """Has FiftyOne evaluate a run's predictions, and prints how far they agree with the masks."""
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["evaluate_predictions"]}
    EvaluationRequest.from_params(parameters)
    with started_fiftyone():
        from ..evaluation.evaluate import evaluate_predictions

        found = evaluate_predictions(load_dataset(options.dataset), progress=True, **parameters)
        print(evaluation_text(found))


def report(options: argparse.Namespace) -> None:
    """Writes the report, and prints where."""
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["write_report"]}
    ReportRequest.from_params(parameters)
    with started_fiftyone():
        from ..report.write import write_report

        made = write_report(load_dataset(options.dataset), progress=True, **parameters)
        shown = f"{count(made.images, 'image')} and {count(made.issues, 'issue')}"
        print(f"Wrote a report with {shown} to {made.path}.")


def estimate(options: argparse.Namespace) -> None:
    """Estimates how many errors there are, and prints it."""
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["estimate_errors"]}
    EstimateConfig.from_params({name: value for name, value in parameters.items() if name in table(EstimateConfig)})
    with started_fiftyone():
        from ..survey.estimate_errors import estimate_errors

        dataset, key = load_dataset(options.dataset), parameters.get("key", EstimateRequest.key)
        about = {"dataset": dataset.name, "key": key}
        file = JsonFile(options.json, f"run '{key}' of dataset '{dataset.name}'", about) if "json" in options else None
        if file is not None:
            file.check()
        found = estimate_errors(dataset, progress=True, **parameters)
        print(estimate_text(found))
        if file is not None:
            file.write(found.to_dict())
