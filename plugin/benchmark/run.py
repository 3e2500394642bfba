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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import LabelQualityError
from ..base.progress import Progress, named, showing
from ..engine.config import Execution
from ..engine.engine import running_on
from .assess import LIFT_COUNT
from .config import ERROR_KINDS, INJECTED, BenchmarkConfig, asked
from .corrected_truth import measure_truth
from .noisy_dataset import NoisyMask, NothingToPlant, chosen_images, plant_errors
from .records import MASKS, delete_benchmark, list_benchmarks, load_benchmark
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
    progress: Progress | bool | None = False,
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
        label_field: its field with the given masks or instances
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far it is; stages begin with the
            kind of error and the architecture
        **parameters: of `BenchmarkRequest` (key, kinds, rates, overwrite, rescore, keep_runs), of `BenchmarkConfig`
            (architectures, truth_field, run_key, severity, min_fraction, seed, …), others of `CrossValidation` (preset,
            folds, blocks, group_field, …), of `ScoreConfig`, of `Execution`, and classes, ignored, unlabelled, unknown,
            skip_failures and output_dir of `request.Request`

    Returns:
        the summary; the record has the same and more, see `load_benchmark`

    Raises:
        LabelQualityError: bad input, with what was expected, what was found and what to do
        SampleError: a sample cannot be used, and ``skip_failures`` is not set
    """
    request, asked_of, config = asked(parameters)
    options = {"rescore": asked_of.rescore, "keep_runs": asked_of.keep_runs}
    where = Execution.asked(parameters)
    with (
        showing(progress) as progress,
        running_on(where),
        opened(collection, label_field, config, request, progress, **options) as benchmark,
    ):
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
