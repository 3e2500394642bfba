"""Bad input: an error that names the sample, the file and what to do; on request the rest is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..snapshots import Snapshot

IDS = [0, 3, 7, 20]
WITH_FILES = {"source": "files", "field": "probabilities"}
CROSS_VALIDATION = {
    "preset": "fast",
    "folds": 2,
    "epochs": 1,
    "weights": None,
    "input_size": 64,
    "device": "cpu",
}


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture(scope="module")
def four(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    dataset = make_module_dataset()
    paths = []
    for number, mask in enumerate(dataset.values("ground_truth.mask_path")):
        labels = cv2.imread(mask, cv2.IMREAD_UNCHANGED)
        paths.append(str(module_folder / dataset.name / f"{number}.npy"))
        np.save(paths[-1], np.stack([np.where(labels == value, 0.85, 0.05) for value in IDS]).astype(np.float32))
    dataset.set_values("probabilities", paths)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def predicted(four: Snapshot) -> Any:
    """Four samples with files of probabilities, quite sure of the given masks."""
    return four.put_back()


def state(dataset: Any) -> tuple[list[str], list[str], list[str]]:
    """What a run may add to a dataset: fields, views, runs; but for what its lint has found, see ``test_lint.py``."""
    dataset.reload()
    fields = sorted(name for name in dataset.get_field_schema() if not name.startswith("lq_lint"))
    return fields, [name for name in dataset.list_saved_views() if name != "lq: lint"], dataset.list_runs()


def truncate(path: str) -> None:
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])


def edit(path: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Rewrites a PNG."""
    cv2.imwrite(path, change(cv2.imread(path, cv2.IMREAD_UNCHANGED)))


def edit_array(path: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(path, change(np.load(path)))


def spoil(array: np.ndarray, value: float) -> np.ndarray:
    array[1, 2, 3] = value
    return array


def set_pixel(mask: np.ndarray, value: int) -> np.ndarray:
    mask[0, :2] = value
    return mask


#: What is done to a file, which one, and what the error says of it
BROKEN: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "missing image": ("image", lambda path: Path(path).unlink(), "The image file does not exist. Restore it"),
    "missing mask": ("mask", lambda path: Path(path).unlink(), "The mask file does not exist. Restore it"),
    "truncated mask": ("mask", truncate, r"The mask file is truncated or damaged .* Replace it"),
    "missing file": ("file", lambda path: Path(path).unlink(), "Expected a prediction file, but it does not exist"),
    "truncated file": ("file", truncate, r"Expected a whole .npy or .npz file, but it cannot be read"),
    "a header of 30 TB": (
        "file",
        lambda path: Path(path).write_bytes(Path(path).read_bytes().replace(b"24, 32), ", b"24, 320000000000), ")),
        r"cannot be read \(its header declares 122880000000000 bytes of values, but it has ",
    ),
    "folder instead of a mask": (
        "mask",
        lambda path: (Path(path).unlink(), Path(path).mkdir()),
        "Expected a file with the mask, but this is a folder",
    ),
    "pipe instead of an image": ("image", lambda path: (Path(path).unlink(), os.mkfifo(path)), "this is a device, a"),
    "mask of another size": (
        "mask",
        lambda path: edit(path, lambda mask: mask[:20, :30]),
        r"the mask is 30x20 pixels but its image .* is 32x24 \(width x height\). Resize the mask to the image",
    ),
    "value outside the class table": (
        "mask",
        lambda path: edit(path, lambda mask: set_pixel(mask, 99)),
        r"holds values that are not in the class table: 99 \(2 pixels\). Add them to the classes",
    ),
    "all pixels ignored": (
        "mask",
        lambda path: edit(path, lambda mask: np.full_like(mask, 255)),
        "all pixels of the mask are ignored, so there is nothing to score. Leave the sample out",
    ),
    "probabilities of another size": (
        "file",
        lambda path: edit_array(path, lambda array: array[:, :, :20]),
        r"Expected shape \(4, 24, 32\), or a fraction .* but got \(4, 24, 20\): height and width do not fit",
    ),
    "another number of classes": (
        "file",
        lambda path: edit_array(path, lambda array: np.concatenate([array, 0 * array[:1]])),
        r"Expected shape \(4, 24, 32\), .* but got \(5, 24, 32\): 5 classes instead of 4",
    ),
    "sums other than 1": (
        "file",
        lambda path: edit_array(path, lambda array: array * np.float32(0.5)),
        r"Expected the classes' probabilities to sum to 1 within 0.01 at each pixel, but got sums from 0.5 to 0.5",
    ),
    "negative probabilities": (
        "file",
        lambda path: (
            np.savez(path[:-4], probabilities=spoil(np.load(path), -0.5)) or Path(path[:-4] + ".npz").rename(path)
        ),
        r"Expected probabilities in \[0, 1\], but got values from -0.5",
    ),
    "NaN": (
        "file",
        lambda path: edit_array(path, lambda array: spoil(array, np.nan)),
        "Expected finite values, but 1 of 3072 are NaN or infinite, the first in class 1 at row 2, column 3",
    ),
}


