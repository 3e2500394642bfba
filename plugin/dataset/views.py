"""The saved views of a run; views of the user's with the same names are left alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain, count

import fiftyone as fo
from fiftyone import ViewField as F
from fiftyone.core.utils import to_slug

from ..base.errors import LabelQualityError
from ..documents import saved_views
from ..documents.saved_views import SavedView
from ..records.run_record import list_records
from ..samples.private_fiftyone import root_of
from ..samples.slices import images_of
from ..suspects.issues import Group, leading_first, shortened
from .object_fields import OBJECTS
from .suspect_fields import strength_name

WORST_FIRST = "worst first"
SUSPECT_REGIONS = "suspect regions"
WORST_OBJECTS = "worst objects"
TO_JUDGE = "places to judge"
CORRECTED_IMAGES = "corrected images"
NEWLY_WRONG_REGIONS = "newly wrong suspects"
QUALITY_FELL, QUALITY_ROSE, LINT = "quality fell", "quality rose", "lint"
#: Types of error that have a view, and its title; ``other`` has none: what is wrong there has no name
TYPE_VIEWS = {"drop": "drop suspects", "swap": "swap suspects", "shift": "shift suspects"}
#: Groups of regions with a view each
LEADING_GROUPS = 10


def view_name(key: str, title: str) -> str:
    """The name of a run's saved view: ``<key>: <title>``."""
    return f"{key}: {title}"


