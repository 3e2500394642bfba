"""What is lost on a real Ray cluster while a run is under way changes nothing: ``make test-cluster``.

Minutes, as processes and nodes start again and again, and so a job of its own: LABEL_QUALITY_CLUSTER=1 asks for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from ..predicted import add_predictions
from .clusters import TRAINING, on, same, values

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.skipif("LABEL_QUALITY_CLUSTER" not in os.environ, reason="A job of its own: make test-cluster"),
    # Every process that is started anew imports for seconds before it works
    pytest.mark.timeout(1200),
]
STAGES = ("Encoding images", "Training 3 folds", "Predicting", "Scoring", "Finding suspects")


class Numbers:
    """A job of nothing but positions."""

    def __init__(self, refusals: Mapping[int, str] | None = None) -> None:
        self.refusals = dict(refusals or {})

    def window(self, positions: range) -> Numbers:
        return self

    def refused(self, reasons: Mapping[int, str]) -> Numbers:
        return Numbers(reasons)


def test_a_sample_that_always_ends_its_process_is_named_and_the_others_are_worked_on(
    engine: Any, tmp_path: Path
) -> None:
    tries = tmp_path / "tries"

    def fatal(job: Any, positions: range) -> list[Any]:
        found: list[Any] = []
        for index in positions:
            if index == 21 and index not in job.refusals:
                with tries.open("a") as file:
                    file.write("x")
                os.kill(os.getpid(), signal.SIGKILL)
            found.append(job.refusals.get(index, index))
        return found

    portions = [range(start, start + 16) for start in range(0, 48, 16)]
    found = [one for part in engine.map_portions(fatal, Numbers(), portions) for one in part]
    assert found[:21] + found[22:] == [n for n in range(48) if n != 21]
    assert found[21].startswith("the process that works on it ends, each of 3 times that it was tried: ")
    assert len(tries.read_text()) == 6


def test_an_image_that_ends_its_process_is_left_out_if_asked_for_and_else_is_the_error(
    make_dataset: Any, cluster: Any, tmp_path: Path
) -> None:
    from label_quality import SampleError, audit_labels

    dataset = make_dataset(count=20)
    add_predictions(dataset, tmp_path)
    sample = dataset.skip(7).first()
    bad = Path(sample.filepath).with_name("fatal-image.png")
    shutil.copy(sample.filepath, bad)
    sample["filepath"] = str(bad)
    sample.save()
    given = {"source": "files", "field": "probabilities", **on(cluster)}
    with pytest.raises(SampleError, match="the process that works on it ends, each of 3 times") as caught:
        audit_labels(dataset, "ground_truth", key="strict", **given)
    assert (caught.value.sample_id, caught.value.path) == (sample.id, str(bad))
    summary = audit_labels(dataset, "ground_truth", key="lenient", skip_failures=True, **given)
    assert summary.scored == 19 and "fatal-image.png" in summary.failures[0]


def workers_of(cluster: Any) -> list[psutil.Process]:
    """The processes that work on tasks now."""
    raylets = [node.all_processes["raylet"][0].process.pid for node in cluster.worker_nodes]
    found = [child for pid in raylets for child in psutil.Process(pid).children(recursive=True)]
    # Agents of a node are its children too, and it does not live without them
    return [one for one in found if one.is_running() and one.cmdline()[:1] == ["ray::work"]]


def test_workers_and_nodes_that_are_lost_in_every_stage_change_nothing(make_dataset: Any, cluster: Any) -> None:
    from label_quality import audit_labels

    dataset = make_dataset(count=40, sizes=((48, 64),))
    audit_labels(dataset, "ground_truth", key="here", **TRAINING)
    for key, lose in (("workers", lose_a_worker), ("nodes", lose_a_node)):
        lost: list[str] = []

        def progress(stage: str, done: int, total: int, lost: list[str] = lost, lose: Any = lose) -> None:
            if stage in STAGES and stage not in lost and done < total:
                lost.append(stage)
                lose(cluster)

        audit_labels(dataset, "ground_truth", key=key, progress=progress, **TRAINING, **on(cluster))
        assert lost == list(STAGES), key
        assert same(values(dataset, "here"), values(dataset, key))


def lose_a_worker(cluster: Any) -> None:
    for process in workers_of(cluster)[:1]:
        process.kill()


def lose_a_node(cluster: Any) -> None:
    """Kills a machine, of which another comes in its place."""
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    cluster.add_node(num_cpus=1)


def test_a_killed_driver_goes_on_where_it_was(make_dataset: Any, cluster: Any) -> None:
    from label_quality import audit_labels

    dataset = make_dataset(count=40, sizes=((48, 64),))
    audit_labels(dataset, "ground_truth", key="here", **TRAINING)
    given = {**TRAINING, **on(cluster)}
    killed = f"""
import os, signal
import fiftyone as fo
from label_quality import audit_labels
def progress(stage, done, total):
    if stage == "Scoring":
        os.kill(os.getpid(), signal.SIGKILL)
audit_labels(fo.load_dataset({dataset.name!r}), "ground_truth", key="there", progress=progress, **{given!r})
"""
    ended = subprocess.run([sys.executable, "-c", killed], capture_output=True, text=True, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    stages: list[str] = []
    audit_labels(dataset, "ground_truth", key="there", progress=lambda stage, *_: stages.append(stage), **given)
    assert not {"Encoding images", "Training 3 folds", "Predicting"} & set(stages)
    assert same(values(dataset, "here"), values(dataset, "there"))


def test_a_node_that_comes_late_works_too_and_a_slow_one_holds_nobody_up(cluster: Any, engine: Any) -> None:
    import ray

    slow = ray.get_runtime_context().get_node_id()

    def where(item: int) -> str:
        import ray

        time.sleep(0.2)
        return ray.get_runtime_context().get_node_id()

    late, nodes = None, list[str]()
    for number, node in enumerate(engine.map(where, range(60))):
        nodes.append(node)
        if number == 4:
            late = cluster.add_node(num_cpus=1)
    assert late is not None and late.node_id in nodes and slow not in nodes
    cluster.remove_node(late)