#: The first file tells how many classes the files have, so it is broken on its own
CASES = [(case, 2) for case in BROKEN] + [(case, 0) for case, (kind, *_) in BROKEN.items() if kind == "file"]


@pytest.mark.parametrize(("case", "number"), CASES)
def test_a_broken_sample(predicted: Any, audit: Any, case: str, number: int) -> None:
    kind, breaks, message = BROKEN[case]
    sample_id = predicted.values("id")[number]
    sample = predicted[sample_id]
    path = {"image": sample.filepath, "mask": sample.ground_truth.mask_path, "file": sample.probabilities}[kind]
    breaks(path)
    before = state(predicted)
    with pytest.raises(audit.LabelQualityError, match=message) as error:
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES, ignored=[255])
    assert str(error.value).startswith(f"sample {sample_id} ({path}): ")
    assert state(predicted) == before
    summary = audit.audit_labels(predicted, "ground_truth", **WITH_FILES, ignored=[255], skip_failures=True)
    assert (summary.images, summary.scored) == (4, 3)
    assert summary.failures == (str(error.value),)
    assert [value is None for value in predicted.values("lq_softmin")] == [index == number for index in range(4)]
    (record,) = audit.list_runs(predicted)
    assert record.failures == [{"sample_id": sample_id, "path": path, "problem": error.value.problem}]
    assert sample_id not in predicted.load_saved_view("lq: worst first").values("id")
    # The same run, now strict: it is finished, but not as it is asked for
    with pytest.raises(audit.LabelQualityError, match=message):
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES, ignored=[255])


@pytest.mark.parametrize("name", ["a\0b", "a" * 256], ids=["NUL", "long"])
@pytest.mark.parametrize("kind", ["image", "mask", "file"])
def test_a_path_that_no_file_can_have(predicted: Any, audit: Any, kind: str, name: str) -> None:
    field = {"image": "filepath", "mask": "ground_truth.mask_path", "file": "probabilities"}[kind]
    sample_id, path = predicted.values("id")[2], f"/{name}.png"
    predicted.set_values(field, {sample_id: path}, key_field="id")
    what = "prediction" if kind == "file" else kind
    with pytest.raises(audit.LabelQualityError, match=f"No {what} file can have this path") as error:
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    assert error.value.sample_id == sample_id and path in str(error.value)
    summary = audit.audit_labels(predicted, "ground_truth", **WITH_FILES, skip_failures=True)
    assert summary.failures == (str(error.value),)


def test_samples_without_a_label(predicted: Any, audit: Any) -> None:
    sample_id = predicted.values("id")[1]
    predicted.select(sample_id).set_field("ground_truth", None).save()
    with pytest.raises(
        audit.LabelQualityError, match=r"but 1 of 4 samples, of which this is the first, have none"
    ) as e:
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    assert e.value.sample_id == sample_id and "view.exists('ground_truth')" in str(e.value)
    summary = audit.audit_labels(predicted, "ground_truth", **WITH_FILES, skip_failures=True)
    assert summary.scored == 3
    assert "expected a mask in field 'ground_truth', but it has no label. Label it" in summary.failures[0]
    assert audit.audit_labels(predicted.exists("ground_truth"), "ground_truth", key="b", **WITH_FILES).failures == ()


