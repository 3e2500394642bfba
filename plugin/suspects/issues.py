"""Issue groups: the suspects of a dataset by (given → suggested) class, and what each group means.

A mistake that repeats, such as "pillow given as couch", is one decision for the user, not a hundred. The regions are
tallied image by image in memory of the pairs seen, at most K² of them, and each pair becomes a `Group`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..base.words import count

#: What a group may be; the first that applies
KINDS = ("ambiguous", "false_negative", "systematic", "general")
#: Evidence and probabilities are summed in whole steps of 2**-20 nats or of 1, so that the order does not matter
_STEPS = 1 << 20
_REGIONS, _IMAGES, _PIXELS, _EVIDENCE, _EXPECTED = range(5)
#: A pair of classes is *frequent* if it has regions in this many images (in one or two, as two frames of one scene,
#: anything may happen; three show a habit) and in this share of those in which the rarer of its two classes is given,
#: which bounds how often the two can meet: ten well-known test sets have 3.3 % of wrong labels on average, mistakes of
#: all kinds together (Northcutt, Athalye and Mueller, 2021), and one pair that makes up 1 % by itself is no accident
LEAST_IMAGES, _IMAGES_SHARE = 3, 0.01
#: *Ambiguous* is a pair that is frequent in both directions, with at least this many images in the one for each in the
#: other. Below 1/4, at least four cases in five agree: there is a rule, and exceptions to it. Images count, not pixels,
#: since somebody decided once an image however large the object
_BALANCE = 0.25
#: *Rare* is a class with fewer pixels than this share of the average class's. Half of it makes cushion (0.23 % of
#: ADE20K, where the average of 150 classes is 0.67 %), pillow and blind rare but not couch (0.65 %); in a balanced
#: dataset no class is
_RARE_SHARE = 0.5
#: *Marked* is growth by at least this share. A quarter more pixels means an IoU of at most 1 / 1.25 = 0.8 of the
#: class's given labels with the suggested ones
_GROWTH = 0.25
#: From ten times as many pixels on, "by 2,340 %" says less than "24 times"
_LARGE_GROWTH = 9.0
#: Characters of a class's name in titles and texts: a longer one is cut
LONGEST_NAME = 60


class GroupTally:
    """Counts of suspects by (given, suggested) class, as they accumulate.

    The sums are integers throughout: they are the same in whatever order and parts the images come.

    Args:
        classes: number of classes K
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros((0, 5), np.int64)

    @property
    def given(self) -> np.ndarray:
        """Given class of each pair seen, (pairs,) int64; the pairs ascend by given, then suggested class."""
        return self._keys // self.classes

    @property
    def suggested(self) -> np.ndarray:
        """Suggested class of each pair, (pairs,) int64."""
        return self._keys % self.classes

    @property
    def regions(self) -> np.ndarray:
        """Regions of each pair, (pairs,) int64."""
        return self._counts[:, _REGIONS]

    @property
    def images(self) -> np.ndarray:
        """Images with a region of each pair, (pairs,) int64."""
        return self._counts[:, _IMAGES]

    @property
    def pixels(self) -> np.ndarray:
        """Pixels in the regions of each pair, (pairs,) int64."""
        return self._counts[:, _PIXELS]

    @property
    def evidence(self) -> np.ndarray:
        """Summed evidence of each pair's regions in nats, (pairs,) float64."""
        return self._counts[:, _EVIDENCE] / _STEPS

    @property
    def expected(self) -> np.ndarray:
        """How many of each pair's regions are mistakes, by their probabilities, (pairs,) float64."""
        return self._counts[:, _EXPECTED] / _STEPS

    def update(
        self,
        given: np.ndarray,
        suggested: np.ndarray,
        area: np.ndarray,
        evidence: np.ndarray,
        probability: np.ndarray | None = None,
    ) -> None:
        """Adds the regions of one image, all in one call: an image counts once for each pair it has.

        The regions of an image are disjoint, so that their pixels add up.

        Args:
            given: (n,) given class of each region; ignored pixels are in no region
            suggested: (n,) suggested class, another than the given one
            area: (n,) pixels of the region that are given the class, at least 1
            evidence: (n,) nats
            probability: (n,) that the region is a mistake of the mask, in [0, 1]; None where it is not known

        Raises:
            ValueError: the arrays differ in length; a region is not of two classes, is empty or without finite evidence
        """
        given, suggested, area = (np.asarray(column, np.int64) for column in (given, suggested, area))
        evidence = np.asarray(evidence, np.float64)
        probability = np.zeros(area.shape) if probability is None else np.asarray(probability, np.float64)
        self._check(given, suggested, area, evidence, probability)
        steps = [np.rint(column * _STEPS).astype(np.int64) for column in (evidence, probability)]
        counts = np.stack([np.ones_like(area), np.ones_like(area), area, *steps], axis=1)
        keys, counts = _summed(given * self.classes + suggested, counts)
        counts[:, _IMAGES] = 1
        self._keys, self._counts = _summed(np.concatenate([self._keys, keys]), np.concatenate([self._counts, counts]))

    def lost(self) -> np.ndarray:
        """Pixels in the regions given each class, (K,) int64."""
        return self._by_class(self.given)

    def gained(self) -> np.ndarray:
        """Pixels in the regions that each class is suggested for, (K,) int64."""
        return self._by_class(self.suggested)

    def _by_class(self, index: np.ndarray) -> np.ndarray:
        sums = np.zeros(self.classes, np.int64)
        np.add.at(sums, index, self.pixels)
        return sums

    def _check(
        self,
        given: np.ndarray,
        suggested: np.ndarray,
        area: np.ndarray,
        evidence: np.ndarray,
        probability: np.ndarray,
    ) -> None:
        shapes = {column.shape for column in (given, suggested, area, evidence, probability)}
        if shapes != {(given.size,)}:
            raise ValueError(f"Expected one value for each region, but got arrays of the shapes {sorted(shapes)}.")
        for name, column in (("given", given), ("suggested", suggested)):
            if ((column < 0) | (column >= self.classes)).any():
                raise ValueError(f"Expected each {name} class in 0..{self.classes - 1}, but got {column.tolist()}.")
        if (given == suggested).any():
            raise ValueError(f"Expected another class than the given one, but got {suggested.tolist()} for both.")
        if (area < 1).any():
            raise ValueError(f"Expected regions of at least 1 pixel, but got {area.tolist()}.")
        if not np.isfinite(evidence).all():
            raise ValueError(f"Expected finite evidence, but got {evidence.tolist()}.")
        if not ((probability >= 0) & (probability <= 1)).all():
            raise ValueError(f"Expected probabilities in [0, 1], but got {probability.tolist()}.")


