"""The command ``label-quality``: audit a dataset, find suspects, export a queue, run the demo, open the App, …"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .cli_output import counted, describe, listed, runs_table, suspects_text
from .cli_parser import make_parser
from .config import PREDICTION_SOURCES, ScoreConfig, SuspectConfig
from .errors import LabelQualityError
from .request import Request, SuspectRequest
from .terminal import TerminalProgress

#: Parameters of the engine that are options here
_PARAMETERS = {
    field.name
    for group in (Request, ScoreConfig, SuspectConfig, *PREDICTION_SOURCES.values())
    for field in dataclasses.fields(group)
} | {"suspects"}
#: Names that errors may give in backticks and that are options here
_OPTIONS = _PARAMETERS | {"tag", "worst", "below", "error_type", "group"}


class UsageError(LabelQualityError):
    """Options that do not go together, or are missing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: of the command line, by default this process's

    Returns:
        the exit status: 0 done, 1 after an error that was explained, 2 wrong options, 130 stopped with Ctrl-C
    """
    parser = make_parser()
    try:
        options = parser.parse_args(arguments)
        if options.version:
            return _print_version()
        if options.command is None:
            parser.print_help(sys.stderr)
            return 2
        _COMMANDS[options.command](options)
        sys.stdout.flush()
    except LabelQualityError as error:
        print(f"error: {_as_options(str(error))}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        print("\nStopped. Start the same command again to go on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone, as `| head` does; Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _audit(options: argparse.Namespace) -> None:
    source = _source(options)
    parameters = _parameters(options, source)
    _check_audit(options)
    with _fiftyone():
        from .audit import audit_labels

        if options.app:
            _check_port(options.port)
        dataset, samples, label_field = _dataset_to_audit(options, parameters)
        progress = TerminalProgress()
        try:
            summary = audit_labels(samples, label_field, source=source, progress=progress, **parameters)
        finally:
            progress.close()
        print(describe(summary, options.worst))
        print(f"\nOpen the App:  label-quality app {shlex.quote(dataset.name)}", flush=True)
        if options.app:
            _open_app(dataset, options.port, summary.key)


def _suspects(options: argparse.Namespace) -> None:
    request, config = ({field.name for field in dataclasses.fields(group)} for group in (SuspectRequest, SuspectConfig))
    parameters = {name: value for name, value in vars(options).items() if name in request | config}
    SuspectConfig.from_params({name: value for name, value in parameters.items() if name in config})
    with _fiftyone():
        from .audit import find_suspects

        progress = TerminalProgress()
        try:
            summary = find_suspects(_load(options.dataset), progress=progress, **parameters)
        finally:
            progress.close()
        print(suspects_text(summary.suspects) if summary.suspects else "")


def _demo(options: argparse.Namespace) -> None:
    with _fiftyone():
        from .demo import run_demo

        if options.app:
            _check_port(options.port)
        dataset = run_demo(
            Path(options.directory), options.images, options.seed, options.name, getattr(options, "overwrite", False)
        )
        if options.app:
            _open_app(dataset, options.port)
        else:
            print(f"\nOpen the App:  {options.open_with or f'label-quality app {shlex.quote(dataset.name)}'}")


def _queue(options: argparse.Namespace) -> None:
    with _fiftyone():
        from . import choices
        from .relabelling_queue import export_queue

        given = {name: value for name, value in vars(options).items() if name in choices.Choice.names()}
        by = {"worst": choices.WORST, "below": choices.THRESHOLD, "error_type": choices.TYPE, "group": choices.GROUP}
        chosen_by = next((by[name] for name in given if name in by), choices.TAGGED)
        chosen = choices.choose(_load(options.dataset), choices.Choice(chosen_by, **given))
        written = export_queue(chosen, options.path, overwrite=getattr(options, "overwrite", False))
        images, regions = counted(written.images, "image"), counted(written.regions, "suspect region")
        print(f"Wrote {images}, the worst first, and {regions} to {written.path}.")


def _app(options: argparse.Namespace) -> None:
    with _fiftyone():
        _open_app(_load(options.dataset), options.port, options.key)


def _runs(options: argparse.Namespace) -> None:
    with _fiftyone():
        import fiftyone as fo

        from .audit import list_runs

        if options.dataset is not None:
            print(runs_table(list_runs(_load(options.dataset))))
            return
        found = {name: list_runs(fo.load_dataset(name)) for name in fo.list_datasets()}
        tables = [f"{name}\n\n{runs_table(records)}" for name, records in found.items() if records]
        print("\n\n".join(tables) or "No dataset has a run.")


def _delete(options: argparse.Namespace) -> None:
    with _fiftyone():
        from .audit import delete_run

        left = delete_run(_load(options.dataset), options.key)
        print(f"Run '{options.key}' is deleted: its fields, views, files and record.")
        if left:
            print(f"Not deleted, as the run did not make them: {listed(left)}.")


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "audit": _audit,
    "suspects": _suspects,
    "queue": _queue,
    "demo": _demo,
    "app": _app,
    "runs": _runs,
    "delete": _delete,
}


def _source(options: argparse.Namespace) -> str:
    """The source of predictions: as said, or by the options that belong to one."""
    implied = "files" if "predictions" in options or "field" in options else "model" if "model" in options else None
    said: str | None = getattr(options, "source", None)
    if said and implied and said != implied:
        given = "predictions" if "predictions" in options else "field" if "field" in options else "model"
        raise UsageError(f"--{given} is for --source {implied}, but got --source {said}.")
    source = said or implied or "cross_validation"
    if source == "files" and not implied:
        raise UsageError("--source files needs --predictions DIR, or --field FIELD for a field that has them.")
    if source == "model" and not implied:
        raise UsageError("--source model needs --model: a checkpoint, or the name of a model.")
    return source


def _parameters(options: argparse.Namespace, source: str) -> dict[str, Any]:
    """The engine's parameters that were given; raises before anything is loaded if one does not fit or is wrong."""
    groups = (Request, ScoreConfig, PREDICTION_SOURCES[source], SuspectConfig)
    known = {field.name for group in groups for field in dataclasses.fields(group)} - {"classes"} | {"suspects"}
    given = {name: value for name, value in vars(options).items() if name in _PARAMETERS - {"classes"}}
    unfit = [f"--{name.replace('_', '-')}" for name in given if name not in known]
    if unfit:
        raise UsageError(f"{', '.join(unfit)} cannot be used with --source {source}.")
    for group in groups[1:]:
        names = {field.name for field in dataclasses.fields(group)}
        placeholder = {"field": "-"} if source == "files" and group is groups[2] else {}
        group.from_params({**placeholder, **{name: value for name, value in given.items() if name in names}})
    return given


