"""The App's Annotate tab knows the suspects, and the schemas of the user's fields stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .. import suspect_run

pytest.importorskip("fiftyone")

NAMES = ["unlabelled", "road", "car", "tree"]


@pytest.fixture
def schema(fiftyone: Any) -> Any:
    from label_quality.plugin.documents import annotation_schema

    if not annotation_schema.can_edit():
        pytest.skip("this FiftyOne has no label schemas")
    return annotation_schema


@pytest.fixture
def mine(make_dataset: Any) -> Any:
    """A dataset whose user annotates the field ``weather``."""
    import fiftyone as fo

    dataset = make_dataset(count=6)
    dataset.set_values("weather", [fo.Classification(label="sun")] * 6)
    dataset.update_label_schema("weather", {"type": "classification", "classes": ["sun"], "component": "dropdown"})
    dataset.active_label_schemas = ["weather"]
    return dataset


def stored(dataset: Any) -> tuple[Any, Any]:
    """The schemas and which are active, as the database has them."""
    found = dataset._doc.__class__.objects.get(id=dataset._doc.id)
    return dict(found.label_schemas), list(found.active_label_schemas)


def test_a_search_offers_its_suspects(schema: Any, mine: Any, tmp_path: Path) -> None:
    theirs = mine.label_schemas["weather"]
    dataset = suspect_run.add_run(mine, tmp_path, rated=True)
    expected = {"weather": theirs, "lq_suspects": schema.schema_of(NAMES)}
    assert (dataset.label_schemas, dataset.active_label_schemas) == (expected, ["weather", "lq_suspects"])
    assert stored(dataset) == (expected, ["weather", "lq_suspects"])
    # As FiftyOne would have it
    dataset.update_label_schema("lq_suspects", schema.schema_of(NAMES))
    assert dataset.label_schemas == expected


def test_what_the_user_has_changed_stays(schema: Any, mine: Any, tmp_path: Path) -> None:
    dataset = suspect_run.add_run(mine, tmp_path, rated=True)
    own = {**schema.schema_of(NAMES), "classes": [*NAMES, "bus"]}
    dataset.update_label_schema("lq_suspects", own)
    dataset.deactivate_label_schemas("lq_suspects")
    schema.offer(dataset, "lq_suspects", NAMES)
    assert dataset.label_schemas["lq_suspects"] == own and dataset.active_label_schemas == ["weather"]


def test_what_another_process_has_set_meanwhile_stays(schema: Any, mine: Any, tmp_path: Path) -> None:
    mine.add_sample_field("note", __import__("fiftyone").StringField)
    theirs = {"type": "str", "component": "text"}
    mine._doc.__class__.objects(id=mine._doc.id).update(
        __raw__={"$set": {"label_schemas.note": theirs}, "$push": {"active_label_schemas": "note"}}
    )
    assert "note" not in mine.label_schemas
    suspect_run.add_run(mine, tmp_path, rated=True)
    assert set(stored(mine)[0]) == {"weather", "note", "lq_suspects"}
    assert stored(mine)[1] == ["weather", "note", "lq_suspects"]


def test_a_deleted_run_takes_its_schema_along(schema: Any, mine: Any, tmp_path: Path) -> None:
    from label_quality import delete_run

    before = stored(mine)
    dataset = suspect_run.add_run(mine, tmp_path, rated=True)
    delete_run(dataset, "lq")
    assert stored(dataset) == before and (dataset.label_schemas, dataset.active_label_schemas) == before


def test_a_fiftyone_that_cannot_edit_is_left_alone(
    schema: Any, make_dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fiftyone as fo

    monkeypatch.delattr(fo.Dataset, "update_label_schema")
    dataset = suspect_run.add_run(make_dataset(count=6), tmp_path, rated=True)
    assert stored(dataset) == ({}, [])
    schema.withdraw(dataset, ["lq_suspects"])
    assert stored(dataset) == ({}, [])
