"""The command ``label-quality benchmark``: its options, and what it does."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..base.console import TerminalProgress
from ..base.errors import LabelQualityError
from ..benchmark.tables import OWN_DECODER
from .data import UsageError, check_data, open_data, started_fiftyone

#: Parameters of `benchmark_scores` that are options of this command alone
PARAMETERS = (
    *("kinds", "rates", "severity", "min_fraction", "architectures", "truth_field", "run_key", "min_difference"),
    *("resamples", "rescore", "keep_runs"),
)
#: The field that notes the corrected masks of a folder
CORRECTED_FIELD = "corrected_mask"
_OWN = OWN_DECODER.split()[0]
_KINDS = ("drop", "swap", "shift")
#: Parameters whose option has another name
_RENAMED = {"truth": "truth_field", "run": "run_key"}


def add_options(group: Any) -> None:
    """The options of what is measured."""
    group.add_argument("--kinds", nargs="+", choices=_KINDS, help="of errors to plant (default: all)")
    group.add_argument(
        "--rates",
        nargs="+",
        type=_rate,
        metavar="KIND=RATE",
        help="share of the images that gets one (default: drop=0.2 swap=0.3 shift=0.2); kinds not named are left out",
    )
    group.add_argument(
        "--severity",
        type=float,
        metavar="S",
        help="largest kernel that shifts an edge, as a share of the image's longer side (default: 0.1)",
    )
    group.add_argument(
        "--min-fraction", type=float, metavar="F", help="least share of an image that an error changes (default: 0.01)"
    )
    group.add_argument(
        "--architectures",
        nargs="+",
        metavar="NAME",
        help=f"decoders, such as DeepLabV3Plus and FPN; '{_OWN}' is the preset's own (default: {_OWN})",
    )
    group.add_argument(
        "--truth",
        metavar="FIELD|DIR",
        help="plant nothing: a mask is wrong where this field, or this folder of masks, differs",
    )
    group.add_argument("--run", metavar="KEY", help="with --truth: judge this run's scores instead of an audit's")
    group.add_argument(
        "--min-difference", type=float, metavar="D", help="with --truth: least share that differs (default: 0.001)"
    )
    group.add_argument("--resamples", type=int, metavar="N", help="of the bootstrap (default: 1000)")
    group.add_argument("--json", metavar="FILE", type=Path, help="also write the record to this file")


def run(options: argparse.Namespace) -> None:
    """Measures, prints the paper's four tables and, if asked to, writes the record as JSON."""
    check_data(options)
    parameters = _parameters(options)
    with started_fiftyone():
        from ..benchmark.run import benchmark_scores, load_benchmark

        dataset, samples, label_field = open_data(options, parameters)
        if "truth" in options:
            parameters["truth_field"] = _truth_field(dataset, samples, options)
        progress = TerminalProgress()
        try:
            summary = benchmark_scores(samples, label_field, progress=progress, **parameters)
        finally:
            progress.close()
        print(summary.text())
        if "json" in options:
            _write(options.json, load_benchmark(dataset, summary.key))


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
    others = {"command", "version", "images", "masks", "name", "dataset", "label_field", "classes", "json", "truth"}
    given = {_RENAMED.get(name, name): value for name, value in vars(options).items() if name not in others}
    if "architectures" in given:
        given["architectures"] = tuple(None if name == _OWN else name for name in given["architectures"])
    if "rates" in given:
        given["rates"] = dict(given["rates"])
    if "run_key" in given and "truth" not in options:
        raise UsageError("--run is for --truth: errors that are planted are always audited anew.")
    return given


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


def _write(path: Path, record: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(record, indent=1) + "\n")
    except OSError as error:
        raise LabelQualityError(f"Cannot write {path}: {error.strerror}. Choose another --json.") from None


def _rate(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    try:
        rate = float(share)
    except ValueError:
        rate = 0.0
    if kind not in _KINDS or not 0 < rate < 1:
        raise argparse.ArgumentTypeError(
            f"expected {', '.join(_KINDS)} with a rate in (0, 1), as drop=0.2, but got {text!r}"
        )
    return kind, rate
