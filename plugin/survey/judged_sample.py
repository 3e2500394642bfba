"""What the verdicts on a drawn sample say of all of a run's masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.errors import SampleError
from ..dataset.sample_fields import IMAGE, PLACE, SUSPECT, number_of, read_units
from ..dataset.verdicts import CONFIRMED as IS_CONFIRMED
from ..dataset.verdicts import REJECTED as IS_REJECTED
from ..dataset.views import TO_JUDGE, view_name
from ..estimate.estimates import PixelEstimates, judged_by_group, judged_number
from ..estimate.levels import CONFIRMED, DOUBTED, SURE
from ..estimate.replicates import UNKNOWN, Interval, Judged
from ..labels.class_table import ClassTable
from ..passes.kept import sample_state
from ..records.record_parts import Measured
from ..records.run_record import RunRecord
from ..records.sample_parts import DrawnUnits, KeptEstimate, KeptIssue, SamplePart
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.slices import images_of
from .since_draw import Document, Review


@dataclass(frozen=True)
class Judging:
    """How far judging is, of one kind of what was drawn.

    Args:
        shown: drawn to be judged
        judged: of these, those that have a verdict
        counted: verdicts that count: those before which, of the same stratum, all are judged
    """

    shown: int
    judged: int
    counted: int


@dataclass(frozen=True)
class ClassEstimate:
    """The errors of one class.

    Args:
        name: of the class
        pixels: given the class
        wrong: share of these that is truly of another class
        missed: share of the pixels truly of the class that is given another one; None where none is known
    """

    name: str
    pixels: int
    wrong: Interval
    missed: Interval | None


@dataclass(frozen=True)
class IssueEstimate:
    """The suspects of one issue.

    Args:
        given: name of the class that the masks have
        suggested: name of the class that it should be
        suspects: that nobody has reviewed
        judged: of what was drawn of the issue, how many verdicts count
        real: number of suspects not reviewed that are mistakes of the mask
    """

    given: str
    suggested: str
    suspects: int
    judged: int
    real: Interval


@dataclass(frozen=True)
class ErrorEstimate:
    """How many errors there are, each number with its 95 % interval; None where too little is judged.

    Args:
        key: the run's key
        places: how far judging of pixels is
        suspects: of suspects
        images: of whole images
        pixels: that take part, in all images
        wrong_pixels: share of them that is given a wrong class
        classes: the same for each class that is given
        label_miou: mean IoU of the given masks with the true ones, over the classes that are given
        unfound_pixels: number of wrong pixels outside of what was confirmed
        unsuspected_pixels: number of wrong pixels in no suspect at all
        open_suspects: suspects that nobody has reviewed
        real_suspects: number of these that are mistakes of the mask
        issues: the same for each issue, the one with the most real suspects first
        all_images: that take part
        wrong_images: number of images that have an error of the least size
        min_error: that size, as a share of the image's pixels
        precision: wanted half width of the interval of the share of wrong pixels
        more_verdicts: on further pixels that this precision takes; None where that cannot be said
        view: the saved view with what is to be judged
        notes: sentences that the user must know
    """

    key: str
    places: Judging
    suspects: Judging
    images: Judging
    pixels: int
    wrong_pixels: Interval | None
    classes: tuple[ClassEstimate, ...]
    label_miou: Interval | None
    unfound_pixels: Interval | None
    unsuspected_pixels: Interval | None
    open_suspects: int
    real_suspects: Interval | None
    issues: tuple[IssueEstimate, ...]
    all_images: int
    wrong_images: Interval | None
    min_error: float
    precision: float
    more_verdicts: int | None
    view: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The estimate as JSON-serialisable values."""
        return {name: list(one) if isinstance(one, tuple) else one for name, one in asdict(self).items()}


@dataclass(frozen=True)
class _Units:
    """What is judged of one kind.

    Args:
        sizes: (H,) int64 units of each stratum
        stratum: (n,) int64 of each verdict that counts
        units: n documents of those
        judging: how far judging is
        gone: units that were shown and are no longer there
        missing: position in the queue until which there has to be a verdict for an estimate; 0 where there is one
    """

    sizes: np.ndarray
    stratum: np.ndarray
    units: Sequence[Document]
    judging: Judging
    gone: int
    missing: int

    @property
    def wrong(self) -> np.ndarray:
        """(n,) bool, whether the verdict is that something is wrong."""
        return np.array([one["verdict"] == IS_CONFIRMED for one in self.units], bool)


