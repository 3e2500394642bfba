"""What several commands need: FiftyOne started with patience, and the dataset that the options name."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..base.database_errors import database_errors, explain
from ..base.errors import LabelQualityError
from .text import listed


class UsageError(LabelQualityError):
    """Options that do not go together, or are missing."""


@contextlib.contextmanager
def started_fiftyone() -> Iterator[None]:
    """Starts FiftyOne, which takes seconds, and explains what goes wrong with its database."""
    waiting = sys.stderr.isatty()
    if waiting:
        print("Starting FiftyOne …", end="", file=sys.stderr, flush=True)
    try:
        import fiftyone  # noqa: F401
    except Exception as error:
        reason = str(explain(error) or error).strip().splitlines() or [type(error).__name__]
        raise LabelQualityError(f"FiftyOne cannot start: {reason[0]}") from error
    finally:
        if waiting:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    with database_errors():
        yield


def check_data(options: argparse.Namespace) -> None:
    """Raises unless the options name one dataset."""
    folders = [name for name in ("images", "masks", "name") if name in options]
    if "dataset" in options and folders:
        raise UsageError(f"--dataset is a dataset that exists; --{folders[0]} is for making one. Give one of them.")
    if "dataset" not in options and not {"images", "masks"} <= set(folders):
        raise UsageError("Give --images DIR and --masks DIR, or --dataset NAME for a dataset that FiftyOne has.")
    if "label_field" in options and "dataset" not in options:
        raise UsageError("--label-field is for --dataset; masks of --masks go to the field 'ground_truth'.")


def open_data(options: argparse.Namespace, parameters: dict[str, Any]) -> tuple[Any, Any, str]:
    """The dataset that the options name, made of folders if need be.

    Args:
        options: of the command line, checked by `check_data`
        parameters: of the engine; ``classes`` is added where they are given for a dataset that exists

    Returns:
        the dataset, its samples that have a mask, and the label field

    Raises:
        LabelQualityError: no such dataset, folder or file, or one that cannot be used
    """
    from ..labels.class_files import parse_classes
    from ..samples.folders import LABEL_FIELD, dataset_from_folders

    classes = parse_classes(options.classes) if "classes" in options else {}
    if "images" not in options:
        dataset = load_dataset(options.dataset)
        parameters |= {"classes": classes} if classes else {}
        return dataset, dataset, getattr(options, "label_field", LABEL_FIELD)
    images = Path(options.images)
    name = getattr(options, "name", None) or images.resolve().parent.name or "images"
    dataset = dataset_from_folders(name, images, Path(options.masks), classes)
    return dataset, _with_masks(dataset, LABEL_FIELD), LABEL_FIELD


def load_dataset(name: str) -> Any:
    """The dataset of a name; raises `LabelQualityError` if FiftyOne has none."""
    import fiftyone as fo

    if fo.dataset_exists(name):
        return fo.load_dataset(name)
    names = fo.list_datasets()
    there = f"There are: {listed(names)}." if names else "There are none at all."
    raise LabelQualityError(f"FiftyOne has no dataset named '{name}'. {there}")


def _with_masks(dataset: Any, label_field: str) -> Any:
    """The samples that have a mask; the others are named on standard error."""
    without = dataset.exists(label_field, False).values("filepath")
    if not without:
        return dataset
    names = listed([os.path.basename(path) for path in without])
    print(f"{len(without)} of {len(dataset)} images have no mask and are left out: {names}.", file=sys.stderr)
    return dataset.exists(label_field)
