"""The command ``label-quality``: audit a dataset from the terminal, run the demo, list and delete runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .cli_output import describe
from .config import PREDICTION_SOURCES, SCORES
from .errors import LabelQualityError
from .terminal import TerminalProgress, format_table

#: Options of the command line that are parameters of the engine under the same name
_PREDICTION_OPTIONS = (
    *("folds", "seed", "group_field", "blocks", "block_size", "preset", "architecture", "encoder", "weights"),
    *("input_size", "tile", "epochs", "batch_size", "device", "only_folds", "model", "kind", "out_of_sample", "trust"),
    *("field", "content"),
)
_SCORE_OPTIONS = ("scores", "temperature", "pooling", "clc_rule", "workers")
_RUN_OPTIONS = ("key", "ignored", "unlabelled", "unknown", "skip_failures", "overwrite", "output_dir")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 0, or 1 after an error that was explained."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except LabelQualityError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Start the same command again to go on from here.", file=sys.stderr)
        return 130
    return 0


def _audit(options: argparse.Namespace) -> None:
    from .audit import audit_labels

    dataset, label_field, classes = _dataset_of(options)
    progress = TerminalProgress()
    try:
        summary = audit_labels(
            dataset,
            label_field,
            source=options.source,
            classes=classes,
            progress=progress,
            **_given(options, (*_RUN_OPTIONS, *_PREDICTION_OPTIONS, *_SCORE_OPTIONS)),
        )
    finally:
        progress.close()
    print(describe(summary, options.worst))
    print(f"\nOpen the App:  label-quality app {dataset.name}")
    if options.app:
        open_app(dataset, options.port)


def _dataset_of(options: argparse.Namespace) -> tuple[Any, str, dict[Any, str] | None]:
    """The dataset to audit, its label field, and the class names given for it."""
    import fiftyone as fo

    from .folders import LABEL_FIELD, dataset_from_folders
    from .masks import load_classes

    classes = load_classes(options.classes) if options.classes else None
    if options.dataset:
        if not fo.dataset_exists(options.dataset):
            raise LabelQualityError(f"There is no dataset named '{options.dataset}'; there are {fo.list_datasets()}.")
        return fo.load_dataset(options.dataset), options.label_field or LABEL_FIELD, classes
    if not (options.images and options.masks):
        raise LabelQualityError("Give --images DIR and --masks DIR, or --dataset NAME for a dataset of FiftyOne's.")
    name = options.name or Path(options.images).resolve().parent.name
    dataset = dataset_from_folders(name, Path(options.images), Path(options.masks), classes or {})
    return dataset, LABEL_FIELD, classes


def _given(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """The options that the user gave; the engine's own defaults stand for the others."""
    return {name: getattr(options, name) for name in names if getattr(options, name, None) is not None}


def _demo(options: argparse.Namespace) -> None:
    from .demo import run_demo

    dataset = run_demo(Path(options.directory), images=options.images, seed=options.seed)
    if options.app:
        open_app(dataset, options.port)


def _app(options: argparse.Namespace) -> None:
    import fiftyone as fo

    if not fo.dataset_exists(options.dataset):
        raise LabelQualityError(f"There is no dataset named '{options.dataset}'; there are {fo.list_datasets()}.")
    open_app(fo.load_dataset(options.dataset), options.port)


def open_app(dataset: Any, port: int) -> None:
    """Serves the App on this machine until the user interrupts it, worst images first where a run was made."""
    import fiftyone as fo

    from .views import worst_first

    session = fo.launch_app(worst_first(dataset), remote=True, address="127.0.0.1", port=port)
    print(f"\nThe App is at http://127.0.0.1:{port}  (Ctrl-C ends it)", flush=True)
    session.wait(-1)


def _list(options: argparse.Namespace) -> None:
    import fiftyone as fo

    from .audit import list_runs

    if not fo.dataset_exists(options.dataset):
        raise LabelQualityError(f"There is no dataset named '{options.dataset}'; there are {fo.list_datasets()}.")
    runs = list_runs(fo.load_dataset(options.dataset))
    rows = [[run.key, run.label_field, run.source, run.scored, run.status, run.created] for run in runs]
    print(format_table(["key", "labels", "predictions", "images", "status", "created"], rows) if rows else "No runs.")


