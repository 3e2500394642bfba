"""How far in front annotated objects that are wrong come, by their quality and by plainer scores.

The audits are those of ``python -m benchmarks suspects``, and are kept and found in the same ``--work``::

    python -m benchmarks objects --camvid DIR --nuclei DIR --work DIR --out objects.json

An object of the given masks is *of another class* where at least half of its pixels truly are, and *wrong* where it and
the true objects of its class that it shares pixels with have an IoU below 0.75; what other given objects of the class
cover of those does not count. Objects that are left out altogether have no score.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.benchmark.ranking_metrics import auroc, average_precision
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.objects.config import ObjectConfig
from label_quality.plugin.objects.object_scores import Objects, find_objects, score_objects
from label_quality.plugin.pixels.overlaps import block_overlaps
from skimage.measure import label as connected_components

from .audited_sets import Audited, add_set_arguments, of_each_set
from .processes import print_table
from .suspect_sets import NoisySet, read_labels

OTHER_CLASS, WRONG = "of another class", "wrong"
CONFIDENCE, SOFTMIN, QUALITY = "mean probability", "softmin", "quality"
#: An object is of another class where this share of its pixels is
_MOST = 0.5
#: and wrong where its IoU with the true one is below this
_LEAST_IOU = 0.75
_TEMPERATURE = 0.1
#: Classes with fewer wrong objects are not judged by themselves
_LEAST_WRONG = 3
_TOP = 20
#: The bootstrap is done in so many, as its weights are as many as objects times resamples
_PORTIONS = 20


@dataclass(frozen=True)
class Judged:
    """The n objects of a set.

    Args:
        images: how many images the set has
        objects: their scores
        softmin: (n,) float64, of the given class over each one's pixels
        image: (n,) int64, number of the image that each is in
        other: (n,) float64, share of its pixels whose true class is another one
        iou: (n,) float64, with the true objects of its class
        true: (n,) int64, the true class of most of its pixels
    """

    images: int
    objects: Objects
    softmin: np.ndarray
    image: np.ndarray
    other: np.ndarray
    iou: np.ndarray
    true: np.ndarray

    @property
    def errors(self) -> dict[str, np.ndarray]:
        """(n,) bool for each of the two ways to be wrong."""
        return {OTHER_CLASS: self.other >= _MOST, WRONG: self.iou < _LEAST_IOU}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default 1000)")
    parser.add_argument(
        "--powers",
        type=float,
        nargs="+",
        default=[0.0, 0.25, 0.5, 0.67, 1.0],
        metavar="P",
        help="of an object's share of the image, compared with that of the quality (default 0 0.25 0.5 0.67 1)",
    )
    parser.add_argument(
        "--min-area", type=float, default=ObjectConfig().min_area, help="least share of an object (default %(default)g)"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Audits, scores, judges, and prints the tables.

    Returns:
        ``sets``: name to ``images``, ``objects``, ``looks_like`` (of the objects of another class, the share that looks
        like its true one) and, for each of the two ways to be wrong, their ``number`` and ``orders``: name to what
        `judge` gives
    """
    found = of_each_set(options, lambda one, audited, _, progress: _judged_set(one, audited, progress, options))
    for error in (OTHER_CLASS, WRONG):
        for measure, title in (("ap", "Average precision"), ("ap_in_class", "Average precision in a class")):
            print(f"\n{title} of objects that are {error}\n")
            _print_orders(found, error, measure)
    print("\nThe quality of objects, and what they look like\n")
    _print_quality(found)
    return {"sets": found, "seed": options.seed, "min_area": options.min_area}


def scores_of(judged: Judged, powers: Sequence[float]) -> dict[str, np.ndarray]:
    """Name to the (n,) scores of a set's objects, low = probably wrong."""
    objects = judged.objects
    of_powers = {f"share^{power:g}": -objects.contradiction * objects.share**power for power in powers}
    plain = {CONFIDENCE: objects.given_confidence, SOFTMIN: judged.softmin}
    return {**plain, **of_powers, QUALITY: objects.quality}


