"""What a run's record says of a mistake that is all over the masks."""

from __future__ import annotations

from typing import Any

import pytest


def issue(images: int, expected: float | None) -> Any:
    from label_quality.plugin.suspects.issues import Group

    return Group(0, 1, "sky", "tree", images, images, 10, 1.0, 0.1, None, "general", "tree given as sky", "", expected)


def note(scored: int, issues: list[Any], source: str = "cross_validation", leave_out: str | None = None) -> list[str]:
    from label_quality.plugin.records.run_record import RunRecord
    from label_quality.plugin.runs.record_findings import second_look

    predictions = {"leave_out": leave_out} if leave_out else {}
    config = {"predictions": predictions, "scores": {}}
    return second_look(RunRecord(key="lq", label_field="masks", source=source, config=config, scored=scored), issues)


def test_a_mistake_in_many_images_is_worth_a_second_look() -> None:
    assert note(400, [issue(9, 8.5), issue(20, 15.04)]) == [
        "Probably 15 times, in 20 images, it is tree given as sky. Models partly learn what is repeated: a second "
        "audit, under another name, that does not learn from these suspects (`leave_out`: 'lq') may find more of it."
    ]


@pytest.mark.parametrize(
    ("scored", "issues", "rest"),
    [
        (401, [issue(20, 15.0)], {}),
        (10, [issue(2, 2.0)], {}),
        (400, [issue(20, None)], {}),
        (400, [], {}),
        (400, [issue(20, 15.0)], {"source": "files"}),
        (400, [issue(20, 15.0)], {"leave_out": "first"}),
    ],
    ids=[
        "in too few images",
        "no habit yet",
        "not rated",
        "nothing found",
        "nothing was learnt here",
        "is one already",
    ],
)
def test_it_is_not_where_nothing_more_is_to_be_found(scored: int, issues: list[Any], rest: dict[str, Any]) -> None:
    assert note(scored, issues, **rest) == []
