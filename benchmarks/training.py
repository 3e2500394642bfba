"""What cross-validation costs: a whole audit with the fast preset against one inference pass of its encoder.

The pass reads every image and runs the preset's frozen encoder over it, as an audit does and with as many threads, but
keeps nothing. It is timed before and after the audit, in processes of its own, as neighbours on the machine slow both::

    python -m benchmarks training --images DIR --masks DIR --classes FILE --blocks --json training.json

The images are read once before, so that every measurement finds them in the system's memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from label_quality.plugin.base.executor import map_shards

from . import audit
from .processes import answer, print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark: those of the audit, and how often the pass is timed."""
    audit.add_arguments(parser)
    parser.add_argument("--passes", type=int, default=1, help="inference passes before, and as many after the audit")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Times passes, the audit, and passes again, and prints the ratios.

    Returns:
        ``images``, ``cores``, ``passes`` (seconds and CPU-seconds of each), ``pass_seconds`` and ``pass_cpu_seconds``
        (medians), ``audit`` (as `audit.run` returns it), ``ratio`` (of the whole audit's seconds to a pass's),
        ``cpu_ratio`` (likewise of CPU-seconds) and ``model_ratio`` (of the seconds that the audit's model stages take)
    """
    if options.preset != "fast" or options.predictions:
        raise SystemExit("Only the fast preset has a frozen encoder: leave --preset and --predictions out.")
    before = [_inference_pass(options.images) for _ in range(options.passes)]
    figures = audit.run(options)
    passes = before + [_inference_pass(options.images) for _ in range(options.passes)]
    seconds, cpu = (statistics.median(one[name] for one in passes) for name in ("seconds", "cpu_seconds"))
    result = {
        "images": figures["images"],
        "cores": figures["cores"],
        "passes": passes,
        "pass_seconds": seconds,
        "pass_cpu_seconds": cpu,
        "audit": figures,
        "ratio": figures["total_seconds"] / seconds,
        "cpu_ratio": figures["cpu_seconds"] / cpu,
        "model_ratio": figures["model_seconds"] / seconds,
    }
    _print(result)
    return result


def run_here(images: str) -> None:
    """Times one pass in this process, and answers with its figures."""
    paths = [str(path) for path in sorted(Path(images).iterdir()) if path.is_file()]
    for path in paths:
        Path(path).read_bytes()
    encode = _encoding()
    for path in paths[:2]:
        encode(path)
    wall, cpu = time.monotonic(), time.process_time()
    for _ in map_shards(encode, paths):
        pass
    answer(images=len(paths), seconds=time.monotonic() - wall, cpu_seconds=time.process_time() - cpu)


def _encoding() -> Callable[[str], None]:
    """Reads an image and runs the fast preset's encoder over it, in one thread, as audits on a CPU do."""
    import torch
    from label_quality.plugin.labels.images import read_image
    from label_quality.plugin.models.encoders import MULTIPLE, FrozenEncoder
    from label_quality.plugin.models.exported import exported
    from label_quality.plugin.models.resizing import fit_image, input_size, pad_image
    from label_quality.plugin.models.tiled import image_tensor
    from label_quality.plugin.training.defaults import DEFAULTS

    preset = DEFAULTS["fast"]
    network = FrozenEncoder(preset.encoder, "imagenet")
    encoder = exported(network) or network

    def encode(path: str) -> None:
        torch.set_num_threads(1)
        image = read_image(path)
        fitted = fit_image(image, input_size((image.shape[0], image.shape[1]), preset.input_size))
        encoder(image_tensor(pad_image(fitted, MULTIPLE)[None]))

    return encode


def _inference_pass(images: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.training", os.path.abspath(images)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _print(result: dict[str, Any]) -> None:
    figures, seconds = result["audit"], result["pass_seconds"]
    stages = figures["seconds"].items()
    rows = [[stage, f"{spent:.1f}", f"{spent / seconds:.2f}"] for stage, spent in stages if _uses_model(stage)]
    rest = figures["total_seconds"] - figures["model_seconds"]
    rows += [["everything else", f"{rest:.1f}", f"{rest / seconds:.2f}"]]
    whole = ["the whole audit", f"{figures['total_seconds']:.1f}", f"{result['ratio']:.2f}"]
    print()
    print_table(["of the audit", "seconds", "inference passes"], [*rows, whole])
    print(
        f"\nOne inference pass over {result['images']} images: {seconds:.1f} s (median of {len(result['passes'])}), "
        f"{result['pass_cpu_seconds']:.1f} CPU-seconds; the audit takes {result['cpu_ratio']:.2f} times the latter."
    )


def _uses_model(stage: str) -> bool:
    return stage.startswith(audit.MODEL_STAGES)


if __name__ == "__main__":
    run_here(sys.argv[1])
