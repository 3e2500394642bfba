"""The command ``label-quality``: audit a dataset, find suspects, export a queue, run the demo, open the App, …"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError
from ..base.parameters import table
from ..base.words import count
from ..clean.config import CleanRequest
from ..corrections.config import CorrectionRequest
from ..engine.config import Execution
from ..objects.config import ObjectConfig
from ..parameters import PARAMETERS
from ..predictions.config import PREDICTION_SOURCES, FilesSource
from ..runs.request import Request, Stages
from ..scores.config import ScoreConfig
from ..suspects.config import SuspectConfig
from . import benchmark as cli_benchmark
from . import lint as cli_lint
from . import results
from .data import UsageError, check_data, load_dataset, open_data, started_fiftyone
from .option_names import as_options
from .parser import make_parser
from .text import (
    corrections_text,
    describe,
    export_text,
    listed,
    objects_text,
    runs_table,
    suspects_text,
)


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
        print(f"error: {as_options(str(error))}", file=sys.stderr)
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
    check_data(options)
    with started_fiftyone():
        from ..audit import audit_labels

        if options.app:
            _check_port(options.port)
        dataset, samples, label_field = _dataset_to_audit(options, parameters)
        summary = audit_labels(samples, label_field, source=source, progress=True, **parameters)
        print(describe(summary, options.worst))
        print(f"\nOpen the App:  label-quality app {shlex.quote(dataset.name)}", flush=True)
        if options.app:
            _open_app(dataset, options.port, summary.key)


def _suspects(options: argparse.Namespace) -> None:
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["find_suspects"]}
    SuspectConfig.from_params({name: value for name, value in parameters.items() if name in table(SuspectConfig)})
    with started_fiftyone():
        from ..audit import find_suspects

        summary = find_suspects(load_dataset(options.dataset), progress=True, **parameters)
        print(suspects_text(summary.suspects) if summary.suspects else "")


def _objects(options: argparse.Namespace) -> None:
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["score_objects"]}
    ObjectConfig.from_params({name: value for name, value in parameters.items() if name in table(ObjectConfig)})
    with started_fiftyone():
        from ..audit import score_objects

        summary = score_objects(load_dataset(options.dataset), progress=True, **parameters)
        print(objects_text(summary.objects, summary.key) if summary.objects else "")


def _demo(options: argparse.Namespace) -> None:
    with started_fiftyone():
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
    with started_fiftyone():
        from ..review import choose_images as choices
        from ..review.queue import export_queue

        given = {name: value for name, value in vars(options).items() if name in choices.Choice.names()}
        by = {"worst": choices.WORST, "below": choices.THRESHOLD, "error_type": choices.TYPE, "group": choices.GROUP}
        chosen_by = next((by[name] for name in given if name in by), choices.TAGGED)
        chosen = choices.choose(load_dataset(options.dataset), choices.Choice(chosen_by, **given))
        written = export_queue(chosen, options.path, overwrite=getattr(options, "overwrite", False))
        images, regions = count(written.images, "image"), count(written.regions, "suspect")
        print(f"Wrote {images}, the worst first, and {regions} to {written.path}.")


def _export(options: argparse.Namespace) -> None:
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["export_clean_dataset"]}
    CleanRequest.from_params(parameters)
    with started_fiftyone():
        from ..clean.clean_dataset import export_clean_dataset

        made = export_clean_dataset(load_dataset(options.dataset), progress=True, **parameters)
        print(export_text(made))


def _load_corrections(options: argparse.Namespace) -> None:
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["load_corrections"]}
    CorrectionRequest.from_params(parameters)
    with started_fiftyone():
        from ..corrections.load_corrections import load_corrections

        made = load_corrections(load_dataset(options.dataset), progress=True, **parameters)
        print(corrections_text(made, parameters.get("key", CorrectionRequest.key)))


def _app(options: argparse.Namespace) -> None:
    with started_fiftyone():
        _open_app(load_dataset(options.dataset), options.port, options.key)


def _runs(options: argparse.Namespace) -> None:
    with started_fiftyone():
        import fiftyone as fo

        from ..audit import list_runs
        from ..benchmark.records import is_own_dataset

        if options.dataset is not None:
            print(runs_table(list_runs(load_dataset(options.dataset))))
            return
        names = [name for name in fo.list_datasets() if not is_own_dataset(name)]
        found = {name: list_runs(fo.load_dataset(name)) for name in names}
        tables = [f"{name}\n\n{runs_table(records)}" for name, records in found.items() if records]
        print("\n\n".join(tables) or "No dataset has a run.")


def _delete(options: argparse.Namespace) -> None:
    with started_fiftyone():
        from ..audit import delete_run

        dataset = load_dataset(options.dataset)
        left = cli_benchmark.delete(dataset, options.key)
        if left is None:
            left = delete_run(dataset, options.key, break_clones=getattr(options, "break_clones", False))
            print(f"Run '{options.key}' is deleted: its fields, views, files and record.")
        else:
            print(f"Benchmark '{options.key}' is deleted: its files and record.")
        if left:
            print(f"Not deleted, as it did not make them: {listed(left)}.")


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "lint": cli_lint.run,
    "audit": _audit,
    "suspects": _suspects,
    "objects": _objects,
    "queue": _queue,
    "corrections": _load_corrections,
    "export": _export,
    "gain": results.gain,
    "compare": results.compare,
    "breakdown": results.breakdown,
    "evaluate": results.evaluate,
    "report": results.report,
    "estimate": results.estimate,
    "benchmark": cli_benchmark.run,
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
    source = said or implied or Stages.source
    if source == "files" and not implied:
        raise UsageError("--source files needs --predictions DIR, or --field FIELD for a field that has them.")
    if source == "model" and not implied:
        raise UsageError("--source model needs --model: a checkpoint, or the name of a model.")
    return source


def _parameters(options: argparse.Namespace, source: str) -> dict[str, Any]:
    """The engine's parameters that were given; raises before anything is loaded if one does not fit or is wrong."""
    groups = (Request, ScoreConfig, PREDICTION_SOURCES[source], SuspectConfig, Execution)
    known = {"lint", "suspects"}.union(*map(table, groups))
    given = {name: value for name, value in vars(options).items() if name in PARAMETERS["audit_labels"]}
    given = {name: value for name, value in given.items() if name not in ("source", "classes")}
    unfit = [f"--{name.replace('_', '-')}" for name in given if name not in known]
    if unfit:
        raise UsageError(f"{', '.join(unfit)} cannot be used with --source {source}.")
    for group in groups:
        placeholder = {"field": "-"} if group is FilesSource else {}
        group.from_params(placeholder | {name: value for name, value in given.items() if name in table(group)})
    return given


def _dataset_to_audit(options: argparse.Namespace, parameters: dict[str, Any]) -> tuple[Any, Any, str]:
    """The dataset, its samples to audit, and the label field; may add to the parameters."""
    dataset, samples, label_field = open_data(options, parameters)
    if "predictions" in options:
        from ..samples.folders import attach_predictions

        images = Path(options.images) if "images" in options else None
        directory, field = Path(options.predictions), parameters.get("field")
        parameters["field"] = attach_predictions(dataset, directory, images=images, field=field)
    return dataset, samples, label_field


def _open_app(dataset: Any, port: int, key: str | None = None) -> None:
    from .app_server import open_app

    open_app(dataset, port, key)


def _check_port(port: int) -> None:
    """Before hours of work, not after."""
    from .app_server import check_port

    check_port(port)


def _print_version() -> int:
    manifest = Path(__file__).resolve().parents[2] / "fiftyone.yml"
    found = re.search(r"^version: (\S+)", manifest.read_text(), re.MULTILINE)
    print(f"label-quality {found.group(1) if found else 'unknown'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
