"""The options of the command ``label-quality``. Nothing is imported that makes ``--help`` wait."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError
from ..predictions.config import PREDICTION_SOURCES
from ..scores.config import SCORES
from .benchmark import add_options

DEFAULT_PORT = 5151
_EPILOG = """\
examples:
  label-quality demo --app
  label-quality audit --images photos --masks masks --classes classes.csv
  label-quality audit --dataset street --predictions softmax_files --key mine
  label-quality suspects street --min-evidence 0.01
  label-quality app street
  label-quality queue street relabel.csv --worst 100
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

    suspects = _command(commands, "suspects", "find the suspects of a run again, with other thresholds; no model runs")
    suspects.add_argument("dataset", help="name of the dataset")
    suspects.add_argument("--key", help="of the run (default: lq)")
    _suspect_options(suspects)
    _switch(suspects, "--overwrite", "search again although nothing has changed")
    _switch(suspects, "--skip-failures", "leave out samples that have changed since, go on")
    suspects.add_argument("--workers", type=_positive, metavar="N", help="threads (default: one a core)")

    _queue(_command(commands, "queue", "write the images to relabel, and their suspects, to a CSV or JSON file"))

    app = _command(commands, "app", "open a dataset in the App, worst images first")
    app.add_argument("dataset", help="name of the dataset")
    app.add_argument("--key", default=None, help="the run whose ranking is shown (default: the latest)")
    app.add_argument("--port", type=_port, default=DEFAULT_PORT, help="of the App (default: %(default)s)")

    runs = _command(commands, "runs", "list a dataset's runs, or without a name the datasets that have any")
    runs.add_argument("dataset", nargs="?", default=None, help="name of the dataset")

    _benchmark(
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


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory", metavar="DIR", default="label-quality-demo", help="where scenes go (default: %(default)s)"
    )
    parser.add_argument("--images", type=_positive, default=200, metavar="N", help="scenes (default: %(default)s)")
    parser.add_argument("--seed", type=_natural, default=51, help="of scenes and errors (default: %(default)s)")
    parser.add_argument("--name", default="label-quality-demo", help="of the dataset (default: %(default)s)")
    parser.add_argument("--open-with", metavar="COMMAND", help="what to name as the command that opens the App")
    _switch(parser, "--overwrite", "compute the run anew")
    _app_options(parser)


def _audit(parser: argparse.ArgumentParser) -> None:
    # Python's own usage would list every option twice over
    parser.usage = "label-quality audit (--images DIR --masks DIR [--classes FILE] | --dataset NAME) [options]"
    _data_options(parser.add_argument_group("the dataset: two folders, or one that FiftyOne has"))
    _source_options(parser.add_argument_group("out-of-sample predictions, whatever their source"))
    _training_options(parser.add_argument_group("--source cross_validation (the default): models are trained here"))
    _model_options(parser.add_argument_group("--source model: a model trained on other data (implied by --model)"))
    _score_options(parser.add_argument_group("scores"))
    suspects = parser.add_argument_group("suspects")
    _switch(suspects, "--suspects", "find suspects too (default: yes)")
    _suspect_options(suspects)
    _run_options(parser.add_argument_group("the run"))


def _queue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="name of the dataset")
    parser.add_argument("path", metavar="FILE", help="to write: .csv has a line a suspect, .json an object an image")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--tag", help="images with this tag (default: relabel)")
    which.add_argument("--worst", type=_positive, metavar="N", help="instead: that many, of the lowest quality")
    which.add_argument("--below", type=float, metavar="Q", help="instead: those of a quality below it")
    which.add_argument("--error-type", metavar="TYPE", help="instead: those that drop, swap, shift or other leads")
    which.add_argument("--group", metavar="TITLE", help="instead: those of an issue, as 'car given as road'")
    parser.add_argument("--key", help="of the run (default: the latest)")
    _switch(parser, "--overwrite", "replace the file if it is there")


