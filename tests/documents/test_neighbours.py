"""The samples around one in a view, as the App is told of them where its grid has not opened that one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .. import suspect_run


@pytest.fixture
def dataset(make_dataset: Any) -> Any:
    """Seven images, whose order by `rank` is the reverse of that in which they were added."""
    made = make_dataset(count=7)
    made.set_values("rank", list(range(7, 0, -1)))
    return made


@pytest.mark.parametrize(
    ("place", "told", "before", "after"),
    [
        (0, slice(0, 3), False, True),
        (1, slice(0, 4), False, True),
        (2, slice(0, 5), False, True),
        (3, slice(1, 6), True, True),
        (4, slice(2, 7), True, False),
        (6, slice(4, 7), True, False),
    ],
)
def test_as_many_on_each_side_as_are_wanted(dataset: Any, place: int, told: slice, before: bool, after: bool) -> None:
    from label_quality.plugin.documents.neighbours import Neighbours, neighbours

    view = dataset.sort_by("rank")
    ids = view.values("id")
    assert ids == dataset.values("id")[::-1]
    assert neighbours(view, ids[place], reach=2) == Neighbours(ids[told], before, after)


def test_all_of_a_small_dataset(dataset: Any) -> None:
    from label_quality.plugin.documents.neighbours import Neighbours, neighbours

    ids = dataset.values("id")
    assert neighbours(dataset, ids[3]) == Neighbours(ids, False, False)


def test_none_of_what_a_view_does_not_have(dataset: Any) -> None:
    from label_quality.plugin.documents.neighbours import neighbours

    first = dataset.first().id
    assert neighbours(dataset.skip(1), first) is None
    assert neighbours(dataset.limit(1), first) is not None


def test_patches_have_those_of_the_patches(dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin.documents.neighbours import Neighbours, neighbours

    suspect_run.add_run(dataset, tmp_path)
    patches = dataset.to_patches("lq_suspects")
    ids = patches.values("id")
    assert neighbours(patches, ids[1], reach=1) == Neighbours(ids[:3], False, True)
    assert neighbours(patches, dataset.first().id) is None


def test_groups_are_left_to_the_app(dataset: Any) -> None:
    from label_quality.plugin.documents.neighbours import neighbours

    first = dataset.first().id
    assert neighbours(dataset.group_by("rank"), first) is None
