"""How far the scores can be trusted on one's own data: errors planted in copies of the masks, or corrected masks.

As a function, which is also the operator and the command of the same name::

    from label_quality.plugin.benchmark.run import benchmark_scores

    summary = benchmark_scores(dataset, "ground_truth", architectures=("DeepLabV3Plus", "FPN"))
    print(summary.text())

The protocol is the paper's: Drop, Swap and Shift errors are planted one kind at a time, models are trained on the noisy
masks, and each score is judged by where it ranks the images whose masks are wrong.

References:
    Lad and Mueller, "Estimating label quality and errors in semantic segmentation data via any model" (2023), section 4
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import LabelQualityError
from ..base.progress import Progress, named, silent
from .assess import LIFT_COUNT
from .config import BenchmarkConfig, rates_of, split_parameters
from .corrected_truth import measure_truth
from .noisy_dataset import NoisyMask, NothingToPlant, chosen_images, plant_errors
from .planted_errors import ERROR_KINDS, InjectionRules
from .records import DEFAULT_KEY, INJECTED, MASKS, delete_benchmark, list_benchmarks, load_benchmark
from .state import Benchmark, opened
from .tables import KIND_NAMES, describe_benchmark

__all__ = ["BenchmarkSummary", "benchmark_scores", "delete_benchmark", "list_benchmarks", "load_benchmark"]

#: Fewer mislabelled images leave the intervals so wide that it is said
_FEW_ERRORS = 20


@dataclass(frozen=True)
class BenchmarkSummary:
    """The outcome of a benchmark.

    Args:
        key: of the benchmark
        label_field: the field with the given masks
        mode: ``injected`` or ``truth``
        truth_field: the field with corrected masks, or None
        images: number of images
        classes: names of the classes
        results: one for each kind of errors and architecture, as `records.save_benchmark` has them
        left_out: kind of errors to the reason why it has no results
        notes: what the user must know
        seconds: how long the audits took
        folder: where the copies of masks are
    """

    key: str
    label_field: str
    mode: str
    truth_field: str | None
    images: int
    classes: tuple[str, ...]
    results: tuple[dict[str, Any], ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]
    seconds: float
    folder: str

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> BenchmarkSummary:
        """The summary of a benchmark's record."""
        names = ("key", "label_field", "mode", "truth_field", "images", "left_out", "folder")
        values: dict[str, Any] = {name: record[name] for name in names}
        values |= {name: tuple(record[name]) for name in ("classes", "results", "notes")}
        return cls(**values, seconds=sum(result["seconds"] for result in record["results"]))

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-serialisable values."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """The paper's four tables, and the notes, as text."""
        return describe_benchmark(self.to_dict())


def benchmark_scores(
    collection: Any,
    label_field: str,
    *,
    key: str = DEFAULT_KEY,
    kinds: Sequence[str] | None = None,
    rates: Mapping[str, float] | None = None,
    severity: float = InjectionRules.severity,
    min_fraction: float = InjectionRules.min_fraction,
    seed: int = 51,
    architectures: Sequence[str | None] = (None,),
    truth_field: str | None = None,
    run_key: str | None = None,
    min_difference: float = 0.001,
    resamples: int = 1000,
    suspects: bool = True,
    overwrite: bool = False,
    rescore: bool = False,
    keep_runs: bool = False,
    progress: Progress = silent,
    **parameters: Any,
) -> BenchmarkSummary:
    """Measures how well each score finds annotation errors in this dataset.

    Without a ``truth_field``, errors are planted in copies of the masks, one kind at a time, and the copies are
    audited. With one, the given masks are audited, or an earlier run is taken, and a mask is wrong where the corrected
    one differs. The dataset, its fields and its files stay as they are; only the benchmark's record is added, and the
    copies are in a folder and datasets of its own, of which the datasets are deleted at the end. A benchmark that was
    stopped, whatever the reason, goes on where it was when it is started again with the same parameters.

    Args:
        collection: an image dataset or a view of one
        label_field: its `fo.Segmentation` field with the given masks
        key: of the benchmark's record
        kinds: of errors to plant: some of ``drop``, ``swap`` and ``shift``; by default all
        rates: kind to the share of the images that gets one, in (0, 1); by default the paper's 0.2, 0.3 and 0.2
        severity: the largest side of the kernel that shifts an edge, as a share of the image's longer side
        min_fraction: the least share of an image's pixels that an error changes
        seed: of errors, folds, training and bootstrap
        architectures: decoders to train, see `CrossValidation`; None is the preset's own
        truth_field: field with corrected masks, in place of planted errors; images without one are not counted
        run_key: with ``truth_field``: a finished run whose scores are judged, in place of an audit
        min_difference: with ``truth_field``: a mask is wrong where at least this share of its pixels differs
        resamples: of the bootstrap for the 95 % intervals
        suspects: also judge the suspects of planted errors
        overwrite: replace another benchmark of that key; with the same parameters, measure anew
        rescore: score finished audits again (of an earlier call with ``keep_runs``)
        keep_runs: leave the audits and their datasets for ``rescore``, until the benchmark is deleted
        progress: told how far it is; stages begin with the kind of error and the architecture
        **parameters: others of `CrossValidation` (preset, folds, blocks, group_field, …), of
            `ScoreConfig`, and classes, ignored, unlabelled, unknown, skip_failures and output_dir of
            `request.Request`

    Returns:
        the summary; the record has the same and more, see `load_benchmark`

    Raises:
        LabelQualityError: bad input, with what was expected, what was found and what to do
        SampleError: a sample cannot be used, and ``skip_failures`` is not set
    """
    request, predictions, scores = split_parameters(parameters)
    if truth_field is not None and (kinds is not None or rates is not None):
        raise LabelQualityError(
            "Parameters `kinds` and `rates` are of errors to plant, and with `truth_field` none are planted. Leave "
            "them or `truth_field` out."
        )
    config = BenchmarkConfig(
        rates=rates_of(kinds, rates),
        severity=severity,
        min_fraction=min_fraction,
        seed=seed,
        architectures=tuple(architectures),
        truth_field=truth_field,
        run_key=run_key,
        min_difference=min_difference,
        resamples=resamples,
        suspects=suspects,
        predictions=predictions,
        scores=scores,
    )
    request = dataclasses.replace(request, key=key, overwrite=overwrite)
    options = {"rescore": rescore, "keep_runs": keep_runs}
    with opened(collection, label_field, config, request, progress, **options) as benchmark:
        if not benchmark.finished:
            benchmark.save()
            (_measure_injected if config.mode == INJECTED else measure_truth)(benchmark)
            _note_counts(benchmark)
            benchmark.finish()
        return BenchmarkSummary.from_record(benchmark.record)


