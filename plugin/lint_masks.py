"""The lint as a function: what is improbable in given masks by themselves, found in seconds and without a model.

It is also an operator of the same name, with the same parameters::

    from label_quality import lint_masks

    lint_masks(dataset, "ground_truth").counts
    dataset.load_saved_view("lq: lint")
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import fiftyone as fo

from .base.database_errors import database_errors
from .base.errors import LabelQualityError
from .base.progress import Progress, silent
from .dataset.indexes import missing_note
from .dataset.lint_fields import check_lint, delete_lint, lint_names, write_lint
from .dataset.run_record import validate_key
from .labels.file_doubts import file_notes
from .lint.config import LintConfig
from .lint.findings import KINDS, MISSING, Finding
from .lint.lint import LintResult, lint
from .lint.summary import KindCount, LintedImage, LintSummary
from .runs.request import LintRequest
from .samples.inputs import SegmentationSamples, open_samples
from .samples.private_fiftyone import root_of

#: Images that are named
_LISTED = 20


@database_errors()
def lint_masks(
    collection: fo.Dataset | fo.DatasetView,
    label_field: str,
    *,
    key: str = LintRequest.key,
    progress: Progress = silent,
    **parameters: Any,
) -> LintSummary:
    """Finds what is improbable in masks by themselves: stray pixels, holes, slivers, frames, outliers, equal images.

    No model and no run is needed, and no mask is changed. What is found goes to the fields ``<key>_lint`` (a detection
    each, labelled with its kind, with a reason in words), ``<key>_lint_kinds`` and ``<key>_lint_count``, in place of
    that of an earlier lint, and the view ``<key>: lint`` is saved. Masks that are missing, cannot be read, are of
    another size than their image or hold values outside the class table are findings, not errors.

    Args:
        collection: an image dataset or a view of one
        label_field: its `fo.Segmentation` field with the given masks
        key: the prefix of the fields
        progress: told how far it is
        **parameters: of `request.LintRequest` (classes, ignored, unlabelled, clear) and of `LintConfig`

    Returns:
        how much is found of each kind, and where most

    Raises:
        LabelQualityError: bad input, no sample has a mask, or a field of such a name is the user's
    """
    request, config = _split({"key": key, **parameters})
    started, dataset = time.monotonic(), root_of(collection)
    validate_key(dataset, request.key)
    check_lint(dataset, request.key)
    if request.clear:
        delete_lint(dataset, request.key)
        return LintSummary(request.key, seconds=time.monotonic() - started)
    samples = open_samples(
        collection,
        label_field,
        classes=request.classes,
        ignored=request.ignored,
        unlabelled=request.unlabelled,
        unknown="ignore",
        skip_failures=True,
        progress=progress,
        workers=config.workers,
    )
    found = lint(samples, config, progress)
    images = _by_sample(samples, found, MISSING in config.only_kinds)
    sizes = {
        sample_id: (int(height), int(width))
        for sample_id, (height, width) in zip(samples.ids, found.sizes, strict=True)
        if height and width
    }
    view = write_lint(
        dataset,
        request.key,
        images,
        sizes,
        label_field=label_field,
        shown=config.max_findings,
        progress=progress,
    )
    notes = [*found.notes, *file_notes(samples.ids, samples.image_paths, samples.mask_paths)]
    unsorted = missing_note(dataset, lint_names(request.key)[-1:])
    notes += [unsorted] if unsorted else []
    return _summary(request.key, samples, images, notes, view, time.monotonic() - started)


def _split(parameters: Mapping[str, Any]) -> tuple[LintRequest, LintConfig]:
    names = [{one.name for one in fields(group)} for group in (LintRequest, LintConfig)]
    unknown = sorted(set(parameters).difference(*names))
    if unknown:
        known = ", ".join(sorted(set().union(*names)))
        raise LabelQualityError(f"Unknown parameter {', '.join(map(repr, unknown))}; expected some of {known}.")
    asked, wanted = ({name: value for name, value in parameters.items() if name in group} for group in names)
    return LintRequest(**asked), LintConfig.from_params(wanted)


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
    key: str,
    samples: SegmentationSamples,
    images: Mapping[str, Sequence[Finding]],
    notes: list[str],
    view: str,
    seconds: float,
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
        view=view,
        seconds=seconds,
    )