def worst_first(dataset: fo.Dataset | fo.DatasetView, key: str | None = None) -> fo.Dataset | fo.DatasetView:
    """The samples that a run scored, by quality, worst first.

    Args:
        dataset: the dataset, or a view of whole samples of it
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
    return save_views(dataset, key, [(WORST_FIRST, view, f"All images by {key}_quality, worst first.")])[0]


def save_views(dataset: fo.Dataset, key: str, views: Sequence[tuple[str, fo.DatasetView, str]]) -> list[str]:
    """Saves views of a run, in place of earlier ones of the same run and titles.

    Args:
        dataset: the dataset
        key: the run's key
        views: the title of each, whose name is ``<key>: <title>``, what to save, and what it shows; the run is named
            after that, which is how the view is known as the run's

    Returns:
        the saved views' names

    Raises:
        LabelQualityError: there is another view of one of the names, or of one that differs only in case or
            punctuation, with which it would share an address in the App
    """
    saved = saved_views.listed(dataset)
    names = [view_name(key, title) for title, _, _ in views]
    for name in names:
        check_name(dataset, saved, key, name)
    saved_views.delete(dataset, [one for one in own_saved_views(dataset, key) if one.name in names])
    signed = [f"{description} {_signature(key)}" for _, _, description in views]
    saved_views.save(
        dataset, [(name, view, text) for name, (_, view, _), text in zip(names, views, signed, strict=True)]
    )
    return names


def suspect_view(dataset: fo.Dataset | fo.DatasetView, key: str, kind: str) -> fo.DatasetView:
    """The images whose suspects are of a type of error, as `lq_error_type` has it, by quality, worst first.

    Args:
        dataset: the dataset, or a view of whole samples of it
        key: the run's key
        kind: ``drop``, ``swap``, ``shift`` or ``other``

    Raises:
        LabelQualityError: the run has no quality or no suspects
    """
    _check_suspects(dataset, key)
    return worst_first(dataset, key).match(F(f"{key}_error_type") == kind)


def suspect_regions(samples: fo.Dataset | fo.DatasetView, key: str) -> fo.DatasetView:
    """One patch a suspect, the strongest first: of a dataset the run's saved view, where it is still there.

    Raises:
        LabelQualityError: the run has no suspects
    """
    dataset = root_of(samples)
    _check_suspects(dataset, key)
    name = view_name(key, SUSPECT_REGIONS)
    if samples is dataset and name in own_views(dataset, key):
        return dataset.load_saved_view(name)
    field = f"{key}_suspects"
    # With the index: the App sorts by indexed fields only. Without the masks: the App would show whole images then
    patches = images_of(samples).exists(field).to_patches(field, include_indexes=True)
    return patches.sort_by(f"{field}.{strength_name(dataset, key)}", reverse=True)


def group_view(samples: fo.Dataset | fo.DatasetView, key: str, given: str, suggested: str) -> fo.DatasetView:
    """One patch a suspect of a class pair, the strongest first.

    Args:
        samples: the dataset, or a view of whole samples of it
        key: the run's key
        given: name of the given class
        suggested: name of the suggested class

    Raises:
        LabelQualityError: the run has no suspects
    """
    return _of_group(suspect_regions(samples, key), key, given, suggested)


def save_suspect_views(dataset: fo.Dataset, key: str, issues: Sequence[Group]) -> list[str]:
    """Saves the views of a run's suspects in place of those that it had, and returns their names.

    Args:
        dataset: the dataset
        key: the run's key
        issues: of the run; the first `LEADING_GROUPS` in their order have a view each

    Raises:
        LabelQualityError: the user has a view of one of the names, or the run has no suspects
    """
    delete_suspect_views(dataset, key)
    regions = suspect_regions(dataset, key)
    views = [
        *(
            (
                title,
                suspect_view(dataset, key, kind),
                f"Images whose leading suspect is a {kind}, by {key}_quality, worst first.",
            )
            for kind, title in TYPE_VIEWS.items()
        ),
        (SUSPECT_REGIONS, regions, f"All suspects, those of the largest {strength_name(dataset, key)} first."),
    ]
    slugs = {one.slug for one in saved_views.listed(dataset)} | {
        to_slug(view_name(key, title)) for title, _, _ in views
    }
    for issue in leading_first(issues)[:LEADING_GROUPS]:
        title = _free_title(slugs, key, issue)
        slugs.add(to_slug(view_name(key, title)))
        given, suggested = issue.given_name, issue.suggested_name
        seen = f"given as {shortened(given)} where {shortened(suggested)} is seen"
        text = f"Suspects {seen}, those of the largest {strength_name(dataset, key)} first."
        views.append((title, _of_group(regions, key, given, suggested), text))
    return save_views(dataset, key, views)


def worst_objects(dataset: fo.Dataset, key: str, below: float | None = None) -> fo.DatasetView:
    """One patch an annotated object, the worst first: the run's saved view, where it is still there.

    Args:
        dataset: the dataset
        key: the run's key
        below: the largest quality of an object that is shown; by default all are

    Raises:
        LabelQualityError: the run has no scores of objects
    """
    field = f"{key}_{OBJECTS}"
    if not dataset.has_sample_field(field):
        raise LabelQualityError(
            f"Dataset '{dataset.name}' has no field '{field}': no run with key '{key}' has scored objects. Score them "
            "first: score_objects."
        )
    name = view_name(key, WORST_OBJECTS)
    if name in own_views(dataset, key):
        return dataset.load_saved_view(name)
    images = images_of(dataset).exists(field)
    shown = images if below is None else images.filter_labels(field, F("quality") <= below)
    return shown.to_patches(field, include_indexes=True).sort_by(f"{field}.quality")


def save_worst_objects(dataset: fo.Dataset, key: str, below: float | None = None) -> str:
    """Saves the view ``<key>: worst objects``, in place of an earlier one, and returns its name.

    Args:
        dataset: the dataset
        key: the run's key
        below: as of `worst_objects`

    Raises:
        LabelQualityError: the user has a view of that name, or the run has no scores of objects
    """
    delete_object_view(dataset, key)
    text = "Annotated objects, those of the lowest quality first."
    return save_views(dataset, key, [(WORST_OBJECTS, worst_objects(dataset, key, below), text)])[0]


def delete_object_view(dataset: fo.Dataset, key: str) -> None:
    """Deletes the view that `save_worst_objects` saved, if it is there."""
    name = view_name(key, WORST_OBJECTS)
    delete_saved(dataset, [one for one in own_saved_views(dataset, key) if one.name == name])


def check_object_view(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if another view has the name, or the address, that `save_worst_objects` would take."""
    check_name(dataset, saved_views.listed(dataset), key, view_name(key, WORST_OBJECTS))


def save_changes(dataset: fo.Dataset, key: str, field: str, before: str) -> list[str]:
    """Saves the views ``<key>: quality fell`` and ``<key>: quality rose``, those that changed most first.

    Args:
        dataset: the dataset
        key: of the run whose changes are told
        field: the field with the change of each image's quality
        before: key of the run that it was compared with

    Returns:
        the names of the views

    Raises:
        LabelQualityError: the user has a view of one of the names
    """
    images = images_of(dataset).exists(field)
    fell, rose = images.match(F(field) < 0), images.match(F(field) > 0)
    text = f"Images whose quality {{}} since run '{before}', those that changed most first."
    views = [
        (QUALITY_FELL, fell.sort_by(field), text.format("fell")),
        (QUALITY_ROSE, rose.sort_by(field, reverse=True), text.format("rose")),
    ]
    return save_views(dataset, key, views)


