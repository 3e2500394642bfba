"""The options of the command ``label-quality``. Nothing is imported that makes ``--help`` wait."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..base.parameters import table
from ..clean.config import CleanRequest
from ..compare.config import CompareRequest
from ..corrections.config import CorrectionRequest
from ..engine.config import Execution
from ..estimate.config import EstimateConfig
from ..evaluation.config import EvaluationRequest
from ..objects.config import ObjectConfig
from ..parameters import PARAMETERS
from ..predictions.config import PREDICTION_SOURCES
from ..report.config import ReportRequest
from ..runs.request import BreakdownRequest, EstimateRequest, ObjectRequest, Request, Stages, SuspectRequest
from ..scores.config import ScoreConfig
from ..suspects.config import SuspectConfig
from . import benchmark
from .options import (
    OF_CLASSES,
    add_of_sources,
    add_parameters,
    data_options,
    described,
    natural,
    port,
    positive,
    switch,
)

DEFAULT_PORT = 5151
_EPILOG = """\
examples:
  label-quality demo --app
  label-quality lint street
  label-quality audit --images photos --masks masks --classes classes.csv
  label-quality audit --dataset street --predictions softmax_files --key mine
  label-quality suspects street --min-evidence 0.01
  label-quality app street
  label-quality queue street relabel.csv --worst 100
  label-quality corrections street corrected-masks --reviewer ann
  label-quality export street street-clean --unreviewed ignore
  label-quality report street report.html
  label-quality gain street --verified-field corrected
  label-quality estimate street --verdicts 300
  label-quality evaluate street --bandwidth 5
  label-quality benchmark --dataset street --architectures DeepLabV3Plus FPN

Exit status: 0 done, 1 an error that is explained, 2 wrong options, 130 stopped with Ctrl-C. A command that was stopped
or killed goes on where it was when it is started again.
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser; the chosen command's name is ``command``. Options of a run that were not given are absent."""
    parser = argparse.ArgumentParser(
        prog="label-quality",
        description="Finds annotation errors in semantic segmentation datasets: which masks are wrong, and where.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _audit(_command(commands, "audit", "predict every image out-of-sample, score its labels, mark suspicious pixels"))
    _demo(_command(commands, "demo", "run the audit on generated street scenes with planted errors"))

    lint = _command(commands, "lint", "find stray pixels, holes, slivers, frames and outliers in masks; no model runs")
    lint.add_argument("dataset", help="name of the dataset")
    lint.add_argument("--label-field", metavar="FIELD", help="its field with the given masks (default: ground_truth)")
    add_parameters(lint, PARAMETERS["lint_masks"])

    suspects = _command(commands, "suspects", "find the suspects of a run again, with other thresholds; no model runs")
    suspects.add_argument("dataset", help="name of the dataset")
    add_parameters(suspects, table(SuspectRequest) | table(SuspectConfig) | table(Execution))

    objects = _command(commands, "objects", "score the annotated objects of a run, the worst first; no model runs")
    objects.add_argument("dataset", help="name of the dataset")
    add_parameters(objects, table(ObjectRequest) | table(ObjectConfig) | table(Execution))

    _queue(_command(commands, "queue", "write the images to relabel, and their suspects, to a CSV or JSON file"))

    load = _command(commands, "corrections", "load corrected masks, and say what they resolve and what is newly wrong")
    load.add_argument("dataset", help="name of the dataset")
    source = table(CorrectionRequest)["source"]
    load.add_argument(source.name, metavar=source.unit, help=described(source))
    add_parameters(load, table(CorrectionRequest), without=(source.name,))

    export = _command(commands, "export", "export all images with the best masks that are known after a review")
    export.add_argument("dataset", help="name of the dataset")
    folder = table(CleanRequest)["export_dir"]
    export.add_argument(folder.name, metavar=folder.unit, help=described(folder))
    add_parameters(export, table(CleanRequest), without=(folder.name,))

    gain = _command(
        commands, "gain", "measure what clean masks are worth: train on given and on clean ones, and compare"
    )
    gain.add_argument("dataset", help="name of the dataset")
    add_parameters(gain, PARAMETERS["measure_gain"])

    compare = _command(commands, "compare", "compare two runs: which images and issues have changed")
    compare.add_argument("dataset", help="name of the dataset")
    for one in table(CompareRequest).values():
        compare.add_argument(one.name, metavar=one.name.upper(), help=described(one))

    breakdown = _command(commands, "breakdown", "which annotator, batch or camera has the most mistakes")
    breakdown.add_argument("dataset", help="name of the dataset")
    field = table(BreakdownRequest)["field"]
    breakdown.add_argument(field.name, metavar="FIELD", help=described(field))
    add_parameters(breakdown, table(BreakdownRequest), without=(field.name,))
    breakdown.add_argument("--rows", type=int, default=20, help="rows of the table (default: 20)")

    evaluate = _command(
        commands, "evaluate", "evaluate a run's predicted masks, for FiftyOne's panel Model Evaluation; no model runs"
    )
    evaluate.add_argument("dataset", help="name of the dataset")
    add_parameters(evaluate, table(EvaluationRequest))

    report = _command(commands, "report", "write what was found as one page, to be opened anywhere, printed or sent")
    report.add_argument("dataset", help="name of the dataset")
    file = table(ReportRequest)["path"]
    report.add_argument(file.name, nargs="?", metavar=file.unit, help=described(file))
    add_parameters(report, table(ReportRequest), without=(file.name,))
    estimate = _command(commands, "estimate", "estimate how many errors there are, from verdicts on a random sample")
    estimate.add_argument("dataset", help="name of the dataset")
    add_parameters(estimate, table(EstimateRequest) | table(EstimateConfig))
    numbers = "also write the estimate to this file, which may be there with an earlier one"
    estimate.add_argument("--json", metavar="FILE", type=Path, help=numbers)

    app = _command(commands, "app", "open a dataset in the App, worst images first")
    app.add_argument("dataset", help="name of the dataset")
    app.add_argument("--key", default=None, help="the run whose ranking is shown (default: the latest)")
    app.add_argument("--port", type=port, default=DEFAULT_PORT, help="of the App (default: %(default)s)")

    runs = _command(commands, "runs", "list a dataset's runs, or without a name the datasets that have any")
    runs.add_argument("dataset", nargs="?", default=None, help="name of the dataset")

    benchmark.add_options(
        _command(commands, "benchmark", "measure which scores find errors that are planted in copies of the masks")
    )

    delete = _command(commands, "delete", "delete a run: its fields, views, files and record, and nothing else")
    delete.add_argument("dataset", help="name of the dataset")
    delete.add_argument("key", help="the run's key, or a benchmark's")
    delete.add_argument(
        "--break-clones", action="store_true", help="delete the run's files also where clones of the dataset show them"
    )
    return parser


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        allow_abbrev=False,
        # What was not given must be told from what was given as None or False: the engine's defaults stand for it
        argument_default=argparse.SUPPRESS,
    )
    return parser


