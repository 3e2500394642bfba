"""Orders to review suspects in, and one verdict on many of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bson import ObjectId

from .. import predicted, suspect_run

pytest.importorskip("fiftyone")

PLUGIN = "@label-quality/segmentation"


@pytest.fixture
def dataset(rated_run: Any) -> Any:
    """Five suspects; see `suspect_run`."""
    return rated_run


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """A real run without features of an encoder."""
    from label_quality.plugin.audit import audit_labels

    dataset = predicted.add_predictions(make_dataset(count=48), tmp_path)
    audit_labels(dataset, "ground_truth", **predicted.WITH_FILES)
    return dataset


def order(dataset: Any, *arguments: Any, **parameters: Any) -> Any:
    from label_quality import order_suspects

    return order_suspects(dataset, "lq", *arguments, **parameters)


def decide(dataset: Any, *arguments: Any, **parameters: Any) -> Any:
    from label_quality import decide_on_all

    return decide_on_all(dataset, "lq", *arguments, **parameters)


def judge(dataset: Any, region_id: str, verdict: str | None, **more: Any) -> None:
    from label_quality import set_verdict

    set_verdict(dataset, "lq", [region_id], verdict, **more)


def verdicts(dataset: Any) -> dict[str | None, int]:
    dataset.reload()
    counts = dict(dataset.count_values("lq_suspects.detections.verdict"))
    if dataset.has_sample_field("lq_rejected"):
        counts |= dataset.count_values("lq_rejected.detections.verdict")
    return counts


def of_evidence(dataset: Any, evidence: float) -> str:
    every = [one for sample in dataset.exists("lq_suspects") for one in sample.lq_suspects.detections]
    return str(next(one.id for one in every if one.evidence == evidence))


def describe(dataset: Any, looks: dict[str, np.ndarray]) -> None:
    """Has the run know what suspects look like: the file of a mask to what is in it."""
    from label_quality.plugin.passes.findings import each_id, numbered
    from label_quality.plugin.records.run_record import load_record
    from label_quality.plugin.store.sets import load_set

    record = load_record(dataset, "lq")
    store = load_set(Path(record.folder) / record.suspects.set)
    shard = 0
    while store.shard_done("regions", shard):
        row = store.read_shard("regions", shard)
        files = store.mask_files(each_id(row), numbered(row)["numbers"].tolist())
        row["descriptors"] = np.array([looks.get(path, np.full(32, np.nan)) for path in files], np.float16).reshape(
            -1, 32
        )
        store.write_shard("regions", shard, row)
        shard += 1


def test_the_most_useful_are_the_probable_and_large_ones(dataset: Any) -> None:
    # p · a: 0.7 · 192, 0.9 · 48, 0.8 · 48, 0.6 · 48, 0.55 · 24
    assert order(dataset).values("lq_suspects.evidence") == [20.0, 50.0, 10.0, 30.0, 5.0]
    assert order(dataset, "probable").values("lq_suspects.evidence") == [50.0, 10.0, 20.0, 30.0, 5.0]
    cars = order(dataset, "useful", given="road", suggested="car")
    assert cars.values("lq_suspects.evidence") == [50.0, 30.0]
    judge(dataset, of_evidence(dataset, 20.0), "confirmed")
    judge(dataset, of_evidence(dataset, 10.0), "rejected")
    assert order(dataset).values("lq_suspects.evidence") == [50.0, 30.0, 5.0]


def test_without_features_the_order_is_by_issue_and_probability(dataset: Any) -> None:
    found = order(dataset, "alike").values(["lq_suspects.given", "lq_suspects.suggested", "lq_suspects.evidence"])
    assert list(zip(*found, strict=True)) == [
        ("car", "road", 5.0),
        ("road", "car", 50.0),
        ("road", "car", 30.0),
        ("unlabelled", "car", 20.0),
        ("unlabelled", "tree", 10.0),
    ]


def test_suspects_that_are_not_rated_are_ordered_by_evidence(make_dataset: Any, tmp_path: Path) -> None:
    dataset = suspect_run.add_run(make_dataset(count=6), tmp_path)
    assert order(dataset).values("lq_suspects.evidence") == [50.0, 30.0, 20.0, 10.0, 5.0]


def test_what_looks_alike_stands_together(audited: Any) -> None:
    view = audited.load_saved_view("lq: suspect regions")
    names = ("mask_path", "given", "suggested", "probability", "area")
    rows = list(zip(*view.values([f"lq_suspects.{name}" for name in names]), strict=True))
    pairs = {row[1:3] for row in rows}
    given, suggested = max(pairs, key=lambda pair: sum(row[1:3] == pair for row in rows))
    issue = [row for row in rows if row[1:3] == (given, suggested)]
    assert len(issue) >= 4
    # Every second of them looks one way; the rest the other
    rng = np.random.default_rng(1)
    ways = rng.normal(size=(2, 32))
    looks = {row[0]: ways[number % 2] + 0.05 * rng.normal(size=32) for number, row in enumerate(issue)}
    describe(audited, looks)
    found = order(audited, "alike", given=given, suggested=suggested).values("lq_suspects.mask_path")
    kind = [[row[0] for row in issue].index(path) % 2 for path in found]
    assert sorted(found) == sorted(looks) and np.count_nonzero(np.diff(kind)) == 1
    useful = order(audited, "useful", given=given, suggested=suggested).values("lq_suspects.mask_path")
    assert found[0] == useful[0]
    # All issues, each in one piece
    every = order(audited, "alike").values(["lq_suspects.given", "lq_suspects.suggested"])
    passed = list(zip(*every, strict=True))
    assert len(passed) == len(rows)
    assert sum(one != other for one, other in pairwise(passed)) == len(pairs) - 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"order": "random"}, "Expected parameter `order` to be one of probable, useful, alike, similar, but got 'r"),
        ({"order": "similar"}, "Expected `to`, the id of a suspect, and maybe `brain_key`, with the order 'similar'"),
        ({"order": "useful", "to": "0" * 24}, "with the order 'similar' and with no other"),
        ({"order": "similar", "to": "0" * 24}, "is not among the suspects of run 'lq'"),
        ({"given": "road"}, "Expected `given` and `suggested` together, the two classes of an issue, or neither"),
    ],
)
def test_orders_that_make_no_sense(dataset: Any, arguments: dict[str, Any], text: str) -> None:
    from label_quality import LabelQualityError

    with pytest.raises(LabelQualityError, match=text):
        order(dataset, **arguments)


def test_all_that_is_shown_is_decided_on_and_undone_as_one(dataset: Any) -> None:
    from label_quality import LabelQualityError, undo_decision

    judge(dataset, of_evidence(dataset, 50.0), "confirmed", reviewer="bob")
    before = dataset.load_saved_view("lq: suspect regions")
    cars = order(dataset, "probable", given="road", suggested="car")
    rest = dataset.to_patches("lq_suspects")
    done = decide(rest, "rejected", reviewer="ann")
    assert (len(done.ids), done.images, done.reviewed) == (4, 3, 1)
    expected = {("unlabelled", "tree"), ("road", "car"), ("unlabelled", "car"), ("car", "road")}
    assert dict(done.issues) == dict.fromkeys(expected, 1)
    assert (done.least, done.most, done.improbable) == (0.55, 0.8, 0)
    assert verdicts(dataset) == {"confirmed": 1, "rejected": 4}
    assert len(rest) == 1 and len(before) == 1 and len(cars) == 0
    # One of them is decided on again before the undo
    again = dataset.exists("lq_rejected").first().lq_rejected.detections[0].id
    judge(dataset, again, "confirmed", reviewer="bob", view=rest)
    assert len(undo_decision(dataset, "lq", view=rest)) == 3
    assert verdicts(dataset) == {"confirmed": 2, None: 3} and len(rest) == 5
    with pytest.raises(LabelQualityError, match=r"There is no verdict on many suspects of run 'lq' to undo\."):
        undo_decision(dataset, "lq")


def test_a_verdict_that_is_given_meanwhile_is_kept(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.plugin.review import many

    write, other = many.set_verdict, of_evidence(dataset, 20.0)

    def late(*arguments: Any, **more: Any) -> None:
        judge(dataset, other, "confirmed", reviewer="bob")
        write(*arguments, **more)

    monkeypatch.setattr(many, "set_verdict", late)
    decide(dataset, "rejected", reviewer="ann")
    monkeypatch.setattr(many, "set_verdict", write)
    assert verdicts(dataset) == {"confirmed": 1, "rejected": 4}
    assert many.undo_decision(dataset, "lq") and verdicts(dataset) == {"confirmed": 1, None: 4}


def test_no_query_has_more_ids_than_one_may_have(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of some 400,000 suspects MongoDB refuses a query that has all of their ids."""
    from label_quality import undo_decision
    from label_quality.plugin.base import portions
    from label_quality.plugin.review import decide as deciding
    from pymongo.collection import Collection

    every = dataset.to_patches("lq_suspects")
    monkeypatch.setattr(portions, "IDS_A_QUERY", 2, raising=False)
    monkeypatch.setattr(deciding, "_REGIONS_A_WRITE", 2, raising=False)
    regions, longest = {ObjectId(one) for one in every.values("id")}, list[int]()

    def lists(value: Any) -> Iterator[int]:
        if isinstance(value, dict | list | tuple):
            yield sum(isinstance(one, ObjectId) and one in regions for one in value)
            for one in value.values() if isinstance(value, dict) else value:
                yield from lists(one)

    for name in ("find", "aggregate", "update_many", "delete_many"):
        real = getattr(Collection, name)

        def asked(self: Any, *arguments: Any, real: Any = real, **more: Any) -> Any:
            longest.extend(lists(arguments))
            return real(self, *arguments, **more)

        monkeypatch.setattr(Collection, name, asked)
    done = decide(every, "rejected", reviewer="ann")
    assert (len(done.ids), done.images, done.reviewed) == (5, 4, 0) and verdicts(dataset) == {"rejected": 5}
    assert len(every) == 0 and len(undo_decision(dataset, "lq", view=every)) == len(every) == 5
    assert decide(dataset, "confirmed", region_ids=[*done.ids, *done.ids]).ids == done.ids
    assert verdicts(dataset) == {"confirmed": 5} and max(longest) == 2