def _check_audit(options: argparse.Namespace) -> None:
    """Raises unless the options name one dataset."""
    folders = [name for name in ("images", "masks", "name") if name in options]
    if "dataset" in options and folders:
        raise UsageError(f"--dataset is a dataset that exists; --{folders[0]} is for making one. Give one of them.")
    if "dataset" not in options and not {"images", "masks"} <= set(folders):
        raise UsageError("Give --images DIR and --masks DIR, or --dataset NAME for a dataset that FiftyOne has.")
    if "label_field" in options and "dataset" not in options:
        raise UsageError("--label-field is for --dataset; masks of --masks go to the field 'ground_truth'.")


def _dataset_to_audit(options: argparse.Namespace, parameters: dict[str, Any]) -> tuple[Any, Any, str]:
    """The dataset, its samples to audit, and the label field; may add to the parameters."""
    from .class_files import load_classes
    from .folders import LABEL_FIELD, attach_predictions, dataset_from_folders

    classes = load_classes(options.classes) if "classes" in options else {}
    images = Path(options.images) if "images" in options else None
    if images is None:
        samples = dataset = _load(options.dataset)
        label_field = getattr(options, "label_field", LABEL_FIELD)
        parameters |= {"classes": classes} if classes else {}
    else:
        name = getattr(options, "name", None) or images.resolve().parent.name or "images"
        dataset, label_field = dataset_from_folders(name, images, Path(options.masks), classes), LABEL_FIELD
        samples = _with_masks(dataset, label_field)
    if "predictions" in options:
        directory, field = Path(options.predictions), parameters.get("field")
        parameters["field"] = attach_predictions(dataset, directory, images=images, field=field)
    return dataset, samples, label_field


def _with_masks(dataset: Any, label_field: str) -> Any:
    """The samples that have a mask; the others are named on standard error."""
    without = dataset.exists(label_field, False).values("filepath")
    if not without:
        return dataset
    names = listed([os.path.basename(path) for path in without])
    print(f"{len(without)} of {len(dataset)} images have no mask and are left out: {names}.", file=sys.stderr)
    return dataset.exists(label_field)


def _load(name: str) -> Any:
    import fiftyone as fo

    if fo.dataset_exists(name):
        return fo.load_dataset(name)
    names = fo.list_datasets()
    there = f"There are: {listed(names)}." if names else "There are none at all."
    raise LabelQualityError(f"FiftyOne has no dataset named '{name}'. {there}")


def _open_app(dataset: Any, port: int, key: str | None = None) -> None:
    from .app_server import open_app

    open_app(dataset, port, key)


def _check_port(port: int) -> None:
    """Before hours of work, not after."""
    from .app_server import check_port

    check_port(port)


@contextlib.contextmanager
def _fiftyone() -> Iterator[None]:
    """Starts FiftyOne, which takes seconds, and explains what goes wrong with its database."""
    waiting = sys.stderr.isatty()
    if waiting:
        print("Starting FiftyOne …", end="", file=sys.stderr, flush=True)
    try:
        from .runs import database_errors
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise LabelQualityError(f"FiftyOne cannot start: {reason[0]}") from error
    finally:
        if waiting:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    with database_errors():
        yield


def _as_options(message: str) -> str:
    """An error of the engine, whose parameters have other names on the command line."""

    def option(match: re.Match[str]) -> str:
        return f"--{match[1].replace('_', '-')}" if match[1] in _OPTIONS else match[0]

    message = re.sub(r"(?:parameter )?`(\w+)`", option, message)
    return re.sub(r"\b(\w+)=True\b", option, message)


def _print_version() -> int:
    manifest = Path(__file__).resolve().parent.parent / "fiftyone.yml"
    found = re.search(r"^version: (\S+)", manifest.read_text(), re.MULTILINE)
    print(f"label-quality {found.group(1) if found else 'unknown'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
