"""Whether a lint of masks finds what is planted, and nothing new elsewhere; and what it finds in masks as they are.

One kind of error after the other is planted into copies of some masks of a dataset, and the whole is linted::

    python -m benchmarks lint --camvid DIR --nuclei DIR --out lint.json

*Found* are plants where a finding of their kind overlaps them by half (of either's box), *as another* those where only
one of another kind does. *New elsewhere* are findings that the dataset without plants does not have, at places where
nothing is planted. Masks and images are only read.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.given_masks import GivenMasks
from label_quality.plugin.lint.config import LintConfig
from label_quality.plugin.lint.findings import (
    DUPLICATE,
    EMPTY,
    FRAME,
    GAP,
    HOLE,
    KINDS,
    MISSING,
    OUTLIER,
    SIZE,
    SLIVER,
    STRAY,
    UNREADABLE,
    Finding,
)
from label_quality.plugin.lint.lint import LintResult, lint

from .lint_plants import PLANTS, Box, Known
from .processes import print_table

#: A class that no mask of the sets has, and a value that is none's
_RARE, _STRANGER = 200, 77
#: Of the quality of a JPEG file that is made of an image, and its share of the image's sides
_QUALITY, _SMALLER = 70, 0.8


@dataclass(frozen=True)
class MaskSet:
    """Images with masks in files.

    Args:
        images: of each
        masks: of each
        table: the classes
        config: what is found, and from when on
    """

    images: Sequence[str]
    masks: Sequence[str]
    table: ClassTable
    config: LintConfig = field(default_factory=LintConfig)

    @classmethod
    def of(cls, folder: Path, unlabelled: str | None = None) -> MaskSet:
        """The set in a folder with images/, masks/ and classes.json, with a class more than masks have."""
        masks = sorted((folder / "masks").iterdir())
        images = {path.stem: str(path) for path in (folder / "images").iterdir()}
        names = {**json.loads((folder / "classes.json").read_text()), str(_RARE): "never seen"}
        table = ClassTable.from_targets(names, unlabelled=unlabelled)
        return cls([images[one.stem] for one in masks], [str(one) for one in masks], table)

    def lint(self) -> tuple[LintResult, float, float]:
        """What is found, the seconds that it took, and those of all cores."""
        samples = GivenMasks([str(one) for one in range(len(self.masks))], self.images, self.masks, self.table)
        started, busy = time.perf_counter(), time.process_time()
        found = lint(samples, self.config)
        return found, time.perf_counter() - started, time.process_time() - busy


#: Pixels that corrections change in a mask that is wrong
_WRONG = 10
_ANY, _ALL_IMAGES = "any kind", "all images"
#: What is planted in the nuclei: their masks have no two objects of other classes side by side
_IN_NUCLEI = (FRAME, f"{OUTLIER}, size", f"{OUTLIER}, shape", DUPLICATE)
#: Kinds of which some are usual
_SMALL = (STRAY, HOLE, SLIVER, GAP)
#: A planted error: position of the sample, and its box; None for all of the mask
Plant = tuple[int, Box | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--camvid", type=Path, metavar="DIR", required=True, help="images/, masks/ and classes.json")
    parser.add_argument(
        "--nuclei", type=Path, metavar="DIR", help="likewise, with corrected/ if there are corrected masks"
    )
    parser.add_argument("--plants", type=int, default=50, help="of each kind, each in a mask of its own (default 50)")
    parser.add_argument("--seed", type=int, default=51, help="of the plants (default 51)")
    parser.add_argument(
        "--usual-share", type=float, nargs="*", default=[], metavar="S", help="compare these, in place of all else"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Plants, lints, and prints the tables.

    Returns:
        ``as_they_are``: set to its masks, seconds and number of findings by kind; ``corrected``: kind to how many of
        its findings corrections have changed; ``planted``: set and kind to how many were planted and found, and how
        many findings are new elsewhere. With ``--usual-share``: ``usual_shares`` instead, the counts for each
    """
    camvid = MaskSet.of(options.camvid)
    sets = {"CamVid": camvid} | ({"nuclei": MaskSet.of(options.nuclei)} if options.nuclei else {})
    # Compiles the kernels, which is done once for good
    MaskSet(camvid.images[:1], camvid.masks[:1], camvid.table).lint()
    if options.usual_share:
        return {"usual_shares": _usual_shares(camvid, options), "seed": options.seed}
    linted = {name: one.lint() for name, one in sets.items()}
    as_they_are = {
        name: {"masks": len(sets[name].masks), "seconds": wall, "cpu_seconds": busy, **found.counts}
        for name, (found, wall, busy) in linted.items()
    }
    print("\nWhat is found in masks as they are\n")
    kinds = [kind for kind in KINDS if any(kind in one for one in as_they_are.values())]
    print_table(
        ["set", "masks", "seconds", "seconds of all cores", *kinds],
        [
            [name, str(one["masks"]), f"{one['seconds']:.1f}", f"{one['cpu_seconds']:.1f}"]
            + [str(one.get(kind, 0)) for kind in kinds]
            for name, one in as_they_are.items()
        ],
    )
    corrected = _corrected(sets["nuclei"], linted["nuclei"][0]) if options.nuclei else {}
    if corrected:
        print("\nWhat of the nuclei's findings the corrections of their masks have changed\n")
        columns = ("findings", "changed", "images", "wrong_images")
        print_table(
            ["kind", "findings", "with changed pixels", "images", "of them wrong"],
            [[kind, *(str(one[name]) for name in columns)] for kind, one in corrected.items()],
        )
    kinds_of = {"CamVid": (*PLANTS, DUPLICATE, *_FILE_PLANTS), "nuclei": _IN_NUCLEI}
    planted = {
        name: {kind: _judged(kind, one, linted[name][0], options.plants, options.seed) for kind in kinds_of[name]}
        for name, one in sets.items()
    }
    for name, judged in planted.items():
        print(f"\nWhat is found of errors that are planted in {name}\n")
        print_table(
            ["kind", "planted", "found", "as another", "new elsewhere", "seconds"],
            [
                [
                    kind,
                    *(str(one[count]) for count in ("planted", "found", "as_another", "new")),
                    f"{one['seconds']:.1f}",
                ]
                for kind, one in judged.items()
            ],
        )
    return {"as_they_are": as_they_are, "corrected": corrected, "planted": planted, "seed": options.seed}