def test_samples_without_a_prediction_file(predicted: Any, audit: Any) -> None:
    sample_id = predicted.values("id")[1]
    predicted.set_values("probabilities", {sample_id: None}, key_field="id")
    with pytest.raises(audit.LabelQualityError, match=rf"sample {sample_id} .*has no prediction file in field 'prob"):
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    assert audit.audit_labels(predicted, "ground_truth", **WITH_FILES, skip_failures=True).scored == 3
    predicted.set_values("probabilities", [None] * 4)
    with pytest.raises(audit.LabelQualityError, match=r"No sample has a path in field 'probabilities'. Fill it"):
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES, key="b")


def test_samples_without_a_predicted_mask(predicted: Any, audit: Any, fiftyone: Any) -> None:
    samples = list(predicted)
    for sample, size in zip(samples[:3], [(24, 32), (24, 30), (24, 32)], strict=True):
        sample["masks"] = fiftyone.Segmentation(mask=np.zeros(size, np.uint8))
        sample.save()
    with pytest.raises(
        audit.LabelQualityError, match=rf"sample {samples[1].id}.* the mask is 30x24 pixels but its image"
    ):
        audit.audit_labels(predicted, "ground_truth", source="files", field="masks")
    summary = audit.audit_labels(predicted, "ground_truth", source="files", field="masks", skip_failures=True)
    assert summary.scored == 2
    assert summary.failures[1].startswith(f"sample {samples[3].id} ({samples[3].filepath}): has no predicted mask in f")


def test_nothing_that_can_be_used(predicted: Any, audit: Any) -> None:
    for path in predicted.values("ground_truth.mask_path"):
        truncate(path)
    before = state(predicted)
    with pytest.raises(
        audit.LabelQualityError, match=r"None of the 4 samples can be used. The first: sample .*truncat"
    ):
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES, skip_failures=True)
    with pytest.raises(
        audit.LabelQualityError, match=r"None of the 4 samples can be used. The first: sample .*truncat"
    ):
        audit.audit_labels(predicted, "ground_truth", **CROSS_VALIDATION, skip_failures=True)
    assert state(predicted) == before


def test_fields_of_predictions_that_are_none(predicted: Any, audit: Any) -> None:
    for field, message in {
        "ground_truth": "Expected a field with predictions, but 'ground_truth' holds the given masks themselves",
        "nothing": "has no field 'nothing'; it has .*ground_truth",
        "index": r"Expected field 'index' to hold paths of .npy or .npz files, .* but it holds int values",
    }.items():
        with pytest.raises(audit.LabelQualityError, match=message):
            audit.audit_labels(predicted, "ground_truth", source="files", field=field)


def test_one_class_only(predicted: Any, audit: Any) -> None:
    with pytest.raises(
        audit.LabelQualityError, match=r"Expected at least two classes, but .* has only 'road': there is"
    ):
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES, classes={3: "road"})
    for path in predicted.values("ground_truth.mask_path"):
        edit(path, lambda mask: np.full_like(mask, 3))
    with pytest.raises(audit.LabelQualityError, match=r"Expected masks of at least two classes to train on, but they"):
        audit.audit_labels(predicted, "ground_truth", **CROSS_VALIDATION)


