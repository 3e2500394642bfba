"""Run records on a real dataset, and what a lost database looks like."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def runs(fiftyone):
    from label_quality.plugin.dataset import run_record as runs

    return runs


def full_record(runs, key="lq"):
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
        extra={"flagged": np.uint8(3)},
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
    assert (record.samples, record.scored, record.seed, record.extra) == (4, 3, 51, {"flagged": 3})
    assert record.failures == [{"sample_id": "1", "path": "/a.png", "problem": "truncated"}]
    assert record.out_of_sample is False and record.note == "The model may have seen these images."
    assert record.to_dict() == full_record(runs).to_dict() | {"created": record.created}


def test_the_record_is_strict_json(runs):
    text = json.dumps(full_record(runs).to_dict(), allow_nan=False)
    assert runs.RunRecord.from_dict(json.loads(text)).noise_matrix[1] == [0.25, -np.inf]


def test_a_record_of_a_later_version_loads(runs):
    record = runs.RunRecord.from_dict({"key": "lq", "label_field": "gt", "invented_later": 1})
    assert (record.key, record.label_field, record.status) == ("lq", "gt", "complete")


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


def test_mongodb_killed_in_the_middle(fiftyone, tmp_path):
    """A second process with a MongoDB of its own, which is killed between two writes."""
    script = """
        import os, sys, traceback
        from pathlib import Path
        from scripts.mongod import Mongod

        server = Mongod(Path(sys.argv[1]) / "db")
        server.start()
        os.environ["FIFTYONE_DATABASE_URI"] = f"{server.uri}?serverSelectionTimeoutMS=2000"
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
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=REPOSITORY,
        check=False,
    )
    assert "TRANSLATED" in done.stdout, done.stderr
    assert "The connection to FiftyOne's database (MongoDB) was lost:" in done.stdout
    assert "Once the database is back, start the same again:" in done.stdout
