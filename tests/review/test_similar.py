"""Suspects like one: by the Brain's indexes, and by what a run knows of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError

from .. import predicted
from .test_many import context, describe, judge, of_evidence, operator, order, said

FIELD = "lq_suspects"
#: What suspects look like, by their evidence: as an angle in degrees
LOOKS = {50.0: 0, 30.0: 80, 10.0: 30, 20.0: 10, 5.0: 60}


@pytest.fixture
def dataset(rated_run: Any) -> Any:
    """Five suspects; see `suspect_run`."""
    return rated_run


def turned(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def index_suspects(dataset: Any, brain_key: str = "sim", field: str = FIELD) -> None:
    import fiftyone.brain as fob

    ids, evidences = dataset.exists(FIELD).values(["id", f"{FIELD}.detections.evidence"])
    looks = {one: np.array([turned(LOOKS[e]) for e in own]) for one, own in zip(ids, evidences, strict=True) if own}
    view = dataset.select(list(looks))
    fob.compute_similarity(
        view, patches_field=field, embeddings=looks, brain_key=brain_key, backend="sklearn", metric="cosine"
    )


def index_images(dataset: Any, brain_key: str = "images") -> None:
    import fiftyone.brain as fob

    looks = np.array([turned(angle) for angle in (90, 0, 50, 20, 0, 10)])
    fob.compute_similarity(dataset, embeddings=looks, brain_key=brain_key, backend="sklearn", metric="cosine")


def evidences(view: Any) -> list[float]:
    return list(view.values(f"{FIELD}.evidence"))


def test_by_the_brains_index_of_the_suspects(dataset: Any) -> None:
    index_suspects(dataset)
    wanted = of_evidence(dataset, 10.0)
    # From 30 degrees: itself, 20 away, 30, 30, 50; of two that are as far either may come first
    found = evidences(order(dataset, "similar", to=wanted))
    assert (found[:2], set(found[2:4]), found[4]) == ([10.0, 20.0], {50.0, 5.0}, 30.0)
    # What is reviewed is left out, also the suspect itself, which still is what the others are compared with
    judge(dataset, wanted, "rejected")
    judge(dataset, of_evidence(dataset, 50.0), "confirmed")
    assert evidences(order(dataset, "similar", to=wanted, brain_key="sim")) == [20.0, 5.0, 30.0]


def test_by_an_index_of_the_images_where_there_is_nothing_nearer(dataset: Any) -> None:
    index_images(dataset)
    # Suspects 30 and 10 are in image 1 at 0 degrees, 50 in image 3 at 20, 20 in image 2 at 50, 5 in image 5 at 10
    found = evidences(order(dataset, "similar", to=of_evidence(dataset, 10.0)))
    assert found == [10.0, 30.0, 5.0, 50.0, 20.0]
    index_suspects(dataset)
    assert evidences(order(dataset, "similar", to=of_evidence(dataset, 10.0)))[:2] == [10.0, 20.0]
    assert evidences(order(dataset, "similar", to=of_evidence(dataset, 10.0), brain_key="images")) == found


def test_by_what_the_run_knows_of_them(make_dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin.audit import audit_labels

    dataset = predicted.add_predictions(make_dataset(count=12), tmp_path)
    audit_labels(dataset, "ground_truth", **predicted.WITH_FILES)
    view = dataset.load_saved_view("lq: suspect regions")
    ids, paths = view.values(["id", f"{FIELD}.mask_path"])
    rng = np.random.default_rng(1)
    ways = rng.normal(size=(2, 32))
    describe(dataset, {path: ways[number % 2] + 0.05 * rng.normal(size=32) for number, path in enumerate(paths)})
    found = order(dataset, "similar", to=ids[3]).values("id")
    assert found[0] == ids[3] and sorted(found) == sorted(ids)
    kinds = [ids.index(one) % 2 for one in found]
    assert kinds == sorted(kinds, reverse=True)


def test_what_cannot_be_compared_is_refused(dataset: Any) -> None:
    wanted = of_evidence(dataset, 10.0)
    text = (
        r"Nothing says what the suspects of run 'lq' look like: .* patches_field='lq_suspects', brain_key='lq_similar'"
    )
    with pytest.raises(LabelQualityError, match=text):
        order(dataset, "similar", to=wanted)
    with pytest.raises(LabelQualityError, match=r"has no similarity index 'sim'. There is none\."):
        order(dataset, "similar", to=wanted, brain_key="sim")
    dataset.clone_sample_field(FIELD, "others")
    index_suspects(dataset, "others", "others")
    text = "index 'others' to be of the images or of the patches of 'lq_suspects', but it is of those of 'others'"
    with pytest.raises(LabelQualityError, match=text):
        order(dataset, "similar", to=wanted, brain_key="others")
    index_suspects(dataset)
    index = dataset.load_brain_results("sim")
    index.remove_from_index(label_ids=[wanted])
    index.save()
    with pytest.raises(LabelQualityError, match=f"The similarity index 'sim' does not know {wanted}: .* Make it anew"):
        order(dataset, "similar", to=wanted)


def test_the_form_offers_it_for_a_selected_suspect(dataset: Any) -> None:
    index_suspects(dataset)
    wanted = of_evidence(dataset, 10.0)
    patches = dataset.load_saved_view("lq: suspect regions")
    name = "order_suspects"

    def offered(ctx: Any) -> list[str]:
        form = operator(name).resolve_type(ctx, "inputs").type.properties
        return [one.value for one in form["order"].view.choices]

    assert offered(context(dataset, name)) == ["probable", "useful", "alike"]
    selected = context(dataset, name, {"order": "similar"}, patches)
    selected.request_params["selected"] = [wanted]
    assert offered(selected) == ["probable", "useful", "alike", "similar"]
    assert operator(name).execute(selected) == {"key": "lq", "suspects": 5}
    (shown,) = [one for one in selected.executor._requests if one.operator_uri.endswith("set_view")]
    assert shown is not None and said(selected, name) is not None
    assert operator(name)(dataset, "similar", to=wanted, brain_key="sim").result == {"key": "lq", "suspects": 5}
