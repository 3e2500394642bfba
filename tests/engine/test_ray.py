"""Runs on a real Ray cluster of three nodes on this machine: the same bits as here, whatever is lost on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..predicted import add_predictions

pytest.importorskip("ray")
#: Two epochs of a decoder on random features: what is compared is the same however good it is
TRAINING = {"preset": "fast", "weights": None, "folds": 3, "epochs": 2, "input_size": 64, "min_probability": 0.0}
#: The rule that takes two sweeps more
ALL_PASSES = {"clc_rule": "cleanlab", "min_probability": 0.0}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A head that does not work itself, and two nodes of a core."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def values(dataset: Any, key: str) -> dict[str, Any]:
    """All that a run has written to the samples, less ids and paths; and the bytes of its files."""
    dataset.reload()
    found: dict[str, Any] = {}
    for name in sorted(dataset.get_field_schema()):
        if not name.startswith(f"{key}_"):
            continue
        rest = name.removeprefix(f"{key}_")
        if rest == "per_class":
            parts = ("label", "confidence", "normalized", "pixels")
            found[rest] = [dataset.values(f"{name}.classifications.{part}") for part in parts]
            continue
        for path in ("mask_path", "map_path", "detections.mask_path"):
            if dataset.get_field(f"{name}.{path}") is not None:
                files = dataset.values(f"{name}.{path}", unwind=True)
                found[f"{rest} files"] = [Path(one).read_bytes() for one in files]
        if dataset.get_field(f"{name}.detections") is not None:
            for part in ("label", "bounding_box", "evidence", "probability", "suggested", "error_type"):
                if dataset.get_field(f"{name}.detections.{part}") is not None:
                    found[f"{rest} {part}"] = dataset.values(f"{name}.detections.{part}")
        elif dataset.get_field(f"{name}.id") is None:
            found[rest] = dataset.values(name)
    assert len(found) > 8
    return found


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    assert first.keys() == second.keys()
    different = [name for name in first if repr(first[name]) != repr(second[name])]
    assert not different, different
    return True


def on(cluster: Any, **more: Any) -> dict[str, Any]:
    return {"engine": "ray", "address": cluster.address, **more}


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


def test_masks_in_the_database_and_files_give_the_same_bits(make_dataset: Any, cluster: Any, tmp_path: Path) -> None:
    from label_quality import audit_labels

    dataset = make_dataset(count=40, sizes=((48, 64),), storage="disk")
    add_predictions(dataset, tmp_path)
    for sample in dataset.iter_samples(autosave=True):
        mask = sample.ground_truth.get_mask()
        sample["inside"] = type(sample.ground_truth)(mask=mask)
    given = {"source": "files", "field": "probabilities", "classes": dataset.mask_targets["ground_truth"], **ALL_PASSES}
    audit_labels(dataset, "ground_truth", key="here", **given)
    audit_labels(dataset, "inside", key="there", **given, **on(cluster))
    assert same(values(dataset, "here"), values(dataset, "there"))
    assert np.mean(dataset.values("there_clc")) < 1
