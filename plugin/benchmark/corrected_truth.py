"""The benchmark by corrected masks: which given masks are wrong, and how well the scores find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..audit import list_runs
from ..base.errors import LabelQualityError
from ..base.progress import named
from ..samples.inputs import SegmentationSamples, open_samples
from ..suspects.regions import KINDS, NO_ERROR, OTHER
from .audits import Scored, scored
from .label_differences import Difference, compare_labels
from .state import Benchmark
from .tables import KIND_NAMES

ALL = "all"
#: A kind of errors with fewer images than this has no figures of its own
_LEAST_ERRORS = 5


@dataclass(frozen=True)
class Truth:
    """Which of the given masks are wrong.

    Args:
        known: (n,) bool, whether an image has a corrected mask
        share: (n,) float64, share of its pixels that differ; 0 where it has none
        kinds: (n,) of the mistake that most of these pixels make
        min_difference: the least share of a mask that is wrong
    """

    known: np.ndarray
    share: np.ndarray
    kinds: Sequence[str]
    min_difference: float

    @property
    def is_error(self) -> np.ndarray:
        """(n,) bool, whether an image is mislabelled."""
        return self.known & (self.share > 0) & (self.share >= self.min_difference)


def measure_truth(benchmark: Benchmark) -> None:
    """Judges the scores of a run, or of an audit for each architecture, by the corrected masks."""
    config = benchmark.config
    given_run = _finished_run(benchmark, config.run_key) if config.run_key is not None else None
    truth = _compare(benchmark)
    _check(truth, benchmark.config.truth_field)
    _note(benchmark, truth)
    if given_run is not None:
        found = scored(benchmark.dataset, benchmark.samples.values, given_run)
        record = next(one for one in list_runs(benchmark.dataset) if one.key == given_run)
        benchmark.note(f"The scores are those of run '{given_run}' of {record.created}.")
        if not record.out_of_sample:
            benchmark.note(f"Run '{given_run}': {record.note}")
        _judge(benchmark, record.config.get("predictions", {}).get("architecture"), truth, found)
        return
    dataset = benchmark.audits.dataset(ALL, {})
    for number, architecture in enumerate(config.architectures, start=1):
        if benchmark.has(ALL, architecture):
            continue
        name = f"{architecture or 'Given masks'} ({number} of {len(config.architectures)})"
        report = named(benchmark.progress, name)
        _judge(benchmark, architecture, truth, benchmark.audits.audit(dataset, architecture, report, benchmark.rescore))


def _compare(benchmark: Benchmark) -> Truth:
    """Compares the given masks with the corrected ones.

    Raises:
        LabelQualityError: no image has a corrected mask
        SampleError: a corrected mask is of another size, or holds other classes
    """
    samples, field = benchmark.samples, benchmark.config.truth_field
    assert field is not None
    corrected = open_samples(samples.collection, field, skip_failures=True, **benchmark.audits.classes)
    place = {sample_id: index for index, sample_id in enumerate(corrected.ids)}
    known = np.array([sample_id in place for sample_id in samples.ids])
    if not known.any():
        raise LabelQualityError(
            f"None of the {len(samples)} images has a mask in the field '{field}' of corrected ones."
        )
    found = []
    for index, sample_id in enumerate(samples.ids):
        there = place.get(sample_id)
        found.append(Difference(0.0, NO_ERROR) if there is None else _difference(samples, index, corrected, there))
        benchmark.progress("Comparing masks", index + 1, len(samples))
    share = np.array([one.share for one in found])
    return Truth(known, share, [one.kind for one in found], benchmark.config.min_difference)


def _difference(samples: SegmentationSamples, index: int, corrected: SegmentationSamples, there: int) -> Difference:
    table = samples.class_table
    return compare_labels(samples.load_labels(index), corrected.load_labels(there), table.size, table.unlabelled)


def _check(truth: Truth, field: str | None) -> None:
    """Raises `LabelQualityError` where all or none of the masks are wrong."""
    wrong, known = int(truth.is_error.sum()), int(truth.known.sum())
    if not wrong:
        raise LabelQualityError(
            f"The given masks and those of '{field}' are the same: none of the {known} differs in at least "
            f"{truth.min_difference:.2%} of its pixels (the most is {truth.share.max():.2%}). Correct some masks, or "
            "lower `min_difference`."
        )
    if wrong == known:
        raise LabelQualityError(
            f"All {known} given masks differ from those of '{field}' in at least {truth.min_difference:.2%} of their "
            f"pixels (the median is {np.median(truth.share[truth.known]):.2%}), so that no correct one is left to tell "
            "them from. Raise `min_difference`, or check that both fields have the same classes."
        )


def _note(benchmark: Benchmark, truth: Truth) -> None:
    field, known, wrong = benchmark.config.truth_field, int(truth.known.sum()), int(truth.is_error.sum())
    benchmark.note(
        f"A mask is wrong where at least {truth.min_difference:.2%} of its pixels differ from '{field}': {wrong} of "
        f"{known} are."
    )
    slight = int((truth.known & (truth.share > 0) & ~truth.is_error).sum())
    if slight:
        benchmark.note(f"Masks that differ from '{field}' in fewer pixels and so count as right: {slight}.")
    if known < len(truth.known):
        benchmark.note(f"Images without a mask in '{field}', which are not counted: {len(truth.known) - known}.")


def _judge(benchmark: Benchmark, architecture: str | None, truth: Truth, found: Scored) -> None:
    """Adds the results of each kind of errors, against the correct images, and last of all errors together."""
    benchmark.note_scores(found, architecture or "Given masks")
    right = truth.known & ~truth.is_error
    for kind in KINDS:
        of_kind = truth.is_error & (np.array(truth.kinds) == kind)
        count = int((of_kind & found.usable).sum())
        if kind == OTHER or not count or benchmark.has(kind, architecture):
            continue
        if count < _LEAST_ERRORS:
            benchmark.leave_out(kind, f"too few masks are wrong in this way for figures of their own: {count}")
            continue
        report = named(benchmark.progress, KIND_NAMES[kind])
        benchmark.add(benchmark.audits.judge(kind, architecture, of_kind, found, right | of_kind, report))
    report = named(benchmark.progress, KIND_NAMES[ALL])
    benchmark.add(benchmark.audits.judge(ALL, architecture, truth.is_error, found, truth.known, report))


def _finished_run(benchmark: Benchmark, key: str) -> str:
    """The key, if it is that of a finished run of the same labels.

    Raises:
        LabelQualityError: no such run, not finished, or of another field
    """
    runs = {record.key: record for record in list_runs(benchmark.dataset)}
    if key not in runs:
        there = f"Its runs are: {', '.join(runs)}." if runs else "It has no runs."
        raise LabelQualityError(f"Dataset '{benchmark.dataset.name}' has no label quality run '{key}'. {there}")
    if runs[key].label_field != benchmark.samples.label_field:
        raise LabelQualityError(
            f"Expected `run_key` to be a run of the field '{benchmark.samples.label_field}', but run '{key}' is of "
            f"'{runs[key].label_field}'."
        )
    return key
