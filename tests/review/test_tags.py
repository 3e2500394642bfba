"""Choosing images, tagging them for relabelling and taking that back, on a real dataset with a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

FIELD = "lq_suspects"


@pytest.fixture
def dataset(unrated_run: Any) -> Any:
    return unrated_run


@pytest.fixture
def relabelling(fiftyone: Any) -> Any:
    from label_quality.plugin.review import tags as relabelling

    return relabelling


@pytest.fixture
def pick(fiftyone: Any) -> Any:
    from label_quality.plugin.review.choose_images import Choice, choose

    def call(collection: Any, selected: Any = (), labels: Any = (), **choice: Any) -> Any:
        return choose(collection, Choice(**choice), selected, labels)

    return call


def tagged(dataset: Any, tag: str = "relabel") -> list[int]:
    return sorted(dataset.match_tags(tag).values("index"))


def tagged_regions(dataset: Any, tag: str = "relabel") -> list[tuple[str, str]]:
    """The regions with the tag, as (given, suggested), by image."""
    from fiftyone import ViewField as F

    view = dataset.filter_labels(FIELD, F("tags").contains(tag)).sort_by("index")
    found = zip(*view.values([f"{FIELD}.detections.given", f"{FIELD}.detections.suggested"]), strict=True)
    return [pair for given, suggested in found for pair in zip(given, suggested, strict=True)]


@pytest.mark.parametrize(
    ("choice", "indices", "words"),
    [
        ({"choose": "view"}, [3, 1, 2, 5, 0], "all images"),
        ({"choose": "worst", "worst": 2}, [3, 1], "the 2 worst images"),
        ({"choose": "worst", "worst": 1}, [3], "the worst image"),
        ({"choose": "worst", "worst": 99}, [3, 1, 2, 5, 0], "the 99 worst images"),
        ({"choose": "threshold", "below": 0.5}, [3, 1], "images of a quality below 0.5"),
        ({"choose": "error_type", "error_type": "swap"}, [3, 1], "images whose leading suspect is a swap"),
        ({"choose": "error_type", "error_type": "drop"}, [2], "images whose leading suspect is a drop"),
        ({"choose": "error_type", "error_type": "other"}, [], "images whose leading suspect is of another type"),
        ({"choose": "group", "group": "tree given as unlabelled"}, [1], "images with 'tree given as unlabelled'"),
        ({"choose": "group"}, [3, 1], "images with 'car given as road'"),
        ({"choose": "tagged", "tag": "old"}, [5], "the images tagged 'old'"),
    ],
)
def test_images_are_chosen_worst_first(dataset: Any, pick: Any, choice: Any, indices: Any, words: str) -> None:
    dataset.match({"index": 5}).tag_samples("old")
    chosen = pick(dataset, **choice)
    found = chosen.samples.values("index")
    assert [index for index in found if index != 4] == indices
    assert (4 in found) == (choice["choose"] == "view")
    assert (chosen.words, chosen.key, chosen.field) == (words, "lq", FIELD)


def test_a_choice_is_among_the_images_of_the_view(dataset: Any, pick: Any) -> None:
    from fiftyone import ViewField as F

    view = dataset.match(F("index") < 3)
    assert pick(view, choose="worst", worst=2).samples.values("index") == [1, 2]
    assert pick(view, choose="group").samples.values("index") == [1]
    assert pick(view).words == "the images of the view"
    assert pick(dataset.load_saved_view("lq: drop suspects")).samples.values("index") == [2]


def test_patches_stand_for_their_images_and_regions(dataset: Any, pick: Any, relabelling: Any) -> None:
    patches = dataset.load_saved_view("lq: suspect regions")
    assert pick(patches).samples.values("index") == [3, 1, 2, 5]
    assert pick(patches, choose="worst", worst=3).samples.values("index") == [3, 1, 2]
    trees = patches.match({"lq_suspects.suggested": "tree"})
    chosen = pick(patches, trees.values("id"), choose="selected")
    assert chosen.samples.values("index") == [1]
    assert chosen.words == "the selected images"
    relabelling.tag_samples(chosen, regions=True)
    assert (tagged(dataset), tagged_regions(dataset)) == ([1], [("unlabelled", "tree")])


def test_selected_samples_and_labels_are_chosen(dataset: Any, pick: Any, relabelling: Any) -> None:
    ids = dataset.values("id")
    chosen = pick(dataset, [ids[4], ids[1], "0" * 24], choose="selected")
    assert sorted(chosen.samples.values("index")) == [1, 4]
    assert relabelling.count(chosen, regions=True) == relabelling.Counts(images=2, regions=2)
    region = dataset[ids[1]].lq_suspects.detections[0].id
    chosen = pick(dataset, [ids[1]], [region], choose="selected")
    assert relabelling.count(chosen, regions=True) == relabelling.Counts(images=1, regions=1)
    assert len(pick(dataset, choose="selected").samples) == 0


def test_rejected_regions_are_not_chosen(dataset: Any, pick: Any, relabelling: Any) -> None:
    sample = dataset.match({"index": 3}).first()
    sample.lq_suspects.detections[0]["verdict"] = "rejected"
    sample.save()
    assert pick(dataset, choose="group").samples.values("index") == [1]
    assert pick(dataset, choose="error_type").samples.values("index") == [1]
    chosen = pick(dataset, choose="worst", worst=2)
    assert relabelling.count(chosen, regions=True) == relabelling.Counts(images=2, regions=2)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"choose": "best"}, "Expected parameter `choose` to be one of selected, view, worst, threshold, error_type"),
        ({"worst": 0}, "Expected parameter `worst` to be at least 1 image, but got 0."),
        ({"worst": 1.5}, "Expected parameter `worst` to be at least 1 image, but got 1.5."),
        ({"below": 0}, "Expected parameter `below` to be a quality above 0 and at most 1, but got 0."),
        ({"below": "x"}, "Expected parameter `below` to be a quality above 0 and at most 1, but got 'x'."),
        (
            {"error_type": "slip"},
            "Expected parameter `error_type` to be one of drop, swap, shift, other, but got 'slip'",
        ),
        ({"tag": "$x"}, "Expected parameter `tag` to be a name that does not begin with '$', but got '$x'."),
        ({"tag": " x"}, "Expected parameter `tag` to be a name of up to 100 characters without spaces around it, but"),
        ({"choose": "group", "group": "x"}, "Expected parameter `group` to be one of 'car given as road', 'car given"),
        ({"choose": "worst", "key": "no"}, "has no label quality run 'no'. Its runs are: lq."),
    ],
)
def test_a_wrong_choice_is_explained(dataset: Any, pick: Any, choice: Any, text: str) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    with pytest.raises(LabelQualityError) as error:
        pick(dataset, **choice)
    assert text in str(error.value)


def test_without_a_run_only_what_needs_none_can_be_chosen(make_dataset: Any, pick: Any, relabelling: Any) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    bare = make_dataset(count=2)
    with pytest.raises(LabelQualityError, match="has no scores yet: audit the labels first"):
        pick(bare, choose="worst")
    with pytest.raises(LabelQualityError, match="has no suspects yet: find suspects first, or audit the labels"):
        pick(bare, choose="group")
    chosen = pick(bare)
    assert (len(chosen.samples), chosen.key, chosen.field) == (2, None, None)
    with pytest.raises(LabelQualityError, match=r"no suspects to tag: find suspects first, or tag the images"):
        relabelling.tag_samples(chosen, regions=True)
    assert relabelling.tag_samples(chosen).images == 2


def test_images_and_their_regions_are_tagged(dataset: Any, pick: Any, relabelling: Any) -> None:
    dataset.match({"index": 3}).tag_samples("relabel")
    chosen = pick(dataset, choose="group", group="car given as road")
    expected = relabelling.Counts(images=1, already=1, regions=2)
    assert relabelling.count(chosen, regions=True) == expected
    calls: list[Any] = []
    assert relabelling.tag_samples(chosen, regions=True, progress=lambda *call: calls.append(call)) == expected
    assert (tagged(dataset), tagged_regions(dataset)) == ([1, 3], [("road", "car")] * 2)
    assert calls == [("Tagging images", 1, 3), ("Tagging suspects", 3, 3)]
    assert relabelling.count(chosen, regions=True) == relabelling.Counts(already=2)


def test_undo_removes_exactly_what_the_last_tagging_added(dataset: Any, pick: Any, relabelling: Any) -> None:
    dataset.match({"index": 3}).tag_samples(["relabel", "mine"])
    relabelling.tag_samples(pick(dataset, choose="group", group="tree given as unlabelled"), regions=True)
    relabelling.undo_tagging(dataset)
    assert (tagged(dataset), tagged_regions(dataset)) == ([3], [])
    relabelling.tag_samples(pick(dataset, choose="group", group="tree given as unlabelled"), regions=True)
    relabelling.tag_samples(pick(dataset, choose="worst", worst=3), regions=True)
    assert (tagged(dataset), len(tagged_regions(dataset))) == ([1, 2, 3], 4)
    last = relabelling.last_tagging(dataset)
    assert (last.tag, len(last.samples), len(last.regions), last.finished) == ("relabel", 1, 3, True)
    assert relabelling.undo_tagging(dataset) == relabelling.Counts(images=1, regions=3)
    assert (tagged(dataset), tagged_regions(dataset)) == ([1, 3], [("unlabelled", "tree")])
    assert dataset.match({"index": 3}).first().tags == ["relabel", "mine"]
    assert relabelling.last_tagging(dataset) is None
    with pytest.raises(Exception, match=f"There is no tagging to undo on dataset '{dataset.name}'"):
        relabelling.undo_tagging(dataset)


def test_a_tagging_that_adds_nothing_leaves_the_last_one_to_undo(dataset: Any, pick: Any, relabelling: Any) -> None:
    chosen = pick(dataset, choose="worst", worst=2)
    relabelling.tag_samples(chosen, "again")
    assert relabelling.tag_samples(chosen, "again") == relabelling.Counts(already=2)
    assert relabelling.undo_tagging(dataset).images == 2
    assert tagged(dataset, "again") == []


def test_undo_copes_with_what_has_changed_since(dataset: Any, pick: Any, relabelling: Any) -> None:
    relabelling.tag_samples(pick(dataset, choose="worst", worst=3), regions=True)
    dataset.delete_samples(dataset.match({"index": 3}))
    dataset.match({"index": 1}).untag_samples("relabel")
    dataset.delete_sample_field(FIELD)
    assert relabelling.undo_tagging(dataset) == relabelling.Counts(images=1)
    assert tagged(dataset) == []


class Killed(BaseException):
    pass


@pytest.mark.parametrize("again", [False, True])
def test_a_killed_tagging_can_be_undone_or_done_again(
    dataset: Any, pick: Any, relabelling: Any, monkeypatch: Any, again: bool
) -> None:
    monkeypatch.setattr(relabelling, "_PORTION", 1)
    dataset.match({"index": 5}).tag_samples("relabel")
    chosen = pick(dataset, choose="worst", worst=4)

    def stop(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        relabelling.tag_samples(chosen, regions=True, progress=stop)
    assert tagged(dataset) == [1, 3, 5]
    assert not relabelling.last_tagging(dataset).finished
    if again:
        assert relabelling.tag_samples(chosen, regions=True) == relabelling.Counts(images=1, already=3, regions=5)
        assert tagged(dataset) == [1, 2, 3, 5]
    with pytest.raises(Killed):
        relabelling.undo_tagging(dataset, progress=stop)
    relabelling.undo_tagging(dataset)
    assert (tagged(dataset), tagged_regions(dataset)) == ([5], [])


def test_a_tagging_that_was_killed_at_its_very_end_is_finished_by_doing_it_again(
    dataset: Any, pick: Any, relabelling: Any
) -> None:
    chosen = pick(dataset, choose="worst", worst=4)
    relabelling.tag_samples(chosen, regions=True)
    relabelling._write(dataset, replace(relabelling.last_tagging(dataset), finished=False))
    # Others than were to be tagged, or no regions: that says nothing of the whole
    relabelling.tag_samples(pick(dataset, choose="worst", worst=2), regions=True)
    relabelling.tag_samples(chosen)
    assert not relabelling.last_tagging(dataset).finished
    assert relabelling.tag_samples(chosen, regions=True) == relabelling.Counts(already=4)
    assert relabelling.last_tagging(dataset).finished
    assert relabelling.undo_tagging(dataset) == relabelling.Counts(images=4, regions=5)


def test_regions_are_tagged_in_portions(dataset: Any, pick: Any, relabelling: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(relabelling, "_REGIONS_PORTION", 1)
    relabelling.tag_samples(pick(dataset, choose="worst", worst=4), regions=True)
    assert len(tagged_regions(dataset)) == 5
    assert relabelling.undo_tagging(dataset) == relabelling.Counts(images=4, regions=5)


def test_ids_are_kept_in_little_space(fiftyone: Any, relabelling: Any) -> None:
    from bson import ObjectId

    ids = [str(ObjectId()) for _ in range(20_000)]
    for kept in (ids, ids[::7], ids[:1], []):
        assert relabelling.unpack_ids(relabelling.pack_ids(kept)) == sorted(kept)
    assert len(relabelling.pack_ids(ids)) < 3 * len(ids)
    spread = ["000000000000000000000000", "ffffffffffffffffffffffff", "00ff00ff00ff00ff00ff00ff"]
    assert relabelling.unpack_ids(relabelling.pack_ids(spread)) == sorted(spread)


def test_what_is_kept_for_undo_is_not_in_the_datasets_document(dataset: Any, pick: Any, relabelling: Any) -> None:
    info, runs = dict(dataset.info), dataset.list_runs()
    relabelling.tag_samples(pick(dataset))
    dataset.reload()
    assert (dict(dataset.info), dataset.list_runs()) == (info, runs)
