"""The parts of a run's record: what it made, what it found, and how that looks at a glance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..samples.failures import LeftOut

#: What a record's status says of a run: it has predictions only, its fields are being written, or it has everything
PREDICTED = "predicted"
WRITING = "writing"
COMPLETE = "complete"
#: Of suspects: they could not be looked for
MISSING = "missing"


@dataclass
class PredictionPart:
    """A run's predictions, and where they are.

    Args:
        digest: of everything that they depend on; empty where none is known
        set: name of the run's own set of files; None where it has none
        folder: of the run that keeps them; None where no run does
        run: key of the run that they belong to, where it is another one
        model: what is known of a user's model
    """

    digest: str = ""
    set: str | None = None
    folder: str | None = None
    run: str | None = None
    model: dict[str, Any] | None = None


@dataclass
class ScorePart:
    """A run's scores, and where they are.

    Args:
        digest: of everything that they depend on; empty where there are none
        set: name of the run's set of files
        flagged_pixels: that confident learning flags, of the pooled ones; None where it did not run
        pooled_pixels: those that it has looked at
    """

    digest: str = ""
    set: str | None = None
    flagged_pixels: int | None = None
    pooled_pixels: int | None = None


@dataclass
class SuspectPart:
    """A run's suspects, counted, and where they are.

    Args:
        regions: number of suspects
        images: images with at least one
        by_type: regions of each type of error
        issues: number of issues; the record has at most the first thousand
        notes: sentences that the user must know
        failures: samples that could not be searched
        config: what a suspect is, as `SuspectConfig.to_dict` gives it
        set: name of the run's set of files
        status: `COMPLETE`, `WRITING`, or `MISSING` where none could be looked for
        candidates: regions before those were left out that are improbable; None where they were not counted
        rate: of mistakes among the candidates, as estimated, in (0, 1); None where suspects are not rated
        drop_rate: of mistakes among the drops of them, likewise; None also where a version up to 0.2.0 has rated them
        expected: how many of the regions are wrong, the sum of their probabilities; None where they have none
    """

    regions: int = 0
    images: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    issues: int = 0
    notes: list[str] = field(default_factory=list)
    failures: list[LeftOut] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    set: str | None = None
    status: str = COMPLETE
    candidates: int | None = None
    rate: float | None = None
    drop_rate: float | None = None
    expected: float | None = None


@dataclass(frozen=True)
class ObjectClass:
    """The annotated objects of a class.

    Args:
        name: of the class
        objects: number of them
        unlike: of them, those that look like another class
        quality: their mean quality, in [0, 1]
    """

    name: str
    objects: int
    unlike: int
    quality: float


@dataclass
class ObjectPart:
    """A run's scores of annotated objects, counted, and where they are.

    Args:
        objects: number of objects
        images: images with at least one
        classes: those that have any, in the order of the class table
        notes: sentences that the user must know
        failures: samples whose objects could not be scored
        config: which objects are scored, as `ObjectConfig.to_dict` gives it
        set: name of the run's set of files
        status: `COMPLETE` or `WRITING`
    """

    objects: int = 0
    images: int = 0
    classes: list[ObjectClass] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[LeftOut] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    set: str | None = None
    status: str = COMPLETE


@dataclass(frozen=True)
class Measured:
    """A measure with its 95 % interval.

    Args:
        value: the measure
        low: the interval's lower end
        high: the interval's upper end
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassScore:
    """How well a class is predicted.

    Args:
        name: of the class
        iou: IoU of predictions and verified masks, in [0, 1]
        gain: by how much that is more than with the given masks; None for those
    """

    name: str
    iou: Measured
    gain: Measured | None = None


@dataclass(frozen=True)
class TrainedScore:
    """How well a model does that was trained on one kind of masks.

    Args:
        masks: ``given``; ``unsuspected``, where suspects take part in nothing; or ``clean``
        miou: mean IoU over the verified classes, in [0, 1]
        accuracy: share of the verified pixels that are predicted right, in [0, 1]
        miou_gain: by how much that is more than with the given masks; None for those
        accuracy_gain: likewise
        classes: the verified classes, in the order of the class table
        changed: share of the pixels of the given masks that are trained on otherwise
    """

    masks: str
    miou: Measured
    accuracy: Measured
    miou_gain: Measured | None = None
    accuracy_gain: Measured | None = None
    classes: list[ClassScore] = field(default_factory=list)
    changed: float = 0.0


