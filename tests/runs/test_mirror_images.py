"""Audits whose predictions are means over each image and its mirror image, and those of classes that have sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .test_left_out import CROSS_VALIDATION, record_of

NOTE = "Class 'left wall' tells left from right, so predictions are not averaged with those of mirror images."


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


def test_mirror_images_are_used_unless_classes_tell_left_from_right(make_dataset: Any, audit: Any) -> None:
    dataset = make_dataset(count=6)
    targets = {int(value): str(name) for value, name in dataset.mask_targets["ground_truth"].items()}
    sided = {**targets, max(targets): "left wall"}
    runs: dict[str, dict[str, Any]] = {
        "usual": {"classes": targets},
        "plain": {"classes": targets, "mirror": False},
        "sided": {"classes": sided},
    }
    for key, parameters in runs.items():
        audit.audit_labels(dataset, "ground_truth", key=key, **CROSS_VALIDATION, **parameters)
    usual, plain, sides = (np.array(dataset.values(f"{key}_quality")) for key in runs)
    assert not np.array_equal(usual, plain)
    np.testing.assert_array_equal(sides, plain)
    assert [NOTE in record_of(dataset, key).notes for key in runs] == [False, False, True]
    assert record_of(dataset, "usual").config["predictions"]["mirror"] is True
    assert record_of(dataset, "usual").predictions.digest != record_of(dataset, "plain").predictions.digest


def test_whole_networks_learn_from_no_mirror_images_of_classes_with_sides(
    make_dataset: Any, audit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from label_quality.plugin.training import fine_tuning

    dataset, asked = make_dataset(count=4), dict[str, set[bool]]()
    targets = {int(value): str(name) for value, name in dataset.mask_targets["ground_truth"].items()}
    sided = {**targets, max(targets): "left wall"}
    augmented = fine_tuning.augmented
    monkeypatch.setattr(fine_tuning.FineTuning, "least_steps", 1)
    for key, classes in {"usual": targets, "sided": sided}.items():

        def note(*arguments: Any, key: str = key) -> Any:
            asked.setdefault(key, set()).add(arguments[-1])
            return augmented(*arguments)

        monkeypatch.setattr(fine_tuning, "augmented", note)
        parameters = {**CROSS_VALIDATION, "preset": "paper", "encoder": "mobilenet_v2", "epochs": 1}
        audit.audit_labels(dataset, "ground_truth", key=key, classes=classes, lint=False, **parameters)
    assert asked == {"usual": {True}, "sided": {False}}
    text = "Class 'left wall' tells left from right, so models do not learn from mirror images."
    assert [text in record_of(dataset, key).notes for key in asked] == [False, True]
