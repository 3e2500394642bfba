"""The operator `load_corrections`: its form and Python calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..conftest import write_png
from .calls import Calls, errors

CALLS = Calls("@label-quality/segmentation/load_corrections")


@pytest.fixture
def dataset(unrated_run: Any) -> Any:
    return unrated_run


@pytest.fixture
def folder(dataset: Any, tmp_path: Path) -> Path:
    mask = np.array(dataset.match({"index": 3}).first().ground_truth.get_mask())
    mask[6:12, 8:16] = np.where(mask[6:12, 8:16] == 7, 3, 7)
    write_png(tmp_path / "mended" / "003.png", mask)
    return tmp_path / "mended"


def test_the_form_says_where_masks_come_from_and_what_is_in_the_way(dataset: Any, folder: Path) -> None:
    properties = CALLS.form(dataset, source=str(folder))
    assert list(properties) == [
        *("key", "source", "source_kind", "source_field", "reviewed", "reviewer", "advanced", "notice_plan"),
    ]
    assert errors(properties) == {}
    assert properties["notice_plan"].view.label == (
        "Loads from a folder of masks, each called like its image, into 'lq_corrections'. The given masks stay."
    )
    assert errors(CALLS.form(dataset)) == {
        "source": "Say where the corrected masks are: a folder, a field, a dataset or an annotation run."
    }
    text = errors(CALLS.form(dataset, source="nothing"))["source"]
    assert text.startswith("There is no folder, field, dataset or annotation run 'nothing'")
    CALLS.operator()(dataset, folder, progress=False)
    label = CALLS.form(dataset, source=str(folder))["warning_replaces"].view.label
    assert label == f"Replaces the masks that were loaded from the folder {folder}."


def test_without_a_run_the_form_says_so(make_dataset: Any) -> None:
    text = "There is no run that corrections could be compared with: audit the labels first."
    assert errors(CALLS.form(make_dataset(count=2))) == {"error_key": text}


def test_a_python_call_says_what_was_changed(dataset: Any, folder: Path) -> None:
    result = CALLS.operator()(dataset, folder, reviewer="ann", progress=False).result
    assert {name: result[name] for name in ("images", "changed", "pixels", "resolved", "still_suspect")} == {
        "images": 1,
        "changed": 1,
        "pixels": 48,
        "resolved": 1,
        "still_suspect": 0,
    }
    assert CALLS.operator().message(result) == (
        "Loaded 1 corrected mask: 1 image changed, 1 suspect resolved, 0 still suspect."
    )
    shown = CALLS.operator().output(result).type.properties
    assert "The given masks are as they were." in shown["message"].view.label
    assert shown["changed_pixels"].default[0]["pixels"] == "48"
    assert "The run keeps no predictions" in shown["warning_0"].view.label
    with pytest.raises(Exception, match="There is no folder, field, dataset or annotation run 'nothing'"):
        CALLS.operator()(dataset, "nothing", progress=False)


def test_a_dataset_is_taken_as_it_is(dataset: Any, folder: Path) -> None:
    other = dataset.match({"index": 3}).clone()
    other.set_values("ground_truth.mask_path", [str(folder / "003.png")])
    result = CALLS.operator()(dataset, other, progress=False).result
    assert (result["source"], result["changed"]) == (f"dataset '{other.name}'", 1)
    other.delete()
