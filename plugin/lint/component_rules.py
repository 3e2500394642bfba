"""The rules on components: what of all components of a dataset is improbably small, thin, or unlike its class.

A component of a class g is *small* where it has at most a few pixels, and all components of g that are no larger hold
together at most ``rare_share`` of the pixels of g. A class whose components are all small so has no small ones. It is a
*strip* where no 3 × 3 pixels fit in it and it is six times as long as wide, and strips are reported of classes of whose
pixels they hold no more than 1 %: poles may be thin. What is unlabelled or ignored is small where all of it
that is no larger holds at most so much of all pixels as a few pixels are of a mask: on average there is at most one
such place a mask. Thin strips of it between two objects are *gaps*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..base.types import IGNORED
from ..base.words import count, percent
from . import reasons
from .config import LintConfig
from .findings import GAP, HOLE, OUTLIER, SLIVER, STRAY, Finding
from .usual import SHAPE, SIZE, Sizes, Spread, features, few_pixels
from .usual_findings import without_usual

#: A strip is so many times as long as wide
_SLENDER = 6.0
#: and shares so much of its outline with a second component
_SECOND = 0.25
#: Share of a class's pixels that are in strips, up to which they are unusual. In CamVid 10 % of the poles' are, and of
#: all other classes' at most 0.14 %
_STRIPS = 0.01
#: Share of all pixels that are in gaps, up to which gaps are no way to draw edges
_GAPS = 0.001
#: Gaps inside a class, to its components, up to which they are no way to tell its objects apart, and those always are
_PARTED, _FEW_GAPS = 0.01, 3


@dataclass(frozen=True)
class Dataset:
    """All components of a dataset.

    Args:
        rows: (n,) of `mask_components.ROW`
        heights: (samples,) of the masks in pixels, 0 where there is none
        widths: (samples,) likewise
        names: of the classes
        unlabelled: index of the class where unlabelled things are, or None
    """

    rows: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    names: Sequence[str]
    unlabelled: int | None

    @property
    def pixels(self) -> int:
        """Of all masks."""
        return int((self.heights * self.widths).sum())

    def few(self, stated: int | None) -> np.ndarray:
        """(n,) int64, what a few pixels are in each component's mask."""
        known = np.array([few_pixels(int(one), stated) for one in self.heights * self.widths], np.int64)
        return known[self.rows["sample"]]

    def name(self, given: int) -> str:
        """Of a class index; "" of ignored pixels."""
        return "" if given == IGNORED else self.names[given]


def component_findings(data: Dataset, config: LintConfig) -> tuple[list[Finding], list[str]]:
    """Applies the rules on components.

    Args:
        data: all components of the dataset
        config: the thresholds

    Returns:
        the findings, by sample, and sentences on what is not reported as it is usual
    """
    if not data.rows.size:
        return [], []
    few = data.few(config.few_pixels)
    strips, notes = _strips(data), list[str]()
    findings = list(_gaps(data, strips, notes))
    findings += _slivers(data, strips)
    left = ~strips & ~data.rows["part"] & (data.rows["area"] <= few)
    findings += _small_void(data, left & data.rows["void"], config, notes)
    findings += _small(data, left & ~data.rows["void"], config)
    findings += _outliers(data, ~strips & ~data.rows["void"] & (data.rows["area"] > few), config)
    masks = int((data.heights > 0).sum())
    return sorted(without_usual(findings, masks, config, notes), key=lambda one: one.sample), notes


def _strips(data: Dataset) -> np.ndarray:
    """Which components are thin strips between two others, (n,) bool; without those of classes that are made so."""
    rows = data.rows
    slender = rows["length"] >= _SLENDER * np.maximum(1, rows["width"])
    thin = rows["thin"] & slender
    voids = [IGNORED] if data.unlabelled is None else [IGNORED, data.unlabelled]
    between = thin & (rows["second"] >= _SECOND)
    # What is beside unlabelled pixels alone is no edge between two objects
    between &= ~(np.isin(rows["host"], voids) & np.isin(rows["other"], voids))
    for given in np.unique(rows["given"][thin & ~rows["void"]]):
        own = ~rows["void"] & (rows["given"] == given)
        if rows["area"][thin & own].sum() > _STRIPS * rows["area"][own].sum():
            between &= ~own
    return between


def _gaps(data: Dataset, strips: np.ndarray, notes: list[str]) -> Iterator[Finding]:
    """Gaps, unless there are so many that they are how edges are drawn, or objects of a class told apart."""
    rows, gaps = data.rows, strips & data.rows["void"]
    share = rows["area"][gaps].sum() / max(1, data.pixels)
    if share > _GAPS:
        notes.append(
            f"Thin unlabelled or ignored strips between objects hold {percent(share)} of all pixels: they are taken "
            "for the way in which edges are drawn here, and no gaps are reported."
        )
        return
    inside = gaps & (rows["host"] == rows["other"])
    for given in np.unique(rows["host"][inside]):
        parting = inside & (rows["host"] == given)
        number, components = int(parting.sum()), int((~rows["void"] & (rows["given"] == given)).sum())
        if number > max(_FEW_GAPS, _PARTED * components):
            gaps = gaps & ~parting
            notes.append(
                f"{count(number, 'gap')} between components of {reasons.named(data.name(given))} are not reported: "
                "they are taken for the way in which its objects are told apart."
            )
    for place in np.flatnonzero(gaps):
        yield _strip(data, int(place), GAP, "an unlabelled gap where the two should meet")


