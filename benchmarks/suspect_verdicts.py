"""What a person has seen in suspects of masks that have errors of their own: a verdict on each that was looked at.

``camvid_verdicts.csv`` has one on some three hundred suspects of CamVid, those that were at least 0.5 probable and
those of the most evidence; ``nuclei_verdicts.csv`` on fifty-one of the microscopy images: the first by probability and
by evidence, and those that lie in corrections. *Real*: the mask is wrong there, whatever the right class is;
*convention*: the mask is as its makers meant it, such as parked cars behind a fence that are labelled fence, a bare
tree that is outlined as a solid crown, or a nucleus that is outlined with a rim of background; *false*: the model is
wrong. Where no error was planted, or corrected, nothing else says what is real.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.labels.class_table import ClassTable

from .audited_sets import Audited
from .suspect_judging import is_real
from .suspect_measures import Suspects, measure
from .suspect_sets import NoisySet

REAL, CONVENTION, FALSE = "real", "convention", "false"
#: Domain to the verdicts on suspects in it
VERDICTS: Mapping[str, Path] = {
    domain: Path(__file__).with_name(f"{domain}_verdicts.csv") for domain in ("camvid", "nuclei")
}
#: Of two boxes, for a suspect to be the one that was looked at
_LEAST_IOU = 0.5


@dataclass(frozen=True)
class Place:
    """Where a suspect is.

    Args:
        image: name of the image's file
        box: left, top, width and height in pixels
        given: name of the class
        suggested: name of the class
    """

    image: str
    box: tuple[int, int, int, int]
    given: str
    suggested: str


@dataclass(frozen=True)
class Seen:
    """The n suspects of a set, measured, and what a person has said of them.

    Args:
        measured: what they are rated by
        verdicts: on each, None where nobody has looked at it; None where nobody has looked at the domain
    """

    measured: Suspects
    verdicts: Sequence[str | None] | None

    @property
    def judged(self) -> Suspects:
        """The suspects by which orders are judged: with verdicts, where there are any."""
        return self.measured if self.verdicts is None else with_verdicts(self.measured, self.verdicts)


def look(one: NoisySet, audited: Audited, work: Path, seed: int, progress: Progress) -> Seen:
    """The suspects of a set, each with the verdict on it.

    Args:
        one: the set
        audited: its audit
        work: folder where measures are kept
        seed: of the planted errors
        progress: told how many images are done
    """
    measured, file = measure(one, audited, work / "measures", seed, progress), VERDICTS.get(one.source.domain)
    if file is None:
        return Seen(measured, None)
    known = read_verdicts(file)
    return Seen(measured, [verdict_on(place, known) for place in _places(measured, audited)])


def with_verdicts(suspects: Suspects, verdicts: Sequence[str | None]) -> Suspects:
    """A set with known errors in which what a person has found real is, too, and what is a convention is left out.

    Args:
        suspects: n of a set
        verdicts: on each of them; None where nobody has looked

    Returns:
        those that are kept; ``wrong`` is 1 where one was found real, and ``right`` NaN where that alone says so
    """
    known = is_real(suspects)
    seen = np.array([verdict or "" for verdict in verdicts], object)
    kept = known | (seen != CONVENTION)
    columns = ("features", "similarity", "descriptors", "given", "suggested", "image", "box")
    chosen = {name: getattr(suspects, name)[kept] for name in columns}
    # A verdict says that a mask is wrong, not what would be right
    right = np.where((seen == REAL) & ~known, np.nan, suspects.right)
    return replace(suspects, **chosen, right=right[kept], wrong=np.where(seen == REAL, 1.0, suspects.wrong)[kept])


def read_verdicts(file: Path) -> dict[tuple[str, str, str], list[tuple[Place, str]]]:
    """Image, given and suggested class to the suspects there that were looked at, each with its verdict."""
    found: dict[tuple[str, str, str], list[tuple[Place, str]]] = {}
    with file.open(newline="") as rows:
        for row in csv.DictReader(rows):
            left, top, width, height = (int(row[name]) for name in ("left", "top", "width", "height"))
            place = Place(row["image"], (left, top, width, height), row["given"], row["suggested"])
            found.setdefault((place.image, place.given, place.suggested), []).append((place, row["verdict"]))
    return found


def verdict_on(place: Place, verdicts: Mapping[tuple[str, str, str], Sequence[tuple[Place, str]]]) -> str | None:
    """The verdict on the suspect that has the most of its box in common with this one; None where none has enough."""
    near = verdicts.get((place.image, place.given, place.suggested), ())
    shared, verdict = max(((_iou(place.box, other.box), verdict) for other, verdict in near), default=(0.0, None))
    return verdict if shared >= _LEAST_IOU else None


def _places(suspects: Suspects, audited: Audited) -> list[Place]:
    names = ClassTable.from_dict(audited.store.content["class_table"]).names
    columns = (suspects.image.tolist(), suspects.box.tolist(), suspects.given.tolist(), suspects.suggested.tolist())
    return [
        Place(audited.samples[image][1], (left, top, width, height), names[given], names[suggested])
        for image, (left, top, width, height), given, suggested in zip(*columns, strict=True)
    ]


def _iou(one: Sequence[int], other: Sequence[int]) -> float:
    """Of two boxes, left, top, width and height."""
    sides = [
        max(0, min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis]))
        for axis in (0, 1)
    ]
    shared = sides[0] * sides[1]
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
