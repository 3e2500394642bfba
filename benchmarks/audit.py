"""Time by stage and peak memory of a whole audit, from two folders to the written fields.

The audit runs as ``label-quality audit`` does, in a process of its own with a FiftyOne and a MongoDB of its own in a
temporary folder, of which nothing is left::

    python -m benchmarks audit --images DIR --masks DIR --classes FILE --blocks --json audit.json

A stage's time is what passes until its last report of progress since the stage before it ended; ``Starting`` is all
before the first. Stages that train or run a model are model time, all others the plugin's own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .processes import answer, peak_memory, print_table

#: Stages that train a model or run one
MODEL_STAGES = ("Encoding", "Training", "Predicting")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    parser.add_argument("--masks", type=Path, required=True, help="folder of masks")
    parser.add_argument("--classes", type=Path, help="class names, as for label-quality audit")
    parser.add_argument("--ignored", nargs="+", default=[], help="mask values or names that take part in nothing")
    parser.add_argument("--preset", choices=("auto", "fast", "paper"), default="fast")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only-folds", type=int, nargs="+")
    parser.add_argument("--blocks", action="store_true", help="images are video frames in order")
    parser.add_argument("--predictions", type=Path, help="folder of prediction files, instead of training")
    parser.add_argument("--temporary", type=Path, help="where the temporary folder goes")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the audit and prints its stages.

    Returns:
        ``images``, ``scored``, ``classes``, ``seconds`` by stage, ``total_seconds``, ``model_seconds``, ``own_share``
        (of the total, outside of training and inference), ``cpu_seconds``, ``peak_memory_mb`` and ``cores``
    """
    home = Path(tempfile.mkdtemp(prefix="label-quality-audit-", dir=options.temporary))
    try:
        with _mongodb(home) as address, _environment(home, address):
            figures = _measure(_arguments(options))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    _print(figures)
    return figures


def run_here(audit: dict[str, Any]) -> None:
    """Runs the audit in this process, and answers with its figures."""
    started = time.monotonic()
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.class_files import load_classes
    from label_quality.plugin.folders import LABEL_FIELD, attach_predictions, dataset_from_folders
    from label_quality.plugin.terminal import TerminalProgress

    images, masks, classes, predictions = (audit.pop(name) for name in ("images", "masks", "classes", "predictions"))
    named = load_classes(classes) if classes else {}
    dataset = dataset_from_folders("audit", Path(images), Path(masks), named)
    if predictions:
        audit["field"] = attach_predictions(dataset, Path(predictions), images=Path(images))
    stages = Stages(TerminalProgress(), started)
    summary = audit_labels(dataset.exists(LABEL_FIELD), LABEL_FIELD, progress=stages, **audit)
    stages.close()
    times = os.times()
    model = sum(seconds for stage, seconds in stages.seconds.items() if stage.startswith(MODEL_STAGES))
    total = sum(stages.seconds.values())
    answer(
        images=summary.images,
        scored=summary.scored,
        classes=summary.classes,
        parameters=audit,
        seconds=stages.seconds,
        total_seconds=total,
        model_seconds=model,
        own_share=(total - model) / total,
        cpu_seconds=times.user + times.system,
        peak_memory_mb=peak_memory(),
        cores=os.cpu_count(),
    )


class Stages:
    """A `Progress` that keeps the seconds of each stage, in order, and passes on what it is told.

    Args:
        progress: whom to tell
        started: when the first stage began, by `time.monotonic`
    """

    def __init__(self, progress: Any, started: float) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._since = started
        self._count("Starting")

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._count(stage)
        self._progress(stage, done, total)

    def close(self) -> None:
        """Ends the last stage: what came after its last report is its own."""
        self._count(list(self.seconds)[-1])
        self._progress.close()

    def _count(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now


def _measure(arguments: dict[str, Any]) -> dict[str, Any]:
    """The figures of a process that runs the audit with as many threads as it likes."""
    command = [sys.executable, "-m", "benchmarks.audit", json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"The audit ended with status {done.returncode}.")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The audit's parameters, of which the paths are absolute."""
    paths = {name: getattr(options, name) for name in ("images", "masks", "classes", "predictions")}
    arguments: dict[str, Any] = {name: path and os.path.abspath(path) for name, path in paths.items()}
    arguments["ignored"] = options.ignored
    if options.predictions:
        return {**arguments, "source": "files"}
    chosen = {"preset": options.preset, "folds": options.folds, "blocks": options.blocks}
    return {**arguments, **chosen, **({"only_folds": options.only_folds} if options.only_folds else {})}


@contextmanager
def _environment(home: Path, address: str) -> Iterator[None]:
    """FiftyOne's settings for the measured process: nothing of the user's is read or written."""
    before = dict(os.environ)
    (home / "plugins").mkdir()
    os.environ.update(
        FIFTYONE_CONFIG_PATH=str(home / "config.json"),
        FIFTYONE_APP_CONFIG_PATH=str(home / "app_config.json"),
        FIFTYONE_DATABASE_URI=address,
        FIFTYONE_DEFAULT_DATASET_DIR=str(home / "datasets"),
        FIFTYONE_PLUGINS_DIR=str(home / "plugins"),
        FIFTYONE_DATABASE_VALIDATION="false",
        FIFTYONE_DO_NOT_TRACK="true",
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _mongodb(home: Path) -> Iterator[str]:
    """A server of the benchmark's own: FiftyOne attaches to any that another FiftyOne has started."""
    found = find_spec("fiftyone")
    bundled = Path((found.submodule_search_locations or [""])[0]) / "db/bin/mongod" if found else Path()
    program = str(bundled) if bundled.is_file() else shutil.which("mongod")
    if program is None:
        raise SystemExit("No mongod found: install MongoDB.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = home / "database"
    folder.mkdir()
    options = ["--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    with open(home / "mongod.log", "w") as log:
        server = subprocess.Popen([program, *options], stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(port)
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise SystemExit("MongoDB did not start in a minute.") from None
            time.sleep(0.1)


def _print(figures: dict[str, Any]) -> None:
    total = figures["total_seconds"]
    rows = [[stage, f"{spent:.1f}", f"{spent / total:.1%}"] for stage, spent in figures["seconds"].items()]
    print_table(["stage", "seconds", "share"], [*rows, ["all", f"{total:.1f}", "100.0%"]])
    print(
        f"\n{figures['scored']} of {figures['images']} images, {figures['classes']} classes, {figures['cores']} cores: "
        f"{figures['own_share']:.1%} of the time outside of training and inference, "
        f"{figures['cpu_seconds']:.0f} CPU-seconds, peak memory {figures['peak_memory_mb']:.0f} MB."
    )


if __name__ == "__main__":
    run_here(json.loads(sys.argv[1]))