def judge(
    wrong: np.ndarray, score: np.ndarray, judged: Judged, draws: np.ndarray | None = None
) -> dict[str, float | list[float] | None]:
    """How far in front wrong objects are.

    Args:
        wrong: (n,) bool
        score: (n,) low = first
        judged: the objects
        draws: (resamples, images) how often each image is drawn, for the interval

    Returns:
        ``ap`` and ``auroc``, None where all or none are wrong; ``top``, the share of the first 20 that is wrong;
        ``ap_in_class``, the mean over the classes with at least 3 wrong objects, None where there are none; with
        draws, ``interval``, the 95 % bootstrap interval of ``ap`` over images
    """
    first = np.argsort(score, kind="stable")[:_TOP]
    found: dict[str, float | list[float] | None] = {
        "ap": None,
        "auroc": None,
        "top": float(wrong[first].mean()) if wrong.size else None,
        "ap_in_class": _in_class(wrong, score, judged.objects.given),
    }
    if wrong.any() and not wrong.all():
        found |= {"ap": float(average_precision(wrong, score)), "auroc": float(auroc(wrong, score))}
        if draws is not None:
            drawn = [_drawn_precision(wrong, score, some[:, judged.image]) for some in np.array_split(draws, _PORTIONS)]
            found["interval"] = np.quantile(np.concatenate(drawn), [0.025, 0.975]).tolist()
    return found