def _benchmark(parser: argparse.ArgumentParser) -> None:
    parser.usage = "label-quality benchmark (--images DIR --masks DIR [--classes FILE] | --dataset NAME) [options]"
    _data_options(parser.add_argument_group("the dataset: two folders, or one that FiftyOne has"))
    add_options(parser.add_argument_group("what is measured"))
    training = parser.add_argument_group("the models that are trained")
    _training_options(training, only_folds=False)
    _network_options(training)
    _score_options(parser.add_argument_group("scores"))
    run = parser.add_argument_group("the benchmark")
    run.add_argument("--key", help="name of its record (default: lq_benchmark)")
    _switch(run, "--overwrite", "replace another benchmark of that key, or measure anew")
    _switch(run, "--skip-failures", "leave bad samples out, go on")
    _switch(run, "--suspects", "also judge the suspects of planted errors (default: yes)")
    _switch(run, "--keep-runs", "leave the audits for --rescore (default: no)")
    _switch(run, "--rescore", "score audits again that were kept (default: no)")
    run.add_argument("--output-dir", metavar="DIR", help="where copies of masks and the audits' files go")
    run.add_argument("--workers", type=_positive, metavar="N", help="threads that score (default: one a core)")


def _data_options(group: Any) -> None:
    group.add_argument("--images", metavar="DIR", help="folder of images, with subfolders")
    group.add_argument("--masks", metavar="DIR", help="folder of masks, each called like its image")
    group.add_argument(
        "--classes",
        metavar="FILE",
        help="class names: JSON, or a line a class: 'id,name', '#rrggbb,name', 'r g b name' or 'name' (default: the "
        "values that the masks hold)",
    )
    group.add_argument("--name", help="of the dataset to make (default: the folder above --images)")
    group.add_argument("--dataset", metavar="NAME", help="a dataset that FiftyOne has, instead of folders")
    group.add_argument("--label-field", metavar="FIELD", help="its field with the given masks (default: ground_truth)")
    group.add_argument("--ignored", nargs="+", metavar="CLASS", help="mask values or names that take part in nothing")
    group.add_argument("--unlabelled", metavar="CLASS", help="the class of unlabelled pixels (default: found by name)")
    group.add_argument(
        "--unknown", choices=("error", "ignore"), help="what a mask value outside the classes is (default: error)"
    )


def _source_options(group: Any) -> None:
    group.add_argument("--source", choices=tuple(PREDICTION_SOURCES), help="(default: by the options given)")
    group.add_argument(
        "--predictions",
        metavar="DIR",
        help="--source files: folder of .npy/.npz probabilities or logits (classes, height, width), or of predicted "
        "masks, each called like its image",
    )
    group.add_argument("--field", help="--source files: field with the paths of such files, or with predicted masks")
    group.add_argument("--content", choices=("auto", "probabilities", "logits"), help="what those files hold")
    group.add_argument(
        "--class-map",
        metavar="FILE",
        type=_class_map,
        help="JSON: the model's class name or output number to the dataset's class name or mask value",
    )
    _switch(group, "--out-of-sample", "your word that these samples were not, or were, in the model's training data")
    _network_options(group)
    group.add_argument(
        "--architecture",
        help="of segmentation-models-pytorch, such as FPN or DeepLabV3Plus, the two that preset fast takes (default: "
        "the preset's own)",
    )


def _network_options(group: Any) -> None:
    group.add_argument("--input-size", type=_positive, metavar="PIXELS", help="longest side as the model sees it")
    group.add_argument("--tile", type=_positive, metavar="PIXELS", help="cut larger images into tiles of this side")
    group.add_argument("--batch-size", type=_positive, metavar="N", help="images at a time")
    group.add_argument("--device", help="auto, cpu, cuda or cuda:N (default: auto)")
    group.add_argument("--encoder", help="of segmentation-models-pytorch, such as se_resnext50_32x4d")


def _training_options(group: Any, only_folds: bool = True) -> None:
    group.add_argument(
        "--preset",
        choices=("auto", "fast", "paper"),
        help="fast: a frozen encoder and a light decoder; paper: full fine-tuning; auto: paper where a GPU is",
    )
    group.add_argument("--folds", type=_positive, metavar="K", help="(default: 5)")
    group.add_argument("--seed", type=_natural, help="of folds and training (default: 51)")
    _switch(group, "--blocks", "images are video frames in order")
    group.add_argument("--block-size", type=_positive, metavar="N", help="frames a block (default: a quarter fold)")
    group.add_argument("--order-field", metavar="FIELD", help="orders the frames (default: filepath)")
    group.add_argument("--group-field", metavar="FIELD", help="keeps a patient, scene or video in one fold")
    if only_folds:
        text = "these folds now, others later"
        group.add_argument("--only-folds", type=_natural, nargs="+", metavar="FOLD", help=text)
    group.add_argument("--weights", type=_weights, help="of the encoder: imagenet, a file, or none (default: imagenet)")
    group.add_argument("--epochs", type=_positive, metavar="N", help="at most")
    group.add_argument("--learning-rate", type=float, metavar="RATE", help="the peak")
    _switch(group, "--augment", "with preset paper (default: yes)")


