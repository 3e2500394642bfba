"""Model classes to dataset classes: who is matched with whom, and that probability is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.labels.class_mapping import NO_LOGIT, ClassMapping
from label_quality.plugin.labels.class_table import ClassTable

TABLE = ClassTable.from_targets({0: "unlabelled", 7: "road", 8: "side walk", 21: "tree"}, ignored=[255])


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(0, keepdims=True))
    return exponentials / exponentials.sum(0, keepdims=True)


def test_names_match_without_case_underscores_and_order() -> None:
    mapping = ClassMapping.build(4, ["Tree", "Side_Walk", "ROAD", "unlabelled"], None, TABLE)
    assert mapping.channels == (3, 2, 1, 0)
    assert not mapping.missing and not mapping.dropped and not mapping.is_identity


def test_exact_name_wins_over_a_similar_one() -> None:
    table = ClassTable.from_targets({1: "Road", 2: "road"})
    assert ClassMapping.build(2, ["road", "Road"], None, table).channels == (1, 0)


def test_extra_model_classes_are_dropped() -> None:
    mapping = ClassMapping.build(5, ["unlabelled", "road", "sky", "side-walk", "tree"], None, TABLE)
    assert mapping.channels == (0, 1, -1, 2, 3)
    assert mapping.dropped == ("sky",)


def test_outputs_without_names_go_index_to_index() -> None:
    assert ClassMapping.build(4, None, None, TABLE).is_identity


def test_one_output_a_value_with_an_ignored_one_between() -> None:
    table = ClassTable.from_targets({0: "sky", 1: "void", 2: "road"}, ignored=["void", 255])
    assert ClassMapping.build(3, None, None, table).channels == (0, -1, 1)
    with pytest.raises(LabelQualityError, match="do not cover"):
        ClassMapping.build(4, None, None, table)


def test_class_map_by_name_number_value_and_ignored_value() -> None:
    class_map = {"Wall": "TREE", "0": 0, "kerb": 8, "street": "7", "sky": 255}
    mapping = ClassMapping.build(6, ["nothing", "street", "kerb", "wall", "sky", "side walk"], class_map, TABLE)
    assert mapping.channels == (0, 1, 2, 3, -1, 2)
    assert mapping.to_dict()["pairs"][-1] == ["side walk", "side walk"]


def test_class_map_by_colour() -> None:
    table = ClassTable.from_targets({"#FF0000": "car", "#00ff00": "tree"}, ignored=["#000000"])
    assert ClassMapping.build(3, None, {"0": "#FF0000", 1: "#00ff00", "2": "#000000"}, table).channels == (1, 0, -1)


def test_class_map_may_leave_classes_missing() -> None:
    mapping = ClassMapping.build(2, None, {"1": "road"}, TABLE)
    assert mapping.channels == (-1, 1)
    assert mapping.missing == ("unlabelled", "side walk", "tree")
    assert mapping.dropped == ("0",)


def test_unmatched_names_are_listed_on_both_sides() -> None:
    with pytest.raises(LabelQualityError) as caught:
        ClassMapping.build(3, ["road", "vegetation", "sky"], None, TABLE)
    assert str(caught.value) == (
        "The model's classes do not cover the dataset's. Without a counterpart are the model's classes vegetation, "
        "sky; and of the dataset's 4 classes unlabelled, side walk, tree. Say which is which with class_map, from a "
        "model class (name or output number) to a dataset class (name or mask value), such as "
        "class_map={'vegetation': 'unlabelled'}. Classes that it leaves without a counterpart are taken as never "
        "predicted."
    )


def test_another_number_of_nameless_outputs_is_an_error() -> None:
    with pytest.raises(LabelQualityError, match=r"outputs, which have no names, 0, 1, 2; and of the dataset's 4"):
        ClassMapping.build(3, None, None, TABLE)


def test_an_empty_class_map_still_needs_one_match() -> None:
    with pytest.raises(LabelQualityError, match="do not cover"):
        ClassMapping.build(2, ["a", "b"], {}, TABLE)


@pytest.mark.parametrize(
    ("names", "class_map", "said"),
    [
        (None, {"0": "road", "00": "tree"}, "output 0: '0' for 'road' and '00' for 'tree'"),
        (None, {0: 7, "0": "tree"}, "output 0: 0 for 7 and '0' for 'tree'"),
        (["a b", "c"], {"a b": "road", "A_B": 255}, "output 0, 'a b': 'a b' for 'road' and 'A_B' for 255"),
        (["a", "b"], {"b": "road", "1": "tree"}, "output 1, 'b': 'b' for 'road' and '1' for 'tree'"),
    ],
)
def test_two_classes_for_one_output_are_an_error(names: list[str] | None, class_map: dict[Any, Any], said: str) -> None:
    with pytest.raises(LabelQualityError) as caught:
        ClassMapping.build(2, names, class_map, TABLE)
    assert str(caught.value) == f"class_map has two classes for the model's {said}. Remove one of them."


def test_one_class_said_twice_for_one_output_is_none() -> None:
    assert ClassMapping.build(2, None, {"0": "road", "00": 7, "1": "tree"}, TABLE).channels == (1, 3)


def test_class_map_with_unknown_classes() -> None:
    with pytest.raises(LabelQualityError, match=r"the model's class 'sea', but the model's classes are a, b \(or"):
        ClassMapping.build(2, ["a", "b"], {"sea": "road"}, TABLE)
    with pytest.raises(LabelQualityError, match=r"maps to 'rode', but the dataset's classes are .*road \(7\)"):
        ClassMapping.build(2, ["a", "b"], {"a": "rode"}, TABLE)
    with pytest.raises(LabelQualityError, match="names the model's class '2', but"):
        ClassMapping.build(2, None, {"2": "road"}, TABLE)
    with pytest.raises(LabelQualityError, match="maps to None, but"):
        ClassMapping.build(2, None, {"1": None}, TABLE)


def test_names_must_fit_the_outputs() -> None:
    with pytest.raises(LabelQualityError, match="a name for each of the 3 outputs, but got 2: a, b"):
        ClassMapping.build(3, ["a", "b"], None, TABLE)


def test_by_hand() -> None:
    # Channels 0 and 2 are one class, channel 1 is dropped: (.1 + .4) / .6 and .1 / .6; the fourth class is missing
    mapping = ClassMapping((0, -1, 0, 2), ("a", "b", "c", "d"), ("x", "y", "z"))
    probabilities = np.array([0.1, 0.4, 0.4, 0.1], np.float32).reshape(4, 1, 1)
    expected = [5 / 6, 0, 1 / 6]
    np.testing.assert_allclose(mapping.apply_probabilities(probabilities)[:, 0, 0], expected, rtol=1e-6)
    logits = mapping.apply_logits(np.log(probabilities) + 3)
    assert logits[1, 0, 0] == pytest.approx(NO_LOGIT, rel=1e-3)
    np.testing.assert_allclose(softmax(logits)[:, 0, 0], expected, rtol=1e-5)


def test_all_probability_in_dropped_channels_is_shared_by_the_mapped_classes() -> None:
    mapping = ClassMapping((0, -1, 2), ("a", "b", "c"), ("x", "y", "z"))
    values = np.array([0, 1, 0], np.float32).reshape(3, 1, 1)
    np.testing.assert_array_equal(mapping.apply_probabilities(values)[:, 0, 0], [0.5, 0, 0.5])


@settings(max_examples=60, deadline=None)
@given(
    channels=st.lists(st.integers(-1, 3), min_size=1, max_size=6).filter(lambda found: max(found) >= 0),
    seed=st.integers(0, 2**16),
    dtype=st.sampled_from([np.float16, np.float32]),
)
def test_logits_and_probabilities_agree(channels: list[int], seed: int, dtype: type) -> None:
    mapping = ClassMapping(tuple(channels), tuple(map(str, range(len(channels)))), ("a", "b", "c", "d"))
    logits = np.random.default_rng(seed).normal(0, 4, (len(channels), 3, 5)).astype(dtype)
    from_logits = softmax(mapping.apply_logits(logits).astype(np.float64))
    from_probabilities = mapping.apply_probabilities(softmax(logits.astype(np.float64)))
    np.testing.assert_allclose(from_logits, from_probabilities, atol=2e-5)
    np.testing.assert_allclose(from_logits.sum(0), 1, atol=1e-6)


def test_identity_returns_the_values_themselves() -> None:
    mapping = ClassMapping((0, 1), ("a", "b"), ("a", "b"))
    values = np.zeros((2, 2, 2), np.float16)
    assert mapping.apply_logits(values) is values and mapping.apply_probabilities(values) is values


def test_other_number_of_channels_is_an_error() -> None:
    with pytest.raises(LabelQualityError, match=r"shape \(2, h, w\).*got \(3, 2, 2\)"):
        ClassMapping((0, 1), ("a", "b"), ("a", "b")).apply_logits(np.zeros((3, 2, 2)))