def _audit(parser: argparse.ArgumentParser) -> None:
    # Python's own usage would list every option twice over
    parser.usage = "label-quality audit (--images DIR --masks DIR [--classes FILE] | --dataset NAME) [options]"
    data_options(parser)
    common = parser.add_argument_group("out-of-sample predictions, whatever their source")
    add_parameters(common, table(Stages), ("source",))
    common.add_argument(
        "--predictions",
        metavar="DIR",
        help="--source files: folder of .npy/.npz probabilities or logits (classes, height, width), or of predicted "
        "masks, each called like its image",
    )
    groups = {
        "cross_validation": "--source cross_validation (the default): models are trained here",
        "model": "--source model: a model trained on other data (implied by --model)",
        "files": "--source files: predictions that were stored (implied by --predictions or --field)",
    }
    tables = {name: table(config) for name, config in PREDICTION_SOURCES.items()}
    add_of_sources(common, {name: parser.add_argument_group(text) for name, text in groups.items()}, tables)
    add_parameters(parser.add_argument_group("scores"), table(ScoreConfig), without=("workers",))
    add_parameters(parser.add_argument_group("lint"), table(Stages), ("lint",))
    suspects = parser.add_argument_group("suspects")
    add_parameters(suspects, table(Stages), ("suspects",))
    add_parameters(suspects, table(SuspectConfig), without=("workers",))
    run = parser.add_argument_group("the run")
    add_parameters(run, table(Request), without=OF_CLASSES)
    add_parameters(run, table(ScoreConfig), ("workers",))
    add_parameters(parser.add_argument_group("where the work runs"), table(Execution))
    run.add_argument(
        "--worst", type=natural, default=10, metavar="N", help="images in the printed ranking (default: %(default)s)"
    )
    _app_options(run)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory", metavar="DIR", default="label-quality-demo", help="where scenes go (default: %(default)s)"
    )
    parser.add_argument("--images", type=positive, default=200, metavar="N", help="scenes (default: %(default)s)")
    parser.add_argument("--seed", type=natural, default=51, help="of scenes and errors (default: %(default)s)")
    parser.add_argument("--name", default="label-quality-demo", help="of the dataset (default: %(default)s)")
    parser.add_argument("--open-with", metavar="COMMAND", help="what to name as the command that opens the App")
    switch(parser, "--overwrite", "compute the run anew")
    _app_options(parser)


def _queue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="name of the dataset")
    parser.add_argument("path", metavar="FILE", help="to write: .csv has a line a suspect, .json an object an image")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--tag", help="images with this tag (default: relabel)")
    which.add_argument("--worst", type=positive, metavar="N", help="instead: that many, of the lowest quality")
    which.add_argument("--below", type=float, metavar="Q", help="instead: those of a quality below it")
    which.add_argument("--error-type", metavar="TYPE", help="instead: those that drop, swap, shift or other leads")
    which.add_argument("--group", metavar="TITLE", help="instead: those of an issue, as 'car given as road'")
    parser.add_argument("--key", help="of the run (default: the latest)")
    switch(parser, "--overwrite", "replace the file if it is there")


def _app_options(parser: Any) -> None:
    parser.add_argument("--app", action="store_true", default=False, help="open the App at the end")
    parser.add_argument("--port", type=port, default=DEFAULT_PORT, help="of the App (default: %(default)s)")