def test_collections_that_are_no_images(predicted: Any, audit: Any, fiftyone: Any, tmp_path: Path) -> None:
    with pytest.raises(audit.LabelQualityError, match=r"The view of dataset '.*' has no samples. Choose a view that"):
        audit.audit_labels(predicted.limit(0), "ground_truth", **WITH_FILES)
    with pytest.raises(
        audit.LabelQualityError, match=r"'index' to hold Segmentation labels or instances \(.*\), but it is I"
    ):
        audit.audit_labels(predicted, "index", **WITH_FILES)
    with pytest.raises(audit.LabelQualityError, match=r"has no field 'labels'. Its segmentation fields are: ground_tr"):
        audit.audit_labels(predicted, "labels", **WITH_FILES)
    video, group = fiftyone.Dataset(), fiftyone.Dataset()
    try:
        video.media_type = "video"
        video.add_sample(fiftyone.Sample(filepath=str(tmp_path / "a.mp4")))
        group.add_group_field("group", default="left")
        element = fiftyone.Group().element("left")
        group.add_sample(fiftyone.Sample(filepath=str(tmp_path / "a.png"), group=element))
        for dataset in (video, group):
            kind = dataset.media_type
            with pytest.raises(audit.LabelQualityError, match=f"holds samples of media type '{kind}', .*not supported"):
                audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    finally:
        video.delete()
        group.delete()


def test_predictions_that_seem_to_have_another_order_of_classes_are_noted(predicted: Any, audit: Any) -> None:
    order = {"0": "unlabelled", "1": "car", "2": "road", "3": "tree"}
    summary = audit.audit_labels(predicted, "ground_truth", **WITH_FILES, class_map=order)
    note = (
        "Most of what is given as some classes is predicted as others: 'road' as 'car', 'car' as 'road'. Where the "
        "predictions have the classes in another order, say which is which with `class_map`."
    )
    assert note in summary.note and note in audit.list_runs(predicted)[0].note
    assert "order" not in audit.audit_labels(predicted, "ground_truth", **WITH_FILES, key="right").note


def test_a_dataset_must_be_loaded(predicted: Any, audit: Any) -> None:
    text = r"Expected a dataset of FiftyOne, .* but got 'street'. Load it: fiftyone.load_dataset\('street'\)\."
    with pytest.raises(audit.LabelQualityError, match=text):
        audit.audit_labels("street", "ground_truth", **CROSS_VALIDATION)
    with pytest.raises(audit.LabelQualityError, match=text):
        audit.find_suspects("street")


def test_fewer_samples_or_groups_than_folds(predicted: Any, audit: Any) -> None:
    before = state(predicted)
    with pytest.raises(
        audit.LabelQualityError, match=r"as many samples as folds, but got 4 samples for 5 folds: ask for"
    ):
        audit.audit_labels(predicted, "ground_truth", **{**CROSS_VALIDATION, "folds": 5})
    text = (
        r"has no field 'scene'; it has .*, tags\. Name one of these, or make it first: dataset\.set_values\('scene', "
    )
    with pytest.raises(audit.LabelQualityError, match=text):
        audit.audit_labels(predicted, "ground_truth", **CROSS_VALIDATION, group_field="scene")
    predicted.set_values("scene", ["a", "a", "a", "b"])
    with pytest.raises(
        audit.LabelQualityError, match=r"but the 4 samples form 2 groups for 3 folds: ask for fewer fol"
    ):
        audit.audit_labels(predicted, "ground_truth", **{**CROSS_VALIDATION, "folds": 3}, group_field="scene")
    predicted.set_values("scene", ["a", None, "b", None])
    first = predicted.values("id")[1]
    with pytest.raises(audit.LabelQualityError, match=rf"2 of 4 samples have no value in field 'scene' .* is {first}"):
        audit.audit_labels(predicted, "ground_truth", **CROSS_VALIDATION, group_field="scene")
    assert state(predicted) == (sorted([*before[0], "scene"]), *before[1:])


def test_samples_are_grouped_and_ordered_by_plain_values(fiftyone: Any, dataset: Any, audit: Any) -> None:
    dataset.set_values("scene", [fiftyone.Classification(label=one) for one in "aabb"])
    dataset.set_values("height", [1.0, float("nan"), 2.0, 2.0])

    def error(**parameters: Any) -> str:
        with pytest.raises(audit.LabelQualityError) as caught:
            audit.audit_labels(dataset, "ground_truth", **CROSS_VALIDATION, **parameters)
        return str(caught.value)

    for name, kind in (("scene", "Classification"), ("tags", "list")):
        expected = (
            "to have one number, text or time for each sample, but it has values of type "
            f"{kind}. Name a field of such values, or a path to one, as 'scene.label'."
        )
        assert error(group_field=name) == f"Expected field '{name}' (`group_field`) {expected}"
        assert error(blocks=True, order_field=name) == f"Expected field '{name}' (`order_field`) {expected}"
    assert error(group_field="height").startswith("1 of 4 samples have no value in field 'height' (`group_field`)")
    audit.compute_predictions(dataset, "ground_truth", **CROSS_VALIDATION, group_field="scene.label")
    first, second, third, fourth = dataset.values("lq_fold")
    assert first == second != third == fourth


