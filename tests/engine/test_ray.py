"""Runs on a real Ray cluster of three nodes on this machine: the same bits as here, and clear errors."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..given_instances import fill, ids_of
from ..predicted import add_predictions
from .clusters import ALL_PASSES, TRAINING, on, same, values

pytest.importorskip("ray")


@pytest.mark.slow
def test_cross_validation_gives_the_same_bits(make_dataset: Any, cluster: Any) -> None:
    from label_quality import audit_labels

    dataset = make_dataset(count=40, sizes=((48, 64),))
    audit_labels(dataset, "ground_truth", key="here", **TRAINING)
    stages: list[str] = []
    audit_labels(
        dataset, "ground_truth", key="there", progress=lambda stage, *_: stages.append(stage), **TRAINING, **on(cluster)
    )
    assert same(values(dataset, "here"), values(dataset, "there"))
    assert {"Encoding images", "Training 3 folds", "Predicting", "Scoring", "Finding suspects"} <= set(stages)


# Before this process is `connected` for the tests below
@pytest.mark.slow
def test_a_cluster_that_cannot_be_had_is_said_to_be(
    dataset: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from label_quality import LabelQualityError, audit_labels

    def audit(**where: Any) -> None:
        audit_labels(dataset, "ground_truth", engine="ray", **where)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(LabelQualityError, match=f"^Expected a Ray cluster at {address}, but nothing answers there"):
            audit(address=address)
    with pytest.raises(LabelQualityError, match=r"as host:port, such as 10.0.0.1:6379, or local, but got 'ray://x:1'"):
        audit(address="ray://x:1")
    with pytest.raises(LabelQualityError, match=r"at least 2 GPUs, as num_gpus=2 asks for a model, but it has 0\."):
        audit(address=cluster.address, num_gpus=2)
    with pytest.raises(LabelQualityError, match="`engine` to be 'ray' where address or num_gpus is given, but got 'lo"):
        audit_labels(dataset, "ground_truth", address="a:1")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LabelQualityError, match=r"needs Ray, which is not installed.*fiftyone-label-quality\[ray\]"):
        audit()


@pytest.mark.slow
def test_masks_in_the_database_and_files_give_the_same_bits(make_dataset: Any, connected: Any, tmp_path: Path) -> None:
    from label_quality import audit_labels

    dataset = make_dataset(count=40, sizes=((48, 64),), storage="disk")
    add_predictions(dataset, tmp_path)
    for sample in dataset.iter_samples(autosave=True):
        mask = sample.ground_truth.get_mask()
        sample["inside"] = type(sample.ground_truth)(mask=mask)
    given = {"source": "files", "field": "probabilities", "classes": dataset.mask_targets["ground_truth"], **ALL_PASSES}
    audit_labels(dataset, "ground_truth", key="here", **given)
    audit_labels(dataset, "inside", key="there", **given, **on(connected))
    assert same(values(dataset, "here"), values(dataset, "there"))
    assert np.mean(dataset.values("there_clc")) < 1


def test_instances_are_drawn_where_the_database_is(make_dataset: Any, connected: Any, tmp_path: Path) -> None:
    from label_quality import audit_labels

    dataset = fill(make_dataset(count=0, targets=None), tmp_path, "mask")
    given = {"source": "files", "field": "probabilities", "min_probability": 0.0}
    audit_labels(dataset, "objects", key="here", **given)
    audit_labels(dataset, "objects", key="there", **given, **on(connected))
    assert same(values(dataset, "here"), values(dataset, "there"))
    dataset.reload()
    assert dataset.first().there_suspects.detections[0].given_instance == ids_of(dataset)[0][1]


@pytest.mark.slow
def test_operators_of_the_plugin_give_their_own_code_to_the_cluster(
    dataset: Any, connected: Any, tmp_path: Path, fiftyone: Any
) -> None:
    import fiftyone.operators as foo

    add_predictions(dataset, tmp_path)
    audit = foo.get_operator("@label-quality/segmentation/audit_labels")
    given = {"source": "files", "field": "probabilities", **on(connected)}
    result = audit(dataset, "ground_truth", key="op", progress=False, **given)
    assert result.result["scored"] == 4
    assert len(dataset.values("op_quality")) == 4


def test_results_come_in_order_and_errors_as_they_are(connected: Any, engine: Any) -> None:
    from label_quality.plugin.base.errors import SampleError

    def slow_first(item: int) -> int:
        time.sleep(0.5 if item == 0 else 0)
        return item * item

    def failing(item: int) -> int:
        if item == 3:
            raise SampleError("is bad.", sample_id="abc", path="/x.png")
        return item

    assert list(engine.map(slow_first, range(10))) == [n * n for n in range(10)]
    found = []
    with pytest.raises(SampleError, match=r"^sample abc \(/x.png\): is bad\.$") as caught:
        found.extend(engine.map(failing, range(10)))
    assert caught.value.sample_id == "abc"
    with pytest.raises(ZeroDivisionError):
        list(engine.map(lambda item: 1 // item, [1, 0]))


def test_items_that_take_a_share_of_a_core_are_worked_on_at_once(connected: Any, engine: Any, tmp_path: Path) -> None:
    count = 2 * engine.cores

    def seen(item: int) -> bool:
        (tmp_path / str(item)).touch()
        limit = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < count and time.monotonic() < limit:
            time.sleep(0.05)
        return time.monotonic() < limit

    assert all(engine.map(seen, range(count), share=0.5))


def test_items_are_taken_as_they_are_needed(connected: Any, engine: Any) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    def slow_first(item: int) -> int:
        # Meanwhile other processes have the time for far more
        time.sleep(2 if item == 0 else 0)
        return item

    results = engine.map(slow_first, items())
    assert next(results) == 0 and len(taken) < 20
    results.close()


def test_a_worker_that_is_killed_once_does_not_show(connected: Any, engine: Any, tmp_path: Path) -> None:
    mark = tmp_path / "killed"

    def killed_once(item: int) -> int:
        if item == 5 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    assert list(engine.map(killed_once, range(8))) == list(range(8)) and mark.exists()


def test_machines_that_do_not_see_a_folder_or_have_other_versions_are_named(
    connected: Any, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from label_quality import LabelQualityError
    from label_quality.plugin.engine import cluster as clusters
    from label_quality.plugin.engine.remote import Witness, versions

    image = tmp_path / "a.png"
    image.write_bytes(b"1234")
    with engine.sharing(str(tmp_path)):
        engine.check([str(image)])
        assert list(engine.map(abs, [-1])) == [1]
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]
    monkeypatch.setattr(clusters, "_witnesses", lambda files: (Witness(str(image), 5),))
    with pytest.raises(LabelQualityError) as caught:
        engine.check([str(image)])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("Expected every machine of the cluster to see the files of the run") and len(lines) == 3
    assert lines[1] == f"- {ray.util.get_node_ip_address()} ({socket.gethostname()}) does not see {image}"
    assert lines[2].startswith("Mount the folders there, give an `output_dir` that all see, or install the same")
    monkeypatch.setattr(clusters, "_witnesses", lambda files: ())
    engine.terms = dataclasses.replace(engine.terms, versions=tuple((n, v + "x") for n, v in versions()))
    with pytest.raises(LabelQualityError, match=r"has torch \S+, and not \S+x\n"):
        engine.check([])
