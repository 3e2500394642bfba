"""The lint of masks: by itself, and as the first stage of a run, which it never keeps from going on."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..base.database_errors import explain
from ..base.errors import LabelQualityError
from ..base.progress import Progress
from ..dataset.lint_fields import lint_names, write_lint
from ..documents.indexes import missing_note
from ..labels.file_doubts import file_notes
from ..lint.config import LintConfig
from ..lint.findings import KINDS, MISSING, Finding
from ..lint.lint import LintResult, lint
from ..lint.summary import KindCount, LintedImage, LintSummary
from ..records.lint_part import LintPart, lint_part
from ..records.record_parts import COMPLETE
from ..samples.inputs import SegmentationSamples
from ..store.run_folder import content_digest
from .run import Run
from .turns import writing

#: Images that are named
_LISTED = 20
#: What a run calls the lint's stages
STAGE = "Lint"
_LOGGER = logging.getLogger(__name__)


def lint_first(run: Run, workers: int | None) -> None:
    """The first stage of a run: lints its masks, and writes what is found before models are trained.

    What a lint by itself has found under the run's key stays. An error is a note of the run's.

    Args:
        run: the run
        workers: threads that read masks; None for one a core
    """
    told = _Told(run.times)
    try:
        _lint(run, LintConfig(workers=workers), told)
    except Exception as error:
        if told.stopped:
            raise
        known = error if isinstance(error, LabelQualityError) else explain(error)
        if known is None:
            _LOGGER.exception("The lint of run '%s' failed", run.key)
        run.notes.append(f"The masks were not linted: {known or f'{type(error).__name__}: {error}'}")


def lint_digest(samples: SegmentationSamples, config: LintConfig, fingerprint: str) -> str:
    """Hex digits over all that the findings depend on.

    Args:
        samples: with the masks
        config: what is looked for
        fingerprint: of the samples' files
    """
    missing = [one.sample_id for one in samples.failures]
    return content_digest("lint", config.digest(), samples.class_table.to_dict(), fingerprint, missing)


def lint_samples(
    samples: SegmentationSamples,
    key: str,
    config: LintConfig,
    *,
    digest: str,
    run: Run | None = None,
    progress: Progress,
) -> LintSummary:
    """Lints masks, and writes what is found.

    Args:
        samples: with the masks; values outside the class table are ignored ones
        key: the prefix of the fields
        config: what is looked for
        digest: as of `lint_digest`
        run: that it is a stage of; None for a lint by itself
        progress: told how far it is

    Returns:
        how much is found of each kind, and where most

    Raises:
        LabelQualityError: a field or view of such a name is the user's
    """
    started, dataset = time.monotonic(), samples.dataset
    found = lint(samples, config, progress)
    images = _by_sample(samples, found, MISSING in config.only_kinds)
    sizes = {
        sample_id: (int(height), int(width))
        for sample_id, (height, width) in zip(samples.ids, found.sizes, strict=True)
        if height and width
    }
    notes = [*found.notes, *file_notes(samples.ids, samples.image_paths, samples.mask_paths)]
    summary = _summary(key, samples, images, notes)
    part = LintPart(
        of_run=run is not None,
        digest=digest,
        label_field=samples.label_field,
        images=summary.images,
        affected=summary.affected,
        kinds=summary.kinds,
        notes=notes,
    )
    with writing(dataset, run.folder.root) if run is not None else contextlib.nullcontext():
        view = write_lint(dataset, key, images, sizes, part, shown=config.max_findings, progress=progress)
    unsorted = missing_note(dataset, lint_names(key)[-1:])
    notes = [*notes, unsorted] if unsorted else notes
    return replace(summary, notes=notes, view=view, seconds=time.monotonic() - started)


class _Told:
    """A `Progress` that passes on what a run's lint tells, and knows whether whoever is told has ended the run."""

    def __init__(self, progress: Progress) -> None:
        self.stopped = False
        self._progress = progress

    def __call__(self, stage: str, done: int, total: int) -> None:
        try:
            self._progress(f"{STAGE}: {stage}", done, total)
        except BaseException:
            self.stopped = True
            raise


def _lint(run: Run, config: LintConfig, progress: Progress) -> None:
    samples = run.samples.subset(range(len(run.samples)))
    # A value outside the class table is a finding
    samples.unknown = "ignore"
    digest, before = lint_digest(samples, config, run.fingerprint), lint_part(run.dataset, run.key)
    there = run.dataset.has_sample_field(lint_names(run.key)[0])
    finished = before is None or before.status == COMPLETE
    if before is not None and before.digest == digest and finished:
        return
    if there and finished and (before is None or not before.of_run):
        run.notes.append(
            f"What a lint by itself has found as '{run.key}' is kept, and the audit has not linted anew. Lint the "
            "masks again to have what there is now."
        )
        return
    lint_samples(samples, run.key, config, digest=digest, run=run, progress=progress)


def _by_sample(samples: SegmentationSamples, found: LintResult, missing: bool) -> dict[str, list[Finding]]:
    """Sample id to its findings; also of those without a mask, which have no position."""
    images: dict[str, list[Finding]] = {sample_id: [] for sample_id in samples.ids}
    for one in found.findings:
        images[samples.ids[one.sample]].append(one)
    for failure in samples.failures:
        text = f"{failure.problem[0].upper()}{failure.problem[1:]}"
        images[str(failure.sample_id)] = [Finding(MISSING, -1, text)] if missing else []
    return images


def _summary(
    key: str, samples: SegmentationSamples, images: Mapping[str, Sequence[Finding]], notes: list[str]
) -> LintSummary:
    everything = [one for some in images.values() for one in some]
    counts = Counter(one.kind for one in everything)
    affected = Counter(kind for some in images.values() for kind in {one.kind for one in some})
    first = {one.kind: one.reason for one in reversed(everything)}
    paths = dict(zip(samples.ids, samples.image_paths, strict=True)) | {
        str(one.sample_id): str(one.path) for one in samples.failures
    }
    worst = sorted((one for one in images if images[one]), key=lambda one: -len(images[one]))[:_LISTED]
    return LintSummary(
        key=key,
        images=len(images),
        affected=sum(bool(some) for some in images.values()),
        findings=len(everything),
        kinds=[KindCount(kind, counts[kind], affected[kind], first[kind]) for kind in KINDS if counts[kind]],
        worst=[
            LintedImage(one, paths[one], len(images[one]), list(dict.fromkeys(each.kind for each in images[one])))
            for one in worst
        ],
        notes=notes,
    )
