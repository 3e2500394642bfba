"""What a GPU makes of an audit: the time of each stage, how busy it is, and what mixed precision does to the ranking.

Every audit is a process of its own with a FiftyOne and a MongoDB of its own. On CamVid, as it is and five folds::

    python -m benchmarks gpu --images DIR --masks DIR --classes FILE --blocks --json gpu.json

``--device cpu --limit 6 --epochs 1 --folds 2 --input-size 96`` tries the script where there is no GPU. With
``--weights none`` the encoder has random weights: speeds are the same, scores are not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from . import database
from .audit import Stages
from .processes import answer, peak_memory, print_table

_PAPER = "paper"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    parser.add_argument("--masks", type=Path, required=True, help="folder of masks")
    parser.add_argument("--classes", type=Path, help="class names, as for label-quality audit")
    parser.add_argument("--blocks", action="store_true", help="images are video frames in order")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only-folds", type=int, nargs="+", help="train these alone, where time is short")
    parser.add_argument("--epochs", type=int, help="of preset paper (default: its own)")
    parser.add_argument("--input-size", type=int, help="longest side of the images (default: their own)")
    parser.add_argument("--limit", type=int, help="audit the first images only")
    parser.add_argument("--encoder", default="se_resnext50_32x4d")
    parser.add_argument("--weights", default="imagenet", help="imagenet, a file, or none")
    parser.add_argument("--architectures", nargs="+", default=["DeepLabV3Plus", "FPN"])
    parser.add_argument(
        "--without-float32", action="store_true", help="leave out what mixed precision is compared with"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the audits one after another, fast first, and prints what each took.

    Returns:
        ``audits``, each with ``name``, ``seconds`` by stage, ``training`` and ``predicting`` images a second, ``busy``
        (the GPU's mean utilisation by stage, in percent), ``gpu_memory_mb``, ``memory_mb`` and ``quality`` by image;
        ``agreement``, architecture to the rank correlation of quality in mixed precision and in 32 bits
    """
    audits: list[dict[str, Any]] = []
    for name, parameters in _audits(options):
        request = {"name": name, "parameters": parameters, "limit": options.limit, **_paths(options)}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gpu", json.dumps(request)], stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise SystemExit(f"The audit {name} ended with status {done.returncode}.")
        audits.append(json.loads(done.stdout.splitlines()[-1]))
        _print(audits[-1])
    agreement = _agreement(audits)
    for architecture, correlation in agreement.items():
        print(f"{architecture}: rank correlation of quality in mixed precision and in 32 bits {correlation:.4f}")
    return {"audits": audits, "agreement": agreement}


def run_here(request: dict[str, Any]) -> None:
    """Audits in this process and answers with its figures."""
    database.start(None)
    import fiftyone  # noqa: F401
    import torch
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.base.console import TerminalProgress
    from label_quality.plugin.labels.class_files import load_classes
    from label_quality.plugin.samples.folders import LABEL_FIELD, dataset_from_folders

    classes = load_classes(request["classes"]) if request["classes"] else {}
    dataset = dataset_from_folders("gpu", Path(request["images"]), Path(request["masks"]), classes)
    samples = dataset.exists(LABEL_FIELD)
    samples = samples.limit(request["limit"]) if request["limit"] else samples
    stages, parameters = Stages(time.monotonic()), request["parameters"]
    stages.progress = TerminalProgress()
    with _Utilisation(stages) as utilisation:
        summary = audit_labels(samples, LABEL_FIELD, progress=stages, **parameters)
    stages.close()
    folds = parameters["folds"]
    trained = len(parameters.get("only_folds", range(folds)))
    spent = {kind: sum(value for name, value in stages.seconds.items() if name.startswith(kind)) for kind in _STAGES}
    seen = trained * (parameters.get("epochs") or _epochs(parameters)) * summary.images * (1 - 1 / folds)
    answer(
        name=request["name"],
        images=summary.scored,
        seconds=stages.seconds,
        training=seen / max(spent["Training"], 1e-9),
        predicting=summary.scored / max(spent["Predicting"], 1e-9),
        busy={name: mean(found) for name, found in utilisation.found.items() if found},
        gpu_memory_mb=torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else 0.0,
        memory_mb=peak_memory(),
        quality=dict(zip(*dataset.exists("lq_quality").values(["filepath", "lq_quality"]), strict=True)),
    )


_STAGES = ("Training", "Predicting")


class _Utilisation:
    """How busy the GPU is in each stage, looked at twice a second."""

    def __init__(self, stages: Stages) -> None:
        self.found: dict[str, list[float]] = {}
        self._stages, self._ended = stages, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Utilisation:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not self._ended.wait(0.5):
            try:
                said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            except (OSError, subprocess.CalledProcessError):
                return
            stage = next(reversed(self._stages.seconds), "Starting")
            self.found.setdefault(stage, []).append(float(said[0]))


def _audits(options: argparse.Namespace) -> list[tuple[str, dict[str, Any]]]:
    """Name and parameters of each audit."""
    common: dict[str, Any] = {"device": options.device, "folds": options.folds, "blocks": options.blocks}
    if options.only_folds:
        common["only_folds"] = options.only_folds
    weights = None if options.weights == "none" else options.weights
    audits = [("fast", {**common, "preset": "fast"})]
    for architecture in options.architectures:
        paper = {"preset": _PAPER, "architecture": architecture, "encoder": options.encoder, "weights": weights}
        if options.input_size:
            paper["input_size"] = options.input_size
        if options.epochs:
            paper["epochs"] = options.epochs
        audits.append((architecture, {**common, **paper}))
        if not options.without_float32:
            audits.append((f"{architecture}, 32 bits", {**common, **paper, "mixed_precision": False}))
    return audits


def _epochs(parameters: dict[str, Any]) -> int:
    from label_quality.plugin.training.defaults import DEFAULTS

    return DEFAULTS[parameters["preset"]].epochs


def _paths(options: argparse.Namespace) -> dict[str, str | None]:
    return {
        name: getattr(options, name) and os.path.abspath(getattr(options, name))
        for name in ("images", "masks", "classes")
    }


def _agreement(audits: list[dict[str, Any]]) -> dict[str, float]:
    """The rank correlation of the two precisions, where both were audited."""
    by_name = {one["name"]: one["quality"] for one in audits}
    found = {}
    for name, quality in by_name.items():
        other = by_name.get(f"{name}, 32 bits")
        if other:
            pairs = np.array([[quality[path], other[path]] for path in quality if path in other])
            found[name] = float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
    return found


def _print(audit: dict[str, Any]) -> None:
    total = sum(audit["seconds"].values())
    rows = [
        [
            stage,
            f"{spent:.1f}",
            f"{spent / total:.1%}",
            f"{audit['busy'][stage]:.0f} %" if stage in audit["busy"] else "",
        ]
        for stage, spent in audit["seconds"].items()
    ]
    print(f"\n{audit['name']}: {audit['images']} images")
    print_table(["stage", "seconds", "share", "GPU busy"], [*rows, ["all", f"{total:.1f}", "100.0%", ""]])
    print(
        f"{audit['training']:.1f} images a second in training, {audit['predicting']:.1f} in prediction; "
        f"{audit['gpu_memory_mb']:,.0f} MB on the GPU, {audit['memory_mb']:,.0f} MB here."
    )


if __name__ == "__main__":
    run_here(json.loads(sys.argv[1]))