def _slivers(data: Dataset, strips: np.ndarray) -> Iterator[Finding]:
    rows = data.rows
    slivers = strips & ~rows["void"]
    for given in np.unique(rows["given"][slivers]):
        own = ~rows["void"] & (rows["given"] == given)
        share = rows["area"][slivers & own].sum() / rows["area"][own].sum()
        why = f"strips as thin hold {percent(share)} of the pixels of {reasons.named(data.name(given))}"
        for place in np.flatnonzero(slivers & own):
            yield _strip(data, int(place), SLIVER, why)


def _strip(data: Dataset, place: int, kind: str, why: str) -> Finding:
    row = data.rows[place]
    sides = data.name(row["host"]), data.name(row["other"])
    reason = reasons.strip(float(row["length"]), float(row["width"]), data.name(row["given"]), sides, why)
    return _finding(data, place, kind, reason, float(row["length"]))


def _small_void(data: Dataset, wanted: np.ndarray, config: LintConfig, notes: list[str]) -> Iterator[Finding]:
    """Unlabelled or ignored holes and strays."""
    rows = data.rows
    every = rows["void"] & ~rows["part"]
    largest = int((data.heights * data.widths).max())
    most = few_pixels(largest, config.few_pixels) / largest
    for given in np.unique(rows["given"][wanted]):
        own = every & (rows["given"] == given)
        sizes = Sizes.of(rows["area"][own], data.pixels)
        places = np.flatnonzero(wanted & own)
        small = sizes.share(rows["area"][places]) <= most
        if not small.all():
            notes.append(
                f"{count(int((~small).sum()), 'part')} of {reasons.named(data.name(given))} of a few pixels are not "
                f"reported: there are so many of them that they are usual here."
            )

        def why(area: int, sizes: Sizes = sizes, given: int = given) -> str:
            return reasons.small_void(sizes, area, data.name(given))

        yield from _small_findings(data, places[small], why, sizes)


def _small(data: Dataset, wanted: np.ndarray, config: LintConfig) -> Iterator[Finding]:
    """Holes and strays of classes."""
    rows = data.rows
    for given in np.unique(rows["given"][wanted]):
        own = ~rows["void"] & (rows["given"] == given)
        sizes = Sizes.of(rows["area"][own])
        places = np.flatnonzero(wanted & own)
        small = places[sizes.share(rows["area"][places]) <= config.rare_share]

        def why(area: int, sizes: Sizes = sizes, given: int = given) -> str:
            return reasons.small(sizes, area, data.name(given))

        yield from _small_findings(data, small, why, sizes)


def _small_findings(data: Dataset, places: np.ndarray, why: Callable[[int], str], sizes: Sizes) -> Iterator[Finding]:
    areas = data.rows["area"][places]
    texts = {int(area): why(int(area)) for area in np.unique(areas)}
    strengths = -sizes.share(areas)
    for place, strength in zip(places, strengths, strict=True):
        row = data.rows[place]
        area, name = int(row["area"]), data.name(row["given"])
        beside = [data.name(row[side]) for side in ("host", "other") if row[side] >= IGNORED]
        if row["enclosed"]:
            yield _finding(data, place, HOLE, reasons.hole(area, name, beside[0], texts[area]), strength)
        else:
            beside = list(dict.fromkeys(beside))
            yield _finding(data, place, STRAY, reasons.stray(area, name, beside, texts[area]), strength)


def _outliers(data: Dataset, wanted: np.ndarray, config: LintConfig) -> Iterator[Finding]:
    """Components far from their class's usual size, place or shape; each by what it is farthest in."""
    for given in np.unique(data.rows["given"][wanted]):
        places = np.flatnonzero(wanted & (data.rows["given"] == given))
        if len(places) < config.min_components:
            continue
        rows = data.rows[places]
        found = features(rows, data.heights[rows["sample"]], data.widths[rows["sample"]])
        spreads = [Spread.of(one.values, one.least) for one in found]
        scores = np.array([spread.scores(one.values) for one, spread in zip(found, spreads, strict=True)])
        cut = _at_border(rows, data)
        for one, score in zip(found, scores, strict=True):
            if one.name in SHAPE:
                score[cut] = 0
            elif one.name == SIZE:
                score[cut] = np.maximum(score[cut], 0)
        farthest = np.abs(scores).argmax(axis=0)
        for index in np.flatnonzero(np.abs(scores).max(axis=0) >= config.outlier):
            feature, spread = found[farthest[index]], spreads[farthest[index]]
            score = float(scores[farthest[index], index])
            reason = reasons.outlier(data.name(given), feature.name, float(feature.values[index]), spread, score)
            yield _finding(data, places[index], OUTLIER, reason, abs(score))


def _at_border(rows: np.ndarray, data: Dataset) -> np.ndarray:
    """Which components the border of the mask may have cut, (n,) bool: they have no shape, and are larger than seen."""
    left, top, width, height = rows["box"].T
    right, bottom = data.widths[rows["sample"]] - left - width, data.heights[rows["sample"]] - top - height
    return np.asarray((left == 0) | (top == 0) | (right == 0) | (bottom == 0))


def _finding(data: Dataset, place: int, kind: str, reason: str, strength: float) -> Finding:
    row = data.rows[place]
    left, top, width, height = (int(one) for one in row["box"])
    return Finding(
        kind=kind,
        sample=int(row["sample"]),
        reason=reason,
        given=data.name(row["given"]),
        pixels=int(row["area"]),
        box=(left, top, width, height),
        centre=(float(row["centre"][0]), float(row["centre"][1])),
        strength=float(strength),
        beside=data.name(row["host"]) if row["host"] >= IGNORED else "",
        cut_off=bool(row["cut_off"]),
    )
