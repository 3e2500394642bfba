"""How well each score finds planted errors, and how right the suspects are: AUROC and AUPRC by kind and architecture.

For each kind of error, copies of the masks get that error at a rate, as in the paper's protocol; for each architecture
the copies are audited, and every score is judged by where it ranks the masks that are wrong::

    python -m benchmarks errors --images DIR --masks DIR --classes FILE --blocks --work DIR --out errors.json

It is ``label-quality benchmark`` with a database of its own, and keeps the audits in ``--work``: the same command,
started again, goes on where it was, and with ``--rescore`` scores them again. Masks and images are only read.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from label_quality.plugin.benchmark.tables import METRICS, metric_table

from . import database
from .error_tables import print_suspects
from .processes import print_table

#: Kinds of errors and the share of the images that the paper gives each
PAPER_RATES = {"drop": 0.2, "swap": 0.3, "shift": 0.2}
#: On the command line: the preset's own decoder
OWN_DECODER = "own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    parser.add_argument("--masks", type=Path, required=True, help="folder of masks, taken for the truth")
    parser.add_argument("--classes", type=Path, help="class names, as for label-quality audit")
    parser.add_argument("--ignored", nargs="+", default=[], help="mask values or names that take part in nothing")
    parser.add_argument("--unlabelled", help="class that dropped objects get; by default found by its name")
    parser.add_argument(
        "--architectures",
        nargs="+",
        default=["DeepLabV3Plus", "FPN"],
        help=f"decoders, '{OWN_DECODER}' for the preset's own (default DeepLabV3Plus FPN)",
    )
    parser.add_argument(
        "--rates",
        nargs="+",
        type=_rate,
        default=list(PAPER_RATES.items()),
        metavar="KIND=RATE",
        help="kinds of errors and the share of the images that gets one (default drop=0.2 swap=0.3 shift=0.2)",
    )
    parser.add_argument("--seed", type=int, default=51, help="of errors, folds, training and bootstrap (default 51)")
    parser.add_argument("--blocks", action="store_true", help="images are video frames in order")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--preset", choices=("auto", "fast", "paper"), default="fast")
    parser.add_argument("--encoder", help="by default the preset's own")
    parser.add_argument("--epochs", type=int, help="by default the preset's own")
    parser.add_argument("--input-size", type=int, help="longest side of an image; by default the preset's own")
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default 1000)")
    parser.add_argument(
        "--rescore", action="store_true", help="score finished runs again, as after a change of the scores' code"
    )
    parser.add_argument("--work", type=Path, help="folder to keep everything in; by default a temporary one")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Plants, audits, judges and prints the tables.

    Returns:
        the benchmark's record
    """
    work = database.start(options.work)
    # Only now: FiftyOne reads its settings when it is imported
    from label_quality.plugin.base.console import TerminalProgress
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.benchmark.run import benchmark_scores, load_benchmark
    from label_quality.plugin.labels.class_files import load_classes
    from label_quality.plugin.samples.folders import LABEL_FIELD, dataset_from_folders
    from label_quality.plugin.store.run_folder import content_digest

    parameters, progress = _parameters(options), TerminalProgress()
    # Other parameters are another benchmark, so that none is lost
    key = f"errors_{content_digest({name: value for name, value in parameters.items() if name != 'rescore'})}"
    try:
        classes = load_classes(options.classes) if options.classes else {}
        name = f"true-{content_digest(str(options.images.resolve()), str(options.masks.resolve()))}"
        dataset = dataset_from_folders(name, options.images, options.masks, classes)
        samples, folder = dataset.exists(LABEL_FIELD), str(work / "benchmarks")
        benchmark_scores(
            samples, LABEL_FIELD, key=key, keep_runs=True, output_dir=folder, progress=progress, **parameters
        )
    except LabelQualityError as error:
        raise SystemExit(f"error: {error}") from error
    finally:
        progress.close()
    record = load_benchmark(dataset, key)
    print_tables(record)
    return record


def print_tables(record: Mapping[str, Any]) -> None:
    """Prints the paper's four tables, what is left out, and how right the suspects are.

    Args:
        record: of the benchmark
    """
    print(f"\n{record['images']} images")
    for metric, heading in METRICS.items():
        header, rows = metric_table(record["results"], metric)
        if rows:
            print(f"\n{heading}\n")
            print_table(header, rows)
    for sentence in (*record["left_out"].values(), *record["notes"]):
        print(f"\n{sentence}")
    print_suspects(record["results"])


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    names = ("preset", "folds", "blocks", "encoder", "epochs", "input_size", "unlabelled", "seed", "resamples")
    given = {name: getattr(options, name) for name in (*names, "rescore")}
    return {
        **{name: value for name, value in given.items() if value is not None},
        "ignored": tuple(options.ignored),
        "architectures": tuple(None if name == OWN_DECODER else name for name in options.architectures),
        "rates": dict(options.rates),
    }


def _rate(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    try:
        rate = float(share)
    except ValueError:
        rate = 0.0
    if kind not in PAPER_RATES or not 0 < rate < 1:
        kinds = ", ".join(PAPER_RATES)
        raise argparse.ArgumentTypeError(f"expected {kinds} with a rate in (0, 1), as drop=0.2, but got {text!r}")
    return kind, rate
