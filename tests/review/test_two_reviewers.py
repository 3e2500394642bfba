"""Two people who review at once, each in a process of their own, and one who also draws: no verdict is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..conftest import Forked

pytest.importorskip("fiftyone")

#: Has the dataset as it was before the first verdict, and decides once all have it
_REVIEWER = """
import sys, time
from pathlib import Path
import fiftyone as fo
from label_quality import set_verdict
name, ready, number, who, *decisions = sys.argv[1:]
dataset = fo.load_dataset(name)
dataset.get_field_schema(flat=True)
Path(ready, who).touch()
until = time.monotonic() + 60
while len(list(Path(ready).iterdir())) < int(number) and time.monotonic() < until:
    time.sleep(0.01)
for one in decisions:
    region, verdict = one.split("=")
    set_verdict(dataset, "lq", [region], verdict, reviewer=who)
"""


@pytest.fixture
def dataset(rated_run: Any) -> Any:
    return rated_run


@pytest.fixture
def reviewers(forked: Forked, tmp_path: Path) -> Any:
    """``reviewers(dataset, {who: ["<region>=<verdict>", …]})`` has people decide at once."""

    def decide(dataset: Any, decisions: dict[str, list[str]]) -> None:
        common = (dataset.name, str(tmp_path), str(len(decisions)))
        ended = forked(_REVIEWER, *((*common, who, *several) for who, several in decisions.items()))
        assert all(status == 0 for status, _ in ended), ended

    return decide


def regions(dataset: Any) -> dict[str, dict[str, Any]]:
    dataset.reload()
    found = {}
    for sample in dataset._sample_collection.find():
        for field in ("lq_suspects", "lq_rejected"):
            for one in (sample.get(field) or {}).get("detections", ()):
                assert str(one["_id"]) not in found, "a region is in two places"
                found[str(one["_id"])] = {**one, "field": field}
    return found


def test_no_verdict_is_lost(dataset: Any, reviewers: Any) -> None:
    dataset.persistent = True
    ids = list(regions(dataset))
    # Both in the same images, each region by one of them; both give the run its first rejection
    verdicts = ["rejected", "rejected", "confirmed", "rejected", "confirmed"]
    decisions = [f"{region}={verdict}" for region, verdict in zip(ids, verdicts, strict=True)]
    try:
        reviewers(dataset, {"ann": decisions[0::2], "bob": decisions[1::2]})
    finally:
        dataset.persistent = False
    found = regions(dataset)
    given = [(found[one]["verdict"], found[one]["reviewed_by"]) for one in ids]
    assert given == list(zip(verdicts, ["ann", "bob", "ann", "bob", "ann"], strict=True))
    for one in found.values():
        assert one["field"] == ("lq_rejected" if one["verdict"] == "rejected" else "lq_suspects")
    assert dataset.get_field("lq_rejected.detections.verdict").description
    (group,) = [one for one in dataset.app_config.sidebar_groups if one.name == "Label quality (lq)"]
    assert group.paths.count("lq_rejected") == 1
    assert {one.verdict for one in dataset.match({"index": 1}).first().lq_rejected.detections} == {"rejected"}


def test_what_another_has_rejected_is_found_by_one_who_has_the_dataset_of_before(dataset: Any, reviewers: Any) -> None:
    from label_quality.plugin.review.decide import progress, set_verdict

    dataset.persistent = True
    ids = list(regions(dataset))
    assert not dataset.has_sample_field("lq_rejected")
    try:
        # This process has the schema from before
        reviewers(dataset, {"bob": [f"{ids[0]}=rejected"]})
        assert progress(dataset, "lq").rejected == 1
        set_verdict(dataset, "lq", [ids[0]], "confirmed", reviewer="ann")
    finally:
        dataset.persistent = False
    found = regions(dataset)
    assert (found[ids[0]]["field"], found[ids[0]]["reviewed_by"]) == ("lq_suspects", "ann")
    assert progress(dataset, "lq") == type(progress(dataset, "lq"))(5, 1, 0)
