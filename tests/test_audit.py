"""The main job on real datasets: every source, what is written, runs beside one another, and their deletion."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

IDS = [0, 3, 7, 20]
ALL_SCORES = ["ccp", "tccp", "cil", "clc", "iou", "coco", "softmin", "evidence"]
WITH_FILES = {"source": "files", "field": "probabilities"}
COMPILING = "Compiling (once)"
#: What the default scores report while they are computed
SCORING_STAGES = {"Scoring", "Counting label issues", "Finding the cut", "Flagging pixels"}
#: What reports before them
LINT_STAGES = {"Lint: Reading masks", "Lint: Comparing images", "Lint: Writing findings"}
#: What reports after them
LAST_STAGES = {"Finding suspects", "Writing fields", "Writing suspects"}


def probabilities_of(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The given mask, blurred, with noise: (4, H, W) float32."""
    soft = np.stack([cv2.GaussianBlur((labels == value).astype(np.float32), (0, 0), 2) for value in IDS])
    soft += 0.2 * rng.random(soft.shape, dtype=np.float32)
    return soft / soft.sum(axis=0)


def write_probabilities(dataset: Any, folder: Path) -> None:
    """Fills the field ``probabilities``; the first image's are shifted by five pixels."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    paths = []
    for number, label in enumerate(dataset.values("ground_truth")):
        path = folder / f"{number:03d}.npy"
        np.save(path, probabilities_of(np.roll(label.get_mask(), 5 * (number == 0), axis=1), rng))
        paths.append(str(path))
    dataset.set_values("probabilities", paths)


@pytest.fixture
def predicted(make_dataset: Any, tmp_path: Path) -> Any:
    """Six samples of two sizes with files of probabilities."""
    dataset = make_dataset(count=6, sizes=((24, 32), (21, 35)))
    write_probabilities(dataset, tmp_path / "probabilities")
    return dataset


@pytest.fixture
def model_file(tmp_path: Path) -> str:
    """A TorchScript model that knows each class by its colour."""
    import torch
    from torch import nn

    colors = torch.tensor([(0, 0, 0), (128, 64, 128), (0, 0, 142), (107, 142, 35)]).float()
    means, stds = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    centres = (colors / 255 - means) / stds
    conv = nn.Conv2d(3, 4, 1)
    with torch.no_grad():
        conv.weight.copy_(2 * centres[:, :, None, None])
        conv.bias.copy_(-(centres**2).sum(1))
    path = tmp_path / "model.ts"
    torch.jit.script(conv).save(str(path))
    return str(path)


def values(dataset: Any, key: str, names: list[str]) -> list[list[Any]]:
    return dataset.values([f"{key}_{name}" for name in names])


def folder_of(dataset: Any, key: str = "lq") -> Path:
    import fiftyone as fo

    return Path(fo.config.default_dataset_dir) / "label_quality" / f"{dataset.slug}-{dataset._doc.id}" / key


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


def test_files_of_probabilities_give_every_field(predicted: Any, audit: Any) -> None:
    from label_quality.plugin.predictions.config import FilesSource
    from label_quality.plugin.predictions.open_files import open_files
    from label_quality.plugin.samples.inputs import open_samples
    from label_quality.plugin.scores.config import ScoreConfig
    from label_quality.plugin.scores.image_scores import score_image

    reports: list[tuple[str, int, int]] = []
    summary = audit.audit_labels(predicted, "ground_truth", progress=lambda *one: reports.append(one), **WITH_FILES)
    assert (summary.key, summary.status, summary.images, summary.scored, summary.classes) == ("lq", "complete", 6, 6, 4)
    assert summary.worst[0].sample_id == predicted.first().id
    assert [image.quality for image in summary.worst] == sorted(predicted.values("lq_quality"))
    samples = open_samples(predicted, "ground_truth")
    reader = open_files(samples, FilesSource(field="probabilities"))
    for index, sample in enumerate(predicted):
        labels = samples.load_labels(index)
        expected = score_image(reader.read(sample.id, labels.shape).values, labels, ScoreConfig())
        for name in ("ccp", "tccp", "cil", "iou", "coco", "softmin"):
            assert sample[f"lq_{name}"] == getattr(expected, name), name
        assert sample.lq_quality == sample.lq_evidence
        np.testing.assert_array_equal(sample.lq_prediction.get_mask(), np.array(IDS)[expected.prediction])
        np.testing.assert_array_equal(sample.lq_heatmap.get_map(), expected.heatmap)
        flagged = (sample.lq_flags.get_map() > 0).mean()
        assert sample.lq_flags.get_map().shape == labels.shape and (flagged > 0) == (sample.lq_clc < 1)
        by_name = {one.label: one for one in sample.lq_per_class.classifications}
        assert set(by_name) == {samples.class_table.names[klass] for klass in np.unique(labels)}
        for klass, name in enumerate(samples.class_table.names):
            if name in by_name:
                assert by_name[name].confidence == expected.per_class["softmin"][klass]
                assert by_name[name].pixels == int((labels == klass).sum())
    assert predicted.load_saved_view("lq: worst first").values("id") == [one.sample_id for one in summary.worst]
    # Another process may have compiled what scoring needs, or not yet
    assert {stage for stage, _, _ in reports} - {COMPILING} == LINT_STAGES | SCORING_STAGES | LAST_STAGES


def test_the_record_says_what_was_done(predicted: Any, audit: Any) -> None:
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES, temperature=0.2)
    (record,) = audit.list_runs(predicted)
    assert (record.key, record.source, record.label_field, record.status) == ("lq", "files", "ground_truth", "complete")
    assert record.config["scores"]["temperature"] == 0.2 and record.config["predictions"]["field"] == "probabilities"
    assert record.class_table["names"] == ["unlabelled", "road", "car", "tree"]
    assert len(record.thresholds) == 4 and all(0 < one < 1 for one in record.thresholds)
    joint = np.array(record.confident_joint)
    assert joint.shape == (4, 4) and joint.sum() > 0
    np.testing.assert_allclose(np.array(record.noise_matrix).sum(axis=0), 1)
    off_diagonal = joint.sum() - joint.trace()
    assert record.scores.flagged_pixels == off_diagonal
    assert record.scores.pooled_pixels == 3 * 6 * 8 + 3 * 6 * 9
    assert set(record.timings) - {COMPILING} == {"Opening samples"} | LINT_STAGES | SCORING_STAGES | LAST_STAGES
    assert all(seconds >= 0 for seconds in record.timings.values())
    assert record.fields == [name for name in predicted.get_field_schema() if name.startswith("lq_")]
    assert record.views[0] == "lq: worst first" and set(record.views) == set(predicted.list_saved_views())
    assert record.folder == str(folder_of(predicted)) and record.failures == []
    assert {"python", "fiftyone", "torch", "numba"} <= set(record.versions)


def test_paths_may_be_relative_to_the_image(predicted: Any, audit: Any, tmp_path: Path) -> None:
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    absolute = values(predicted, "lq", ALL_SCORES)
    images, files = predicted.values(["filepath", "probabilities"])
    relative = [os.path.relpath(file, Path(image).parent) for image, file in zip(images, files, strict=True)]
    assert all(one.startswith("..") for one in relative)
    predicted.set_values("relative", relative)
    audit.audit_labels(predicted, "ground_truth", key="b", source="files", field="relative")
    assert values(predicted, "b", ALL_SCORES) == absolute


def test_predicted_masks_give_ccp_and_iou_and_say_why_not_more(predicted: Any, audit: Any, fiftyone: Any) -> None:
    for sample in predicted:
        mask = sample.ground_truth.get_mask().copy()
        mask[:6] = 20
        sample["predicted"] = fiftyone.Segmentation(mask=mask)
        sample.save()
    summary = audit.audit_labels(predicted, "ground_truth", source="files", field="predicted")
    for sample in predicted:
        given, found = sample.ground_truth.get_mask(), sample.predicted.mask
        assert sample.lq_ccp == pytest.approx((given == found).mean(), abs=1e-12)
        assert sample.lq_quality == sample.lq_ccp and 0 < sample.lq_iou <= 1
        np.testing.assert_array_equal(sample.lq_prediction.get_mask(), found)
        np.testing.assert_array_equal(sample.lq_heatmap.get_map(), 255 * (given != found))
    schema = predicted.get_field_schema()
    assert not [
        name
        for name in ("tccp", "cil", "clc", "coco", "softmin", "evidence", "flags", "fold")
        if f"lq_{name}" in schema
    ]
    (record,) = audit.list_runs(predicted)
    why = "the predictions are masks without probabilities"
    assert record.scores_missing == dict.fromkeys(("tccp", "cil", "clc", "coco", "softmin", "evidence"), why)
    assert set(summary.worst[0].scores) == {"ccp", "iou"}
    with pytest.raises(audit.LabelQualityError, match=rf"None of the scores softmin can be computed: {why}"):
        audit.audit_labels(predicted, "ground_truth", key="b", source="files", field="predicted", scores=("softmin",))


def test_a_model_predicts_and_the_run_says_if_it_may_know_the_labels(
    make_dataset: Any, audit: Any, model_file: str
) -> None:
    with_model = {"source": "model", "model": model_file, "trust": True}
    dataset = make_dataset(count=5, sizes=((24, 32), (40, 48)))
    swapped = dataset.skip(2).first()
    mask = swapped.ground_truth.get_mask()
    cv2.imwrite(swapped.ground_truth.mask_path, np.array([3, 0, 0, 0, 0, 0, 0, 20] + [0] * 12 + [7], np.uint8)[mask])
    summary = audit.audit_labels(dataset, "ground_truth", **with_model, batch_size=2)
    assert summary.worst[0].sample_id == swapped.id and summary.worst[0].quality < 0.3
    assert all(image.quality > 0.5 for image in summary.worst[1:])
    assert "may not be out-of-sample" in summary.note
    (record,) = audit.list_runs(dataset)
    assert not record.out_of_sample and record.predictions.model["kind"] == "torchscript"
    assert len(record.predictions.model["sha256"]) == 64
    assert "Predicting" in record.timings
    promised = audit.audit_labels(dataset, "ground_truth", key="b", **with_model, out_of_sample=True)
    assert promised.note == "" and values(dataset, "b", ALL_SCORES) == values(dataset, "lq", ALL_SCORES)


def test_a_model_that_was_traced_at_one_size_is_tried_on_an_image(
    make_dataset: Any, audit: Any, tmp_path: Path
) -> None:
    import torch
    from torch import nn

    class Fixed(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs.reshape(-1, 3, 32 * 64)[:, [0, 1, 2, 0]].reshape(-1, 4, 32, 64)

    path = tmp_path / "fixed.ts"
    torch.jit.trace(Fixed(), torch.zeros(1, 3, 32, 64), check_trace=False).save(str(path))
    dataset = make_dataset(count=2, sizes=((32, 64),))
    summary = audit.compute_predictions(dataset, "ground_truth", source="model", model=str(path), trust=True)
    assert summary.status == "predicted"


def test_cross_validation_holds_every_image_out_once(make_dataset: Any, audit: Any) -> None:
    dataset = make_dataset(count=8, sizes=((32, 48),))
    reports: list[tuple[str, int, int]] = []
    summary = audit.audit_labels(
        dataset,
        "ground_truth",
        progress=lambda *one: reports.append(one),
        preset="fast",
        folds=2,
        epochs=1,
        weights=None,
        input_size=64,
        device="cpu",
    )
    assert summary.scored == 8 and summary.note == ""
    assert sorted(dataset.values("lq_fold")) == [0] * 4 + [1] * 4
    (record,) = audit.list_runs(dataset)
    assert record.out_of_sample and record.seed == 51
    assert record.config["predictions"]["preset"] == "fast"
    assert {"Checking masks", "Training", "Predicting", "Scoring"} <= set(record.timings)
    done: dict[str, int] = {}
    for stage, finished, total in reports:
        assert done.get(stage, 0) <= finished <= total, stage
        done[stage] = finished
    work = [path for path in folder_of(dataset).rglob("*") if path.parent.name == "work"]
    assert work == []


def test_predictions_first_and_scores_later(make_dataset: Any, audit: Any, model_file: str) -> None:
    dataset = make_dataset(count=4)
    source = {"source": "model", "model": model_file, "trust": True, "out_of_sample": True}
    predicted = audit.compute_predictions(dataset, "ground_truth", **source)
    assert (predicted.status, predicted.scored, predicted.worst) == ("predicted", 4, ())
    masks = [label.get_mask() for label in dataset.values("lq_prediction")]
    assert not dataset.has_sample_field("lq_quality") and not dataset.list_saved_views()
    # Neither half needs the model again
    Path(model_file).rename(Path(model_file).with_suffix(".moved"))
    scored = audit.score_label_quality(dataset, "ground_truth")
    assert (scored.status, scored.scored) == ("complete", 4)
    for before, label in zip(masks, dataset.values("lq_prediction"), strict=True):
        np.testing.assert_array_equal(label.get_mask(), before)
    Path(model_file).with_suffix(".moved").rename(model_file)
    assert audit.compute_predictions(dataset, "ground_truth", **source).status == "complete"
    created = audit.list_runs(dataset)[0].created
    assert audit.audit_labels(dataset, "ground_truth", **source).status == "complete"
    assert audit.list_runs(dataset)[0].created == created


def test_an_audit_takes_over_predictions_of_the_same_config(make_dataset: Any, audit: Any, model_file: str) -> None:
    dataset = make_dataset(count=4)
    source = {"source": "model", "model": model_file, "trust": True, "out_of_sample": True}
    audit.compute_predictions(dataset, "ground_truth", **source)
    (before,) = [path for path in folder_of(dataset).iterdir() if path.name.startswith("predictions-")]
    stages: list[str] = []
    audit.audit_labels(dataset, "ground_truth", progress=lambda stage, *_: stages.append(stage), **source)
    assert "Predicting" not in stages and "Scoring" in stages
    assert before.is_dir() and len(list(folder_of(dataset).iterdir())) == 3
    assert audit.list_runs(dataset)[0].timings["Predicting"] > 0


def test_scores_of_another_runs_predictions(make_dataset: Any, audit: Any, model_file: str) -> None:
    with_model = {"source": "model", "model": model_file, "trust": True}
    dataset = make_dataset(count=4)
    audit.audit_labels(dataset, "ground_truth", **with_model)
    summary = audit.score_label_quality(dataset, "ground_truth", key="b", predictions="lq", temperature=0.5)
    assert "may not be out-of-sample" in summary.note
    assert values(dataset, "b", ["ccp", "clc"]) == values(dataset, "lq", ["ccp", "clc"])
    assert dataset.values("b_softmin") != dataset.values("lq_softmin")
    # A run without predictions of its own knows whose it has
    audit.score_label_quality(dataset, "ground_truth", key="c", predictions="b")
    assert dataset.values("c_softmin") == dataset.values("lq_softmin")
    audit.score_label_quality(dataset, "ground_truth", key="b", overwrite=True)
    assert dataset.values("b_softmin") == dataset.values("lq_softmin")
    with pytest.raises(audit.LabelQualityError, match=r"The predictions of run 'lq' are used by .*Delete these runs"):
        audit.delete_run(dataset, "lq")
    with pytest.raises(audit.LabelQualityError, match=r"The predictions of run 'lq' are used by .*another `key`"):
        audit.audit_labels(dataset, "ground_truth", **with_model, tile=64, overwrite=True)
    for key in ("c", "b", "lq"):
        audit.delete_run(dataset, key)
    assert audit.list_runs(dataset) == []


def test_deleting_a_run_removes_its_own_and_nothing_else(predicted: Any, audit: Any) -> None:
    before = set(predicted.get_field_schema())
    predicted.save_view("mine", predicted.limit(2))
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    audit.audit_labels(predicted, "ground_truth", key="b", **WITH_FILES, scores=("ccp", "clc"))
    kept = values(predicted, "b", ["quality", "ccp", "clc"])
    assert {record.key for record in audit.list_runs(predicted)} == {"lq", "b"}
    assert audit.delete_run(predicted, "lq") == []
    assert not folder_of(predicted, "lq").exists() and folder_of(predicted, "b").is_dir()
    assert not [name for name in predicted.get_field_schema() if name.startswith("lq_")]
    assert {name.split(":")[0] for name in predicted.list_saved_views()} == {"mine", "b"}
    assert [record.key for record in audit.list_runs(predicted)] == ["b"]
    assert values(predicted, "b", ["quality", "ccp", "clc"]) == kept
    assert predicted.first().b_heatmap.get_map() is not None
    note = folder_of(predicted, "b") / "note.txt"
    note.write_text("mine")
    assert audit.delete_run(predicted, "b") == [str(note)]
    note.unlink()
    note.parent.rmdir()
    assert set(predicted.get_field_schema()) == before and predicted.list_saved_views() == ["mine"]
    with pytest.raises(audit.LabelQualityError, match=r"has no label quality run 'lq'. It has no runs"):
        audit.delete_run(predicted, "lq")


def test_the_last_deletion_leaves_no_folder(predicted: Any, audit: Any) -> None:
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    audit.delete_run(predicted, "lq")
    assert not folder_of(predicted).parent.exists()


def test_files_go_where_the_user_says(predicted: Any, audit: Any, tmp_path: Path) -> None:
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES, output_dir=str(tmp_path / "out"))
    named = f"{predicted.slug}-{predicted._doc.id}"
    root = tmp_path / "out" / named / "lq"
    assert predicted.first().lq_heatmap.map_path.startswith(f"{root}/")
    assert not folder_of(predicted).exists()
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES, scores=("ccp",), overwrite=True)
    assert predicted.first().lq_heatmap.map_path.startswith(f"{root}/")
    other = {**WITH_FILES, "output_dir": str(tmp_path / "other")}
    with pytest.raises(audit.LabelQualityError, match=rf"The files of run 'lq' are in {root}, and not in"):
        audit.audit_labels(predicted, "ground_truth", **other)
    audit.audit_labels(predicted, "ground_truth", **other, overwrite=True)
    assert not (tmp_path / "out" / named).exists()
    assert predicted.first().lq_heatmap.get_map() is not None
    audit.delete_run(predicted, "lq")
    assert not (tmp_path / "other" / named).exists()


def test_a_clones_runs_leave_the_originals_files_alone(predicted: Any, audit: Any, fiftyone: Any) -> None:
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    clone = predicted.clone()
    try:
        audit.audit_labels(clone, "ground_truth", **WITH_FILES, scores=("ccp",), overwrite=True)
        assert clone.first().lq_heatmap.map_path.startswith(f"{folder_of(clone)}/")
        audit.delete_run(clone, "lq")
        assert not folder_of(clone).exists()
        again = predicted.clone()
        try:
            audit.delete_run(again, "lq")
        finally:
            again.delete()
    finally:
        clone.delete()
    assert predicted.first().lq_heatmap.get_map() is not None


def test_class_tables_from_every_source(make_dataset: Any, audit: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=4, targets=None)
    write_probabilities(dataset, tmp_path / "probabilities")
    names = {0: "none", 3: "b", 7: "c", 20: "d"}

    def table(key: str, **parameters: Any) -> dict[str, Any]:
        audit.audit_labels(dataset, "ground_truth", key=key, **WITH_FILES, scores=("softmin",), **parameters)
        return next(record.class_table for record in audit.list_runs(dataset) if record.key == key)

    seen = table("seen")
    assert (seen["source"], seen["names"], seen["ids"]) == ("values seen", ["background", "3", "7", "20"], IDS)
    given = table("given", classes=names)
    assert (given["source"], given["names"], given["unlabelled"]) == ("argument", ["none", "b", "c", "d"], 0)
    dataset.default_mask_targets = names
    dataset.save()
    assert table("default")["source"] == "default_mask_targets"
    dataset.mask_targets = {"ground_truth": names}
    dataset.save()
    assert table("own")["source"] == "mask_targets"
    expected = dataset.values("seen_softmin")
    assert all(dataset.values(f"{key}_softmin") == expected for key in ("given", "default", "own"))
    assert dataset.mask_targets["own_prediction"] == names


def test_ignored_values_take_part_in_nothing(make_dataset: Any, audit: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=4)
    write_probabilities(dataset, tmp_path / "probabilities")
    for path in dataset.values("ground_truth.mask_path"):
        mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        mask[:8] = 255
        cv2.imwrite(path, mask)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES, ignored=[255])
    audit.audit_labels(dataset, "ground_truth", key="b", **WITH_FILES, unknown="ignore")
    assert values(dataset, "b", ALL_SCORES) == values(dataset, "lq", ALL_SCORES)
    for sample in dataset:
        assert not sample.lq_heatmap.get_map()[:8].any()
        assert not sample.lq_flags.get_map()[:8].any()
        assert sum(one.pixels for one in sample.lq_per_class.classifications) == 16 * 32
        predicted = np.load(sample.probabilities).argmax(axis=0)
        given = sample.ground_truth.get_mask()
        assert sample.lq_ccp == pytest.approx((np.array(IDS)[predicted] == given)[8:].mean(), abs=1e-12)


def test_an_ignored_class_has_no_channel(make_dataset: Any, audit: Any, tmp_path: Path) -> None:
    """Files with one channel a mask value: gaps and ignored classes are dropped, the others share their probability."""
    dataset = make_dataset(count=3)
    paths = []
    for number, path in enumerate(dataset.values("ground_truth.mask_path")):
        labels = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        labels[0, :4] = IDS
        cv2.imwrite(path, labels)
        wide = np.full((21, *labels.shape), 0.01, np.float32)
        np.put_along_axis(wide, labels[None].astype(np.int64), 0.8, axis=0)
        np.save(tmp_path / f"{number}.npy", wide)
        paths.append(str(tmp_path / f"{number}.npy"))
    dataset.set_values("probabilities", paths)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES, ignored=["unlabelled"])
    (record,) = audit.list_runs(dataset)
    assert record.class_table["names"] == ["road", "car", "tree"] and record.class_table["ignored"] == [0]
    assert dataset.values("lq_ccp") == [1.0] * 3
    np.testing.assert_allclose(dataset.values("lq_cil"), 0.8 / 0.82, rtol=1e-5)


def test_rgb_masks(make_dataset: Any, audit: Any, tmp_path: Path) -> None:
    plain, rgb = make_dataset(count=3), make_dataset(count=3, rgb=True)
    write_probabilities(plain, tmp_path / "probabilities")
    # Classes are in the order of their colours there: black, car (0, 0, 142), tree, road
    order, paths = [0, 2, 3, 1], []
    for number, path in enumerate(plain.values("probabilities")):
        paths.append(str(tmp_path / f"rgb{number}.npy"))
        np.save(paths[-1], np.load(path)[order])
    rgb.set_values("probabilities", paths)
    audit.audit_labels(plain, "ground_truth", **WITH_FILES)
    audit.audit_labels(rgb, "ground_truth", **WITH_FILES)
    for name in ("ccp", "iou", "softmin", "clc"):
        np.testing.assert_allclose(rgb.values(f"lq_{name}"), plain.values(f"lq_{name}"), rtol=1e-6)
    assert rgb.mask_targets["lq_prediction"] == {
        "#000000": "unlabelled",
        "#00008e": "car",
        "#6b8e23": "tree",
        "#804080": "road",
    }
    colors = {0: (0, 0, 0), 3: (128, 64, 128), 7: (0, 0, 142), 20: (107, 142, 35)}
    for one, other in zip(plain, rgb, strict=True):
        ids = one.lq_prediction.get_mask()
        np.testing.assert_array_equal(
            other.lq_prediction.get_mask(), np.array([[colors[v] for v in row] for row in ids])
        )


@pytest.mark.parametrize("storage", ["database", "disk"])
def test_wide_masks_with_gaps(make_dataset: Any, audit: Any, tmp_path: Path, storage: str) -> None:
    targets = {0: "unlabelled", 3: "road", 7: "car", 20: "tree", 40000: "sky"}
    dataset = make_dataset(count=3, dtype="uint16", storage=storage, targets=targets)
    rng = np.random.default_rng(0)
    paths = []
    for number, label in enumerate(dataset.values("ground_truth")):
        four = probabilities_of(label.get_mask(), rng)
        paths.append(str(tmp_path / f"{number}.npy"))
        np.save(paths[-1], np.concatenate([four, np.zeros_like(four[:1])]))
    dataset.set_values("probabilities", paths)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    for sample in dataset:
        mask = cv2.imread(sample.lq_prediction.mask_path, cv2.IMREAD_UNCHANGED)
        assert mask.dtype == np.uint16
        np.testing.assert_array_equal(mask, np.array([*IDS, 40000])[np.load(sample.probabilities).argmax(axis=0)])
        assert sample.lq_ccp == (mask == sample.ground_truth.get_mask()).mean()


def test_a_view_is_all_that_is_touched(predicted: Any, audit: Any) -> None:
    view = predicted.skip(1).limit(3).sort_by("index", reverse=True)
    summary = audit.audit_labels(view, "ground_truth", **WITH_FILES)
    assert (summary.images, summary.scored) == (3, 3)
    assert [value is not None for value in predicted.values("lq_softmin")] == [False, True, True, True, False, False]
    assert len(predicted.load_saved_view("lq: worst first")) == 3


def test_fields_that_a_view_leaves_out_can_be_named_all_the_same(predicted: Any, audit: Any, fiftyone: Any) -> None:
    predicted.set_values("predicted", [fiftyone.Segmentation(mask=one.ground_truth.get_mask()) for one in predicted])
    predicted.set_values("scene", list("aaabbb"))
    # As the App's field visibility does
    view = predicted.select_fields("ground_truth")
    for key, field in (("files", "probabilities"), ("masks", "predicted")):
        for shown in (view, view.limit(4)):
            summary = audit.audit_labels(shown, "ground_truth", key=key, source="files", field=field, overwrite=True)
            assert (summary.images, summary.scored) == (len(shown), len(shown))
    folds = {"folds": 2, "epochs": 1, "weights": None, "input_size": 64, "device": "cpu"}
    audit.compute_predictions(view, "ground_truth", key="folds", group_field="scene", **folds)
    predicted.reload()
    first, second = predicted.values("folds_fold")[::3]
    assert predicted.values("folds_fold") == [first] * 3 + [second] * 3 and first != second


def test_a_subset_of_scores(predicted: Any, audit: Any) -> None:
    summary = audit.audit_labels(predicted, "ground_truth", **WITH_FILES, scores=["iou", "cil"], per_class=False)
    written = {name for name in predicted.get_field_schema() if name.startswith("lq_")}
    lint = {"lq_lint", "lq_lint_kinds", "lq_lint_count"}
    assert written == {"lq_quality", "lq_cil", "lq_iou", "lq_prediction", "lq_heatmap"} | lint
    assert predicted.values("lq_quality") == predicted.values("lq_cil")
    assert set(summary.worst[0].scores) == {"cil", "iou"}
    (record,) = audit.list_runs(predicted)
    assert record.thresholds == [] and record.confident_joint == []
    audit.audit_labels(predicted, "ground_truth", key="b", **WITH_FILES, scores=["coco"])
    assert not predicted.has_sample_field("b_per_class")


def test_no_pooling(predicted: Any, audit: Any) -> None:
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES, pooling=1)
    (record,) = audit.list_runs(predicted)
    assert record.scores.pooled_pixels == 3 * 24 * 32 + 3 * 21 * 35
    for sample in predicted:
        assert sample.lq_clc == pytest.approx(1 - (sample.lq_flags.get_map() > 0).mean(), abs=1e-12)


def test_threads_change_nothing(predicted: Any, audit: Any) -> None:
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES, workers=1)
    audit.audit_labels(predicted, "ground_truth", key="b", **WITH_FILES, workers=4)
    assert values(predicted, "b", ALL_SCORES) == values(predicted, "lq", ALL_SCORES)
    first, second = sorted(audit.list_runs(predicted), key=lambda record: record.key)
    assert (first.thresholds, first.confident_joint) == (second.thresholds, second.confident_joint)


def test_unknown_parameters_are_named(predicted: Any, audit: Any) -> None:
    with pytest.raises(audit.LabelQualityError, match=r"Unknown parameter 'temprature'; expected .*temperature"):
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES, temprature=1)
    with pytest.raises(audit.LabelQualityError, match=r"Expected parameter `source` to be one of cross_val"):
        audit.audit_labels(predicted, "ground_truth", source="magic")
    with pytest.raises(audit.LabelQualityError, match=r"Expected parameter `ignored` to be a list .* but got 255"):
        audit.audit_labels(predicted, "ground_truth", **WITH_FILES, ignored=255)
