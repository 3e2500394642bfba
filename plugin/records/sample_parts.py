"""The part of a run's record on what was drawn to estimate how many errors there are, and what that said."""

from __future__ import annotations

from dataclasses import dataclass, field

from .record_parts import Measured


@dataclass(frozen=True)
class DrawnIssue:
    """The suspects of one issue in a stratum.

    Args:
        given: class
        suggested: class
        size: suspects that it has
    """

    given: str
    suggested: str
    size: int


@dataclass(frozen=True)
class DrawnStratum:
    """One stratum of what is drawn from to estimate how many errors there are.

    Args:
        name: of its level
        size: units that it has
        class_pixels: of pixels, how many are given each class
        issues: of suspects, how many are of each issue; empty where an earlier version has drawn
    """

    name: str
    size: int
    class_pixels: list[int] = field(default_factory=list)
    issues: list[DrawnIssue] = field(default_factory=list)


@dataclass
class DrawnUnits:
    """Units of one kind that are drawn, in the order in which they are judged: pixels, suspects or images.

    Args:
        strata: what they are drawn from; those without a drawn unit are known
        order: stratum of each
        samples: id of the sample of each
        rows: of pixels, the row of each
        columns: of pixels, the column of each
        given: of pixels, the given class of each
        suggested: of pixels in suspects, the suggested class of each, else -1
        regions: of suspects, the id of each
        shown: how many of them are on the dataset to be judged
    """

    strata: list[DrawnStratum] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    suggested: list[int] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    shown: int = 0


@dataclass(frozen=True)
class KeptIssue:
    """How many suspects of an issue are real, as it was last estimated.

    Args:
        given: class
        suggested: class
        open_suspects: of the issue that nobody had reviewed
        real_suspects: number of these that are mistakes of the mask
    """

    given: str
    suggested: str
    open_suspects: int
    real_suspects: Measured


@dataclass(frozen=True)
class KeptEstimate:
    """How many errors there are, as it was last estimated, for those who show it without asking anew.

    Args:
        verdicts: that it is made from, on pixels, suspects and images
        pixels: that take part, in all images
        wrong_pixels: share of them that is given a wrong class
        unfound_pixels: number of wrong pixels outside of what was confirmed
        open_suspects: suspects that nobody had reviewed
        real_suspects: number of these that are mistakes of the mask; None where too few were judged
        created: UTC time, ISO 8601
        issues: those of which some suspects were judged, the one with the most real ones first
    """

    verdicts: int
    pixels: int
    wrong_pixels: Measured
    unfound_pixels: Measured
    open_suspects: int
    real_suspects: Measured | None
    created: str
    issues: list[KeptIssue] = field(default_factory=list)


@dataclass
class SamplePart:
    """What was drawn to estimate how many errors there are; the verdicts are with what is shown of it on the dataset.

    Args:
        created: UTC time, ISO 8601
        seed: of what is random
        min_error: share of an image's pixels from which on it counts as wrong
        classes: names of the classes
        places: pixels
        suspects: suspects that nobody had reviewed
        images: images
        states: id of each sample that has a drawn unit to the state that its image and its mask had
        notes: sentences that the user must know
        estimate: what the verdicts on it said when they were last asked; None where they were too few
    """

    created: str
    seed: int
    min_error: float
    classes: list[str]
    places: DrawnUnits = field(default_factory=DrawnUnits)
    suspects: DrawnUnits = field(default_factory=DrawnUnits)
    images: DrawnUnits = field(default_factory=DrawnUnits)
    states: dict[str, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    estimate: KeptEstimate | None = None
