"""The demo: generated street scenes with planted errors, audited from images and masks to a ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..audit import audit_labels
from ..base.console import TerminalProgress
from ..dataset.views import worst_first
from ..samples.folders import LABEL_FIELD
from ..scenes.demo_dataset import DATASET_NAME, RATES, TRUTH_FIELD, demo_dataset
from .text import describe


def run_demo(
    directory: Path, images: int = 200, seed: int = 51, name: str = DATASET_NAME, overwrite: bool = False
) -> Any:
    """Makes the demo's dataset, audits it and prints how many planted errors the ranking finds.

    Started again, it uses what it has already made and computed.

    Args:
        directory: where images and masks go
        images: number of scenes
        seed: of scenes and errors
        name: of the dataset
        overwrite: compute the run anew

    Returns:
        the `fiftyone.Dataset`

    Raises:
        LabelQualityError: the directory cannot be written to, or a dataset of that name is not the demo's
    """
    progress = TerminalProgress()
    try:
        dataset = demo_dataset(directory, images, seed, name=name, progress=progress)
        summary = audit_labels(dataset, LABEL_FIELD, progress=progress, preset="fast", seed=seed, overwrite=overwrite)
    finally:
        progress.close()
    print(describe(summary))
    print(f"\n{planted_errors_found(dataset, summary.key)}", flush=True)
    return dataset


def planted_errors_found(dataset: Any, key: str) -> str:
    """How many of the M planted errors are among the M worst-ranked images, in all and by kind."""
    kinds = worst_first(dataset, key).values(TRUTH_FIELD)
    planted = sum(kind is not None for kind in kinds)
    top = kinds[:planted]
    by_kind = ", ".join(f"{kind} {top.count(kind)} of {kinds.count(kind)}" for kind in RATES if kind in kinds)
    found = sum(kind is not None for kind in top)
    return f"{found} of the {planted} planted errors are among the {planted} worst-ranked images ({by_kind})."
