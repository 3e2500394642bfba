"""How well each score finds planted errors, and how right the suspects are: AUROC and AUPRC by kind and architecture.

For each kind of error, copies of the masks get that error at a rate, as in the paper's protocol; for each architecture
the copies are audited, and every score is judged by where it ranks the masks that are wrong::

    python -m benchmarks errors --images DIR --masks DIR --classes FILE --blocks --work DIR --out errors.json

Masks and images are only read. The copies, the runs and a database of the benchmark's own are kept in ``--work``: the
same command, started again, goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import database
from .error_tables import print_tables

#: Kinds of errors and the share of the images that the paper gives each
PAPER_RATES = {"drop": 0.2, "swap": 0.3, "shift": 0.2}
#: On the command line: the preset's own decoder
OWN_DECODER = "default"


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
        as `planted.measure`
    """
    work = database.start(options.work)
    # Only now: FiftyOne reads its settings when it is imported
    from label_quality.plugin.errors import LabelQualityError
    from label_quality.plugin.terminal import TerminalProgress

    from . import planted

    progress = TerminalProgress()
    try:
        figures = planted.measure(planted.Settings(**_settings(options)), work, progress)
    except LabelQualityError as error:
        raise SystemExit(f"error: {error}") from error
    finally:
        progress.close()
    print_tables(figures)
    return figures


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    names = ("images", "masks", "classes", "unlabelled", "seed", "resamples", "rescore")
    audit = {name: getattr(options, name) for name in ("preset", "folds", "blocks", "encoder", "epochs", "input_size")}
    return {
        **{name: getattr(options, name) for name in names},
        "ignored": tuple(options.ignored),
        "architectures": tuple(None if name == OWN_DECODER else name for name in options.architectures),
        "rates": dict(options.rates),
        "audit": {name: value for name, value in audit.items() if value is not None},
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
