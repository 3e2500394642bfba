"""What reviewing takes in a dataset of many suspects: a verdict, learning from verdicts, an order, the panel.

Generated images of 96 x 72 pixels show twelve objects, five of which are given a wrong class, and stored probabilities
know better: 4,000 of them have about 20,000 suspects::

    python -m benchmarks many-suspects --images 4000 --json many.json

What suspects look like, which else comes from the encoder of the preset ``fast``, is random numbers about one centre
for each class. It runs as an App does, in one process with a FiftyOne and a MongoDB of its own. ``--folder`` keeps the
audited dataset for further calls. Each step is timed several times, and its median is printed, with the CPU seconds of
this process and of the database: those depend less on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from . import database
from .processes import answer, measure, print_table

#: Height and width of an image, in cells of so many pixels with one object each
_ROWS, _COLUMNS, _CELL, _SIDE = 3, 4, 24, 16
#: Objects of an image that are given a wrong class
_WRONG = 5
#: Road, car, tree and bus, in BGR
_COLORS = np.array([[60, 60, 70], [30, 40, 200], [40, 140, 40], [200, 120, 30]], np.int16)
_NAMES = ("road", "car", "tree", "bus")
#: Verdicts that are there when learning is timed
_VERDICTS = (5, 200, 1000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--images", type=int, default=4000, help="how many, of some five suspects each (default 4000)")
    parser.add_argument("--repetitions", type=int, default=5, help="of each step (default 5)")
    parser.add_argument("--folder", type=Path, help="where dataset and run stay (default: temporary)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Audits, times the steps in a process of its own and prints them.

    Returns:
        ``images``, ``suspects``, and ``steps``: name to ``seconds`` and ``cpu_seconds``, medians
    """
    folder = options.folder or Path(tempfile.mkdtemp(prefix="label-quality-many-"))
    try:
        request = {"images": options.images, "repetitions": options.repetitions}
        found = measure(__name__, folder=str(folder.resolve()), **request)
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{options.images:,} images, {found['suspects']:,} suspects\n")
    rows = [[name, f"{one['seconds']:.2f}", f"{one['cpu_seconds']:.2f}"] for name, one in found["steps"].items()]
    print_table(["step", "seconds", "CPU seconds"], rows)
    return {"images": options.images, **found}


class Steps:
    """Times what is done, and the CPU that it takes here and in the database.

    Args:
        repetitions: of each step
    """

    def __init__(self, repetitions: int) -> None:
        self.found: dict[str, dict[str, float]] = {}
        self._repetitions = repetitions
        own = psutil.Process()
        self._processes = [own, *(one for one in own.children(recursive=True) if "mongod" in one.name())]

    def time(self, name: str, step: Callable[[int], Any], after: Callable[[int], Any] = lambda number: None) -> None:
        """Times a step, which is given the number of the repetition; what comes after it is not timed."""
        seconds, cpu = [], []
        for number in range(self._repetitions):
            started, used = time.perf_counter(), self._cpu()
            step(number)
            seconds.append(time.perf_counter() - started)
            cpu.append(self._cpu() - used)
            after(number)
        self.found[name] = {"seconds": statistics.median(seconds), "cpu_seconds": statistics.median(cpu)}

    def _cpu(self) -> float:
        times = [one.cpu_times() for one in self._processes]
        return sum(one.user + one.system for one in times)


