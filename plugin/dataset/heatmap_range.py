"""From which suspicion on the App draws a run's heatmap: the range that is kept with it, not the file.

Where labels are coloured by value, the App draws nothing of a heatmap that is below its range.
"""

from __future__ import annotations

import math

import fiftyone as fo

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..documents.ownership import field_name
from ..samples.private_fiftyone import stored_samples
from .fields import SHOWN

_MOST = 255


def has_heatmap(dataset: fo.Dataset, key: str) -> bool:
    """Whether a run has heatmaps."""
    return bool(dataset.has_sample_field(field_name(key, "heatmap")))


@database_errors()
def shown_below(dataset: fo.Dataset, key: str) -> float:
    """Below which probability of the given class a pixel is drawn in a run's heatmaps, in [0, 1].

    Args:
        dataset: the dataset
        key: the run's key, which has heatmaps
    """
    path = field_name(key, "heatmap")
    found = stored_samples(dataset).find_one({path: {"$ne": None}}, {f"{path}.range": True}) or {}
    low, _ = (found.get(path) or {}).get("range") or SHOWN
    return 1.0 - float(low) / _MOST


@database_errors()
def show_below(dataset: fo.Dataset, key: str, probability: float) -> None:
    """Has the App draw in a run's heatmaps only pixels whose given class is less probable than this.

    Only what is drawn changes, with the run's own field: neither the files nor the scores. Scoring again draws what is
    below 75 %, as at first.

    Args:
        dataset: the dataset
        key: the run's key
        probability: in (0, 1]

    Raises:
        LabelQualityError: it is no such number, or the run has no heatmaps
    """
    if not 0 < probability <= 1:
        raise LabelQualityError(f"Expected parameter `probability` to be in (0, 1], but got {probability!r}.")
    if not has_heatmap(dataset, key):
        raise LabelQualityError(f"Run '{key}' has no heatmaps: it has not scored any image. Score it first.")
    path = field_name(key, "heatmap")
    # A rounding error would leave a value out
    low = math.ceil(round(_MOST * (1 - probability), 6))
    stored_samples(dataset).update_many({path: {"$ne": None}}, {"$set": {f"{path}.range": [low, _MOST]}})
    dataset.reload()


def draws_by_value(dataset: fo.Dataset) -> bool:
    """Whether the App draws heatmaps by their values, and not all of it in one colour of their field."""
    scheme = dataset.app_config.color_scheme
    return bool((scheme.color_by if scheme is not None else fo.app_config.color_by) == "value")