@dataclass
class GainPart:
    """What clean masks are worth: the same model trained on each kind of masks, judged on verified ones.

    Args:
        digest: of everything that it depends on
        trained: images that take part
        judged: images with a verified mask
        clean_field: with the clean masks; None where the given ones are corrected by verdicts
        verified_field: with the verified masks; None where those are the clean ones of reviewed images
        repeats: trainings of each kind
        resamples: replicates of the bootstrap
        config: of the cross-validation
        scores: of each kind of masks, the given ones first
        notes: sentences that the user must know
        failures: samples that could not take part
        seconds: how long it took
        created: UTC time, ISO 8601
    """

    digest: str = ""
    trained: int = 0
    judged: int = 0
    clean_field: str | None = None
    verified_field: str | None = None
    repeats: int = 1
    resamples: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    scores: list[TrainedScore] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[LeftOut] = field(default_factory=list)
    seconds: float = 0.0
    created: str = ""


@dataclass(frozen=True)
class ChangedPair:
    """Pixels of one class that corrections have given another.

    Args:
        given: name of the class that they had
        became: name of the one that they have; either is ``ignored`` for pixels that take part in nothing
        pixels: how many
        images: images that have any
    """

    given: str
    became: str
    pixels: int
    images: int


@dataclass
class CorrectionPart:
    """Corrected masks that were loaded, counted, and where they are.

    Args:
        source: where they are from, in words
        reviewer: who has corrected
        created: when they were loaded, UTC, ISO 8601
        images: that have a corrected mask
        changed: of these, images in which it differs from the given one
        pixels: that differ
        pairs: the same by the classes before and after, the most pixels first
        resolved: suspects whose pixels the corrections have changed, at least half of them
        as_suggested: of these, suspects that most of have the suggested class now
        still_suspect: suspects in these images that the corrections have left as they were
        rejected: of these, suspects that were rejected, as whole images had been reviewed
        newly_wrong: suspects in the corrected masks where these were changed; None where it is not known
        quality: mean quality of the changed images, of the given and of the corrected masks; None where not known
        notes: sentences that the user must know
        failures: samples whose corrected mask could not be used
        config: what was asked, as `CorrectionRequest.to_dict` gives it
        set: name of the run's set of files
        status: `COMPLETE` or `WRITING`
    """

    source: str = ""
    reviewer: str = ""
    created: str = ""
    images: int = 0
    changed: int = 0
    pixels: int = 0
    pairs: list[ChangedPair] = field(default_factory=list)
    resolved: int = 0
    as_suggested: int = 0
    still_suspect: int = 0
    rejected: int = 0
    newly_wrong: int | None = None
    quality: list[float] | None = None
    notes: list[str] = field(default_factory=list)
    failures: list[LeftOut] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    set: str | None = None
    status: str = COMPLETE


@dataclass(frozen=True)
class Distribution:
    """A score over the images.

    Args:
        images: that have it
        mean: of the images; None where there is none
        lowest: the smallest; None where there is none
        histogram: images by score, in equal steps over [0, 1]
    """

    images: int
    mean: float | None
    lowest: float | None
    histogram: list[int]


@dataclass(frozen=True)
class WorstImage:
    """One of the worst images of a run.

    Args:
        id: the sample
        filepath: the image
        quality: in [0, 1]
        error_type: its leading type of error, ``none`` where it has no suspect; None where none was looked for
        given: class that the mask says in its strongest suspect
        suggested: class that the predictions see there
    """

    id: str
    filepath: str
    quality: float
    error_type: str | None = None
    given: str | None = None
    suggested: str | None = None


@dataclass
class Overview:
    """A run at a glance.

    Args:
        quality: the score that ranks the images
        scores: name to distribution
        worst: the worst images, worst first
        images_by_type: images by leading type of error; None where suspects were not looked for
    """

    quality: str | None = None
    scores: dict[str, Distribution] = field(default_factory=dict)
    worst: list[WorstImage] = field(default_factory=list)
    images_by_type: dict[str, int] | None = None