def _write_one(folder: Path, index: int) -> dict[str, str]:
    """Writes an image, its mask and its probabilities; returns their paths."""
    endings = {"images": "png", "masks": "png", "soft": "npy"}
    paths = {part: str(folder / part / f"{index:06d}.{ending}") for part, ending in endings.items()}
    rng = np.random.default_rng(index)
    truth = np.zeros((_ROWS * _CELL, _COLUMNS * _CELL), np.uint8)
    mask = truth.copy()
    for number, cell in enumerate(rng.permutation(_ROWS * _COLUMNS).tolist()):
        top, left = (_CELL * np.array(divmod(cell, _COLUMNS)) + rng.integers(1, _CELL - _SIDE, 2)).tolist()
        place = np.s_[top : top + _SIDE, left : left + int(rng.integers(_SIDE // 2, _SIDE))]
        truth[place] = klass = int(rng.integers(1, len(_NAMES)))
        mask[place] = (klass + rng.integers(1, len(_NAMES))) % len(_NAMES) if number < _WRONG else klass
    noise = rng.integers(-12, 13, (*truth.shape, 3), np.int16)
    cv2.imwrite(paths["images"], np.clip(_COLORS[truth] + noise, 0, 255).astype(np.uint8))
    cv2.imwrite(paths["masks"], mask)
    logits = rng.standard_normal((len(_NAMES), *truth.shape), np.float32)
    soft = np.exp(logits + 5 * (np.arange(len(_NAMES))[:, None, None] == truth))
    np.save(paths["soft"], (soft / soft.sum(axis=0)).astype(np.float16))
    return paths


def _dataset(folder: Path, images: int) -> Any:
    """The audited dataset, which a folder of an earlier call has already."""
    import fiftyone as fo
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.base.console import TerminalProgress

    name = f"many-{images}"
    if fo.dataset_exists(name):
        return fo.load_dataset(name)
    for part in ("images", "masks", "soft"):
        (folder / part).mkdir(exist_ok=True)
    dataset = fo.Dataset(name)
    dataset.mask_targets = {"ground_truth": dict(enumerate(_NAMES))}
    paths = (_write_one(folder, index) for index in range(images))
    dataset.add_samples(
        (
            fo.Sample(one["images"], ground_truth=fo.Segmentation(mask_path=one["masks"]), soft=one["soft"])
            for one in paths
        ),
        progress=False,
    )
    progress = TerminalProgress()
    audit_labels(dataset, "ground_truth", source="files", field="soft", min_probability=0.0, progress=progress)
    _give_looks(dataset)
    dataset.persistent = True
    return dataset


def _give_looks(dataset: Any) -> None:
    """Gives the run's suspects descriptors, which stored probabilities cannot give them."""
    from label_quality.plugin.records.run_record import load_record
    from label_quality.plugin.store.sets import SuspectSet, load_set
    from label_quality.plugin.suspects.appearance import CHANNELS

    record = load_record(dataset, "lq")
    store, rng = load_set(Path(str(record.folder)) / str(record.suspects.set)), np.random.default_rng(51)
    assert isinstance(store, SuspectSet)
    centres, shard = rng.standard_normal((len(_NAMES), CHANNELS)), 0
    while store.shard_done("regions", shard):
        row = store.read_shard("regions", shard)
        looks = centres[row["suggested"]] + rng.standard_normal((len(row["suggested"]), CHANNELS))
        store.write_shard("regions", shard, {**row, "descriptors": looks.astype(np.float16)})
        shard += 1


def _measure(folder: str, images: int, repetitions: int) -> None:
    home = database.start(Path(folder))
    plugin = home / "plugins" / "label-quality"
    if not plugin.is_symlink():
        plugin.symlink_to(Path(__file__).resolve().parents[1])
    dataset = _dataset(home, images)
    steps = Steps(repetitions)
    _review(dataset, steps)
    answer(suspects=_suspects(dataset), steps=steps.found)


def _review(dataset: Any, steps: Steps) -> None:
    from label_quality.plugin.review.decide import progress, set_verdict
    from label_quality.plugin.review.learn import learn_from_verdicts
    from label_quality.plugin.review.many import decide_on_all, undo_decision
    from label_quality.plugin.review.order import ORDERS, SIMILAR, order_suspects

    ids = _ids(dataset)
    queue = dataset.load_saved_view("lq: suspect regions")
    queue.values("id")

    def decide(number: int) -> None:
        set_verdict(dataset, "lq", [ids[number]], "confirmed", view=queue)

    def learn(number: int) -> None:
        learn_from_verdicts(dataset, "lq", view=queue)

    def order(name: str, number: int) -> None:
        order_suspects(dataset, "lq", name, to=ids[-1] if name == SIMILAR else None).first()

    def decide_on_all_shown(number: int) -> None:
        decide_on_all(queue, "lq", "rejected" if number % 2 else "confirmed")

    steps.time("opening the panel", lambda number: _open_panel(dataset))
    steps.time("one verdict", decide)
    steps.time("how far the review is", lambda number: progress(dataset, "lq"))
    for verdicts in _VERDICTS:
        chosen = ids[: min(verdicts, len(ids) // 2)]
        set_verdict(dataset, "lq", chosen[::2], "confirmed")
        set_verdict(dataset, "lq", chosen[1::2], "rejected")
        steps.time(f"learning from {verdicts:,} verdicts", learn)
    for name, text in ORDERS.items():
        steps.time(text, partial(order, name))
    set_verdict(dataset, "lq", ids[: max(_VERDICTS)], None)
    steps.time("learning from none", learn)
    steps.time("one verdict on all", decide_on_all_shown, after=lambda number: undo_decision(dataset, "lq"))


def _ids(dataset: Any) -> list[str]:
    """Of all suspects, in a random order."""
    ids = dataset.values("lq_suspects.detections.id", unwind=True)
    return [ids[place] for place in np.random.default_rng(51).permutation(len(ids)).tolist()]


def _suspects(dataset: Any) -> int:
    return int(dataset.count("lq_suspects.detections"))


def _open_panel(dataset: Any) -> None:
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor

    uri = "@label-quality/segmentation/label_quality_panel"
    params = {"panel_id": "panel", "panel_state": {}, "__method__": "on_load"}
    request = {"dataset_id": str(dataset._doc.id), "view": [], "params": params}
    foo.get_operator(uri).execute(ExecutionContext(request, executor=Executor(), operator_uri=uri))


if __name__ == "__main__":
    _measure(**json.loads(sys.argv[1]))
