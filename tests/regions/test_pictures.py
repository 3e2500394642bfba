"""Pictures of a suspect from the files and the database of its image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from .. import suspect_run
from ..conftest import COLORS
from ..region_pictures import take_apart

#: Of `suspect_run`: the strongest region of the second image, road that looks like car
_INDEX, _ROWS, _COLUMNS = 1, slice(4, 10), slice(4, 12)
#: Colours in the App's default pool of mask values 3 and 7, and of 20, which begins anew after 13
_ROAD, _CAR, _TREE = (153, 102, 51), (0, 153, 153), (0, 153, 153)

Make = Callable[..., tuple[Any, Any, str, dict[str, Any]]]


@pytest.fixture
def run(make_dataset: Any, tmp_path: Path) -> Make:
    """A function that makes a dataset with a run, and gives it with the run's record and a region of an image."""
    from label_quality.plugin.records.run_record import load_record

    def make(**kind: Any) -> tuple[Any, Any, str, dict[str, Any]]:
        dataset = suspect_run.add_run(make_dataset(count=6, **kind), tmp_path)
        sample = dataset.match({"index": _INDEX}).first()
        return dataset, load_record(dataset, "lq"), sample.id, stored(dataset, sample.id)

    return make


def stored(dataset: Any, sample_id: str) -> dict[str, Any]:
    """The image's strongest region, as MongoDB keeps it."""
    from bson import ObjectId

    sample = dataset._sample_collection.find_one({"_id": ObjectId(sample_id)})
    return dict(sample["lq_suspects"]["detections"][0])


def draw(*arguments: Any) -> Any:
    from label_quality.plugin.regions.pictures import draw_region

    return draw_region(*arguments)


def painted(values: np.ndarray, colors: dict[int, tuple[int, int, int]]) -> np.ndarray:
    """(H, W) values as RGBA, transparent where they have no colour."""
    rgba = np.zeros((*values.shape, 4), np.uint8)
    for value, color in colors.items():
        rgba[values == value] = (*color, 255)
    return rgba


@pytest.mark.parametrize(
    "kind",
    [{}, {"storage": "database"}, {"dtype": "uint16"}, {"rgb": True}, {"rgb": True, "storage": "database"}],
    ids=["disk", "database", "16 bit", "rgb", "rgb in the database"],
)
def test_it_draws_what_is_there(make_dataset: Any, run: Make, kind: dict[str, Any]) -> None:
    dataset, record, sample_id, region = run(**kind)
    if kind.get("rgb"):
        from label_quality.plugin.labels.class_table import ClassTable

        record.class_table = ClassTable.from_targets(dataset.mask_targets["ground_truth"]).to_dict()
    sample = dataset[sample_id]
    image = cv2.imread(sample.filepath)[..., ::-1]
    # The image is smaller than the least that is shown, so that it is shown whole
    pictures = draw(dataset, record, sample_id, region)
    colors = {3: _ROAD, 7: _CAR, 20: _TREE} if not kind.get("rgb") else {v: c for v, c in COLORS.items() if v}
    rgba = painted(plain_values(sample.ground_truth), colors)
    shown = take_apart(pictures.image)
    assert shown.size == (24, 32)
    assert len(shown.layers) == 1
    assert np.array_equal(shown.layers[0], image)
    assert len(shown.edges) == 2 * (6 + 8)
    given = take_apart(pictures.given)
    assert np.array_equal(given.layers[0], image)
    assert np.array_equal(given.layers[1], rgba)
    rgba[_ROWS, _COLUMNS] = (*colors[7], 255)
    assert np.array_equal(take_apart(pictures.suggested).layers[1], rgba)
    assert given.edges == take_apart(pictures.suggested).edges == shown.edges
    known = {one.name: one.color for one in pictures.classes}
    assert known["car"] == "#{:02x}{:02x}{:02x}".format(*colors[7])
    assert known.get("unlabelled") is None


def plain_values(label: Any) -> np.ndarray:
    """The values of a mask of `conftest.COLORS`."""
    mask = np.asarray(label.get_mask())
    if mask.ndim == 2:
        return mask
    values = np.zeros(mask.shape[:2], int)
    for value, color in COLORS.items():
        values[(mask[..., :3] == color).all(axis=2)] = value
    return values