def _measure_injected(benchmark: Benchmark) -> None:
    """Plants all kinds of errors, then audits them one by one."""
    config = benchmark.config
    # All of them before the first audit: a rate that cannot be met is said in seconds, not after hours
    planted = _planted(benchmark)
    jobs = [(kind, architecture) for kind in planted for architecture in config.architectures]
    benchmark.note(
        "The given masks count as the truth: what is found of errors that they already have counts as a false alarm, "
        "so the figures are rather too low than too high."
    )
    for number, (kind, architecture) in enumerate(jobs, start=1):
        if not benchmark.has(kind, architecture):
            name = ", ".join([KIND_NAMES[kind], *([architecture] if architecture else [])])
            _audit(benchmark, kind, architecture, planted[kind], f"{name} ({number} of {len(jobs)})")
        if architecture == config.architectures[-1] and not benchmark.keep_runs:
            benchmark.audits.discard(_folder_name(planted[kind]))


def _planted(benchmark: Benchmark) -> dict[str, dict[int, NoisyMask]]:
    """Every kind that can be planted, with its noisy masks; the others are left out, unless none remains."""
    config, samples, planted = benchmark.config, benchmark.samples, {}
    for kind in config.kinds:
        rate, seed = config.rates[kind], _seed(config, kind)
        try:
            planted[kind] = plant_errors(
                samples,
                kind,
                rate,
                benchmark.folder / MASKS,
                seed=seed,
                severity=config.severity,
                min_fraction=config.min_fraction,
                progress=benchmark.progress,
            )
        except NothingToPlant as error:
            if len(config.kinds) == 1:
                raise
            benchmark.leave_out(kind, str(error))
            continue
        chosen = len(chosen_images(len(samples), kind, rate, seed))
        if len(planted[kind]) < chosen:
            benchmark.note(
                f"{KIND_NAMES[kind]}: {len(planted[kind])} of the {chosen} images that were chosen have an error. In "
                f"the others no class is large enough for one that changes {config.min_fraction:.2%} of the pixels."
            )
    if not planted:
        reasons = " ".join(f"{KIND_NAMES[kind]}: {reason}" for kind, reason in benchmark.record["left_out"].items())
        raise LabelQualityError(f"None of the kinds of errors can be planted in these masks. {reasons}")
    return planted


def _seed(config: BenchmarkConfig, kind: str) -> int:
    """Another seed for each kind, so that they do not get the same images."""
    return config.seed + ERROR_KINDS.index(kind)


def _audit(
    benchmark: Benchmark, kind: str, architecture: str | None, planted: Mapping[int, NoisyMask], name: str
) -> None:
    audits = benchmark.audits
    dataset = audits.dataset(_folder_name(planted), planted)
    report = named(benchmark.progress, name)
    found = audits.audit(dataset, architecture, report, benchmark.rescore)
    benchmark.note_scores(found, name.partition(" (")[0])
    is_error = np.isin(np.arange(len(benchmark.samples)), list(planted))
    result = audits.judge(kind, architecture, is_error, found, progress=report)
    findings = audits.judge_suspects(dataset, architecture, planted, found)
    benchmark.add({**result, **({"suspects": findings} if findings else {})})


def _folder_name(planted: Mapping[int, NoisyMask]) -> str:
    return next(iter(planted.values())).path.parent.name


def _note_counts(benchmark: Benchmark) -> None:
    """What is said of small datasets, in place of figures without meaning."""
    results = benchmark.record["results"]
    small = sorted({result["images"] for result in results if result["images"] <= LIFT_COUNT})
    if small:
        benchmark.note(
            f"Lift@{LIFT_COUNT} is left out: it needs more than {LIFT_COUNT} images, but there are "
            f"{' or '.join(map(str, small))}."
        )
    few = {KIND_NAMES[result["kind"]]: result["errors"] for result in results if result["errors"] < _FEW_ERRORS}
    if few:
        counts = ", ".join(f"{name} {count}" for name, count in few.items())
        benchmark.note(f"Few images are mislabelled ({counts}), so the intervals are wide: use more images.")
