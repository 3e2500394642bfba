"""The lint as a function: what is improbable in given masks by themselves, found in seconds and without a model.

It is also an operator of the same name, with the same parameters::

    from label_quality import lint_masks

    lint_masks(dataset, "ground_truth").counts
    dataset.load_saved_view("lq: lint")
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import fiftyone as fo

from .base.config import split
from .base.database_errors import database_errors
from .base.progress import Progress, showing
from .dataset.lint_fields import check_lint, delete_lint
from .lint.config import LintConfig
from .lint.summary import LintSummary
from .records.run_record import validate_key
from .runs.lint import lint_digest, lint_samples
from .runs.request import LintRequest
from .samples.inputs import open_samples
from .samples.private_fiftyone import root_of


@database_errors()
def lint_masks(
    collection: fo.Dataset | fo.DatasetView,
    label_field: str,
    *,
    key: str = LintRequest.key,
    progress: Progress | bool | None = False,
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
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far it is
        **parameters: of `request.LintRequest` (classes, ignored, unlabelled, clear) and of `LintConfig`

    Returns:
        how much is found of each kind, and where most

    Raises:
        LabelQualityError: bad input, no sample has a mask, or a field of such a name is the user's
    """
    asked, wanted = split({"key": key, **parameters}, LintRequest, LintConfig)
    request, config = LintRequest(**asked), LintConfig.from_params(wanted)
    started, dataset = time.monotonic(), root_of(collection)
    with showing(progress) as progress:
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
        digest = lint_digest(samples, config, samples.fingerprint())
        found = lint_samples(samples, request.key, config, digest=digest, progress=progress)
        return replace(found, seconds=time.monotonic() - started)