def estimate(dataset: fo.Dataset, record: RunRecord, sample: SamplePart, precision: float) -> ErrorEstimate:
    """Estimates how many errors there are from the verdicts that there are.

    Args:
        dataset: the dataset
        record: of the run
        sample: what was drawn of it
        precision: wanted half width of the interval of the share of wrong pixels
    """
    key, units = record.key, read_units(dataset, record.key)
    review = Review(dataset, key, sample)
    places = _counted(PLACE, sample.places, units)
    suspects = _counted(SUSPECT, sample.suspects, review.with_own_verdicts(units))
    images = _counted(IMAGE, sample.images, units, known=(CONFIRMED,))
    pixels = int(places.sizes.sum())
    found = _of_pixels(sample, places, review, precision)
    open_now = review.open_suspects()
    return ErrorEstimate(
        key=key,
        places=places.judging,
        suspects=suspects.judging,
        images=images.judging,
        pixels=pixels,
        open_suspects=open_now,
        real_suspects=_real_suspects(suspects, review, open_now, sample.seed),
        issues=tuple(_issues(sample, suspects, review)),
        all_images=int(images.sizes.sum()) + _known(sample.images),
        wrong_images=_wrong_images(sample, images),
        min_error=sample.min_error,
        precision=precision,
        view=view_name(key, TO_JUDGE),
        notes=(*sample.notes, *_notes(dataset, record, sample, [places, suspects, images])),
        **found,
    )


def kept_estimate(found: ErrorEstimate) -> KeptEstimate | None:
    """What a run's record keeps of an estimate; None where too little is judged."""
    if found.wrong_pixels is None or found.unfound_pixels is None:
        return None
    return KeptEstimate(
        verdicts=sum(one.counted for one in (found.places, found.suspects, found.images)),
        pixels=found.pixels,
        wrong_pixels=_measured(found.wrong_pixels),
        unfound_pixels=_measured(found.unfound_pixels),
        open_suspects=found.open_suspects,
        real_suspects=None if found.real_suspects is None else _measured(found.real_suspects),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        issues=[
            KeptIssue(one.given, one.suggested, one.suspects, _measured(one.real))
            for one in found.issues
            if one.judged and one.suspects
        ],
    )


def _measured(one: Interval) -> Measured:
    return Measured(one.value, one.low, one.high)


def _counted(kind: str, drawn: DrawnUnits, units: Sequence[Document], known: Sequence[int] = ()) -> _Units:
    """The verdicts that count: of each stratum those before which all are judged.

    So that whoever judges some of them first, those that are easy say, chooses none: of a stratum's units in their
    random order the first ones are a random sample.
    """
    sizes = np.array([0 if one in known else each.size for one, each in enumerate(drawn.strata)], np.int64)
    by_number = {int(one["number"]): one for one in units if one["unit"] == kind}
    open_strata, counted, strata, judged, gone = set(np.flatnonzero(sizes)), [], [], 0, 0
    waiting: dict[int, int] = {}
    for place, stratum in enumerate(drawn.order[: drawn.shown]):
        unit = by_number.get(number_of(kind, place))
        if unit is None:
            gone += 1
            continue
        if unit.get("verdict") not in (IS_CONFIRMED, IS_REJECTED):
            waiting.setdefault(stratum, place + 1)
            open_strata.discard(stratum)
            continue
        judged += 1
        if stratum in open_strata:
            counted.append(unit)
            strata.append(stratum)
    lacking = [one for one in np.flatnonzero(sizes).tolist() if one not in strata]
    # Of those that are not among what is shown, where they come in the queue
    later = {stratum: place + 1 for place, stratum in reversed(list(enumerate(drawn.order)))}
    missing = max((waiting.get(one, later.get(one, len(drawn.order))) for one in lacking), default=0)
    judging = Judging(drawn.shown - gone, judged, len(counted))
    return _Units(sizes, np.array(strata, np.int64), counted, judging, gone, missing)


def _of_pixels(sample: SamplePart, places: _Units, review: Review, precision: float) -> dict[str, Any]:
    """What `ErrorEstimate` has of pixels."""
    names = ("wrong_pixels", "label_miou", "unfound_pixels", "unsuspected_pixels", "more_verdicts")
    if places.missing or not places.units:
        return {**dict.fromkeys(names), "classes": ()}
    index = {name: place for place, name in enumerate(sample.classes)}
    given = np.array([index[one["given"]] for one in places.units], np.int64)
    right = np.array(
        [index.get(one.get("corrected_to") or one.get("suggested") or "", UNKNOWN) for one in places.units]
    )
    class_pixels = np.array([one.class_pixels for one in sample.places.strata], np.int64)
    judged = Judged(places.sizes, places.stratum, given, np.where(places.wrong, right, given))
    made = PixelEstimates(judged, class_pixels, sample.seed)
    level = np.arange(len(places.sizes))
    _, confirmed = review.confirmed_since()
    rest = places.sizes[level != CONFIRMED].sum()
    shown = [one for one in range(len(sample.classes)) if class_pixels[:, one].any()]
    classes = []
    for one in shown:
        errors = made.of_class(one)
        classes.append(ClassEstimate(sample.classes[one], errors.pixels, errors.wrong, errors.missed))
    return {
        "wrong_pixels": made.share(),
        "classes": tuple(classes),
        "label_miou": made.label_miou(),
        "unfound_pixels": made.wrong(level != CONFIRMED).scaled(1, -confirmed).within(0, float(rest)),
        "unsuspected_pixels": made.wrong((level >= DOUBTED) & (level <= SURE)),
        "more_verdicts": made.more_verdicts(precision),
    }