@dataclass(frozen=True)
class Group:
    """All suspects of one given and one suggested class.

    Args:
        given: index of the class the masks say
        suggested: index of the class it should probably be
        given_name: its name
        suggested_name: its name
        regions: number of regions
        images: number of images with such a region
        pixels: in these regions
        evidence: sum over the regions, in nats
        share: of the given class's pixels in these regions, in (0, 1]
        growth: pixels that this group alone would add to the suggested class, as a multiple of those it has; None
            where it has none
        kind: ``ambiguous``, ``false_negative``, ``systematic`` or ``general``
        title: "pillow given as couch", for pillows (suggested) that the masks call couch (given)
        text: a sentence on what it is
        expected: how many of the regions are mistakes of the masks, by their probabilities; None where they have none
    """

    given: int
    suggested: int
    given_name: str
    suggested_name: str
    regions: int
    images: int
    pixels: int
    evidence: float
    share: float
    growth: float | None
    kind: str
    title: str
    text: str
    expected: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The group as values of strict JSON."""
        return asdict(self)


def find_groups(
    tally: GroupTally,
    class_pixels: np.ndarray,
    class_images: np.ndarray,
    names: Sequence[str],
    *,
    unlabelled: int | None = None,
    rated: bool = False,
) -> list[Group]:
    """The issue groups of a dataset.

    Of the kinds, the first applies: *ambiguous*, the two classes are frequently given for one another, in balance;
    *false negative*, the suggested class is rare, rarer than the given one, and would grow markedly (however few the
    images: a class in three images cannot be missed in many); *systematic*, the pair is frequent; *general*, the rest.

    Args:
        tally: the regions of all images
        class_pixels: (K,) int64 pixels given each class, at the resolution of the regions' areas
        class_images: (K,) int64 images in which each class is given
        names: K names; distinct ones, as a `ClassTable` has them, keep the titles apart
        unlabelled: index of the class where unlabelled things are; suggesting it is never a false negative
        rated: whether the regions have probabilities

    Returns:
        A group for each pair with a region: where they are rated, the most expected mistakes first, as a group is one
        decision on all of them; else, and of equal ones, the largest evidence; then by given, then suggested class.

    Raises:
        ValueError: a class has fewer pixels than its regions, or the arguments differ in the number of classes
    """
    check_totals(tally, class_pixels, names)
    if len(class_images) != tally.classes:
        raise ValueError(f"Expected the images of {tally.classes} classes, but got those of {len(class_images)}.")
    pairs = list(zip(tally.given.tolist(), tally.suggested.tolist(), strict=True))
    images_of = dict(zip(pairs, tally.images.tolist(), strict=True))
    short = _short_names(names)
    average = class_pixels.sum() / max(1, np.count_nonzero(class_pixels))
    groups = []
    for row, (given, suggested) in enumerate(pairs):
        pixels, before = int(tally.pixels[row]), int(class_pixels[suggested])
        growth = pixels / before if before else None
        there, back = images_of[given, suggested], images_of.get((suggested, given), 0)
        rare = before < min(_RARE_SHARE * average, class_pixels[given]) and suggested != unlabelled
        marked = growth is None or growth >= _GROWTH
        least = max(LEAST_IMAGES, _IMAGES_SHARE * min(class_images[given], class_images[suggested]))
        kind = _kind(there, back, least, rare and marked)
        share = pixels / int(class_pixels[given])
        groups.append(
            Group(
                given=given,
                suggested=suggested,
                given_name=names[given],
                suggested_name=names[suggested],
                regions=int(tally.regions[row]),
                images=there,
                pixels=pixels,
                evidence=float(tally.evidence[row]),
                share=share,
                growth=growth,
                kind=kind,
                title=f"{short[suggested]} given as {short[given]}",
                text=_text(kind, short[given], short[suggested], there, back, share, growth),
                expected=float(tally.expected[row]) if rated else None,
            )
        )
    return leading_first(groups)


def leading_first(groups: Iterable[Group]) -> list[Group]:
    """The groups in the order of `find_groups`: the most expected mistakes first, then the most evidence."""
    return sorted(groups, key=lambda group: (-(group.expected or 0.0), -group.evidence))


def shortened(name: str) -> str:
    """A class's name as a title can have it: of at most `LONGEST_NAME` characters."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _short_names(names: Sequence[str]) -> list[str]:
    """The names, shortened; with the class's index where two would be the same."""
    short = [shortened(name) for name in names]
    times = Counter(short)
    return [name if times[name] == 1 else f"{name} ({index})" for index, name in enumerate(short)]


