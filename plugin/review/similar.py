"""The suspects that are most like one: by an index of FiftyOne's Brain, or by the run's own features."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError
from ..passes.findings import each_id
from ..passes.search_suspects import rated_rows
from ..records.run_record import RunRecord
from ..samples.private_fiftyone import root_of
from ..samples.slices import images_of
from ..suspects.alike import most_like
from .decide import find_regions
from .learn import rated_set


def most_similar(
    view: fo.DatasetView, record: RunRecord, field: str, to: str, brain_key: str | None = None
) -> fo.DatasetView:
    """The patches of a view, those most like a suspect first.

    Args:
        view: patches of a run's suspects
        record: of the run
        field: its field of suspects
        to: id of the suspect, which is not in the view where it is reviewed
        brain_key: of an index of the suspects or of the images; by default one of the suspects, else the run's own
            features, else an index of the images

    Raises:
        LabelQualityError: no such suspect or index, an index of something else, or one that does not know the suspect;
            or nothing says what suspects look like
    """
    dataset = root_of(view)
    origin = find_regions(dataset, record.key, [to])[0]
    chosen = brain_key or _index(dataset, field)
    if chosen is not None and _patches_of(dataset, chosen, field) == field:
        return _sorted(view, to, chosen)
    shown = dict(zip(*view.values(["id", f"{field}.mask_path"]), strict=True))
    # First the suspect itself, which is not among them where it is reviewed
    files = {to: origin.get("mask_path")} | shown
    descriptors = descriptors_of(record, list(files.values())) if brain_key is None else None
    if descriptors is not None and np.isfinite(descriptors[0]).all():
        ids = list(files)
        return _in_order(view, [ids[place] for place in most_like(descriptors, 0).tolist() if ids[place] in shown])
    chosen = chosen or _index(dataset, None)
    if chosen is None:
        raise LabelQualityError(
            f"Nothing says what the suspects of run '{record.key}' look like: its predictions are not of the preset "
            "'fast', and there is no index. Make one: fiftyone.brain.compute_similarity(dataset, "
            f"patches_field='{field}', brain_key='{record.key}_similar')."
        )
    return _by_images(view, to, str(origin["sample"]), chosen)


def _by_images(view: fo.DatasetView, to: str, image: str, brain_key: str) -> fo.DatasetView:
    """The patches by how much their images are like one, the suspect itself first."""
    images = images_of(root_of(view))
    ranks = {one: rank for rank, one in enumerate(_sorted(images, image, brain_key).values("id"))}
    patches = list(zip(*view.values(["id", "sample_id"]), strict=True))
    # Those of one image stay in the order of the view
    ordered = sorted(patches, key=lambda one: -1 if one[0] == to else ranks.get(one[1], len(ranks)))
    return _in_order(view, [one for one, _ in ordered])


def descriptors_of(record: RunRecord, files: Sequence[str | None]) -> np.ndarray | None:
    """(n, C) what the suspects of these files of masks look like, NaN where it is not known; None where it never is."""
    try:
        store, least = rated_set(record)
    except LabelQualityError:
        return None
    places = {path: place for place, path in enumerate(files) if path}
    found: np.ndarray | None = None
    for row in rated_rows(store, least):
        paths = store.mask_files(each_id(row), row["numbers"].tolist())
        wanted = [(number, places[path]) for number, path in enumerate(paths) if path in places]
        if found is None:
            found = np.full((len(files), row["descriptors"].shape[1]), np.nan, np.float32)
        for number, place in wanted:
            found[place] = row["descriptors"][number]
    return found if found is not None and np.isfinite(found).any() else None


def _index(dataset: fo.Dataset, patches_field: str | None) -> str | None:
    """The first index of the Brain of these patches, or of whole images where there are none to name."""
    keys = dataset.list_brain_runs(type="similarity", patches_field=patches_field, roi_field=None)
    return keys[0] if keys else None


def _patches_of(dataset: fo.Dataset, brain_key: str, field: str) -> str | None:
    """The field whose patches an index has, None for whole images; raises where it is of neither."""
    there = dataset.list_brain_runs(type="similarity")
    if brain_key not in there:
        known = f"There are: {', '.join(there)}." if there else "There is none."
        raise LabelQualityError(f"Dataset '{dataset.name}' has no similarity index '{brain_key}'. {known}")
    found: str | None = dataset.get_brain_info(brain_key).config.patches_field
    if found not in (None, field):
        raise LabelQualityError(
            f"Expected the similarity index '{brain_key}' to be of the images or of the patches of '{field}', but it "
            f"is of those of '{found}'."
        )
    return found


def _sorted(collection: fo.Dataset | fo.DatasetView, to: str, brain_key: str) -> fo.DatasetView:
    try:
        return collection.sort_by_similarity(to, brain_key=brain_key)
    except ValueError as error:
        raise LabelQualityError(
            f"The similarity index '{brain_key}' does not know {to}: {str(error).splitlines()[0]}. Make it anew where "
            "suspects were found or images added since."
        ) from error


def _in_order(view: fo.DatasetView, ids: Sequence[str]) -> fo.DatasetView:
    """The patches of a view in this order."""
    return view.select(list(ids), ordered=True)
