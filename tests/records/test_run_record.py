"""Run records on a real dataset, and what a lost database looks like."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from ..conftest import REPOSITORY
from ..suspect_run import issue


@pytest.fixture
def runs(fiftyone):
    from label_quality.plugin.records import run_record as runs

    return runs


def full_record(runs, key="lq"):
    from label_quality.plugin.records.record_parts import (
        Distribution,
        Overview,
        PredictionPart,
        ScorePart,
        SuspectPart,
        WorstImage,
    )
    from label_quality.plugin.suspects.class_effects import ClassEffect

    return runs.RunRecord(
        key=key,
        label_field="ground_truth",
        source="cross_validation",
        config={"predictions": {"class_map": {"$odd.name": 3}}, "scores": {"thresholds": (0.1, np.float32(0.5))}},
        seed=51,
        fingerprint="abc",
        class_table={"ids": [0, 3], "names": ["a.b", "$c"]},
        out_of_sample=False,
        note="The model may have seen these images.",
        samples=np.int64(4),
        scored=3,
        thresholds=np.array([0.25, np.inf]),
        confident_joint=np.array([[3, 1], [0, 2**40]]),
        noise_matrix=np.array([[0.75, np.nan], [0.25, -np.inf]]),
        timings={"scores": np.float64(1.5)},
        failures=[{"sample_id": "1", "path": Path("/a.png"), "problem": "truncated"}],
        scores_missing={"cil": "no probabilities"},
        fields=["lq_quality"],
        views=["lq: worst first"],
        folder="/files",
        dataset="0123",
        slices=["left"],
        unknown="ignore",
        notes=["The model may have seen these images."],
        predictions=PredictionPart("d1", "predictions-d1", "/files", "other", {"kind": "torchscript"}),
        scores=ScorePart("d2", "scores-d2", np.uint8(3), 100),
        overview=Overview(
            "softmin",
            {"softmin": Distribution(2, 0.5, 0.25, [1, 1]), "iou": Distribution(0, None, None, [0, 0])},
            [WorstImage("1", "/a.png", 0.25, "swap", "a.b", "$c"), WorstImage("2", "/b.png", 0.75, "none")],
            {"swap": 1, "none": 1},
        ),
        suspects=SuspectPart(1, 1, {"swap": 1}, 1, ["A note."], [], {"min_area": 0.1}, "suspects-d3"),
        issues=[issue("a.b", "$c", growth=None)],
        classes=[ClassEffect(0, "a.b", 9, 5, 4, 4 / 9, None), ClassEffect(1, "$c", 0, 4, 0, None, 0.0)],
        label_miou=0.5,
    )


def test_a_record_comes_back(runs, dataset):
    runs.save_record(dataset, full_record(runs))
    dataset.reload()
    record = runs.load_record(dataset, "lq")
    assert record.thresholds == [0.25, np.inf]
    np.testing.assert_array_equal(record.noise_matrix, [[0.75, np.nan], [0.25, -np.inf]])
    assert record.confident_joint == [[3, 1], [0, 2**40]]
    assert record.config == {"predictions": {"class_map": {"$odd.name": 3}}, "scores": {"thresholds": [0.1, 0.5]}}
    assert record.class_table["names"] == ["a.b", "$c"]
    assert (record.samples, record.scored, record.seed, record.scores.flagged_pixels) == (4, 3, 51, 3)
    assert record.failures == [{"sample_id": "1", "path": "/a.png", "problem": "truncated"}]
    assert record.out_of_sample is False and record.note == "The model may have seen these images."
    whole = full_record(runs)
    assert record.to_dict() == whole.to_dict() | {"created": record.created}
    for name in ("overview", "suspects", "issues", "classes", "label_miou", "predictions", "scores", "notes", "slices"):
        assert getattr(record, name) == getattr(whole, name), name


def test_the_record_is_strict_json(runs):
    text = json.dumps(full_record(runs).to_dict(), allow_nan=False)
    assert runs.RunRecord.from_dict(json.loads(text)).noise_matrix[1] == [0.25, -np.inf]


def test_a_record_of_a_later_version_loads(runs):
    record = runs.RunRecord.from_dict({"key": "lq", "label_field": "gt", "invented_later": 1})
    assert (record.key, record.label_field, record.status) == ("lq", "gt", "complete")


def test_the_document_is_that_of_version_0_1_0_and_a_number(runs):
    document = full_record(runs).to_dict()
    assert document.pop("version") == runs.VERSION
    first = ["key", "label_field", "source", "status", "config", "seed", "fingerprint", "class_table", "out_of_sample"]
    assert list(document)[:9] == first and list(document)[-3:] == ["versions", "created", "extra"]
    extra = document["extra"]
    assert {name: extra[name] for name in ("prediction_set", "predictions_from", "score_digest", "flagged_pixels")} == {
        "prediction_set": "predictions-d1",
        "predictions_from": "other",
        "score_digest": "d2",
        "flagged_pixels": 3,
    }
    assert (extra["suspects"]["groups"], extra["groups"][0]["title"]) == (1, "$c given as a.b")
    assert extra["overview"]["worst"][1] == {"id": "2", "filepath": "/b.png", "quality": 0.75, "error_type": "none"}


def test_a_run_that_was_not_scored_has_no_parts_of_scores(runs):
    record = runs.RunRecord.from_dict({"key": "lq", "label_field": "gt", "extra": {"prediction_digest": "d1"}})
    assert (record.predictions.digest, record.scores.digest, record.scores.flagged_pixels) == ("d1", "", None)
    assert (record.overview, record.suspects, record.issues, record.classes, record.label_miou) == (
        None,
        None,
        [],
        [],
        None,
    )
    assert record.sets == frozenset()


def test_a_record_of_a_layout_to_come_is_an_error(runs, dataset):
    document = runs.RunRecord("lq", "gt").to_dict() | {"version": runs.VERSION + 1}
    text = (
        f"Expected the record of run 'lq' to be of layout {runs.VERSION} or before, but it is of {runs.VERSION + 1}: a "
        "later version of this plugin has written it. Update the plugin."
    )
    with pytest.raises(runs.LabelQualityError) as caught:
        runs.RunRecord.from_dict(document)
    assert str(caught.value) == text
    store(dataset, document)
    for load in (runs.list_records, lambda dataset: runs.load_record(dataset, "lq")):
        with pytest.raises(runs.LabelQualityError) as caught:
            load(dataset)
        assert str(caught.value) == text


def store(dataset, document):
    from label_quality.plugin.documents.custom_runs import AUDIT, save_content

    save_content(dataset, document["key"], AUDIT, {}, document)


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ([], "Expected `extra` of the record of run 'lq' to be named values, but got []."),
        ({"groups": [{"given": 0}]}, "Expected `issues[0].suggested` of the record of run 'lq' to be a whole number"),
        ({"groups": {"a": 1}}, "Expected `issues` of the record of run 'lq' to be a list, but got {'a': 1}."),
        ({"suspects": "none"}, "Expected `suspects` of the record of run 'lq' to be named values, but got 'none'."),
        ({"score_set": 3}, "Expected `scores.set` of the record of run 'lq' to be text, but got 3."),
        ({"label_miou": "high"}, "Expected `label_miou` of the record of run 'lq' to be a number, but got 'high'."),
        ({"overview": {"worst": [{"id": "1"}]}}, "Expected `overview.worst[0]."),
    ],
)
def test_a_part_that_is_not_what_it_should_be_is_an_error(runs, dataset, extra, problem):
    document = {"key": "lq", "label_field": "gt", "extra": extra}
    with pytest.raises(runs.LabelQualityError, match=re.escape(problem)):
        runs.RunRecord.from_dict(document)
    store(dataset, document)
    advice = r"Delete it with dataset.delete_run('lq') in Python, then run again with the same `key`"
    with pytest.raises(runs.LabelQualityError, match=f"{re.escape(problem)}.*{re.escape(advice)}"):
        runs.load_record(dataset, "lq")


def test_what_could_not_be_read_again_is_not_written(runs, dataset):
    runs.save_record(dataset, full_record(runs))
    with pytest.raises(runs.LabelQualityError, match=r"Expected `issues\[0\].given` of the record of run 'lq'"):
        runs.save_record(dataset, runs.RunRecord("lq", "gt", issues=[{"title": "x"}]))
    assert runs.load_record(dataset, "lq").label_field == "ground_truth"


def test_versions_name_what_decides_the_results(runs):
    import fiftyone as fo

    found = runs.versions()
    assert (found["fiftyone"], found["numpy"]) == (fo.__version__, np.__version__)
    assert f"\nversion: {found['label_quality']}\n" in (REPOSITORY / "fiftyone.yml").read_text()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "segmentation_models_pytorch", "numba"} <= set(found)


def test_the_app_sees_what_matters(runs, dataset):
    runs.save_record(dataset, full_record(runs))
    config = dataset.get_run_info("lq").config
    assert (config.method, config.label_field, config.fields) == ("label_quality", "ground_truth", ["lq_quality"])
    assert config.out_of_sample is False and config.scores_missing == {"cil": "no probabilities"}
    document = json.loads(dataset.load_run_results("lq").record)
    assert (document["version"], document["extra"]["label_miou"]) == (runs.VERSION, 0.5)


def test_saving_again_replaces_the_record(runs, dataset):
    runs.save_record(dataset, full_record(runs))
    runs.save_record(dataset, runs.RunRecord("lq", "other", status="predicted"))
    record = runs.load_record(dataset, "lq")
    assert (record.label_field, record.status, record.fields) == ("other", "predicted", [])
    assert dataset.list_runs() == ["lq"]


def test_an_interrupted_save_keeps_what_deletion_needs(runs, dataset):
    runs.save_record(dataset, full_record(runs))
    # As after a kill between the removal of the old results and the writing of the new ones
    dataset._doc.runs["lq"].results.delete()
    record = runs.load_record(dataset, "lq")
    assert record.fields == ["lq_quality"] and record.views == ["lq: worst first"] and record.folder == "/files"
    assert record.config == {}
    runs.save_record(dataset, full_record(runs))
    assert runs.load_record(dataset, "lq").config != {}


def test_large_matrices_fit(runs, dataset):
    classes = 1500
    joint = np.full((classes, classes), 10**7)
    runs.save_record(dataset, runs.RunRecord("lq", "ground_truth", confident_joint=joint))
    assert np.array_equal(runs.load_record(dataset, "lq").confident_joint, joint)


def test_listing_is_by_age_and_leaves_other_runs_out(runs, dataset):
    dataset.register_run("foreign", dataset.init_run(method="another_plugin"))
    runs.save_record(dataset, runs.RunRecord("b", "ground_truth", created="2026-01-02T00:00:00+00:00"))
    runs.save_record(dataset, runs.RunRecord("a", "ground_truth", created="2026-01-03T00:00:00+00:00"))
    assert [record.key for record in runs.list_records(dataset)] == ["b", "a"]


def test_deletion_leaves_other_runs_alone(runs, dataset):
    dataset.register_run("foreign", dataset.init_run(method="another_plugin"))
    runs.save_record(dataset, runs.RunRecord("a", "ground_truth"))
    runs.save_record(dataset, runs.RunRecord("b", "ground_truth"))
    for key in ("a", "foreign", "never"):
        runs.delete_record(dataset, key)
    assert dataset.list_runs() == ["b", "foreign"]


def test_an_unknown_key_is_an_error_that_lists_the_runs(runs, dataset):
    with pytest.raises(runs.LabelQualityError, match=r"has no label quality run 'x'. It has no runs\."):
        runs.load_record(dataset, "x")
    runs.save_record(dataset, runs.RunRecord("a", "ground_truth"))
    with pytest.raises(runs.LabelQualityError, match=r"has no label quality run 'x'. Its runs are: a\."):
        runs.load_record(dataset, "x")


@pytest.mark.parametrize("key", ["", "1a", "_a", "a-b", "a.b", "a b", "ä", "class", "a" * 65, None])
def test_keys_that_cannot_name_fields_are_refused(runs, dataset, key):
    with pytest.raises(runs.LabelQualityError, match="Expected `key` to be a letter followed by"):
        runs.validate_key(dataset, key)


def test_a_key_of_another_plugin_is_refused(runs, dataset):
    dataset.register_run("foreign", dataset.init_run(method="another_plugin"))
    with pytest.raises(
        runs.LabelQualityError, match="already has a custom run 'foreign' that this plugin did not make"
    ):
        runs.save_record(dataset, runs.RunRecord("foreign", "ground_truth"))
    runs.validate_key(dataset, "lq")


@pytest.mark.slow
def test_mongodb_killed_in_the_middle(forked, tmp_path):
    """A second process with a MongoDB of its own, which is killed between two writes."""
    script = """
        import os, sys, traceback
        from pathlib import Path
        from scripts.mongod import Mongod

        server = Mongod(Path(sys.argv[1]) / "db")
        server.start()
        connect(f"{server.uri}?serverSelectionTimeoutMS=2000")
        try:
            import fiftyone as fo
            import numpy as np
            from label_quality.plugin.base.errors import LabelQualityError
            from label_quality.plugin.dataset import fields
            from label_quality.plugin.base.database_errors import database_errors
            from label_quality.plugin.labels.masks import ClassTable

            table = ClassTable.from_targets({0: "a", 1: "b"})
            dataset = fo.Dataset()
            dataset.add_samples([fo.Sample(filepath=f"/{i}.png") for i in range(2)], progress=False)

            def portions():
                for i, sample_id in enumerate(dataset.values("id")):
                    if i:
                        server.kill()
                    yield fields.ResultRows([sample_id], {"ccp": np.ones(1)})

            try:
                with database_errors():
                    fields.write_results(
                        dataset, "lq", portions(), fields.Columns(("ccp",)), class_table=table, label_field="gt"
                    )
            except LabelQualityError as error:
                print("TRANSLATED", type(error.__cause__).__name__, error, flush=True)
        except BaseException:
            traceback.print_exc()
        finally:
            server.kill()
            os._exit(0)
    """
    ((_, output),) = forked(textwrap.dedent(script), [str(tmp_path)])
    assert "TRANSLATED" in output, output
    assert "The connection to FiftyOne's database (MongoDB) was lost:" in output
    assert "Once the database is back, start the same again:" in output