def _drawn_precision(wrong: np.ndarray, score: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Average precision of each draw that has a wrong object at all; draws (m, n), how often each object counts."""
    weights = draws.astype(np.float64)
    weights = weights[(weights @ wrong) > 0]
    return average_precision(wrong, score, weights) if len(weights) else np.zeros(0)  # type: ignore[return-value]


def judged_image(
    probabilities: np.ndarray, given: np.ndarray, true: np.ndarray, factor: int, classes: Sequence[int], min_area: float
) -> tuple[Objects, dict[str, np.ndarray]]:
    """The objects of an image with what is known of them.

    Args:
        probabilities: (K, h, w) float32, pooled
        given: (H, W) int16 class indices, negative where ignored
        true: (H, W) int16 class indices
        factor: side of a block in pixels
        classes: indices of the classes whose objects are scored
        min_area: least share of an object

    Returns:
        the objects; and of each ``softmin``, ``other``, ``iou`` and ``true``, as `Judged` has them
    """
    objects = score_objects(probabilities, given, factor, classes, min_area)
    numbers, labels = find_objects(given, classes, min_area * np.count_nonzero(given >= 0))
    known = {"softmin": _softmin(probabilities, numbers, labels, factor), **_truth(numbers, labels, given, true)}
    return objects, known


def _truth(numbers: np.ndarray, labels: np.ndarray, given: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    n, classes = len(labels), int(max(true.max(), labels.max(initial=0))) + 1
    inside = numbers > 0
    places, seen = numbers[inside] - 1, true[inside].astype(np.int64)
    taking_part = seen >= 0
    votes = np.bincount(places[taking_part] * classes + seen[taking_part], minlength=n * classes).reshape(n, classes)
    area = np.bincount(places, minlength=n)
    own = votes[np.arange(n), labels]
    parts = connected_components(true.astype(np.int32) + 1, background=0, connectivity=2)
    sizes = np.bincount(parts.ravel())
    # Of true objects, the pixels that some given object of their class covers
    claimed = np.bincount(parts[given == true], minlength=sizes.size)
    same = inside & (true == given)
    pairs = np.unique(np.stack([numbers[same] - 1, parts[same]]), axis=1)
    missed = np.bincount(pairs[0], weights=(sizes - claimed)[pairs[1]], minlength=n)
    return {
        "other": (votes.sum(axis=1) - own) / area,
        "iou": own / (area + missed),
        "true": votes.argmax(axis=1) if n else np.zeros(0, np.int64),
    }


def _softmin(probabilities: np.ndarray, numbers: np.ndarray, labels: np.ndarray, factor: int) -> np.ndarray:
    """(n,) float64, the probability of the given class, averaged with most weight on the lowest."""
    parts, blocks, counts = block_overlaps(numbers, factor)
    flat = probabilities.reshape(len(probabilities), -1)
    given = flat[labels[parts - 1], blocks].astype(np.float64)
    weights = counts * np.exp((1 - given) / _TEMPERATURE)
    sums, totals = (
        np.bincount(parts, weights=one, minlength=len(labels) + 1)[1:] for one in (weights * given, weights)
    )
    return sums / totals


def _in_class(wrong: np.ndarray, score: np.ndarray, given: np.ndarray) -> float | None:
    classes = [given == index for index in np.unique(given)]
    of_classes = [(wrong[one], score[one]) for one in classes if wrong[one].sum() >= _LEAST_WRONG]
    found = [float(average_precision(errors, scores)) for errors, scores in of_classes if not errors.all()]
    return float(np.mean(found)) if found else None


def _judged_set(one: NoisySet, audited: Audited, progress: Progress, options: argparse.Namespace) -> dict[str, Any]:
    judged = _measured(one, audited, options.min_area, progress)
    rng = np.random.default_rng(options.seed)
    draws = rng.multinomial(judged.images, np.full(judged.images, 1 / judged.images), options.resamples)
    misnamed = judged.errors[OTHER_CLASS]
    right = judged.objects.looks_like[misnamed] == judged.true[misnamed]
    return {
        "images": judged.images,
        "objects": int(misnamed.size),
        "looks_like": float(right.mean()) if right.size else None,
        **{
            error: {
                "number": int(wrong.sum()),
                "orders": {
                    name: judge(wrong, score, judged, draws if name == QUALITY else None)
                    for name, score in scores_of(judged, options.powers).items()
                },
            }
            for error, wrong in judged.errors.items()
        },
    }


def _measured(one: NoisySet, audited: Audited, min_area: float, progress: Progress) -> Judged:
    store = audited.store
    table = ClassTable.from_dict(store.content["class_table"])
    classes = [index for index in range(table.size) if index != table.unlabelled]
    objects: list[Objects] = []
    known: list[dict[str, np.ndarray]] = []
    for number, (sample_id, _, mask_file) in enumerate(audited.samples):
        given, true = (read_labels(folder / mask_file, table) for folder in (one.given, one.true))
        probabilities, factor = store.read_compact(sample_id)[0], store.content["config"]["pooling"]
        found, about = judged_image(probabilities, given, true, factor, classes, min_area)
        objects.append(found)
        known.append({**about, "image": np.full(found.area.size, number)})
        progress(f"Scoring objects of {one.name}", number + 1, len(audited.samples))
    together = {name: np.concatenate([vars(each)[name] for each in objects]) for name in vars(objects[0])}
    arrays = {name: np.concatenate([each[name] for each in known]) for name in known[0]}
    return Judged(images=len(audited.samples), objects=Objects(**together), **arrays)


def _print_orders(found: Mapping[str, Mapping[str, Any]], error: str, measure: str) -> None:
    orders = list(next(iter(found.values()))[error]["orders"])
    rows = [
        [name, str(one["objects"]), str(one[error]["number"])]
        + [_number(one[error]["orders"][order][measure]) for order in orders]
        for name, one in found.items()
    ]
    means = []
    for order in orders:
        values = [one[error]["orders"][order][measure] for one in found.values()]
        known = [value for value in values if value is not None]
        means.append(_number(float(np.mean(known)) if known else None))
    print_table(["set", "objects", "wrong", *orders], [*rows, ["mean", "", "", *means]])


def _print_quality(found: Mapping[str, Mapping[str, Any]]) -> None:
    header = ["set", "looks like the true class"]
    header += [f"{title}, {error}" for error in (OTHER_CLASS, WRONG) for title in ("AP (95 %)", "P@20", "AUROC")]
    rows = []
    for name, one in found.items():
        row = [name, _number(one["looks_like"])]
        for error in (OTHER_CLASS, WRONG):
            judged = one[error]["orders"][QUALITY]
            interval = judged.get("interval")
            row.append(_number(judged["ap"]) + (f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else ""))
            row += [_number(judged["top"], 2), _number(judged["auroc"])]
        rows.append(row)
    print_table(header, rows)


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
