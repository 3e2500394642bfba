"""What clean masks are worth on sets whose errors are known: the same model trained on given and on clean masks.

On masks that people have corrected, the clean ones are theirs. Elsewhere a review is simulated: a person says of every
suspect what is true at most of its pixels. All models are judged on the right masks::

    python -m benchmarks gain --nuclei DIR --camvid DIR --work DIR --out gain.json

Of CamVid the systematic errors of `suspect_sets` are used, as sparse ones change too few pixels to matter to a model.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from label_quality.plugin.base.console import TerminalProgress
from label_quality.plugin.labels.class_files import load_classes

from . import database
from .processes import print_table
from .suspect_sets import CORRECTED, SYSTEMATIC, NoisySet, noisy_sets, read_labels

_GIVEN, _TRUE = "ground_truth", "true"
_KEY = "gain"
_MEASURES = ("miou", "miou_gain", "accuracy", "accuracy_gain")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--camvid", type=Path, metavar="DIR", help="CamVid: images/, masks/ and classes.json")
    parser.add_argument(
        "--nuclei", type=Path, metavar="DIR", help="corrected masks: images/, masks/, corrected/ and classes.json"
    )
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="seeds (default 3)")
    parser.add_argument("--seed", type=int, default=51, help="of errors, folds and bootstrap (default 51)")
    parser.add_argument("--work", type=Path, help="folder to keep everything in; by default a temporary one")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Audits, reviews, trains, judges, and prints the tables.

    Returns:
        ``sets``: name to ``suspects``, ``confirmed``, ``rejected``, and what `measure_gain` gives; ``seed``
    """
    home = database.start(options.work / "fiftyone" if options.work else None)
    work = options.work or home
    progress = TerminalProgress()
    try:
        made = noisy_sets(work, 0, options.camvid, options.nuclei, options.seed, progress)
        wanted = [one for one in made if one.kind == CORRECTED or (one.key == f"camvid-{SYSTEMATIC}")]
        found = {one.name: _measure(one, options, progress) for one in wanted}
    finally:
        progress.close()
    for name, one in found.items():
        print(f"\n{name}\n")
        print_gain(one)
    return {"sets": found, "seed": options.seed}


def print_gain(found: Mapping[str, Any]) -> None:
    """The table of a set."""
    if found["suspects"] is not None:
        print(f"{found['suspects']} suspects, {found['confirmed']} confirmed, {found['rejected']} rejected\n")
    rows = [
        [one["masks"], f"{one['changed']:.2%}", *(_cell(one[name], name.endswith("gain")) for name in _MEASURES)]
        for one in found["gain"]["scores"]
    ]
    print_table(["masks", "pixels changed", "mIoU", "gain", "accuracy", "gain"], rows)


def _measure(one: NoisySet, options: argparse.Namespace, progress: TerminalProgress) -> dict[str, Any]:
    import fiftyone as fo
    from label_quality import audit_labels, dataset_from_folders, measure_gain

    name = f"gain-{one.key}"
    if fo.dataset_exists(name):
        fo.delete_dataset(name)
    classes = load_classes(one.source.folder / "classes.json")
    dataset = dataset_from_folders(name, one.source.folder / "images", one.given, classes)
    true = [
        fo.Segmentation(mask_path=str(one.true / Path(path).name)) for path in dataset.values(f"{_GIVEN}.mask_path")
    ]
    dataset.set_values(_TRUE, true)
    unlabelled = one.source.unlabelled
    audit_labels(
        dataset,
        _GIVEN,
        key=_KEY,
        unlabelled=unlabelled,
        blocks=one.source.blocks,
        seed=options.seed,
        overwrite=True,
        progress=progress,
    )
    figures: dict[str, Any] = {"suspects": None}
    given = {"verified_field": _TRUE, "repeats": options.repeats}
    if one.kind == CORRECTED:
        given["clean_field"] = _TRUE
    else:
        figures = _review(dataset, one)
    return {**figures, "gain": asdict(measure_gain(dataset, _KEY, progress=progress, **given))}


def _review(dataset: Any, one: NoisySet) -> dict[str, int]:
    """Gives every suspect the verdict that is true of it; returns how many there are of each."""
    import fiftyone as fo
    from label_quality import set_verdict

    table = one.source.table
    verdicts: dict[tuple[str, str | None], list[str]] = {}
    for sample in dataset.iter_samples():
        path = Path(sample[_GIVEN].mask_path)
        true = read_labels(one.true / path.name, table)
        for region in sample[f"{_KEY}_suspects"].detections:
            given, most = table.names.index(region.given), _most(true, region, fo)
            if most == given:
                verdicts.setdefault(("rejected", None), []).append(region.id)
            else:
                other = table.names[most] if table.names[most] != region.label else None
                verdicts.setdefault(("confirmed", other), []).append(region.id)
    for (verdict, other), ids in verdicts.items():
        set_verdict(dataset, _KEY, ids, verdict, corrected_to=other, reviewer="what is true")
    counts = {
        word: sum(len(ids) for (one, _), ids in verdicts.items() if one == word) for word in ("confirmed", "rejected")
    }
    return {"suspects": sum(counts.values()), **counts}


def _most(true: np.ndarray, region: Any, fo: Any) -> int:
    """The class that is true at most of a region's pixels."""
    mask = fo.Detection(mask_path=region.mask_path, bounding_box=region.bounding_box).get_mask()
    height, width = true.shape
    left, top = round(region.bounding_box[0] * width), round(region.bounding_box[1] * height)
    inside = true[top : top + mask.shape[0], left : left + mask.shape[1]][mask > 0]
    return int(np.bincount(inside[inside >= 0], minlength=1).argmax())


def _cell(one: Mapping[str, float] | None, signed: bool = False) -> str:
    if one is None:
        return ""
    sign = "+" if signed else ""
    return f"{one['value']:{sign}.4f} ({one['low']:{sign}.4f} to {one['high']:{sign}.4f})"
