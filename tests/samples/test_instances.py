"""Given labels that are instances: what mask they are drawn as, their classes, and what is said about bad ones."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
from PIL import Image

SIZE = (10, 20)


@pytest.fixture
def inputs(fiftyone):
    from label_quality.plugin.samples import inputs

    return inputs


@pytest.fixture
def make(fiftyone, make_dataset):
    """A dataset of one black image of 20 x 10 pixels for each list of instances, in the field ``objects``."""

    def make(*lists, classes=None):
        kind = fiftyone.Polylines if any(isinstance(x, fiftyone.Polyline) for one in lists for x in one or ()) else None
        dataset = make_dataset(count=len(lists), sizes=(SIZE,), targets=None)
        dataset.delete_sample_field("ground_truth")
        kind = kind or fiftyone.Detections
        dataset.add_sample_field("objects", fiftyone.EmbeddedDocumentField, embedded_doc_type=kind)
        name = "detections" if kind is fiftyone.Detections else "polylines"
        dataset.set_values("objects", [None if one is None else kind(**{name: one}) for one in lists])
        if classes:
            dataset.default_classes = classes
        return dataset

    return make


@pytest.fixture
def box(fiftyone):
    """A detection whose mask fills its box of (left, top, width, height) pixels."""

    def box(label, left, top, width, height, **more):
        shares = [left / SIZE[1], top / SIZE[0], width / SIZE[1], height / SIZE[0]]
        mask = np.ones((max(1, height), max(1, width)), bool)
        return fiftyone.Detection(label=label, bounding_box=shares, **{"mask": mask, **more})

    return box


@pytest.fixture
def polygon(fiftyone):
    def polygon(label, *points, **more):
        shares = [(x / SIZE[1], y / SIZE[0]) for x, y in points]
        return fiftyone.Polyline(label=label, points=[shares], **{"closed": True, "filled": True, **more})

    return polygon


def rectangle(left, top, right, bottom, value, mask=None):
    mask = np.zeros(SIZE, np.uint8) if mask is None else mask
    mask[top:bottom, left:right] = value
    return mask


def test_detections_with_masks_are_drawn_with_a_background(inputs, make, box):
    samples = inputs.open_samples(make([box("car", 2, 1, 4, 3), box("bus", 10, 5, 6, 4)], []), "objects")
    table = samples.class_table
    assert (table.ids, table.names, table.unlabelled) == ((0, 1, 2), ("background", "bus", "car"), 0)
    assert table.source == "labels seen"
    expected = rectangle(2, 1, 6, 4, 2, rectangle(10, 5, 16, 9, 1))
    np.testing.assert_array_equal(samples[0].load_labels(), expected)
    np.testing.assert_array_equal(samples.load_mask(0), expected)
    assert not samples[1].load_labels().any()
    np.testing.assert_array_equal(samples.presence(), [[True, True, True], [True, False, False]])


def test_a_mask_in_a_file_is_spread_over_its_box(inputs, make, box, tmp_path):
    path = str(tmp_path / "mask.png")
    cv2.imwrite(path, np.array([[255, 0], [0, 255]], np.uint8))
    samples = inputs.open_samples(make([box("car", 4, 2, 8, 4, mask=None, mask_path=path)]), "objects")
    expected = rectangle(4, 2, 8, 4, 1, rectangle(8, 4, 12, 6, 1))
    np.testing.assert_array_equal(samples[0].load_labels(), expected)


def test_filled_polylines_are_drawn_and_cut_at_the_image(inputs, make, polygon):
    inside, across = ((2, 1), (6, 1), (6, 4), (2, 4)), ((15, 5), (30, 5), (30, 20), (15, 20))
    outside = ((-9, -9), (-2, -9), (-2, -2))
    dataset = make([polygon("car", *inside), polygon("bus", *across), polygon("bus", *outside)])
    samples = inputs.open_samples(dataset, "objects")
    expected = rectangle(2, 1, 6, 4, 2, rectangle(15, 5, 20, 10, 1))
    np.testing.assert_array_equal(samples[0].load_labels(), expected)


def test_the_smaller_instance_is_in_front_and_of_two_equal_ones_the_later(inputs, make, box):
    large, small = box("car", 0, 0, 10, 8), box("bus", 4, 4, 3, 3)
    dataset = make([large, small], [small.copy(), large.copy()], [box("car", 0, 0, 4, 4), box("bus", 2, 0, 4, 4)])
    samples = inputs.open_samples(dataset, "objects")
    expected = rectangle(4, 4, 7, 7, 1, rectangle(0, 0, 10, 8, 2))
    for index in (0, 1):
        np.testing.assert_array_equal(samples[index].load_labels(), expected)
    np.testing.assert_array_equal(samples[2].load_labels(), rectangle(2, 0, 6, 4, 1, rectangle(0, 0, 4, 4, 2)))


@pytest.mark.parametrize(
    ("given", "ids", "names"),
    [
        (["car", "bus"], (0, 1, 2), ("background", "car", "bus")),
        (["car", "background", "bus"], (0, 1, 2), ("car", "background", "bus")),
        ({1: "bus", 7: "car"}, (0, 1, 7), ("background", "bus", "car")),
        ({0: "car", 300: "bus", 9: "Background"}, (0, 9, 300), ("car", "Background", "bus")),
    ],
)
def test_classes_that_are_given_by_name(inputs, make, box, given, ids, names):
    dataset = make([box("car", 2, 1, 4, 3), box("bus", 10, 5, 6, 4)])
    samples = inputs.open_samples(dataset, "objects", classes=given)
    assert (samples.class_table.ids, samples.class_table.names) == (ids, names)
    labels = np.array(names, object)[samples[0].load_labels()]
    assert {labels[2, 3], labels[6, 12]} == {"car", "bus"}
    assert labels[2, 3] == "car"
    assert str(labels[0, 0]).lower() == "background"


def test_the_dataset_s_classes_name_the_classes_and_those_of_the_field_come_first(inputs, make, box):
    dataset = make([box("car", 2, 1, 4, 3)], classes=["bus", "car"])
    table = inputs.open_samples(dataset, "objects").class_table
    assert (table.names, table.source) == (("background", "bus", "car"), "default_classes")
    dataset.classes = {"objects": ["car"]}
    table = inputs.open_samples(dataset, "objects").class_table
    assert (table.names, table.source) == (("background", "car"), "classes")


def test_an_ignored_label_is_drawn_as_ignored_and_known_again_after_reopening(inputs, make, box, polygon):
    dataset = make([box("car", 2, 1, 4, 3), box("crowd", 10, 5, 6, 4)])
    samples = inputs.open_samples(dataset, "objects", ignored=["crowd"])
    table = samples.class_table
    assert (table.names, table.ignored, table.ignored_names) == (("background", "car"), (2,), ("crowd",))
    expected = rectangle(2, 1, 6, 4, 1).astype(int) - rectangle(10, 5, 16, 9, 1)
    np.testing.assert_array_equal(samples[0].load_labels(), expected)
    again = inputs.open_samples(dataset, "objects", classes=table.mask_targets())
    again.class_table = type(table).from_dict(table.to_dict())
    np.testing.assert_array_equal(again[0].load_labels(), expected)
    lines = make([polygon("lane", (0, 0), (9, 9), filled=False), polygon("car", (2, 1), (6, 1), (6, 4), (2, 4))])
    samples = inputs.open_samples(lines, "objects", ignored=["lane"])
    np.testing.assert_array_equal(samples[0].load_labels(), rectangle(2, 1, 6, 4, 1))


def test_a_label_outside_the_classes(inputs, make, box):
    dataset = make([box("car", 2, 1, 4, 3), box("ufo", 10, 5, 6, 4)])
    samples = inputs.open_samples(dataset, "objects", classes=["car"])
    with pytest.raises(
        inputs.SampleError, match=r"labels that are no class: ufo\. The classes are background, car"
    ) as e:
        samples[0].load_labels()
    assert e.value.sample_id == samples.ids[0]
    lenient = inputs.open_samples(dataset, "objects", classes=["car"], unknown="ignore")
    expected = rectangle(2, 1, 6, 4, 1).astype(int) - rectangle(10, 5, 16, 9, 1)
    np.testing.assert_array_equal(lenient[0].load_labels(), expected)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mask": None}, "'car' in 'objects' has a box and no mask, so that its pixels are not known. Give it a mask"),
        ({"label": None}, "has no label. Name its class, or delete it."),
        ({"bounding_box": [40, 20, 80, 60]}, "bounding_box that are no shares of the image's width and height"),
        ({"bounding_box": [float("nan"), 0, 1, 1]}, "from 0 to 1: nan is one. Divide pixels by"),
        ({"mask": np.zeros((0, 3), bool)}, r"has a mask of shape \(0, 3\), but \(height, width\) was expected"),
        ({"mask": None, "mask_path": "/none.png"}, r"\(/none.png\): The mask file does not exist"),
    ],
)
def test_bad_detections_are_named_with_their_sample(inputs, make, box, change, problem):
    bad = box("car", 2, 1, 4, 3)
    for name, value in change.items():
        bad[name] = value
    samples = inputs.open_samples(make([box("car", 0, 0, 2, 2)], [bad]), "objects", classes=["car"])
    with pytest.raises(inputs.SampleError, match=problem) as caught:
        samples[1].load_labels()
    assert caught.value.sample_id == samples.ids[1]
    assert "bad" in str(caught.value) or bad.id in str(caught.value) or "/none.png" in str(caught.value)
    # The others can be used
    assert samples[0].load_labels().any()


def test_bad_polylines_are_named_with_their_sample(inputs, make, polygon):
    samples = inputs.open_samples(
        make(
            [polygon("car", (0, 0), (9, 9), (0, 9), filled=False)],
            [polygon("car", (0, 0), (900, 0), (900, 900))],
            [polygon("car")],
        ),
        "objects",
    )
    with pytest.raises(inputs.SampleError, match=r"is a line and no area: it is not filled. Set filled=True where"):
        samples[0].load_labels()
    with pytest.raises(inputs.SampleError, match=r"has points that are no shares .* from 0 to 1: 45 is one"):
        samples[1].load_labels()
    assert not samples[2].load_labels().any()


def test_classes_that_do_not_fit_instances(inputs, make, box):
    dataset = make([box("car", 2, 1, 4, 3)])
    for classes, problem in (
        ({0: "car", 1: "bus"}, "the pixels that no instance in 'objects' covers, but the value 0 is 'car'"),
        (["car", "car"], "to have a name of its own, but several are called car. Name each once"),
        ({"#ff0000": "car"}, r"Expected integers or '#rrggbb' colours as mask values, but got both"),
        ({"#000000": "background", "#ff0000": "car"}, "Expected integers as values of the instances' classes"),
    ):
        with pytest.raises(inputs.LabelQualityError, match=problem):
            inputs.open_samples(dataset, "objects", classes=classes)


def test_samples_without_a_list_are_left_out_and_an_empty_list_is_background(inputs, make, box):
    dataset = make([box("car", 2, 1, 4, 3)], None, [])
    with pytest.raises(inputs.SampleError, match="but 1 of 3 samples, of which this is the first, have none"):
        inputs.open_samples(dataset, "objects")
    samples = inputs.open_samples(dataset, "objects", skip_failures=True)
    assert len(samples) == 2
    assert "expected instances in field 'objects', but it has no label. Label it (with an" in str(samples.failures[0])


def test_a_view_that_filters_instances_is_refused(inputs, fiftyone, make, box):
    dataset = make([box("car", 2, 1, 4, 3), box("bus", 10, 5, 6, 4)])
    view = dataset.filter_labels("objects", fiftyone.ViewField("label") == "car")
    with pytest.raises(inputs.LabelQualityError, match="but this view shows only some of them, and what no instance"):
        inputs.open_samples(view, "objects")
    assert len(inputs.open_samples(dataset.match_tags("none", bool=False), "objects")) == 1


def test_the_fingerprint_changes_with_the_instances_and_nothing_else(inputs, make, box, tmp_path):
    path = str(tmp_path / "mask.png")
    cv2.imwrite(path, np.full((2, 2), 255, np.uint8))
    dataset = make([box("car", 2, 1, 4, 3), box("car", 8, 1, 4, 3, mask=None, mask_path=path)], [])

    def fingerprint():
        return inputs.open_samples(dataset, "objects", classes=["car", "bus"]).fingerprint()

    seen = [fingerprint()]
    assert fingerprint() == seen[0]
    sample = dataset.first()
    first = sample.objects.detections[0]

    def save(changes):
        sample.save()
        found = fingerprint()
        assert (found not in seen) is changes
        seen.append(found)

    first.confidence, first["note"] = 0.5, "seen"
    save(changes=False)
    first.label = "bus"
    save(changes=True)
    first.bounding_box = [0, 0, 0.2, 0.3]
    save(changes=True)
    first.mask = np.eye(3, dtype=bool)
    save(changes=True)
    cv2.imwrite(path, np.full((3, 3), 255, np.uint8))
    save(changes=True)
    sample.objects.detections.pop()
    save(changes=True)


def test_what_is_sent_to_another_process_is_drawn_before(inputs, fiftyone, make, box):
    from label_quality.plugin.labels.given_masks import GivenMasks

    bad = box("car", 2, 1, 4, 3, mask=None)
    dataset = make([box("car", 2, 1, 4, 3)], [bad], [box("bus", 0, 0, 3, 3)])
    samples = inputs.open_samples(dataset, "objects")
    sent = pickle.loads(pickle.dumps(samples.window(range(2))))
    expected = samples.load_labels(0)
    dataset.clear_sample_field("objects")
    assert type(sent) is GivenMasks
    np.testing.assert_array_equal(sent.load_labels(0), expected)
    with pytest.raises(inputs.SampleError, match="has a box and no mask"):
        sent.load_labels(1)
    assert set(sent.held) == set(samples.ids[:2])
    with pytest.raises(inputs.SampleError, match="its instances in 'objects' are no longer in the database"):
        samples.load_labels(0)


def test_fields_that_may_be_chosen(inputs, fiftyone, make, box, polygon):
    from label_quality.plugin.samples.checks import label_fields

    dataset = make([box("car", 2, 1, 4, 3)])
    for name, kind in (("none", fiftyone.Detections), ("tag", fiftyone.Classification)):
        dataset.add_sample_field(name, fiftyone.EmbeddedDocumentField, embedded_doc_type=kind)
    sample = dataset.first()
    sample["boxes"] = fiftyone.Detections(detections=[box("car", 2, 1, 4, 3, mask=None)])
    sample["areas"] = fiftyone.Polylines(polylines=[polygon("car", (2, 1), (6, 1), (6, 4))])
    sample["lines"] = fiftyone.Polylines(polylines=[polygon("car", (2, 1), (6, 1), filled=False)])
    sample.save()
    kinds = {"objects": "objects: instances (Detections)", "areas": "areas: instances (Polylines)"}
    assert label_fields(dataset) == kinds
    with pytest.raises(
        inputs.LabelQualityError, match=r"but it is Classification\. .* objects: instances \(Detections\)"
    ):
        inputs.open_samples(dataset, "tag")


def test_a_field_holds_one_kind_of_instances(fiftyone, make, box, polygon):
    dataset = make([box("car", 2, 1, 4, 3)])
    areas = fiftyone.Polylines(polylines=[polygon("car", (2, 1), (6, 1), (6, 4))])
    with pytest.raises(Exception, match=r"Expected .*Detections.*; found .*Polylines"):
        dataset.first()["objects"] = areas


def test_instances_of_a_photo_that_exif_turns_are_where_they_are_shown(inputs, make, box):
    dataset = make([box("car", 2, 1, 4, 3)])
    exif = Image.Exif()
    exif[0x0112] = 6
    path = dataset.first().filepath
    Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    samples = inputs.open_samples(dataset, "objects")
    np.testing.assert_array_equal(samples[0].load_labels(), rectangle(2, 1, 6, 4, 1))
    assert samples[0].load_image().shape[:2] == SIZE