def test_cross_validation_notes_what_its_models_never_saw_and_leaves_bad_samples_out(
    make_dataset: Any, audit: Any
) -> None:
    dataset = make_dataset(count=8)
    paths = dataset.values("ground_truth.mask_path")
    for number, path in enumerate(paths):
        edit(path, lambda mask, number=number: np.full_like(mask, 20) if number == 5 else mask % 20)
    truncate(dataset.values("filepath")[1])
    truncate(paths[2])
    ids = dataset.values("id")
    with pytest.raises(audit.LabelQualityError, match=rf"sample {ids[2]} .*The mask file is truncated"):
        audit.compute_predictions(dataset, "ground_truth", **CROSS_VALIDATION)
    summary = audit.audit_labels(dataset, "ground_truth", **CROSS_VALIDATION, skip_failures=True)
    folds = dataset.values("lq_fold")
    assert [fold is None for fold in folds] == [index in (1, 2) for index in range(8)]
    assert summary.note == (
        f"Class 'tree' is only in samples of fold {folds[5]}: the model of that fold never saw it, so its pixels look "
        "suspicious."
    )
    failures = sorted(summary.failures)
    assert failures[0].startswith(f"sample {ids[1]} (") and "The image file is truncated" in failures[0]
    assert failures[1].startswith(f"sample {ids[2]} (") and "The mask file is truncated" in failures[1]
    again = audit.audit_labels(dataset, "ground_truth", **CROSS_VALIDATION, skip_failures=True)
    assert again == summary
    other = audit.score_label_quality(dataset, "ground_truth", key="b", predictions="lq", skip_failures=True)
    assert sorted(other.failures) == failures
    with pytest.raises(audit.LabelQualityError, match=rf"sample {ids[1]} .*The image file is truncated"):
        audit.score_label_quality(dataset, "ground_truth", key="c", predictions="lq")


def colour_model(path: Path, poison: bool) -> str:
    """A TorchScript model that gives NaN for images whose first pixel is white, if it is poisoned."""
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self, poison: bool) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)
            self.poison = poison

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            scores = self.conv(inputs)
            if self.poison:
                white = inputs[:, :, 0, 0].min(dim=1).values > 2.2
                scores = scores / (1 - white.float())[:, None, None, None]
                scores = torch.where(torch.isfinite(scores), scores, torch.full_like(scores, float("nan")))
            return scores

    torch.jit.script(Model(poison)).save(str(path))
    return str(path)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_images_that_a_model_cannot_predict(make_dataset: Any, audit: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=5, sizes=((32, 32),))
    ids, images = dataset.values(["id", "filepath"])
    edit(images[1], lambda image: np.where(np.arange(32)[:, None, None] < 4, 255, image).astype(np.uint8))
    model = {"source": "model", "model": colour_model(tmp_path / "m.ts", True), "trust": True, "batch_size": 4}
    with pytest.raises(
        audit.LabelQualityError, match=rf"sample {ids[1]} \({images[1]}\): .*not a number at 1024 of"
    ) as error:
        audit.audit_labels(dataset, "ground_truth", **model)
    truncate(images[3])
    summary = audit.audit_labels(dataset, "ground_truth", **model, skip_failures=True)
    assert summary.scored == 3 and summary.failures[0] == str(error.value)
    assert summary.failures[1].startswith(f"sample {ids[3]} ({images[3]}): The image file is truncated")
    with pytest.raises(audit.LabelQualityError, match=rf"sample {ids[3]} .*truncated"):
        audit.audit_labels(dataset.skip(2), "ground_truth", **model, key="b")


