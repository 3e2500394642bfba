"""Time by stage and peak memory of a whole audit, from two folders to the written fields.

The audit runs as ``label-quality audit`` does, in a process of its own with a FiftyOne and a MongoDB of its own in a
temporary folder, of which nothing is left::

    python -m benchmarks audit --images DIR --masks DIR --classes FILE --blocks --json audit.json

A stage's time is what passes until its last report of progress since the stage before it ended. Stages that train or
run a model are model time; the imports of FiftyOne and PyTorch, once a process whatever it does, are a stage that is
neither; all others are the plugin's own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import database
from .processes import answer, peak_memory, print_table

#: Stages that train a model or run one
MODEL_STAGES = ("Encoding", "Training", "Predicting")
IMPORTS = "Importing FiftyOne and PyTorch"


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


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the audit and prints its stages.

    Returns:
        ``images``, ``scored``, ``classes``, ``seconds`` by stage, ``total_seconds``, ``model_seconds``,
        ``import_seconds`` (of FiftyOne and PyTorch), ``own_seconds`` (all the rest) and ``own_share`` (of the total),
        ``cpu_seconds``, ``peak_memory_mb`` and ``cores``
    """
    figures = _measure(_arguments(options))
    _print(figures)
    return figures


def run_here(audit: dict[str, Any]) -> None:
    """Runs the audit in this process, on a database of its own, and answers with its figures."""
    database.start(None)
    stages = Stages(time.monotonic())
    import_libraries()
    stages.count(IMPORTS)
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.base.console import TerminalProgress
    from label_quality.plugin.labels.class_files import load_classes
    from label_quality.plugin.samples.folders import LABEL_FIELD, attach_predictions, dataset_from_folders

    stages.progress = TerminalProgress()
    images, masks, classes, predictions = (audit.pop(name) for name in ("images", "masks", "classes", "predictions"))
    named = load_classes(classes) if classes else {}
    dataset = dataset_from_folders("audit", Path(images), Path(masks), named)
    if predictions:
        audit["field"] = attach_predictions(dataset, Path(predictions), images=Path(images))
    stages.count("Starting")
    summary = audit_labels(dataset.exists(LABEL_FIELD), LABEL_FIELD, progress=stages, **audit)
    stages.close()
    times = os.times()
    model = sum(seconds for stage, seconds in stages.seconds.items() if stage.startswith(MODEL_STAGES))
    total, imports = sum(stages.seconds.values()), stages.seconds[IMPORTS]
    answer(
        images=summary.images,
        scored=summary.scored,
        classes=summary.classes,
        parameters=audit,
        seconds=stages.seconds,
        total_seconds=total,
        model_seconds=model,
        import_seconds=imports,
        own_seconds=total - model - imports,
        own_share=(total - model - imports) / total,
        cpu_seconds=times.user + times.system,
        peak_memory_mb=peak_memory(),
        cores=os.cpu_count(),
    )


class Stages:
    """A `Progress` that keeps the seconds of each stage, in order, and passes on what it is told.

    Args:
        started: when the first stage began, by `time.monotonic`

    Attributes:
        seconds: of each stage so far
        progress: whom to tell, once it is set
    """

    def __init__(self, started: float) -> None:
        self.seconds: dict[str, float] = {}
        self.progress: Any = None
        self._since = started

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.count(stage)
        self.progress(stage, done, total)

    def close(self) -> None:
        """Ends the last stage: what came after its last report is its own."""
        self.count(list(self.seconds)[-1])
        self.progress.close()

    def count(self, stage: str) -> None:
        """Counts the time since the last report for a stage."""
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now


def import_libraries() -> None:
    """Imports what an App that runs the audit has imported already."""
    import fiftyone  # noqa: F401
    import segmentation_models_pytorch  # noqa: F401
    import torch  # noqa: F401


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


def _print(figures: dict[str, Any]) -> None:
    total = figures["total_seconds"]
    rows = [[stage, f"{spent:.1f}", f"{spent / total:.1%}"] for stage, spent in figures["seconds"].items()]
    print_table(["stage", "seconds", "share"], [*rows, ["all", f"{total:.1f}", "100.0%"]])
    print(
        f"\n{figures['scored']} of {figures['images']} images, {figures['classes']} classes, {figures['cores']} cores: "
        f"{figures['own_seconds']:.1f} s ({figures['own_share']:.1%}) outside of training, inference and imports, "
        f"{figures['cpu_seconds']:.0f} CPU-seconds, peak memory {figures['peak_memory_mb']:.0f} MB."
    )


if __name__ == "__main__":
    run_here(json.loads(sys.argv[1]))