def _delete(options: argparse.Namespace) -> None:
    import fiftyone as fo

    from .audit import delete_run

    if not fo.dataset_exists(options.dataset):
        raise LabelQualityError(f"There is no dataset named '{options.dataset}'; there are {fo.list_datasets()}.")
    delete_run(fo.load_dataset(options.dataset), options.key)
    print(f"Run '{options.key}' is deleted: its fields, views, files and record.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="label-quality", description="Finds the wrong masks of a dataset.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _audit_parser(_command(commands, "audit", _audit, "score every image's labels and mark suspicious pixels"))

    demo = _command(commands, "demo", _demo, "run the audit on generated scenes with planted errors")
    demo.add_argument("--directory", default="label-quality-demo", help="where the scenes go (default: %(default)s)")
    demo.add_argument("--images", type=int, default=200, help="number of scenes (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=51, help="seed of scenes and errors (default: %(default)s)")
    _app_options(demo)

    app = _command(commands, "app", _app, "open a dataset in the App, worst images first")
    app.add_argument("dataset", help="name of the dataset")
    app.add_argument("--port", type=int, default=5151)

    runs = _command(commands, "runs", _list, "list a dataset's runs")
    runs.add_argument("dataset", help="name of the dataset")

    delete = _command(commands, "delete", _delete, "delete a run: its fields, views, files and record")
    delete.add_argument("dataset", help="name of the dataset")
    delete.add_argument("key", help="the run's key")
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False
    )
    parser.set_defaults(run=run)
    return parser


def _audit_parser(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("the dataset: two folders, or one that FiftyOne has")
    data.add_argument("--images", metavar="DIR", help="folder of images")
    data.add_argument("--masks", metavar="DIR", help="folder of masks, each named as its image")
    data.add_argument("--classes", metavar="FILE", help="class names: JSON, or lines of 'id,name' or '#rrggbb,name'")
    data.add_argument("--name", help="name of the dataset to make (default: the folder above --images)")
    data.add_argument("--dataset", metavar="NAME", help="an existing dataset of FiftyOne's, instead of folders")
    data.add_argument("--label-field", metavar="FIELD", help="its field with the given masks (default: ground_truth)")
    data.add_argument("--ignored", nargs="+", metavar="CLASS", help="mask values or names that take part in nothing")
    data.add_argument("--unlabelled", metavar="CLASS", help="the class of unlabelled pixels (default: found by name)")
    data.add_argument("--unknown", choices=("error", "ignore"), help="what a mask value outside the table is")

    predictions = parser.add_argument_group("out-of-sample predictions")
    predictions.add_argument("--source", choices=tuple(PREDICTION_SOURCES), default="cross_validation")
    predictions.add_argument("--preset", choices=("auto", "fast", "paper"), help="how the models of the folds train")
    predictions.add_argument("--folds", type=int, help="number of folds (default: 5)")
    predictions.add_argument("--seed", type=int, help="seed of folds and training")
    predictions.add_argument("--blocks", action="store_true", default=None, help="images are video frames in order")
    predictions.add_argument("--block-size", type=int, metavar="N", help="frames a block")
    predictions.add_argument(
        "--group-field", metavar="FIELD", help="keep samples of one group (patient, scene) together"
    )
    predictions.add_argument(
        "--only-folds", type=int, nargs="+", metavar="FOLD", help="train these folds only, for now"
    )
    predictions.add_argument("--architecture", help="of segmentation-models-pytorch, such as FPN or DeepLabV3Plus")
    predictions.add_argument("--encoder", help="of segmentation-models-pytorch, such as se_resnext50_32x4d")
    predictions.add_argument("--weights", help="encoder weights: 'imagenet' or a file")
    predictions.add_argument("--input-size", type=int, metavar="PIXELS", help="longest side as the model sees it")
    predictions.add_argument("--tile", type=int, metavar="PIXELS", help="cut larger images into tiles of this side")
    predictions.add_argument("--epochs", type=int)
    predictions.add_argument("--batch-size", type=int)
    predictions.add_argument("--device", help="auto, cpu, cuda or cuda:N")
    predictions.add_argument("--model", help="--source model: a checkpoint, a zoo model's or a Hugging Face name")
    predictions.add_argument("--kind", choices=("auto", "smp", "torchscript", "fiftyone", "huggingface"))
    predictions.add_argument("--out-of-sample", action="store_true", default=None, help="it never saw these samples")
    predictions.add_argument("--trust", action="store_true", default=None, help="allow files that run code when loaded")
    predictions.add_argument("--field", help="--source files: field with the paths of probability files, or with masks")
    predictions.add_argument("--content", choices=("auto", "probabilities", "logits"), help="what those files hold")

    scores = parser.add_argument_group("scores")
    scores.add_argument("--scores", nargs="+", choices=SCORES, help="some of the seven (default: all)")
    scores.add_argument("--temperature", type=float, help="of softmin (default: 0.1)")
    scores.add_argument("--pooling", type=int, help="side of the blocks of CLC and CoCo (default: 4)")
    scores.add_argument("--clc-rule", choices=("joint", "cleanlab"), help="which pixels confident learning flags")

    run = parser.add_argument_group("the run")
    run.add_argument("--key", help="name of the run and prefix of its fields (default: lq)")
    run.add_argument("--overwrite", action="store_true", default=None, help="replace a run of that key")
    run.add_argument("--skip-failures", action="store_true", default=None, help="leave bad samples out and go on")
    run.add_argument("--output-dir", metavar="DIR", help="where heatmaps and predictions go")
    run.add_argument("--workers", type=int, help="threads that score (default: one a core)")
    run.add_argument("--worst", type=int, default=10, metavar="N", help="images in the printed ranking (default: 10)")
    _app_options(run)


def _app_options(parser: Any) -> None:
    parser.add_argument("--app", action="store_true", help="open the App at the end")
    parser.add_argument("--port", type=int, default=5151, help="of the App (default: %(default)s)")
