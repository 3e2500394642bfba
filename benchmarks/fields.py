"""Time to write the results of many samples to a dataset: scores, scores per class, images by path, suspects.

The samples and their results are generated; the database is the benchmark's own. The peer is how FiftyOne's guides
write results: a label object for each value, assigned to samples that `iter_samples(autosave=True)` saves in bulk, or
given to `set_values`, a field at a time. It writes a share of the samples, and its time is scaled up.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import database
from .processes import answer, measure, print_table

KEY, LABEL_FIELD = "lq", "ground_truth"
CLASSES = 12
#: Classes that a mask shows, and suspects of an image
SHOWN, REGIONS = 9, 5
SCORES = ("ccp", "tccp", "cil", "clc", "iou", "coco", "softmin", "evidence")
PER_CLASS = ("softmin", "ccp", "cil", "iou")
FILES = ("prediction", "heatmap", "flags")
#: Samples a portion, as a run hands them over
PORTION = 192


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's options."""
    parser.add_argument("--samples", type=int, default=20_000, help="samples of the dataset (default 20000)")
    parser.add_argument("--peer-samples", type=int, default=1000, help="samples that the peers write (default 1000)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures both sides and prints the table.

    Returns:
        ``samples``, ``peer_samples`` (that the peers have written), and ``results``: ``what`` is written, ``seconds``
        for all samples, and of a peer the ``ratio`` to ours
    """
    seconds = measure(__name__, samples=arguments.samples, peer_samples=arguments.peer_samples)
    ours = seconds["fields of scores"]
    results = [
        {"what": what, "seconds": spent, "ratio": spent / ours if "FiftyOne" in what else None}
        for what, spent in seconds.items()
    ]
    print_table(
        ["written", "seconds", "ms/sample", "times ours"],
        [
            [
                str(one["what"]),
                f"{one['seconds']:.1f}",
                f"{1e3 * one['seconds'] / arguments.samples:.2f}",
                f"{one['ratio']:.1f}" if one["ratio"] else "–",
            ]
            for one in results
        ],
    )
    return {"samples": arguments.samples, "peer_samples": arguments.peer_samples, "results": results}


def _write(samples: int, peer_samples: int) -> None:
    database.start(None)
    ids = _dataset("ours", samples)
    peer_ids = _dataset("peer", peer_samples)
    scale = samples / peer_samples
    fields, suspects = _ours("ours", ids)
    answer(
        **{
            "fields of scores": fields,
            "suspects": suspects,
            "all fields and suspects": fields + suspects,
            "fields of scores, FiftyOne's iter_samples(autosave=True)": scale * _autosaved("peer", peer_ids),
            "fields of scores, FiftyOne's set_values": scale * _set_values("peer", peer_ids),
        }
    )


def _dataset(name: str, samples: int) -> list[str]:
    import fiftyone as fo

    dataset = fo.Dataset(name)
    return list(dataset.add_samples((fo.Sample(f"/images/{i:06d}.png") for i in range(samples)), progress=False))


def _ours(name: str, ids: list[str]) -> tuple[float, float]:
    import fiftyone as fo
    from label_quality.plugin.dataset.fields import write_results
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.scores.results import Columns

    dataset = fo.load_dataset(name)
    table = ClassTable.from_targets({index: f"class {index}" for index in range(CLASSES)})
    columns = Columns(SCORES, ("fold", *FILES, "per_class"))
    rows, images = list(_rows(ids)), list(_suspects(ids))
    start = time.perf_counter()
    write_results(dataset, KEY, iter(rows), columns, class_table=table, label_field=LABEL_FIELD, total=len(ids))
    middle = time.perf_counter()
    write_suspects(dataset, KEY, iter(images), class_table=table, label_field=LABEL_FIELD, total=len(ids))
    return middle - start, time.perf_counter() - middle


def _autosaved(name: str, ids: list[str]) -> float:
    import fiftyone as fo

    dataset = fo.load_dataset(name)
    _declare(dataset, "saved", _labels(ids))
    start = time.perf_counter()
    values = _labels(ids)
    for number, sample in enumerate(dataset.iter_samples(autosave=True)):
        for suffix, column in values.items():
            sample[f"saved_{suffix}"] = column[number]
    return time.perf_counter() - start


def _set_values(name: str, ids: list[str]) -> float:
    import fiftyone as fo

    dataset = fo.load_dataset(name)
    _declare(dataset, "bulk", _labels(ids))
    start = time.perf_counter()
    values = _labels(ids)
    for suffix, column in values.items():
        dataset.set_values(f"bulk_{suffix}", dict(zip(ids, column, strict=True)), key_field="id")
    return time.perf_counter() - start


def _declare(dataset: Any, prefix: str, values: dict[str, list[Any]]) -> None:
    for suffix, column in values.items():
        dataset.set_values(f"{prefix}_{suffix}", column[:1] + [None] * (len(column) - 1), dynamic=True)
        if suffix in ("quality", *SCORES):
            dataset.create_index(f"{prefix}_{suffix}")


def _labels(ids: list[str]) -> dict[str, list[Any]]:
    """The same fields' values as FiftyOne's label objects."""
    import fiftyone as fo

    columns: dict[str, list[Any]] = {}
    for rows in _rows(ids):
        for name in ("quality", *SCORES):
            columns.setdefault(name, []).extend(rows.scores["softmin" if name == "quality" else name].tolist())
        columns.setdefault("fold", []).extend(rows.others["fold"])
        masks = [fo.Segmentation(mask_path=path) for path in rows.others["prediction"]]
        columns.setdefault("prediction", []).extend(masks)
        for name in ("heatmap", "flags"):
            maps = [fo.Heatmap(map_path=path, range=[64, 255]) for path in rows.others[name]]
            columns.setdefault(name, []).extend(maps)
        columns.setdefault("per_class", []).extend(_class_labels(rows, row) for row in range(len(rows.ids)))
    return columns


def _class_labels(rows: Any, row: int) -> Any:
    import fiftyone as fo

    return fo.Classifications(
        classifications=[
            fo.Classification(
                label=f"class {index}",
                confidence=float(rows.per_class["softmin"][row, index]),
                pixels=int(rows.class_pixels[row, index]),
                **{name: float(rows.per_class[name][row, index]) for name in PER_CLASS[1:]},
            )
            for index in range(SHOWN)
        ]
    )


def _rows(ids: list[str]) -> Iterator[Any]:
    from label_quality.plugin.scores.results import ResultRows

    rng = np.random.default_rng(0)
    pixels = np.where(np.arange(CLASSES) < SHOWN, 14_400, 0)
    for start in range(0, len(ids), PORTION):
        part = ids[start : start + PORTION]
        shape = len(part), CLASSES
        yield ResultRows(
            ids=part,
            scores={name: rng.random(len(part)) for name in SCORES},
            others={
                "fold": [number % 5 for number in range(len(part))],
                **{name: [f"/runs/{name}s/{one[-2:]}/{one}.png" for one in part] for name in FILES},
            },
            per_class={name: np.where(pixels > 0, rng.random(shape), np.nan) for name in PER_CLASS},
            class_pixels=np.tile(pixels, (len(part), 1)),
        )


def _suspects(ids: list[str]) -> Iterator[Any]:
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    rng = np.random.default_rng(1)
    for one in ids:
        yield ImageSuspects(
            sample_id=one,
            size=(360, 480),
            given=rng.integers(0, CLASSES, REGIONS),
            suggested=rng.integers(0, CLASSES, REGIONS),
            kind=["drop", "swap", "shift", "other", "swap"],
            evidence=rng.random(REGIONS) * 1000,
            area=rng.integers(100, 5000, REGIONS),
            confidence=rng.random(REGIONS),
            box=np.tile([10, 20, 60, 80], (REGIONS, 1)),
            masks=[f"/runs/masks/{one[-2:]}/{number:02d}-{one}.png" for number in range(REGIONS)],
        )


if __name__ == "__main__":
    _write(**json.loads(sys.argv[1]))
