"""The view of the places that were drawn to estimate how many errors there are, and that nobody has judged yet."""

from __future__ import annotations

import fiftyone as fo
from fiftyone import ViewField as F

from ..base.errors import LabelQualityError
from ..documents import saved_views
from ..samples.slices import images_of
from .sample_fields import SAMPLE
from .views import TO_JUDGE, check_name, delete_saved, own_saved_views, own_views, save_views, view_name


def places_to_judge(dataset: fo.Dataset, key: str) -> fo.DatasetView:
    """One patch for each place that was drawn and that nobody has judged, in the order in which they are judged.

    Raises:
        LabelQualityError: nothing was drawn
    """
    field = f"{key}_{SAMPLE}"
    if not dataset.has_sample_field(field):
        raise LabelQualityError(
            f"Dataset '{dataset.name}' has no field '{field}': nothing was drawn for run '{key}'. Draw first: "
            "estimate_errors."
        )
    name = view_name(key, TO_JUDGE)
    if name in own_views(dataset, key):
        return dataset.load_saved_view(name)
    patches = images_of(dataset).exists(field).to_patches(field, include_indexes=True)
    return patches.match(F(f"{field}.verdict").exists(False)).sort_by(f"{field}.number")


def save_places_to_judge(dataset: fo.Dataset, key: str) -> str:
    """Saves the view ``<key>: places to judge``, in place of an earlier one, and returns its name.

    Raises:
        LabelQualityError: the user has a view of that name, or nothing was drawn
    """
    name = view_name(key, TO_JUDGE)
    delete_saved(dataset, [one for one in own_saved_views(dataset, key) if one.name == name])
    text = "What was drawn to estimate how many errors there are, and is not judged yet."
    return save_views(dataset, key, [(TO_JUDGE, places_to_judge(dataset, key), text)])[0]


def check_judging_view(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if another view has the name, or address, of what `save_places_to_judge` saves."""
    check_name(dataset, saved_views.listed(dataset), key, view_name(key, TO_JUDGE))