def _model_options(group: Any) -> None:
    group.add_argument("--model", help="a checkpoint, the name of a FiftyOne zoo model or of a Hugging Face model")
    group.add_argument("--kind", choices=("auto", "smp", "torchscript", "fiftyone", "huggingface"))
    group.add_argument("--mean", type=float, nargs="+", help="of the model's input, per channel, for pixels in 0..1")
    group.add_argument("--std", type=float, nargs="+", help="likewise")
    _switch(group, "--trust", "allow files that run code when they are loaded (default: no)")


def _score_options(group: Any) -> None:
    group.add_argument("--scores", nargs="+", choices=SCORES, metavar="SCORE", help=f"of {', '.join(SCORES)}")
    group.add_argument("--temperature", type=float, help="of softmin (default: 0.1)")
    group.add_argument("--thresholds", type=float, nargs="+", metavar="T", help="of TCCP (default: 0.05 0.1 … 0.95)")
    group.add_argument("--pooling", type=_positive, metavar="N", help="side of the blocks of CLC and CoCo (default: 4)")
    group.add_argument(
        "--clc-rule", choices=("cleanlab", "joint"), help="which pixels confident learning flags (default: cleanlab)"
    )
    group.add_argument("--coco-average", choices=("components", "classes"), help="(default: components)")
    _switch(group, "--per-class", "also scores a class (default: yes)")


def _suspect_options(group: Any) -> None:
    group.add_argument(
        "--min-evidence", type=float, metavar="E", help="of a suspect, in nats per pixel of the image (default: 0.002)"
    )
    group.add_argument(
        "--min-area", type=float, metavar="A", help="of a suspect, as a share of the image (default: 0.001)"
    )
    group.add_argument(
        "--max-regions", type=_most, metavar="N", help="an image, those of the most evidence; or 'all' (default: 50)"
    )


def _run_options(group: Any) -> None:
    group.add_argument("--key", help="name of the run and prefix of its fields (default: lq)")
    _switch(group, "--overwrite", "replace another run of that key")
    _switch(group, "--skip-failures", "leave bad samples out, go on")
    group.add_argument("--output-dir", metavar="DIR", help="where heatmaps and predictions go")
    group.add_argument("--workers", type=_positive, metavar="N", help="threads that score (default: one a core)")
    group.add_argument(
        "--worst", type=_natural, default=10, metavar="N", help="images in the printed ranking (default: %(default)s)"
    )
    _app_options(group)


def _switch(group: Any, name: str, text: str) -> None:
    action = group.add_argument(name, action=argparse.BooleanOptionalAction)
    # Given at once, Python 3.10 would add the marker of a missing default to it
    action.help = text


def _app_options(parser: Any) -> None:
    parser.add_argument("--app", action="store_true", default=False, help="open the App at the end")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="of the App (default: %(default)s)")


def _positive(text: str) -> int:
    return _integer(text, 1, "a whole number of at least 1")


def _most(text: str) -> int | None:
    return None if text.lower() == "all" else _integer(text, 1, "a whole number of at least 1, or 'all'")


def _natural(text: str) -> int:
    return _integer(text, 0, "a whole number of at least 0")


def _port(text: str) -> int:
    port = _integer(text, 1, "a port in 1..65535")
    if port > 65535:
        raise argparse.ArgumentTypeError(f"expected a port in 1..65535, but got {text!r}")
    return port


def _integer(text: str, least: int, expected: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected {expected}, but got {text!r}")
    return number


def _weights(text: str) -> str | None:
    return None if text.lower() == "none" else text


def _class_map(path: str) -> dict[str, str | int]:
    """The content of a JSON file with a class map."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise LabelQualityError(f"Cannot read the class map {path}: {error}. Expected a JSON file.") from None
    values = content.values() if isinstance(content, dict) else [None]
    if not content or not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        raise LabelQualityError(
            f'Expected the class map {path} to hold {{"0": "road", "car": 7}}: the model\'s class name or output '
            "number to the dataset's class name or mask value."
        )
    return content
