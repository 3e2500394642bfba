"""Opening real datasets: where masks and class names come from, and what is said about bad ones."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

NAMES = ("unlabelled", "road", "car", "tree")


@pytest.fixture
def inputs(fiftyone):
    from label_quality.plugin.samples import inputs

    return inputs


def expected_labels(dataset, index):
    """Indices of the values 0, 3, 7, 20 straight from the mask file of an integer dataset."""
    mask = cv2.imread(dataset.values("ground_truth.mask_path")[index], cv2.IMREAD_UNCHANGED)
    return np.searchsorted([0, 3, 7, 20], mask)


def replace_mask(dataset, index, mask):
    cv2.imwrite(dataset.values("ground_truth.mask_path")[index], mask)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_masks_on_disk_with_gaps_in_the_values(inputs, make_dataset, dtype):
    dataset = make_dataset(count=3, sizes=((24, 32), (30, 20)), dtype=dtype)
    samples = inputs.open_samples(dataset, "ground_truth")
    assert (samples.class_table.ids, samples.class_table.names) == ((0, 3, 7, 20), NAMES)
    assert samples.class_table.source == "mask_targets"
    for index, sample in enumerate(samples):
        labels = sample.load_labels()
        assert labels.dtype == np.int16
        np.testing.assert_array_equal(labels, expected_labels(dataset, index))
        assert sample.load_image().shape == (*labels.shape, 3)
        assert (sample.sample_id, sample.image_path) == (samples.ids[index], dataset.values("filepath")[index])
    assert index == 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_masks_in_the_database_read_from_threads(inputs, make_dataset, dtype):
    on_disk, stored = make_dataset(count=8), make_dataset(count=8, storage="database", dtype=dtype)
    samples = inputs.open_samples(stored, "ground_truth")
    assert samples.mask_paths == [None] * 8
    with ThreadPoolExecutor(8) as pool:
        labels = list(pool.map(samples.load_labels, range(8)))
    for index in range(8):
        np.testing.assert_array_equal(labels[index], expected_labels(on_disk, index))


@pytest.mark.parametrize("storage", ["disk", "database"])
def test_rgb_masks_through_hex_targets(inputs, make_dataset, storage):
    plain = make_dataset(count=4)
    samples = inputs.open_samples(make_dataset(count=4, rgb=True, storage=storage), "ground_truth")
    assert samples.class_table.colors == ("#000000", "#00008e", "#6b8e23", "#804080")
    by_color = np.array([0, 3, 1, 2])  # unlabelled, road, car, tree in the order of the colours
    for index in range(4):
        np.testing.assert_array_equal(samples[index].load_labels(), by_color[expected_labels(plain, index)])


def test_a_palette_png_is_indices_or_colours_as_the_classes_are(inputs, make_dataset):
    dataset = make_dataset(count=1)
    indices = expected_labels(dataset, 0)
    picture = Image.fromarray(indices.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(dataset.values("ground_truth.mask_path")[0])
    by_index = inputs.open_samples(dataset, "ground_truth", classes=NAMES)
    np.testing.assert_array_equal(by_index[0].load_labels(), indices)
    colors = {"#000000": "unlabelled", "#ff0000": "road", "#00ff00": "car", "#0000ff": "tree"}
    by_color = inputs.open_samples(dataset, "ground_truth", classes=colors)
    np.testing.assert_array_equal(by_color[0].load_labels(), np.array([0, 3, 2, 1])[indices])


@pytest.mark.parametrize(("used", "names"), [((0, 1), ("road", "car")), ((1, 2, 3), ("background", "road", "car"))])
def test_a_palette_holds_background_where_it_is_black(inputs, make_dataset, used, names):
    """Whatever index that has: where classes are colours, colours are compared with them."""
    dataset = make_dataset(count=1, targets={"#00ff00": "road", "#ff0000": "car"})
    picture = Image.fromarray(np.resize(np.array(used, np.uint8), (24, 32)), mode="P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 255, 0, 0, 0, 0, 0])
    picture.save(dataset.values("ground_truth.mask_path")[0])
    samples = inputs.open_samples(dataset, "ground_truth")
    assert samples.class_table.names == names
    assert set(np.unique(samples[0].load_labels())) == set(range(len(names)))


def test_rgba_masks(inputs, make_dataset):
    dataset = make_dataset(count=1, rgb=True)
    before = inputs.open_samples(dataset, "ground_truth")[0].load_labels()
    path = dataset.values("ground_truth.mask_path")[0]
    Image.open(path).convert("RGBA").save(path)
    np.testing.assert_array_equal(inputs.open_samples(dataset, "ground_truth")[0].load_labels(), before)


def test_sources_of_the_class_table_in_their_order(inputs, make_dataset):
    dataset = make_dataset(targets=None)
    seen = inputs.open_samples(dataset, "ground_truth").class_table
    assert (seen.source, seen.ids, seen.names) == ("values seen", (0, 3, 7, 20), ("background", "3", "7", "20"))
    dataset.default_mask_targets = {0: "a", 3: "b", 7: "c", 20: "d"}
    assert inputs.open_samples(dataset, "ground_truth").class_table.source == "default_mask_targets"
    dataset.mask_targets = {"ground_truth": {0: "e", 3: "f", 7: "g", 20: "h"}}
    assert inputs.open_samples(dataset, "ground_truth").class_table.names == ("e", "f", "g", "h")
    given = {"0": "i", "3": "j", "7": "k", "20": "l"}
    table = inputs.open_samples(dataset, "ground_truth", classes=given, ignored=[20], unlabelled="j").class_table
    assert (table.source, table.names, table.ignored, table.unlabelled) == ("argument", ("i", "j", "k"), (20,), 1)


def test_zero_without_a_name_is_background_only_where_masks_hold_it(inputs, make_dataset):
    named = {3: "road", 7: "car", 20: "tree"}
    dataset = make_dataset(targets=named)
    assert inputs.open_samples(dataset, "ground_truth").class_table.ids == (0, 3, 7, 20)
    for index in range(len(dataset)):
        replace_mask(dataset, index, np.full((24, 32), 7, np.uint8))
    assert inputs.open_samples(dataset, "ground_truth").class_table.ids == (3, 7, 20)


def test_why_no_mask_can_be_read_for_its_values_is_told(inputs, make_dataset):
    dataset = make_dataset(count=3, targets=None)
    for path in dataset.values("ground_truth.mask_path"):
        Image.fromarray(np.full((24, 32), 0.5, np.float32)).save(path, format="TIFF")
    text = r"None of the 3 masks in 'ground_truth' can be read; the first: sample .*000.png\): Expected a mask of whole"
    with pytest.raises(inputs.LabelQualityError, match=text):
        inputs.open_samples(dataset, "ground_truth")


def test_values_seen_in_colour(inputs, make_dataset):
    dataset = make_dataset(count=6, rgb=True, targets=None)
    replace_mask(dataset, 0, np.zeros((24, 32, 3), np.uint8))
    table = inputs.open_samples(dataset, "ground_truth").class_table
    assert table.colors == ("#000000", "#00008e", "#6b8e23", "#804080")


def test_a_view_keeps_its_order_and_values(inputs, make_dataset):
    dataset = make_dataset(count=6)
    samples = inputs.open_samples(dataset.sort_by("index", reverse=True).limit(3), "ground_truth")
    assert samples.values("index") == [5, 4, 3]
    assert [sample.sample_id for sample in samples] == samples.ids
    subset = samples.subset([2, 0])
    assert subset.values("index") == [3, 5] and subset.class_table == samples.class_table
    np.testing.assert_array_equal(subset[1].load_labels(), samples[0].load_labels())
    with pytest.raises(inputs.LabelQualityError, match=r"has no field 'patient'; it has .*ground_truth"):
        samples.values("patient")


def test_presence(inputs, dataset):
    calls = []
    samples = inputs.open_samples(dataset, "ground_truth")
    presence = samples.presence(lambda *call: calls.append(call))
    expected = [np.isin(range(4), expected_labels(dataset, index)) for index in range(4)]
    np.testing.assert_array_equal(presence, expected)
    assert calls[-1] == ("Checking masks", 4, 4)


def test_presence_names_every_bad_sample_at_once(inputs, dataset):
    replace_mask(dataset, 1, np.full((24, 32), 99, np.uint8))
    os.remove(dataset.values("ground_truth.mask_path")[3])
    samples = inputs.open_samples(dataset, "ground_truth")
    with pytest.raises(inputs.LabelQualityError) as caught:
        samples.presence()
    assert str(caught.value).startswith("2 of 4 samples cannot be used. Mend them, or run with skip_failures=True")
    assert samples.ids[1] in str(caught.value) and samples.ids[3] in str(caught.value)
    failures = []
    presence = samples.presence(on_failure=failures.append)
    assert [failure.sample_id for failure in failures] == [samples.ids[1], samples.ids[3]]
    assert not presence[[1, 3]].any() and presence[[0, 2]].any(axis=1).all()


@pytest.mark.parametrize("storage", ["disk", "database"])
def test_the_fingerprint_changes_with_the_input_and_only_then(inputs, make_dataset, fiftyone, storage):
    dataset = make_dataset(storage=storage)

    def fingerprint():
        return inputs.open_samples(dataset, "ground_truth").fingerprint()

    first = fingerprint()
    dataset.add_sample_field("lq_quality", fiftyone.FloatField)
    dataset.set_values("lq_quality", [0.5] * 4)
    assert fingerprint() == first
    assert inputs.open_samples(dataset.limit(3), "ground_truth").fingerprint() != first
    assert inputs.open_samples(dataset.sort_by("index", reverse=True), "ground_truth").fingerprint() != first
    if storage == "disk":
        os.utime(dataset.values("ground_truth.mask_path")[2], ns=(0, 1))
    else:
        sample = dataset.skip(2).first()
        sample.ground_truth.mask = np.full((24, 32), 7, np.uint8)
        sample.save()
    second = fingerprint()
    assert second != first
    os.utime(dataset.values("filepath")[2], ns=(0, 1))
    assert fingerprint() not in (first, second)


def test_samples_without_a_label(inputs, make_dataset, fiftyone):
    dataset = make_dataset(count=5)
    ids = dataset.values("id")
    for index, label in ((1, None), (3, fiftyone.Segmentation())):
        sample = dataset[ids[index]]
        sample.ground_truth = label
        sample.save()
    with pytest.raises(inputs.SampleError) as caught:
        inputs.open_samples(dataset, "ground_truth")
    assert str(caught.value).startswith(f"sample {ids[1]} ({dataset[ids[1]].filepath}): expected a mask in field")
    assert "2 of 5 samples, of which this is the first, have none" in str(caught.value)
    samples = inputs.open_samples(dataset, "ground_truth", skip_failures=True)
    assert samples.ids == [ids[0], ids[2], ids[4]]
    assert [failure.sample_id for failure in samples.failures] == [ids[1], ids[3]]
    assert "but it has no label" in str(samples.failures[0])
    assert "has neither a mask nor a mask_path" in str(samples.failures[1])
    with pytest.raises(inputs.SampleError, match="1 of 1 samples"):
        inputs.open_samples(dataset.select(ids[1]), "ground_truth", skip_failures=True)


def test_missing_and_truncated_mask_files(inputs, dataset):
    paths = dataset.values("ground_truth.mask_path")
    os.remove(paths[0])
    Path(paths[1]).write_bytes(Path(paths[1]).read_bytes()[:60])
    samples = inputs.open_samples(dataset, "ground_truth")
    with pytest.raises(inputs.SampleError, match=r"The mask file does not exist. Restore it") as caught:
        samples[0].load_labels()
    assert (caught.value.sample_id, caught.value.path) == (samples.ids[0], paths[0])
    with pytest.raises(inputs.SampleError, match="The mask file is truncated or damaged") as caught:
        samples[1].load_labels()
    assert (caught.value.sample_id, caught.value.path) == (samples.ids[1], paths[1])


def test_a_missing_image_is_noticed_with_its_mask(inputs, dataset):
    path = dataset.first().filepath
    os.remove(path)
    with pytest.raises(inputs.SampleError, match="The image file does not exist") as caught:
        inputs.open_samples(dataset, "ground_truth")[0].load_labels()
    assert caught.value.path == path


def test_mask_and_image_of_different_sizes(inputs, dataset):
    replace_mask(dataset, 0, np.zeros((12, 16), np.uint8))
    samples = inputs.open_samples(dataset, "ground_truth")
    with pytest.raises(inputs.SampleError, match=r"the mask is 16x12 pixels but its image .* is 32x24") as caught:
        samples[0].load_labels()
    assert caught.value.sample_id == samples.ids[0]


def test_a_value_outside_the_class_table(inputs, dataset):
    mask = np.full((24, 32), 7, np.uint8)
    mask[0, :5] = 99
    replace_mask(dataset, 0, mask)
    samples = inputs.open_samples(dataset, "ground_truth")
    with pytest.raises(inputs.SampleError, match=r"not in the class table: 99 \(5 pixels\)") as caught:
        samples[0].load_labels()
    assert (caught.value.sample_id, caught.value.path) == (samples.ids[0], samples.mask_paths[0])
    lenient = inputs.open_samples(dataset, "ground_truth", unknown="ignore")
    assert (lenient[0].load_labels() == -1).sum() == 5


def test_all_pixels_ignored(inputs, dataset):
    replace_mask(dataset, 0, np.full((24, 32), 20, np.uint8))
    samples = inputs.open_samples(dataset, "ground_truth", ignored=["tree"])
    with pytest.raises(inputs.SampleError, match="all pixels of the mask are ignored, so there is nothing to score"):
        samples[0].load_labels()


def test_fields_that_are_no_segmentations(inputs, dataset, fiftyone):
    with pytest.raises(inputs.LabelQualityError, match=r"has no field 'gt'. Its segmentation fields are: ground_truth"):
        inputs.open_samples(dataset, "gt")
    dataset.add_sample_field("boxes", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Detections)
    with pytest.raises(inputs.SampleError, match=r"mask in field 'boxes', but 4 of 4 samples, .* first, have none"):
        inputs.open_samples(dataset, "boxes")
    with pytest.raises(
        inputs.LabelQualityError, match=r"'index' to hold Segmentation labels or instances \(.*\), but it is IntField"
    ):
        inputs.open_samples(dataset, "index")
    dataset.delete_sample_field("ground_truth")
    with pytest.raises(inputs.LabelQualityError, match=r"has no field 'gt'. It has no segmentation field"):
        inputs.open_samples(dataset, "gt")
    with pytest.raises(inputs.LabelQualityError, match="Expected `classes` to be names or a mapping"):
        inputs.class_targets(dataset, "gt", "road")


def test_an_empty_view_or_dataset(inputs, make_dataset, dataset):
    with pytest.raises(inputs.LabelQualityError, match=r"The view of dataset .* has no samples. Choose a view"):
        inputs.open_samples(dataset.skip(10), "ground_truth")
    with pytest.raises(inputs.LabelQualityError, match=r"The dataset .* has no samples"):
        inputs.open_samples(make_dataset(count=0), "ground_truth")


def test_datasets_of_other_media(inputs, make_dataset, fiftyone, dataset):
    media = make_dataset(count=0, targets=None)
    media.add_sample(fiftyone.Sample(filepath="/clip.mp4"))
    with pytest.raises(
        inputs.LabelQualityError, match=r"media type 'video', which is not supported\. Sample its frames"
    ):
        inputs.open_samples(media, "ground_truth")
    media = make_dataset(count=0, targets=None)
    media.add_sample(fiftyone.Sample(filepath="/scene.fo3d"))
    with pytest.raises(
        inputs.LabelQualityError, match=r"media type '3d', which is not supported\. Use a dataset whose"
    ):
        inputs.open_samples(media, "ground_truth")
    with pytest.raises(inputs.LabelQualityError, match=r"media type 'group', .*Flatten the groups with `view.flatten"):
        inputs.open_samples(dataset.group_by("index"), "ground_truth")


def test_a_slice_of_a_grouped_dataset(inputs, make_dataset, fiftyone, dataset):
    grouped = make_dataset(count=0, targets=None)
    grouped.add_group_field("group", default="left")
    for sample in dataset:
        group = fiftyone.Group()
        label = fiftyone.Segmentation(mask=sample.ground_truth.get_mask())
        pair = [fiftyone.Sample(filepath=sample.filepath, group=group.element(side)) for side in ("left", "right")]
        pair[1]["ground_truth"] = label
        grouped.add_samples(pair, progress=False)
    with pytest.raises(inputs.LabelQualityError, match=r"`dataset.select_group_slices\(\['left', 'right'\]\)`: f"):
        inputs.open_samples(grouped, "ground_truth")
    samples = inputs.open_samples(
        grouped.select_group_slices("right"), "ground_truth", classes=dict.fromkeys([0, 3, 7, 20], "x")
    )
    np.testing.assert_array_equal(samples[2].load_labels(), expected_labels(dataset, 2))
    assert len(samples.fingerprint()) == 64


def test_views_of_patches(inputs, fiftyone, dataset):
    dataset.add_sample_field("boxes", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Detections)
    sample = dataset.first()
    box = fiftyone.Detection(label="car", bounding_box=[0, 0, 0.5, 0.5])
    sample["boxes"] = fiftyone.Detections(detections=[box])
    sample.save()
    with pytest.raises(inputs.LabelQualityError, match=r"shows patches, which .*`dataset.select\(view.distinct"):
        inputs.open_samples(dataset.to_patches("boxes"), "ground_truth")


@pytest.mark.parametrize("limit", [2, 100])
def test_only_some_of_the_samples(inputs, make_dataset, monkeypatch, limit):
    from label_quality.plugin.base import portions

    monkeypatch.setattr(portions, "IDS_A_QUERY", limit)
    dataset = make_dataset(count=6)
    ids = dataset.values("id")
    # What is not meant may be without a mask
    sample = dataset[ids[0]]
    sample.ground_truth = None
    sample.save()
    samples = inputs.open_samples(dataset, "ground_truth", only=[ids[4], "0" * 24, ids[1], ids[3]])
    assert samples.ids == [ids[1], ids[3], ids[4]] and samples.failures == []
    assert samples.image_paths == [dataset[one].filepath for one in samples.ids]
    assert samples.values("index") == [1, 3, 4]
    with pytest.raises(inputs.SampleError, match="1 of 3 samples"):
        inputs.open_samples(dataset, "ground_truth", only=ids[:3])
    with pytest.raises(inputs.LabelQualityError, match=r"has no samples. Choose a view that has at least one"):
        inputs.open_samples(dataset, "ground_truth", only=["0" * 24, "1" * 24, "2" * 24])
