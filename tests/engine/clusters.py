"""What the tests of clusters compare: all that a run has written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Two epochs of a decoder on random features: what is compared is the same however good it is
TRAINING = {"preset": "fast", "weights": None, "folds": 3, "epochs": 2, "input_size": 64, "min_probability": 0.0}
#: The rule that takes two sweeps more
ALL_PASSES = {"clc_rule": "cleanlab", "min_probability": 0.0}


def on(cluster: Any, **more: Any) -> dict[str, Any]:
    return {"engine": "ray", "address": cluster.address, **more}


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
                found[f"{rest} files"] = [Path(one).read_bytes() for one in files if one is not None]
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
