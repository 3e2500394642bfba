"""Runs that write to one dataset wait for one another."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest


def test_the_second_waits_and_knows_what_the_first_has_written(dataset: Any, tmp_path: Path) -> None:
    import fiftyone.core.odm as odm
    from label_quality.plugin.runs.turns import writing

    events: list[str] = []

    def second() -> None:
        with writing(dataset, tmp_path / "b"):
            events.append(f"second {dataset.description}")

    dataset.info["not saved"] = 1
    with writing(dataset, tmp_path / "a"):
        other = threading.Thread(target=second)
        other.start()
        other.join(0.3)
        events.append("first")
        # As another process would, of whose change this object does not know
        odm.get_db_conn().datasets.update_one({"_id": dataset._doc.id}, {"$set": {"description": "new"}})
    other.join()
    assert events == ["first", "second new"]
    assert dataset.info["not saved"] == 1
    assert list(tmp_path.glob(".*")) == []


def test_nobody_waits_for_ever(dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.runs import turns

    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    expected = r"Another run is using .* Wait for it to end or use another `key`"
    with (
        turns.writing(dataset, tmp_path / "a"),
        pytest.raises(LabelQualityError, match=expected),
        turns.writing(dataset, tmp_path / "b"),
    ):
        pass
