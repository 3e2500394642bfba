"""The saved views of what corrections that were loaded have changed."""

from __future__ import annotations

import fiftyone as fo
from fiftyone import ViewField as F

from ..documents import saved_views
from ..samples.slices import images_of
from .verdicts import RESOLVED, STILL_SUSPECT
from .views import (
    CORRECTED_IMAGES,
    NEWLY_WRONG_REGIONS,
    check_name,
    delete_saved,
    own_saved_views,
    save_views,
    suspect_regions,
    view_name,
)

#: What corrections did to a suspect, and the title of the view of such suspects
OUTCOME_VIEWS = {RESOLVED: "resolved suspects", STILL_SUSPECT: "still suspect"}
_CORRECTION_TITLES = (CORRECTED_IMAGES, *OUTCOME_VIEWS.values(), NEWLY_WRONG_REGIONS)


def save_correction_views(dataset: fo.Dataset, key: str, outcomes: bool, searched: bool) -> list[str]:
    """Saves the views of a run's corrections in place of earlier ones, and returns their names.

    Args:
        dataset: the dataset
        key: the run's key
        outcomes: whether there are suspects that corrections may have resolved
        searched: whether suspects were looked for in the corrected masks

    Raises:
        LabelQualityError: the user has a view of one of the names
    """
    delete_correction_views(dataset, key)
    pixels, new = f"{key}_corrections.pixels", f"{key}_newly_wrong"
    images = images_of(dataset).match(F(pixels) > 0).sort_by(pixels, reverse=True)
    views = [(CORRECTED_IMAGES, images, "Images whose corrected mask differs from the given one, most pixels first.")]
    for outcome, title in OUTCOME_VIEWS.items() if outcomes else ():
        regions = suspect_regions(dataset, key).match(F(f"{key}_suspects.outcome") == outcome)
        views.append((title, regions, f"Suspects that are {outcome} after corrections, the strongest first."))
    if searched:
        patches = images_of(dataset).exists(new).to_patches(new)
        views.append((NEWLY_WRONG_REGIONS, patches, "Suspects in corrected masks, where these were changed."))
    return save_views(dataset, key, views)


def delete_correction_views(dataset: fo.Dataset, key: str) -> None:
    """Deletes the views that `save_correction_views` saved."""
    names = correction_views(key)
    delete_saved(dataset, [one for one in own_saved_views(dataset, key) if one.name in names])


def check_correction_views(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if another view has the name, or the address, of one of them."""
    saved = saved_views.listed(dataset)
    for name in correction_views(key):
        check_name(dataset, saved, key, name)


def correction_views(key: str) -> list[str]:
    """The names of the views that a run's corrections may have."""
    return [view_name(key, title) for title in _CORRECTION_TITLES]