def test_an_output_folder_that_cannot_be_written_to(predicted: Any, audit: Any, tmp_path: Path) -> None:
    """A file is in its place: folders without the right to write would not stop root."""
    (tmp_path / "out").write_text("a file")
    before = state(predicted)
    with pytest.raises(
        audit.LabelQualityError, match=rf"to be able to write to the output folder {tmp_path}/out/.*Make"
    ):
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES, output_dir=str(tmp_path / "out"))
    assert state(predicted) == before


def test_fields_and_views_of_the_users_are_not_overwritten(predicted: Any, audit: Any, tmp_path: Path) -> None:
    predicted.set_values("lq_softmin", [1.0, 2.0, 3.0, 4.0])
    for parameters in (WITH_FILES, CROSS_VALIDATION):
        with pytest.raises(
            audit.LabelQualityError, match=r"already has a field 'lq_softmin' that no run of this plugin"
        ):
            audit.audit_labels(predicted, "ground_truth", **parameters, overwrite=True)
    assert predicted.values("lq_softmin") == [1.0, 2.0, 3.0, 4.0]
    assert audit.list_runs(predicted) == []
    predicted.save_view("b: worst first", predicted.limit(1))
    with pytest.raises(audit.LabelQualityError, match=r"already has a saved view 'b: worst first' that no run of this"):
        audit.audit_labels(predicted, "ground_truth", key="b", **WITH_FILES)
    assert len(predicted.load_saved_view("b: worst first")) == 1


def test_samples_that_another_run_did_not_predict(make_dataset: Any, audit: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=3, sizes=((32, 32),))
    model = {"source": "model", "model": colour_model(tmp_path / "m.ts", False), "trust": True}
    audit.compute_predictions(dataset.limit(2), "ground_truth", **model)
    left = dataset.values("id")[2]
    with pytest.raises(
        audit.LabelQualityError, match=rf"sample {left} .*run 'lq' has no prediction for it: it was not"
    ):
        audit.score_label_quality(dataset, "ground_truth", key="b", predictions="lq")
    summary = audit.score_label_quality(dataset, "ground_truth", key="b", predictions="lq", skip_failures=True)
    assert summary.scored == 2 and left in summary.failures[0]
    with pytest.raises(
        audit.LabelQualityError, match=r"Expected the classes that the predictions of run 'lq' were made"
    ):
        audit.score_label_quality(dataset.limit(2), "ground_truth", key="c", predictions="lq", ignored=["road"])
    folder = next(record.folder for record in audit.list_runs(dataset) if record.key == "lq")
    for path in Path(folder).glob("predictions-*/values/*/*"):
        path.unlink()
    with pytest.raises(audit.LabelQualityError, match=r"run 'lq' has no prediction for it: .* or its file is gone"):
        audit.score_label_quality(dataset.limit(2), "ground_truth")
    with pytest.raises(audit.LabelQualityError, match=r"The predictions of run 'lq' are used by b"):
        audit.audit_labels(dataset.limit(2), "ground_truth", **model, overwrite=True)
    audit.delete_run(dataset, "b")
    assert audit.audit_labels(dataset.limit(2), "ground_truth", **model, overwrite=True).scored == 2
    with pytest.raises(audit.LabelQualityError, match=r"has no label quality run 'zz'. Its runs are: "):
        audit.score_label_quality(dataset, "ground_truth", predictions="zz")


def test_samples_that_somebody_else_deletes_while_this_process_holds_them(predicted: Any, audit: Any) -> None:
    from bson import ObjectId
    from label_quality.plugin.samples.private_fiftyone import stored_samples

    held = list(predicted)
    # As another process does: FiftyOne has no word of it here
    stored_samples(predicted).delete_one({"_id": ObjectId(held[0].id)})
    assert audit.audit_labels(predicted, "ground_truth", **WITH_FILES).scored == len(held) - 1
    assert not held[0].in_dataset
    assert held[1]["lq_quality"] == predicted[held[1].id]["lq_quality"] is not None
