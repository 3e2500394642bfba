"""What the tests of all that is written to a dataset share."""

from __future__ import annotations

import pytest


@pytest.fixture
def fields(fiftyone):
    from label_quality.plugin.dataset import fields

    return fields


@pytest.fixture
def table():
    from label_quality.plugin.labels.class_table import ClassTable

    return ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car", 20: "tree"})
