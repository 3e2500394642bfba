"""The saved views of a run; views of the user's with the same names are left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F
from fiftyone.core.utils import to_slug

from .errors import LabelQualityError
from .runs import list_records
from .slices import images_of

WORST_FIRST = "worst first"
SUSPECT_REGIONS = "suspect regions"
#: Types of error that have a view, and its title; ``other`` has none: what is wrong there has no name
TYPE_VIEWS = {"drop": "drop suspects", "swap": "swap suspects", "shift": "shift suspects"}
#: Groups of regions with a view each
LEADING_GROUPS = 10


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
    return images_of(dataset).exists(quality).sort_by(quality)


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


def suspect_view(dataset: fo.Dataset, key: str, kind: str) -> fo.DatasetView:
    """The images whose suspects are mostly, by evidence, of a type of error, by quality, worst first.

    Args:
        dataset: the dataset
        key: the run's key
        kind: ``drop``, ``swap``, ``shift`` or ``other``

    Raises:
        LabelQualityError: the run has no quality or no suspects
    """
    _check_suspects(dataset, key)
    return worst_first(dataset, key).match(F(f"{key}_error_type") == kind)


def suspect_regions(dataset: fo.Dataset, key: str) -> fo.DatasetView:
    """One patch a suspect region, the largest evidence first: the run's saved view, where it is still there.

    Raises:
        LabelQualityError: the run has no suspects
    """
    _check_suspects(dataset, key)
    name = view_name(key, SUSPECT_REGIONS)
    if dataset.has_saved_view(name) and _is_own(dataset, key, name):
        return dataset.load_saved_view(name)
    field = f"{key}_suspects"
    # With the index: the App sorts by indexed fields only. Without the masks: the App would show whole images then
    patches = images_of(dataset).exists(field).to_patches(field, include_indexes=True)
    return patches.sort_by(f"{field}.evidence", reverse=True)


def group_view(dataset: fo.Dataset, key: str, given: str, suggested: str) -> fo.DatasetView:
    """One patch a suspect region of a class pair, the largest evidence first.

    Args:
        dataset: the dataset
        key: the run's key
        given: name of the given class
        suggested: name of the suggested class

    Raises:
        LabelQualityError: the run has no suspects
    """
    return _of_group(suspect_regions(dataset, key), key, given, suggested)


def save_suspect_views(dataset: fo.Dataset, key: str, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Saves the views of a run's suspects in place of those that it had, and returns their names.

    Args:
        dataset: the dataset
        key: the run's key
        groups: groups of regions with ``given_name``, ``suggested_name``, ``title`` and ``evidence``; the
            `LEADING_GROUPS` with the most evidence have a view each

    Raises:
        LabelQualityError: the user has a view of one of the names, or the run has no suspects
    """
    delete_suspect_views(dataset, key)
    names = []
    for kind, title in TYPE_VIEWS.items():
        text = f"Images whose evidence is mostly that of a {kind}, by {key}_quality, worst first."
        names.append(save_view(dataset, key, title, suspect_view(dataset, key, kind), text))
    text = "All suspect regions, the largest evidence first."
    regions = suspect_regions(dataset, key)
    names.append(save_view(dataset, key, SUSPECT_REGIONS, regions, text))
    leading = sorted(groups, key=lambda group: -group["evidence"])[:LEADING_GROUPS]
    return names + [_save_group(dataset, key, regions, group) for group in leading]


def delete_suspect_views(dataset: fo.Dataset, key: str) -> list[str]:
    """Deletes the views that `save_suspect_views` saved, and returns their names."""
    names = [name for name in own_views(dataset, key) if name != view_name(key, WORST_FIRST)]
    for name in names:
        dataset.delete_saved_view(name)
    return names


def own_views(dataset: fo.Dataset, key: str) -> list[str]:
    """Names of the saved views that the run made."""
    return [name for name in dataset.list_saved_views() if _is_own(dataset, key, name)]


def check_views(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if a view of the user's has the name of one that the run would save."""
    for title in (WORST_FIRST, *TYPE_VIEWS.values(), SUSPECT_REGIONS):
        _check_name(dataset, key, view_name(key, title))


def delete_views(dataset: fo.Dataset, key: str) -> list[str]:
    """Deletes the saved views that the run made, and returns their names."""
    names = own_views(dataset, key)
    for name in names:
        dataset.delete_saved_view(name)
    return names


def _of_group(regions: fo.DatasetView, key: str, given: str, suggested: str) -> fo.DatasetView:
    # Of all regions' view: a copy of its own takes FiftyOne a third of a second a group, and the space
    field = f"{key}_suspects"
    return regions.match((F(f"{field}.given") == given) & (F(f"{field}.suggested") == suggested))


def _save_group(dataset: fo.Dataset, key: str, regions: fo.DatasetView, group: Mapping[str, Any]) -> str:
    given, suggested = group["given_name"], group["suggested_name"]
    view = _of_group(regions, key, given, suggested)
    text = f"Suspect regions given as {given} where {suggested} is seen, the largest evidence first."
    return save_view(dataset, key, _free_title(dataset, key, group), view, text)


def _free_title(dataset: fo.Dataset, key: str, group: Mapping[str, Any]) -> str:
    """The group's title; with its class indices where a view has a name that makes the same address in the App."""
    slugs = {to_slug(name) for name in dataset.list_saved_views()}
    title = str(group["title"])
    if to_slug(view_name(key, title)) not in slugs:
        return title
    return f"{title} ({group['suggested']} given as {group['given']})"


def _check_suspects(dataset: fo.Dataset, key: str) -> None:
    if not dataset.has_sample_field(f"{key}_suspects"):
        raise LabelQualityError(
            f"Dataset '{dataset.name}' has no field '{key}_suspects': no run with key '{key}' has written suspects to "
            "it. Find suspects first."
        )


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