def check_totals(tally: GroupTally, class_pixels: np.ndarray, names: Sequence[str]) -> None:
    """Raises `ValueError` unless pixels (K,) and names are of the tally's classes and its regions within the pixels."""
    if not len(class_pixels) == len(names) == tally.classes:
        raise ValueError(
            f"Expected the pixels and names of {tally.classes} classes, but got {len(class_pixels)} and {len(names)}."
        )
    lost = tally.lost()
    short = np.flatnonzero(lost > class_pixels)
    if short.size:
        index = int(short[0])
        raise ValueError(
            f"The regions given class {names[index]!r} cover {lost[index]} pixels, but only {class_pixels[index]} are "
            "given it: count both at one resolution, disjoint regions, and only pixels given the region's class."
        )


def _summed(keys: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys, ascending, and the sums (distinct, columns) of their rows of counts."""
    distinct, position = np.unique(keys, return_inverse=True)
    sums = np.zeros((distinct.size, counts.shape[1]), np.int64)
    np.add.at(sums, position.reshape(-1), counts)
    return distinct, sums


def _kind(there: int, back: int, least: float, missed: bool) -> str:
    if min(there, back) >= max(least, _BALANCE * max(there, back)):
        return "ambiguous"
    if missed:
        return "false_negative"
    return "systematic" if there >= least else "general"


def _text(kind: str, given: str, suggested: str, there: int, back: int, share: float, growth: float | None) -> str:
    if kind == "ambiguous":
        return (
            f"Ambiguous: '{suggested}' seems to be given as '{given}' in {count(there, 'image')} and the other way "
            f"round in {count(back, 'image')}; decide which of the two is meant."
        )
    if kind == "false_negative":
        return (
            f"False negative: '{suggested}' seems to be missed in favour of '{given}' in {count(there, 'image')}; "
            f"{_grown(growth)}."
        )
    told = "Systematic: the same mistake in" if kind == "systematic" else "General: no pattern yet, seen in"
    return f"{told} {count(there, 'image')}; {_percent(share)} of what is given as '{given}' looks like '{suggested}'."


def _grown(growth: float | None) -> str:
    if growth is None:
        return "no mask has this class so far"
    if growth >= _LARGE_GROWTH:
        return f"it would become {1 + growth:,.0f} times as large"
    return f"it would grow by {_percent(growth)}"


def _percent(share: float) -> str:
    percent = 100 * share
    if percent < 0.1:
        return "less than 0.1 %"
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %"