def _usual_shares(camvid: MaskSet, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Of small places in CamVid, how many are found and how many planted ones, with each share of what is usual."""
    rows = []
    for share in options.usual_share:
        one = replace(camvid, config=LintConfig(usual_share=share))
        before = one.lint()[0]
        judged = {kind: _judged(kind, one, before, options.plants, options.seed) for kind in _SMALL}
        found = {kind: before.counts.get(kind, 0) for kind in _SMALL}
        rows.append({"usual_share": share, "found": found, "planted": {kind: judged[kind]["found"] for kind in _SMALL}})
    print("\nFindings in CamVid, and found of the planted ones\n")
    print_table(
        ["usual share", *_SMALL],
        [
            [f"{row['usual_share']:g}", *(f"{row['found'][kind]}, {row['planted'][kind]}" for kind in _SMALL)]
            for row in rows
        ],
    )
    return rows


def _corrected(one: MaskSet, result: LintResult) -> dict[str, dict[str, int]]:
    """Kind of finding, and any, to how many there are, and at how many pixels are changed in corrected masks.

    An image is wrong where the corrections change ten pixels of its mask or more.
    """
    boxes: dict[str, list[bool]] = {}
    images: dict[str, set[int]] = {_ANY: set()}
    wrong = set()
    found = sorted(result.findings, key=lambda finding: finding.sample)
    for sample, path in enumerate(one.masks):
        mask, right = (cv2.imread(str(each), cv2.IMREAD_UNCHANGED) for each in (path, _corrected_path(path)))
        if right is None:
            return {}
        changed = mask != right
        if np.count_nonzero(changed) >= _WRONG:
            wrong.add(sample)
        for finding in found:
            if finding.sample == sample and finding.box is not None:
                left, top, width, height = finding.box
                hit = bool(changed[top : top + height, left : left + width].any())
                for kind in (finding.kind, _ANY):
                    boxes.setdefault(kind, []).append(hit)
                    images.setdefault(kind, set()).add(sample)
    boxes[_ALL_IMAGES], images[_ALL_IMAGES] = [], set(range(len(one.masks)))
    return {
        kind: {
            "findings": len(hits),
            "changed": sum(hits),
            "images": len(images[kind]),
            "wrong_images": len(images[kind] & wrong),
        }
        for kind, hits in boxes.items()
    }


def _corrected_path(path: str) -> Path:
    return Path(path).parents[1] / "corrected" / Path(path).name


def _judged(kind: str, before: MaskSet, found_before: LintResult, wanted: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, *kind.encode()])
    with tempfile.TemporaryDirectory() as folder:
        changed, plants = _planted(kind, before, wanted, rng, Path(folder))
        result, wall, _ = changed.lint()
    there = {_place(one) for one in found_before.findings}
    # What is in a copy's mask was there before, in other pixels
    known = len(before.masks)
    new = [one for one in result.findings if _place(one) not in there and (one.sample < known or one.kind == DUPLICATE)]
    at_plants = {sample for sample, _ in plants}
    kind = kind.partition(",")[0]
    right = [any(one.kind == kind and _at(one, plant) for one in result.findings) for plant in plants]
    other = [not hit and any(_at(one, plant) for one in new) for hit, plant in zip(right, plants, strict=True)]
    # Of two equal images either has a finding
    elsewhere = [one for one in new if not any(_touches(one, plant) for plant in plants) and one.kind != DUPLICATE]
    return {
        "planted": len(plants),
        "found": sum(right),
        "as_another": sum(other),
        "new": len(elsewhere),
        "new_in_other_masks": sum(one.sample not in at_plants for one in elsewhere),
        "seconds": wall,
    }


def _planted(
    kind: str, before: MaskSet, wanted: int, rng: np.random.Generator, folder: Path
) -> tuple[MaskSet, list[Plant]]:
    """A set with that many plants of a kind, or as many as find room, each in a mask of its own."""
    images, masks, plants = list(before.images), list(before.masks), []
    for index in rng.permutation(len(masks)):
        if len(plants) == (1 if kind == "rare_class" else wanted):
            break
        labels = cv2.imread(masks[index], cv2.IMREAD_UNCHANGED).copy()
        path = str(folder / f"{index}.png")
        if kind in PLANTS:
            box = PLANTS[kind](labels, _known(before.table), rng)
            if box is not None:
                cv2.imwrite(path, labels)
                masks[index] = path
                plants.append((int(index), box))
        elif kind == DUPLICATE:
            labels = cv2.resize(labels, None, fx=_SMALLER, fy=_SMALLER, interpolation=cv2.INTER_NEAREST)
            box = _renamed(labels, rng)
            if box is not None:
                images.append(_copied(before.images[index], folder / f"{index}.jpg"))
                plants.append((len(masks), box))
                masks.append(path)
                cv2.imwrite(path, labels)
        else:
            _FILE_PLANTS[kind](labels, path, _known(before.table))
            masks[index] = path
            plants.append((int(index), None))
    return replace(before, images=images, masks=masks), plants


def _known(table: ClassTable) -> Known:
    if table.unlabelled is None:
        raise SystemExit("error: the set needs an unlabelled class")
    unlabelled = table.ids[table.unlabelled]
    return Known([one for one in table.ids if one not in (unlabelled, _RARE)], unlabelled, _RARE, _STRANGER)


def _renamed(labels: np.ndarray, rng: np.random.Generator) -> Box | None:
    """Gives a class of a mask, of 1 % of it at least, the value of the most frequent one, and says where."""
    values, counts = np.unique(labels, return_counts=True)
    most = values[counts.argmax()]
    others = values[(values != most) & (counts >= 0.01 * labels.size)]
    if not others.size:
        return None
    where = labels == rng.choice(others)
    labels[where] = most
    ys, xs = np.nonzero(where)
    return int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1


def _copied(image: str, path: Path) -> str:
    """A smaller copy of an image, compressed anew."""
    pixels = cv2.imread(image)
    small = cv2.resize(pixels, None, fx=_SMALLER, fy=_SMALLER, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return str(path)


def _transposed(labels: np.ndarray, path: str, known: Known) -> None:
    cv2.imwrite(path, labels.T)


def _emptied(labels: np.ndarray, path: str, known: Known) -> None:
    cv2.imwrite(path, np.full_like(labels, known.unlabelled))


def _truncated(labels: np.ndarray, path: str, known: Known) -> None:
    content = cv2.imencode(".png", labels)[1].tobytes()
    Path(path).write_bytes(content[: len(content) // 2])


def _removed(labels: np.ndarray, path: str, known: Known) -> None:
    if os.path.exists(path):
        os.unlink(path)


#: Kind to what becomes of a mask's file
_FILE_PLANTS: Mapping[str, Callable[[np.ndarray, str, Known], None]] = {
    SIZE: _transposed,
    EMPTY: _emptied,
    UNREADABLE: _truncated,
    MISSING: _removed,
}


def _place(one: Finding) -> tuple[int, str, Box | None]:
    return one.sample, one.kind, one.box


def _at(one: Finding, plant: Plant) -> bool:
    """Whether a finding is at a plant: the two boxes share half of the smaller one, and neither is far larger."""
    sample, box = plant
    if one.sample != sample or (one.box is None) != (box is None):
        return False
    if one.box is None or box is None:
        return True
    shared = _shared(one.box, box)
    return shared >= 0.5 * min(_area(one.box), _area(box)) and shared >= 0.1 * max(_area(one.box), _area(box))


def _touches(one: Finding, plant: Plant) -> bool:
    """Whether a finding may come of a plant, as it is in its mask and near it."""
    sample, box = plant
    if one.sample != sample:
        return False
    if one.box is None or box is None:
        return True
    left, top, width, height = box
    return _shared(one.box, (left - 2, top - 2, width + 4, height + 4)) > 0


def _shared(one: Box, other: Box) -> int:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


def _area(box: Box) -> int:
    return box[2] * box[3]