@pytest.fixture
def killed(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many suspects ann had confirmed when her decision on all was killed."""
    from label_quality.plugin.review import decide as deciding

    class Killed(BaseException):
        pass

    monkeypatch.setattr(deciding, "_IMAGES_A_WRITE", 1)
    calls = []

    def kill(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise Killed

    monkeypatch.setattr(deciding, "update_error_types", kill)
    with pytest.raises(Killed):
        decide(dataset, "confirmed", reviewer="ann")
    monkeypatch.undo()
    given = verdicts(dataset)["confirmed"]
    assert 0 < given < 5
    return int(given)


def test_a_killed_decision_can_be_undone(dataset: Any, killed: int) -> None:
    from label_quality import undo_decision

    assert len(undo_decision(dataset, "lq")) == killed and verdicts(dataset) == {None: 5}


def test_a_killed_decision_goes_on_where_it_is_the_same(dataset: Any, killed: int) -> None:
    from label_quality import undo_decision

    assert len(decide(dataset, "confirmed", reviewer="ann").ids) == 5 - killed
    assert verdicts(dataset) == {"confirmed": 5}
    assert len(undo_decision(dataset, "lq")) == 5 and verdicts(dataset) == {None: 5}


@pytest.mark.parametrize(("verdict", "reviewer"), [("confirmed", "bob"), ("rejected", "ann")])
@pytest.mark.parametrize("ends", [True, False])
def test_another_decision_waits_until_a_killed_one_is_ended_or_undone(
    dataset: Any, killed: int, verdict: str, reviewer: str, ends: bool
) -> None:
    from label_quality import LabelQualityError, undo_decision
    from label_quality.plugin.review.many import BEGUN, last_decision

    text = (
        r"^The last verdict on many suspects of run 'lq', confirmed by ann, has not ended\. If it was interrupted, end "
        r"it with the same verdict and reviewer='ann', or take it back with undo_decision\(dataset, 'lq'\), or in the "
        r"App in the form Confirm or reject all shown, and decide then\.$"
    )
    left, last = verdicts(dataset), last_decision(dataset, "lq")
    with pytest.raises(LabelQualityError, match=text):
        decide(dataset, verdict, reviewer=reviewer)
    assert verdicts(dataset) == left and last_decision(dataset, "lq") == last and last.state == BEGUN
    if ends:
        # By what it was on, as somebody else decides on the others
        (given,) = dataset.filter_labels("lq_suspects", _decided()).values("lq_suspects.detections.id", unwind=True)[:1]
        with pytest.raises(LabelQualityError, match="There is nothing to decide on: 1 that are shown have a verdict"):
            decide(dataset, "confirmed", reviewer="ann", region_ids=[given])
    else:
        assert len(undo_decision(dataset, "lq")) == killed
    others = 5 - killed if ends else 5
    assert len(decide(dataset, verdict, reviewer=reviewer).ids) == others
    assert len(undo_decision(dataset, "lq")) == others
    assert verdicts(dataset) == ({"confirmed": killed, None: others} if ends else {None: 5})


def _decided() -> Any:
    from fiftyone import ViewField

    return ViewField("verdict") == "confirmed"


def test_the_form_says_that_a_killed_decision_is_first(dataset: Any, killed: int) -> None:
    text = (
        "The last verdict on many, confirmed by ann, has not ended. If it was interrupted, choose “Undo the last” "
        "first, or the same verdict, which goes on with it."
    )
    for decision, reviewer, error in (("reject", "ann", text), ("confirm", "bob", text), ("confirm", "ann", None)):
        params = {"decision": decision, "reviewer": reviewer}
        assert said(context(dataset, "review_shown", params), "review_shown").get("error decision") == error
    with pytest.raises(Exception, match=r"The last verdict on many, confirmed by ann, has not ended\."):
        operator("review_shown")(dataset, "reject")
    assert operator("review_shown")(dataset, "undo").result["message"] == f"No verdict any more on {killed} suspect" + (
        "s." if killed > 1 else "."
    )


@pytest.mark.parametrize("undone", [False, True])
def test_views_of_patches_are_made_up_for_after_a_kill(
    dataset: Any, monkeypatch: pytest.MonkeyPatch, undone: bool
) -> None:
    from label_quality import LabelQualityError, undo_decision
    from label_quality.plugin.review import decide as deciding

    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    every = dataset.to_patches("lq_suspects")
    if undone:
        decide(every, "rejected")
        assert len(every) == 0
    monkeypatch.setattr(deciding, "update_some_patches", kill)
    with pytest.raises(Killed):
        undo_decision(dataset, "lq", view=every) if undone else decide(every, "rejected")
    monkeypatch.undo()
    if undone:
        assert (len(every), undo_decision(dataset, "lq", view=every), len(every)) == (0, (), 5)
        assert verdicts(dataset) == {None: 5}
        return
    assert (len(every), verdicts(dataset)) == (5, {"rejected": 5})
    with pytest.raises(LabelQualityError, match="There is nothing to decide on: no suspect is shown"):
        decide(every, "rejected")
    assert len(every) == 0 and len(undo_decision(dataset, "lq", view=every)) == len(every) == 5


#: Undoes the last verdict on many, an image at a time, and is killed instead of a write to the database
_KILLED_UNDO = """
import sys
import fiftyone as fo
import pymongo.monitoring
from label_quality import undo_decision
from label_quality.plugin.review import decide

kill = KillAtWrite(int(sys.argv[2]), lambda *_: None)
pymongo.monitoring.register(kill)
connect()
dataset = fo.load_dataset(sys.argv[1])
decide._IMAGES_A_WRITE = 1
kill.listening = True
undo_decision(dataset, "lq")
print("ended")
"""


@pytest.mark.slow
def test_an_undo_that_was_killed_is_ended_before_there_is_another_decision(_suspect_runs: Any, forked: Any) -> None:
    from label_quality import LabelQualityError, undo_decision
    from label_quality.plugin.review.many import UNDONE, last_decision

    text = (
        r"^The undo of the last verdict on many suspects of run 'lq', rejected by ann, has not ended. If it was "
        r"interrupted, end it with undo_decision\(dataset, 'lq'\), or in the App in the form Confirm or reject all "
        r"shown, and decide then\.$"
    )
    begun = _suspect_runs(True)
    types = begun.put_back().values("lq_error_type")
    found: dict[int, int] = {}
    for number in count(1):
        dataset = begun.put_back()
        chosen = [of_evidence(dataset, evidence) for evidence in (50.0, 30.0, 20.0, 10.0)]
        decide(dataset, "rejected", region_ids=chosen, reviewer="ann")
        ((status, output),) = forked(_KILLED_UNDO, [dataset.name, str(number)])
        if status == 0:
            assert output == "ended\n"
            break
        assert status == -signal.SIGKILL, output
        left = verdicts(dataset)
        last = last_decision(dataset, "lq")
        assert last is not None
        if last.state != UNDONE:
            # Before the undo had begun: the decision is as it was
            assert left == {"rejected": 4, None: 1}
            continue
        found[number] = left.get("rejected", 0)
        for verdict, reviewer in (("confirmed", "bob"), ("rejected", "ann")):
            with pytest.raises(LabelQualityError, match=text):
                decide(dataset, verdict, reviewer=reviewer)
            assert verdicts(dataset) == left and last_decision(dataset, "lq") == last
        assert len(undo_decision(dataset, "lq")) == found[number] and last_decision(dataset, "lq") is None
        assert verdicts(dataset) == {None: 5} and dataset.values("lq_error_type") == types
        assert len(dataset.load_saved_view("lq: suspect regions")) == 5
        assert len(decide(dataset, "confirmed", reviewer="bob").ids) == 5 and verdicts(dataset) == {"confirmed": 5}
        assert len(undo_decision(dataset, "lq")) == 5
    # Before the first image, between images, and after the last
    assert {4, 2, 0} < set(found.values())


def test_the_form_offers_to_end_an_undo_that_was_killed(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality import undo_decision
    from label_quality.plugin.review import decide as deciding

    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    decide(dataset, "rejected", reviewer="ann")
    monkeypatch.setattr(deciding, "update_error_types", kill)
    with pytest.raises(Killed):
        undo_decision(dataset, "lq")
    monkeypatch.undo()
    form = operator("review_shown").resolve_type(context(dataset, "review_shown"), "inputs")
    decision = form.type.properties["decision"]
    assert (decision.default, decision.invalid) == ("undo", False)
    choices = {one.value: one.label for one in decision.view.choices}
    assert choices["undo"] == "End the undo of the last: rejected 5 suspects"
    text = said(context(dataset, "review_shown", {"decision": "reject"}), "review_shown")
    assert text["error decision"] == "The last undo has not ended. Choose “End the undo of the last” first."
    with pytest.raises(Exception, match=r"The last undo has not ended\. Choose “End the undo of the last” first\."):
        operator("review_shown")(dataset, "reject")
    assert operator("review_shown")(dataset, "undo").result["message"] == "No verdict any more on 0 suspects."
    assert operator("review_shown")(dataset, "reject").result["message"] == "Rejected: 5 suspects in 4 images."


def test_selected_suspects_alone_are_decided_on(dataset: Any) -> None:
    from label_quality import LabelQualityError

    chosen = [of_evidence(dataset, 50.0), of_evidence(dataset, 5.0)]
    assert set(decide(dataset, "confirmed", region_ids=chosen).ids) == set(chosen)
    assert verdicts(dataset) == {"confirmed": 2, None: 3}
    text = "There is nothing to decide on: 2 that are shown have a verdict already"
    with pytest.raises(LabelQualityError, match=text):
        decide(dataset, "rejected", region_ids=chosen)
    with pytest.raises(
        LabelQualityError, match="Expected `verdict` to be one of 'confirmed', 'rejected', but got None"
    ):
        decide(dataset, None)
    with pytest.raises(LabelQualityError, match="There is nothing to decide on: no suspect is shown"):
        decide(dataset.match({"index": 0}))


def operator(name: str) -> Any:
    import fiftyone.operators as foo

    return foo.get_operator(f"{PLUGIN}/{name}")


def context(dataset: Any, name: str, params: dict[str, Any] | None = None, view: Any = None, **request: Any) -> Any:
    from fiftyone.operators.executor import ExecutionContext, Executor

    content = {"dataset_name": dataset.name, "params": params or {}, "prompt_id": "a prompt", **request}
    if view is not None:
        content["view"] = view._serialize(include_uuids=False)
    return ExecutionContext(content, executor=Executor(), operator_uri=f"{PLUGIN}/{name}")


def said(ctx: Any, name: str) -> dict[str, str]:
    prop = operator(name).resolve_type(ctx, "inputs")
    prop.to_json()
    shown = {
        key: one.view.label for key, one in prop.type.properties.items() if one.view is not None and one.view.label
    }
    return {key: text.replace("\\", "") for key, text in shown.items()} | {
        f"error {key}": one.error_message for key, one in prop.type.properties.items() if one.invalid
    }


def test_the_form_says_what_a_verdict_is_on_and_warns(dataset: Any) -> None:
    judge(dataset, of_evidence(dataset, 30.0), "confirmed")
    dataset.set_values(
        "lq_suspects.detections.probability",
        {sample.id: [0.3 for _ in sample.lq_suspects.detections] for sample in dataset.match({"index": 5})},
        key_field="id",
    )
    text = said(context(dataset, "review_shown"), "review_shown")
    assert text["notice_shown"].startswith("4 suspects of the current view, in 4 images: 1 ")
    assert "1 car given as unlabelled" in text["notice_shown"] and "1 road given as car" in text["notice_shown"]
    assert text["notice_probability"] == "Their probability is from 30 % to 90 %."
    assert text["warning_against"] == "1 of these is less than 50 % probable: look at them first."
    assert text["notice_reviewed"] == "1 other has a verdict already, which stays."
    text = said(context(dataset, "review_shown", {"decision": "reject"}), "review_shown")
    assert text["warning_against"] == "3 of these are at least 50 % probable: look at them first."
    patches = dataset.to_patches("lq_suspects")
    chosen = [of_evidence(dataset, 50.0)]
    text = said(context(dataset, "review_shown", view=patches, selected=chosen), "review_shown")
    assert text["notice_shown"] == "1 suspect of the selection, in 1 image: 1 car given as road."
    text = said(context(dataset, "review_shown", view=dataset.match({"index": 0})), "review_shown")
    assert text["error decision"] == "No suspect of the current view is left to review."


def test_the_operator_decides_and_undoes(dataset: Any) -> None:
    patches = order(dataset, "probable", given="road", suggested="car")
    ctx = context(dataset, "review_shown", {"decision": "reject"}, patches)
    result = operator("review_shown").execute(ctx)
    assert result["message"] == "Rejected: 2 suspects in 2 images." and len(result["region_ids"]) == 2
    shown = [request.operator_uri.split("/")[-1] for request in ctx.executor._requests]
    assert shown == ["notify", "clear_selected_labels", "clear_selected_samples", "reload_dataset", "show_review"]
    assert verdicts(dataset) == {"rejected": 2, None: 3}
    form = operator("review_shown").resolve_type(context(dataset, "review_shown", view=patches), "inputs")
    choices = {one.value: one.label for one in form.type.properties["decision"].view.choices}
    assert choices["undo"] == "Undo the last: rejected 2 suspects"
    assert operator("review_shown")(patches, "undo").result["message"] == "No verdict any more on 2 suspects."
    assert verdicts(dataset) == {None: 5}
    # None of them is not all of them
    with pytest.raises(Exception, match="No suspect of the selection is left to review"):
        operator("review_shown")(dataset, "reject", region_ids=[])
    assert verdicts(dataset) == {None: 5}
    with pytest.raises(Exception, match="There is no verdict on many suspects of run 'lq' to undo"):
        operator("review_shown")(dataset, "undo")


def test_the_operator_orders(dataset: Any, make_dataset: Any) -> None:
    ctx = context(dataset, "order_suspects", {"order": "useful", "group": "car given as road"})
    assert operator("order_suspects").execute(ctx) == {"key": "lq", "suspects": 2}
    assert [request.operator_uri.split("/")[-1] for request in ctx.executor._requests] == ["set_view"]
    assert operator("order_suspects")(dataset, "alike").result == {"key": "lq", "suspects": 5}
    text = r"Expected parameter `group` to be one of \*, car given as road, .* but got 'bus'"
    with pytest.raises(Exception, match=text):
        operator("order_suspects")(dataset, group="bus")
    text = "There are no suspects to review yet: find suspects first, or audit the labels."
    empty = make_dataset(count=1)
    assert said(context(empty, "order_suspects"), "order_suspects")["error error_key"] == text
    assert text in said(context(empty, "review_shown"), "review_shown").values()
