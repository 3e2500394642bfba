"""A run's predictions as an evaluation of FiftyOne's own: its counts, whose it is, and what is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from PIL import Image

from ..conftest import COLORS
from ..predicted import IDS, WITH_FILES, add_predictions
from ..snapshots import Snapshot

NAME = "lq_evaluation"
FIELDS = [f"{NAME}_accuracy", f"{NAME}_precision", f"{NAME}_recall"]


@pytest.fixture(scope="module")
def audited_images(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality import audit_labels

    dataset = add_predictions(make_module_dataset(count=5, sizes=((48, 64), (32, 40))), module_folder)
    audit_labels(dataset, "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def audited(audited_images: Snapshot) -> Any:
    """Five images of two sizes with a run ``lq``, whose predictions contradict two of the masks."""
    return audited_images.put_back()


def masks_of(dataset: Any, field: str = "ground_truth") -> list[str]:
    return dataset.values(f"{field}.mask_path")


def counted(dataset: Any, values: Sequence[Any] = IDS) -> np.ndarray:
    """The (K, K) confusion matrix, [given, predicted], counted pixel by pixel in the files."""
    total = np.zeros((len(values), len(values)), int)
    for paths in zip(masks_of(dataset), masks_of(dataset, "lq_prediction"), strict=True):
        both = [np.atleast_3d(cv2.imread(path, cv2.IMREAD_UNCHANGED)) for path in paths]
        given_as, predicted_as = ([(mask == value).all(axis=2) for value in values] for mask in both)
        total += [[(row & column).sum() for column in predicted_as] for row in given_as]
    return total


def test_fiftyones_confusion_matrix_is_that_of_the_files(audited: Any) -> None:
    from label_quality import evaluate_predictions

    found = evaluate_predictions(audited)
    expected = counted(audited)
    results = audited.load_evaluation_results(NAME)
    assert (results.pixel_confusion_matrix == expected).all()
    assert 0 < expected.trace() < expected.sum() == 3 * 48 * 64 + 2 * 32 * 40
    assert list(results.classes) == ["unlabelled", "road", "car", "tree"]
    assert (found.eval_key, found.images, found.pixels) == (NAME, 5, expected.sum())
    assert found.accuracy == pytest.approx(expected.trace() / expected.sum())
    for k, one in enumerate(found.classes):
        both, row, column = expected[k, k], expected[k].sum(), expected[:, k].sum()
        assert (one.pixels, one.recall, one.precision) == (row, pytest.approx(both / row), pytest.approx(both / column))
        assert one.iou == pytest.approx(both / (row + column - both))
    assert found.miou == pytest.approx(np.mean([one.iou for one in found.classes]))
    accuracy = audited.values(FIELDS[0])
    assert accuracy[1] > 0.99 > accuracy[0], "the first is contradicted, and the second is not"
    assert len(audited.load_evaluation_view(NAME)) == 5
    assert set(FIELDS) <= set(audited.load_evaluation_view(NAME, select_fields=True).get_field_schema())


def test_scenarios_are_of_any_subset(audited: Any) -> None:
    from fiftyone import ViewField as F
    from label_quality import evaluate_predictions

    evaluate_predictions(audited)
    audited.save_view("the first", audited.match(F("index") < 2))
    results = audited.load_evaluation_results(NAME)
    subsets = {"view": {"type": "view", "view": "the first"}, "field": {"type": "field", "field": "index", "value": 3}}
    images = {"view": audited[:2], "field": audited.match(F("index") == 3)}
    for kind, subset in subsets.items():
        matrix = counted(images[kind])
        with results.use_subset(subset):
            # FiftyOne leaves out what is background in both
            assert results.metrics()["support"] == matrix[1:].sum()
            found = results.confusion_matrix(classes=results.classes)
        assert np.array_equal(found[:4, :4], matrix), kind


@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=4, max_size=4))
def test_the_figures_are_those_of_the_pixels(confusion: list[list[int]]) -> None:
    from label_quality.plugin.evaluation.evaluate import _summary
    from label_quality.plugin.labels.class_table import ClassTable

    table = ClassTable.from_targets({0: "a", 1: "b", 2: "c", 3: "d"})
    pixels = [(i, j) for i, row in enumerate(confusion) for j, number in enumerate(row) for _ in range(number)]
    found = _summary("lq", NAME, table, 1, np.array(confusion))

    def share(part: int, whole: int) -> Any:
        return pytest.approx(part / whole) if whole else None

    assert (found.pixels, found.accuracy) == (len(pixels), share(sum(i == j for i, j in pixels), len(pixels)))
    ious = []
    for k, one in enumerate(found.classes):
        both, given_so, seen = (
            sum(i == j == k for i, j in pixels),
            sum(i == k for i, _ in pixels),
            sum(j == k for _, j in pixels),
        )
        assert (one.pixels, one.precision, one.recall) == (given_so, share(both, seen), share(both, given_so))
        assert one.iou == (share(both, given_so + seen - both) if given_so else None)
        ious += [one.iou] if one.iou is not None else []
    assert found.miou == (pytest.approx(sum(ious) / len(ious)) if ious else None)


def test_a_band_along_the_edges_alone_counts(audited: Any) -> None:
    from label_quality import evaluate_predictions

    whole = evaluate_predictions(audited, eval_key="whole")
    band = evaluate_predictions(audited, eval_key="edges", bandwidth=2)
    assert 0 < band.pixels < whole.pixels and audited.get_evaluation_info("edges").config.bandwidth == 2
    assert sorted(audited.list_evaluations()) == ["edges", "whole"]
    with pytest.raises(LabelQualityError, match="Expected parameter `bandwidth` to be at least 1, but got 0"):
        evaluate_predictions(audited, bandwidth=0)


@pytest.mark.parametrize("rgb", [False, True])
def test_colours_and_ignored_classes_are_those_of_the_run(make_dataset: Any, tmp_path: Path, rgb: bool) -> None:
    from label_quality import audit_labels, evaluate_predictions

    plain = add_predictions(make_dataset(count=4), tmp_path)
    dataset = make_dataset(count=4, rgb=rgb)
    dataset.set_values("probabilities", plain.values("probabilities"))
    names = ("unlabelled", "road", "car", "tree")
    class_map = {"0": "unlabelled", "1": "road", "2": "#00008e" if rgb else 7, "3": "tree"}
    audit_labels(dataset, "ground_truth", ignored=["car"], class_map=class_map, **WITH_FILES)
    found = evaluate_predictions(dataset)
    # FiftyOne has classes in the order of their values, of colours as numbers
    order = [0, 20, 3] if rgb else [0, 3, 20]
    assert order == sorted(order, key=(lambda value: COLORS[value]) if rgb else None)
    stored = [COLORS[value][::-1] if rgb else value for value in order]
    assert (dataset.load_evaluation_results(NAME).pixel_confusion_matrix == counted(dataset, stored)).all()
    assert [one.name for one in found.classes] == [names[IDS.index(value)] for value in order]
    ignored = sum(int((cv2.imread(path, cv2.IMREAD_UNCHANGED) == 7).sum()) for path in masks_of(plain))
    assert ignored > 0 and found.pixels == 4 * 24 * 32 - ignored


def test_the_evaluation_goes_with_the_run_and_leaves_no_trace(audited: Any) -> None:
    from label_quality import delete_run, evaluate_predictions

    audited.app_config.sidebar_groups = None
    audited.save()
    groups = audited.app_config.sidebar_groups
    mine = audited.evaluate_segmentations("lq_prediction", gt_field="ground_truth", eval_key="mine")
    evaluate_predictions(audited)
    evaluate_predictions(audited, eval_key="more")
    delete_run(audited, "lq")
    audited.reload()
    assert audited.list_evaluations() == ["mine"] and mine is not None
    assert not {*FIELDS, "more_accuracy"} & audited.get_field_schema().keys()
    assert audited.has_sample_field("mine_accuracy")
    shown = [group.name for group in audited.app_config.sidebar_groups or []]
    assert groups is None and NAME not in shown and "more" not in shown


def test_a_run_that_is_scored_again_loses_its_evaluation_and_one_that_is_not_keeps_it(audited: Any) -> None:
    from label_quality import evaluate_predictions, score_label_quality

    evaluate_predictions(audited)
    score_label_quality(audited, "ground_truth", min_probability=0.0)
    assert audited.list_evaluations() == [NAME]
    score_label_quality(audited, "ground_truth", min_probability=0.0, temperature=0.2, overwrite=True)
    audited.reload()
    assert audited.list_evaluations() == [] and not set(FIELDS) & audited.get_field_schema().keys()


def test_what_is_not_the_runs_is_not_overwritten(audited: Any, fiftyone: Any) -> None:
    from label_quality import evaluate_predictions

    audited.evaluate_segmentations("lq_prediction", gt_field="ground_truth", eval_key=NAME)
    before = audited.load_evaluation_results(NAME).pixel_confusion_matrix
    for overwrite in (False, True):
        with pytest.raises(LabelQualityError, match=f"has an evaluation '{NAME}' that run 'lq' did not make, and that"):
            evaluate_predictions(audited, overwrite=overwrite)
    assert (audited.load_evaluation_results(NAME).pixel_confusion_matrix == before).all()
    audited.delete_evaluation(NAME)
    audited.add_sample_field(FIELDS[1], fiftyone.FloatField)
    with pytest.raises(LabelQualityError, match=f"already has a field '{FIELDS[1]}' that is of no evaluation"):
        evaluate_predictions(audited, overwrite=True)
    audited.delete_sample_field(FIELDS[1])
    evaluate_predictions(audited)
    with pytest.raises(LabelQualityError, match=f"Run 'lq' already has an evaluation '{NAME}'. Pass overwrite=True"):
        evaluate_predictions(audited)
    audited.clear_sample_field(FIELDS[0])
    evaluate_predictions(audited, overwrite=True)
    assert None not in audited.values(FIELDS[0])
    with pytest.raises(LabelQualityError, match=r"Expected parameter `eval_key` to be a name of letters, .* 'my eval'"):
        evaluate_predictions(audited, eval_key="my eval")


def test_another_session_sees_what_was_evaluated_since(audited: Any, fiftyone: Any) -> None:
    from label_quality import evaluate_predictions
    from label_quality.plugin.records.evaluations import own_evaluations

    database = fiftyone.core.odm.get_db_conn()
    evaluate_predictions(audited)
    # Only in the database, as another process would change it
    run = database.datasets.find_one({"_id": audited._doc.id})["evaluations"][NAME]
    del audited._doc.evaluations[NAME]
    assert own_evaluations(audited, "lq") == [NAME]
    # As FiftyOne leaves it where it is killed while it deletes
    database.runs.delete_one({"_id": run})
    audited.reload()
    assert own_evaluations(audited, "lq") == []
    assert database.datasets.find_one({"_id": audited._doc.id})["evaluations"] == {}


def test_masks_that_fiftyone_reads_otherwise_are_refused(audited: Any) -> None:
    from label_quality import evaluate_predictions

    path = masks_of(audited)[2]
    indices = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    palette = Image.fromarray(indices, "P")
    palette.putpalette([255 - value for value in range(256) for _ in range(3)])
    palette.save(path)
    with pytest.raises(
        SampleError, match=r"FiftyOne reads as integers, .* of kind 'P', .* as a grayscale PNG"
    ) as caught:
        evaluate_predictions(audited)
    assert caught.value.path == path and caught.value.sample_id == audited.values("id")[2]
    assert audited.list_evaluations() == [] and not set(FIELDS) & audited.get_field_schema().keys()


@pytest.mark.parametrize(
    ("mode", "colors"),
    [
        *((mode, False) for mode in ("1", "L", "I;16", "P", "RGB", "LA")),
        *((m, True) for m in ("L", "P", "RGB", "RGBA")),
    ],
)
def test_the_kinds_of_masks_that_are_refused_are_those_that_fiftyone_reads_otherwise(
    fiftyone: Any, tmp_path: Path, mode: str, colors: bool
) -> None:
    from fiftyone.core.fields import rgb_array_to_int
    from label_quality.plugin.evaluation.reading import misread
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.labels.images import mask_mode, read_mask
    from label_quality.plugin.labels.masks import encode

    values = np.array([[0, 255, 3], [255, 3, 0]], np.uint8)
    table = ClassTable.from_targets({0: "a", 3: "b", 255: "c"})
    if colors:
        table = ClassTable.from_targets({"#000000": "a", "#030303": "b", "#ffffff": "c", "#102030": "d"})
    image = Image.fromarray(values)
    if mode == "P":
        image.putpalette([value if colors else 255 - value for value in range(256) for _ in "rgb"])
    elif mode == "1":
        image = image.convert("1")
    elif mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16))
    else:
        image = image.convert(mode)
    path = str(tmp_path / "mask.png")
    image.save(path)
    found = mask_mode(path)
    # Older versions of Pillow say "I" of 16 bits
    assert found == mode or (mode, found) == ("I;16", "I")
    ours = encode(read_mask(path, palette=colors), table)
    theirs = fiftyone.Segmentation(mask_path=path).get_mask()
    theirs = rgb_array_to_int(theirs) if theirs.ndim == 3 else theirs
    assert bool(misread(found, colors)) == (not np.array_equal(np.array(table.ids)[ours], theirs))


def test_masks_in_the_database_and_images_without_one(make_dataset: Any, tmp_path: Path) -> None:
    from label_quality import audit_labels, evaluate_predictions

    dataset = make_dataset(count=4, storage="database")
    on_disk = add_predictions(make_dataset(count=4), tmp_path)
    dataset.set_values("probabilities", on_disk.values("probabilities"))
    audit_labels(dataset[:3], "ground_truth", **WITH_FILES)
    audit_labels(on_disk[:3], "ground_truth", **WITH_FILES)
    first = dataset.first()
    first["ground_truth"] = None
    first.save()
    found = evaluate_predictions(dataset)
    assert found.images == 2 and dataset.exists(FIELDS[0]).values("index") == [1, 2]
    assert (dataset.load_evaluation_results(NAME).pixel_confusion_matrix == counted(on_disk[1:3])).all()


def test_a_grouped_dataset_is_evaluated_flat(fiftyone: Any, make_dataset: Any, tmp_path: Path) -> None:
    from label_quality import audit_labels, delete_run, evaluate_predictions

    flat = add_predictions(make_dataset(count=4), tmp_path)
    grouped = fiftyone.Dataset()
    try:
        grouped.add_group_field("group", default="left")
        samples, groups = [], [fiftyone.Group(), fiftyone.Group()]
        for number, sample in enumerate(flat):
            copy = sample.copy()
            copy["group"] = groups[number // 2].element(("left", "right")[number % 2])
            samples.append(copy)
        grouped.add_samples(samples, progress=False)
        grouped.mask_targets = flat.mask_targets
        grouped.save()
        audit_labels(grouped.select_group_slices(media_type="image"), "ground_truth", **WITH_FILES)
        found = evaluate_predictions(grouped)
        flat_view = grouped.select_group_slices(media_type="image")
        assert found.images == 4 and None not in flat_view.values(FIELDS[0])
        assert (grouped.load_evaluation_results(NAME).pixel_confusion_matrix == counted(flat_view)).all()
        delete_run(grouped, "lq")
        assert grouped.list_evaluations() == []
    finally:
        grouped.delete()


def test_a_run_whose_predicted_masks_are_gone_says_how_to_write_them_anew(audited: Any, fiftyone: Any) -> None:
    from label_quality import evaluate_predictions, score_label_quality
    from label_quality.plugin.records.run_record import load_record, save_record

    with pytest.raises(LabelQualityError, match=r"has no label quality run 'other'\. Its runs are: lq\."):
        evaluate_predictions(audited, "other")
    path = Path(audited.first().lq_prediction.mask_path)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(
        LabelQualityError, match=f"Expected the file {path}, .* but it is gone. Write it anew: score_la"
    ):
        evaluate_predictions(audited)
    path.write_bytes(content)
    audited.delete_sample_field("lq_prediction")
    with pytest.raises(
        LabelQualityError, match=r"to have its predicted masks in field 'lq_prediction', but .* no such"
    ):
        evaluate_predictions(audited)
    score_label_quality(audited, "ground_truth", overwrite=True)
    assert evaluate_predictions(audited).images == 5
    record = load_record(audited, "lq")
    audited.add_sample_field("boxes", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Detections)
    for field in ("boxes", "nowhere"):
        record.label_field = field
        save_record(audited, record)
        with pytest.raises(LabelQualityError, match=f"to be Segmentation labels, .* but field '{field}' holds others"):
            evaluate_predictions(audited, overwrite=True)
    record.label_field = "ground_truth"
    record.status = "writing"
    save_record(audited, record)
    with pytest.raises(LabelQualityError, match=r"Run 'lq' was interrupted\. Start it again"):
        evaluate_predictions(audited, overwrite=True)


def test_an_evaluation_that_is_stopped_leaves_nothing(audited: Any, fiftyone: Any) -> None:
    from label_quality import evaluate_predictions

    def stop(stage: str, done: int, total: int) -> None:
        reports.append((stage, done, total))
        if stage == "Evaluating predictions" and done == 3:
            raise KeyboardInterrupt

    reports: list[tuple[str, int, int]] = []
    shown = fiftyone.config.show_progress_bars
    with pytest.raises(KeyboardInterrupt):
        evaluate_predictions(audited, progress=stop)
    assert ("Checking masks", 5, 5) in reports and reports[-1] == ("Evaluating predictions", 3, 5)
    audited.reload()
    assert audited.list_evaluations() == [] and not set(FIELDS) & audited.get_field_schema().keys()
    assert fiftyone.config.show_progress_bars == shown


@pytest.mark.parametrize("done", [1, 5])
def test_one_that_is_killed_is_made_anew_and_deleted_with_the_run(audited: Any, done: int) -> None:
    from label_quality import delete_run, evaluate_predictions
    from label_quality.plugin.evaluation import evaluate
    from label_quality.plugin.records.evaluations import is_finished, own_evaluations

    def kill(stage: str, at: int, total: int) -> None:
        if stage == "Evaluating predictions" and at >= done:
            os.kill(os.getpid(), signal.SIGKILL)

    _in_a_fork(lambda: evaluate.evaluate_predictions(audited, progress=kill))
    audited.reload()
    assert own_evaluations(audited, "lq") == [NAME] and not is_finished(audited, NAME)
    assert evaluate_predictions(audited).images == 5
    assert (audited.load_evaluation_results(NAME).pixel_confusion_matrix == counted(audited)).all()
    _in_a_fork(lambda: evaluate.evaluate_predictions(audited, overwrite=True, progress=kill))
    delete_run(audited, "lq")
    audited.reload()
    assert audited.list_evaluations() == [] and not set(FIELDS) & audited.get_field_schema().keys()


def _in_a_fork(call: Callable[[], Any]) -> None:
    """Calls in a fork, which has to be killed."""
    import fiftyone as fo
    import fiftyone.core.odm as foo

    child = os.fork()
    if not child:
        try:
            foo.database._disconnect()
            foo.establish_db_conn(fo.config)
            call()
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_form_call_and_what_is_shown(audited: Any, dataset: Any) -> None:
    from ..operators.calls import Calls, errors

    calls = Calls("@label-quality/segmentation/evaluate_predictions")
    assert errors(calls.form(dataset)) == {"error_key": "There are no scored runs yet: audit this dataset first."}
    properties = calls.form(audited)
    assert errors(properties) == {} and "overwrite" not in properties
    assert properties["notice_plan"].view.label == "FiftyOne keeps it as 'lq_evaluation'."
    assert errors(calls.form(audited, bandwidth=0)) == {
        "bandwidth": "Expected “Band along edges” to be at least 1, but got 0."
    }
    result = calls.operator()(audited, "lq", progress=False).result
    audited.reload()
    matrix = counted(audited)
    iou = [matrix[k, k] / (matrix[k].sum() + matrix[:, k].sum() - matrix[k, k]) for k in range(4)]
    share = round(100 * matrix.trace() / matrix.sum())
    assert calls.operator().message(result) == (
        f"The predictions of run 'lq' have the given class at {share} % of {matrix.sum():,} pixels in 5 images, with a "
        f"mean IoU of {np.mean(iou):.3f}. The panel Model Evaluation opens it as 'lq_evaluation'."
    )
    assert result["class_rows"][1]["iou"] == f"{iou[1]:.3f}"
    assert set(calls.operator().output(result).to_json()["type"]["properties"]) == {"message", "class_rows"}
    text = (
        "Run 'lq' already has an evaluation 'lq_evaluation'. Tick “Evaluate again” to evaluate again, or use another "
    )
    assert errors(calls.form(audited)) == {"eval_key": text + "“Name of the evaluation” to keep both."}
    assert errors(calls.form(audited, overwrite=True)) == {} == errors(calls.form(audited, eval_key="two"))


def test_the_deletion_says_that_it_goes_too(audited: Any) -> None:
    from label_quality import evaluate_predictions

    from ..operators.calls import Calls

    evaluate_predictions(audited)
    warning = Calls("@label-quality/segmentation/delete_run").form(audited, key="lq")["warning_contents"].view.label
    assert f"{FIELDS[2]}), " in warning and "the evaluation 'lq_evaluation' and the run's files and record" in warning