def _real_suspects(suspects: _Units, review: Review, open_now: int, seed: int) -> Interval | None:
    """How many suspects that nobody has reviewed are real: those of the draw, less what was confirmed since."""
    if suspects.missing or not suspects.units:
        return None
    confirmed, _ = review.confirmed_since()
    real = judged_number(suspects.sizes, suspects.stratum, suspects.wrong, seed)
    return real.scaled(1, -confirmed).within(0, open_now)


def _issues(sample: SamplePart, suspects: _Units, review: Review) -> list[IssueEstimate]:
    """Each issue that has suspects which nobody has reviewed, or that are judged."""
    strata = sample.suspects.strata
    names = sorted({(one.given, one.suggested) for stratum in strata for one in stratum.issues})
    if suspects.missing or not suspects.units or not names:
        return []
    number = {name: place for place, name in enumerate(names)}
    sizes = np.zeros((len(strata), len(names)), np.int64)
    for row, stratum in zip(sizes, strata, strict=True):
        for one in stratum.issues:
            row[number[one.given, one.suggested]] = one.size
    # -1 where the attributes of what was drawn have been changed by hand
    group = np.array([number.get((one.get("given", ""), one.get("suggested", "")), -1) for one in suspects.units])
    judged = np.bincount(group[group >= 0], minlength=len(names)).tolist()
    real = judged_by_group(sizes, suspects.stratum, group, suspects.wrong, sample.seed)
    now, made = review.issues(), []
    for name, place in number.items():
        open_now, confirmed = now.get(name, (0, 0))
        left = real[place].scaled(1, -confirmed).within(0, open_now)
        made.append(IssueEstimate(*name, open_now, judged[place], left))
    return sorted((one for one in made if one.suspects or one.judged), key=lambda one: (-one.real.value, -one.suspects))


def _wrong_images(sample: SamplePart, images: _Units) -> Interval | None:
    known = _known(sample.images)
    if not images.sizes.any():
        return Interval(float(known), float(known), float(known)) if known else None
    if images.missing or not images.units:
        return None
    return judged_number(images.sizes, images.stratum, images.wrong, sample.seed).scaled(1, known)


def _known(images: DrawnUnits) -> int:
    """Images that are known to be wrong, by suspects that were confirmed before the draw."""
    return images.strata[CONFIRMED].size if images.strata else 0


def _notes(dataset: fo.Dataset, record: RunRecord, sample: SamplePart, kinds: Sequence[_Units]) -> list[str]:
    notes = []
    for name, one in zip(("places", "suspects", "images"), kinds, strict=True):
        if one.missing > one.judging.shown > 0:
            notes.append(
                f"Too few {name} are drawn for an estimate: ask for {one.missing} at least, in place of "
                f"{one.judging.shown}."
            )
        elif one.missing and one.judging.shown:
            notes.append(
                f"Too few of the {name} are judged for an estimate: judge the first {one.missing} at least, of "
                f"{one.judging.shown}."
            )
        waiting = one.judging.judged - one.judging.counted
        if waiting:
            notes.append(
                f"{waiting} verdict{'s' * (waiting != 1)} on {name} {'do' if waiting != 1 else 'does'} not count yet: "
                "those before in the queue have none, and who chooses what to judge would choose the estimate."
            )
        if one.gone:
            notes.append(
                f"{one.gone} of the drawn {name} {'are' if one.gone != 1 else 'is'} no longer in the dataset. The "
                "estimate is as if what was removed had been removed at random; draw anew with overwrite=True where it "
                "was not."
            )
    changed = _changed(dataset, record, sample)
    if changed:
        notes.append(
            f"The images or masks of {changed} of the drawn samples have changed since the draw. The estimate is of "
            "the masks as they were; audit again and draw anew with overwrite=True for those that are there now."
        )
    return notes


def _changed(dataset: fo.Dataset, record: RunRecord, sample: SamplePart) -> int:
    """How many of the samples that are shown have another image or mask than at the draw."""
    kinds = (sample.places, sample.suspects, sample.images)
    shown = sorted({one for drawn in kinds for one in drawn.samples[: drawn.shown]})
    view = images_of(dataset).select(shown).exists(record.label_field)
    if not len(view):
        return 0
    table = ClassTable.from_dict(record.class_table)
    samples = open_samples(
        view, record.label_field, classes=table.mask_targets(), unknown=record.unknown, skip_failures=True
    )
    samples.class_table = table
    return sum(not _is_same(samples, index, sample) for index in range(len(samples)))


def _is_same(samples: SegmentationSamples, index: int, sample: SamplePart) -> bool:
    try:
        return list(sample_state(samples, index)) == sample.states.get(samples.ids[index])
    except SampleError:
        return False