def check_change_views(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if another view has a name, or address, of what `save_changes` saves."""
    saved = saved_views.listed(dataset)
    for title in (QUALITY_FELL, QUALITY_ROSE):
        check_name(dataset, saved, key, view_name(key, title))


def delete_suspect_views(dataset: fo.Dataset, key: str) -> list[str]:
    """Deletes the views that `save_suspect_views` saved, and returns their names."""
    others = other_views(key)
    return delete_saved(dataset, [one for one in own_saved_views(dataset, key) if one.name not in others])


def other_views(key: str) -> list[str]:
    """The names of the views that a run may have and that are not of suspects."""
    corrections = CORRECTED_IMAGES, NEWLY_WRONG_REGIONS
    titles = (WORST_FIRST, WORST_OBJECTS, TO_JUDGE, *corrections, QUALITY_FELL, QUALITY_ROSE, LINT)
    return [view_name(key, title) for title in titles]


def delete_views(dataset: fo.Dataset, key: str, keep: Collection[str] = ()) -> list[str]:
    """Deletes the saved views that the run made, but for those of these names, and returns the names of the deleted."""
    return delete_saved(dataset, [one for one in own_saved_views(dataset, key) if one.name not in keep])


def own_views(dataset: fo.Dataset, key: str) -> list[str]:
    """Names of the saved views that the run made."""
    return [one.name for one in own_saved_views(dataset, key) if one.listed]


def own_saved_views(dataset: fo.Dataset, key: str) -> list[SavedView]:
    """The run's saved views, also what a kill has left of those that were being saved or deleted."""
    every = [*saved_views.listed(dataset), *saved_views.unlisted(dataset)]
    return [one for one in every if _is_own(one, key)]


def restore_views(dataset: fo.Dataset, key: str, names: Sequence[str]) -> None:
    """Lists a run's views again that another process has dropped: FiftyOne saves the list of a dataset's views whole.

    Args:
        dataset: the dataset
        key: the run's key
        names: of the views that it has saved
    """
    lost = [one.id for one in saved_views.unlisted(dataset, names) if _is_own(one, key)]
    if lost:
        saved_views.refer(dataset, lost)


def check_views(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if another view has the name, or the address in the App, of one the run would save."""
    saved = saved_views.listed(dataset)
    for title in (WORST_FIRST, *TYPE_VIEWS.values(), SUSPECT_REGIONS):
        check_name(dataset, saved, key, view_name(key, title))


def _of_group(regions: fo.DatasetView, key: str, given: str, suggested: str) -> fo.DatasetView:
    # Of all regions' view: a copy of its own takes FiftyOne a third of a second a group, and the space
    field = f"{key}_suspects"
    # Literally: in an expression, MongoDB reads a name that begins with "$" as a field
    is_given, is_suggested = F(f"{field}.given") == F.literal(given), F(f"{field}.suggested") == F.literal(suggested)
    return regions.match(is_given & is_suggested)


def _free_title(taken: Collection[str], key: str, group: Group) -> str:
    """The group's title; with its class indices where a view has a name that makes the same address in the App."""
    title = group.title
    if to_slug(view_name(key, title)) not in taken:
        return title
    longer = f"{title} ({group.suggested} given as {group.given})"
    numbered = (f"{longer} {number}" for number in count(2))
    return next(one for one in chain((longer,), numbered) if to_slug(view_name(key, one)) not in taken)


def _check_suspects(dataset: fo.Dataset | fo.DatasetView, key: str) -> None:
    if not dataset.has_sample_field(f"{key}_suspects"):
        raise LabelQualityError(
            f"Dataset '{dataset.name}' has no field '{key}_suspects': no run with key '{key}' has written suspects to "
            "it. Find suspects first."
        )


def check_name(dataset: fo.Dataset, saved: Sequence[SavedView], key: str, name: str) -> None:
    """Raises `LabelQualityError` if one of the saved views has the name, or its address in the App, and is no run's."""
    slug = to_slug(name)
    for one in saved:
        if _is_own(one, key) or (slug != one.slug and name != one.name):
            continue
        if name == one.name:
            raise LabelQualityError(
                f"Dataset '{dataset.name}' already has a saved view '{name}' that no run of this plugin made, and that "
                "would be overwritten. Use another `key`, or rename the view."
            )
        raise LabelQualityError(
            f"The view '{name}' cannot be saved: dataset '{dataset.name}' has a saved view '{one.name}', whose address "
            f"in the App, '{slug}', would be the same. Use another `key`, or rename that view."
        )


def delete_saved(dataset: fo.Dataset, views: Sequence[SavedView]) -> list[str]:
    """Deletes saved views, and returns the names of those that the App lists."""
    saved_views.delete(dataset, views)
    return [one.name for one in views if one.listed]


def _is_own(view: SavedView, key: str) -> bool:
    return view.description.endswith(_signature(key))


def _signature(key: str) -> str:
    return f"(Label quality run '{key}')"
