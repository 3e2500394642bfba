"""The saved views of a run; views of the user's with the same names are left alone."""

from __future__ import annotations

import fiftyone as fo

from .errors import LabelQualityError
from .runs import list_records

WORST_FIRST = "worst first"


def view_name(key: str, title: str) -> str:
    """The name of a run's saved view: ``<key>: <title>``."""
    return f"{key}: {title}"


def worst_first(dataset: fo.Dataset, key: str | None = None) -> fo.Dataset | fo.DatasetView:
    """The samples that a run scored, by quality, worst first.

    Args:
        dataset: the dataset
        key: the run's key, or None for the latest run that has a quality

    Returns:
        the view; the dataset itself where ``key`` is None and there is no such run

    Raises:
        LabelQualityError: the run has no quality
    """
    if key is None:
        keys = [record.key for record in list_records(dataset) if dataset.has_sample_field(f"{record.key}_quality")]
        return worst_first(dataset, keys[-1]) if keys else dataset
    quality = f"{key}_quality"
    if not dataset.has_sample_field(quality):
        raise LabelQualityError(
            f"Dataset '{dataset.name}' has no field '{quality}': no run with key '{key}' has written scores to it."
        )
    # Samples without a value would come first
    return dataset.exists(quality).sort_by(quality)


def save_worst_first(dataset: fo.Dataset, key: str) -> str:
    """Saves the view ``<key>: worst first`` and returns its name.

    Raises:
        LabelQualityError: the user has a view of that name, or the run has no quality
    """
    view = worst_first(dataset, key)
    return save_view(dataset, key, WORST_FIRST, view, f"All images by {key}_quality, worst first.")


def save_view(dataset: fo.Dataset, key: str, title: str, view: fo.DatasetView, description: str) -> str:
    """Saves a view of a run, in place of an earlier one of the same run and title.

    Args:
        dataset: the dataset
        key: the run's key
        title: the view's name is ``<key>: <title>``
        view: what to save
        description: what the view shows; the run is named after it, which is how the view is known as the run's

    Returns:
        the saved view's name

    Raises:
        LabelQualityError: the user has a view of that name, or of one that differs only in case or punctuation, with
            which it would share an address in the App
    """
    name = view_name(key, title)
    _check_name(dataset, key, name)
    if dataset.has_saved_view(name):
        dataset.delete_saved_view(name)
    try:
        # Without overwrite=True, which also replaces views of other names that share an address with this one
        dataset.save_view(name, view, description=f"{description} {_signature(key)}")
    except ValueError as error:
        raise LabelQualityError(f"The view '{name}' cannot be saved: {error}. Use another `key`.") from error
    return name


def own_views(dataset: fo.Dataset, key: str) -> list[str]:
    """Names of the saved views that the run made."""
    return [name for name in dataset.list_saved_views() if _is_own(dataset, key, name)]


def check_views(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if a view of the user's has the name of one that the run would save."""
    _check_name(dataset, key, view_name(key, WORST_FIRST))


def delete_views(dataset: fo.Dataset, key: str) -> list[str]:
    """Deletes the saved views that the run made, and returns their names."""
    names = own_views(dataset, key)
    for name in names:
        dataset.delete_saved_view(name)
    return names


def _check_name(dataset: fo.Dataset, key: str, name: str) -> None:
    if dataset.has_saved_view(name) and not _is_own(dataset, key, name):
        raise LabelQualityError(
            f"Dataset '{dataset.name}' already has a saved view '{name}' that no run of this plugin made, and that "
            "would be overwritten. Use another `key`, or rename the view."
        )


def _is_own(dataset: fo.Dataset, key: str, name: str) -> bool:
    description = dataset.get_saved_view_info(name).get("description") or ""
    return description.endswith(_signature(key))


def _signature(key: str) -> str:
    return f"(Label quality run '{key}')"