def test_colours_are_those_of_the_page_or_else_of_the_dataset(fiftyone: Any, run: Make) -> None:
    dataset, record, sample_id, region = run()

    def car(page: Any = None) -> str | None:
        return {one.name: one.color for one in draw(dataset, record, sample_id, region, page).classes}["car"]

    assert car() == "#009999"
    assert car({"pool": ["#111111", "#222222"], "custom": {}}) == "#222222"
    assert car({"pool": ["#111111"], "custom": {"7": "yellowgreen"}}) == "#9acd32"
    own = [{"path": "ground_truth", "maskTargetsColors": [{"intTarget": 7, "color": "#00ff00"}]}]
    everywhere = [{"intTarget": 7, "color": "#0000ff"}]
    dataset.app_config.color_scheme = fiftyone.ColorScheme(
        color_pool=["#333333"], fields=own, default_mask_targets_colors=everywhere
    )
    assert car() == "#00ff00"
    dataset.app_config.color_scheme.fields = []
    assert car() == "#0000ff"
    dataset.app_config.color_scheme.default_mask_targets_colors = []
    assert car() == "#333333"


def test_what_a_person_chose_instead_is_drawn(run: Make) -> None:
    dataset, record, sample_id, region = run()
    tree = take_apart(draw(dataset, record, sample_id, {**region, "label": "tree"}).suggested).layers[1]
    assert (tree[_ROWS, _COLUMNS] == (*_TREE, 255)).all()
    assert draw(dataset, record, sample_id, {**region, "label": "balloon"}).suggested is None


def test_a_region_that_somebody_has_drawn_comes_from_the_database(run: Make) -> None:
    import fiftyone.core.utils as fou

    dataset, record, sample_id, region = run()
    mask = fou.serialize_numpy_array(np.ones((2, 3), np.uint8))
    drawn = {**region, "mask": mask, "mask_path": None, "bounding_box": [0.0, 0.0, 3 / 32, 2 / 24]}
    assert len(take_apart(draw(dataset, record, sample_id, drawn).image).edges) == 2 * (2 + 3)


def test_an_image_is_turned_as_exif_says(run: Make) -> None:
    dataset, record, sample_id, region = run()
    path = dataset[sample_id].filepath
    upright = cv2.imread(path)[..., ::-1]
    # Stored upside down, to be turned by 180°
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.ascontiguousarray(upright[::-1, ::-1])).save(path, exif=exif)
    assert np.array_equal(take_apart(draw(dataset, record, sample_id, region).image).layers[0], upright)


def test_what_cannot_be_drawn_is_said(run: Make) -> None:
    from label_quality.plugin.base.errors import LabelQualityError, SampleError

    dataset, record, sample_id, region = run()
    sample = dataset[sample_id]
    with pytest.raises(SampleError, match=r"has no mask\. Draw it in the App"):
        draw(dataset, record, sample_id, {**region, "mask_path": None})
    with pytest.raises(SampleError, match="has no box"):
        draw(dataset, record, sample_id, {**region, "bounding_box": None})
    Path(region["mask_path"]).unlink()
    with pytest.raises(SampleError, match="The mask file does not exist"):
        draw(dataset, record, sample_id, region)
    cv2.imwrite(sample.ground_truth.mask_path, np.zeros((5, 7), np.uint8))
    with pytest.raises(SampleError, match=r"the mask is 7x5 pixels but its image .* is 32x24"):
        draw(dataset, record, sample_id, region)
    Path(sample.ground_truth.mask_path).write_bytes(b"")
    with pytest.raises(SampleError, match="The mask file is empty"):
        draw(dataset, record, sample_id, region)
    Path(sample.filepath).unlink()
    with pytest.raises(SampleError, match="The image file does not exist"):
        draw(dataset, record, sample_id, region)
    sample.ground_truth = None
    sample.save()
    with pytest.raises(SampleError, match="expected a mask in field 'ground_truth'"):
        draw(dataset, record, sample_id, region)
    record.class_table = {}
    with pytest.raises(LabelQualityError, match="run 'lq' does not name its classes"):
        draw(dataset, record, sample_id, region)
