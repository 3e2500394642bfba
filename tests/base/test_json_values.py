"""Typed values as JSON and back, and what is said of values of another type."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.base.json_values import from_json, to_json


class Place(TypedDict):
    row: int
    name: str | None


@dataclass
class Part:
    share: float | None
    places: list[Place] = field(default_factory=list)


@dataclass
class Whole:
    name: str
    done: bool = False
    values: list[list[float]] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    anything: Any = None
    part: Part | None = None


def test_a_value_comes_back() -> None:
    whole = Whole(
        "x",
        True,
        [[1.5, math.inf], [-math.inf, 0.25]],
        {"a": Part(None), "$b.c": Part(0.5, [{"row": 1, "name": None}])},
        {"deep": [1, "two"]},
        Part(1.0),
    )
    text = json.dumps(to_json(whole), allow_nan=False)
    assert from_json(Whole, json.loads(text), "it") == whole
    assert from_json(Whole, {"name": "x", "invented_later": 1}, "it") == Whole("x")
    (value,) = from_json(Whole, {"name": "x", "values": [["NaN"]]}, "it").values[0]
    assert math.isnan(value)


def test_what_is_none_by_default_is_left_out() -> None:
    assert to_json(Part(None)) == {"share": None, "places": []}
    assert to_json(Whole("x", anything=np.float32(0.5))) == {
        "name": "x",
        "done": False,
        "values": [],
        "parts": {},
        "anything": 0.5,
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "Expected it to be named values, but got []."),
        ({}, "Expected `name` of it to be text, but got nothing."),
        ({"name": 1}, "Expected `name` of it to be text, but got 1."),
        ({"name": "x", "done": 1}, "Expected `done` of it to be true or false, but got 1."),
        ({"name": "x", "values": [[1], [2, "y"]]}, "Expected `values[1][1]` of it to be a number, but got 'y'."),
        ({"name": "x", "values": {"a": 1}}, "Expected `values` of it to be a list, but got {'a': 1}."),
        ({"name": "x", "part": {}}, "Expected `part.share` of it to be a number, but got nothing."),
        (
            {"name": "x", "parts": {"a": {"share": 1, "places": [{"row": True, "name": "y"}]}}},
            "Expected `parts.a.places[0].row` of it to be a whole number, but got True.",
        ),
        (
            {"name": "x", "parts": {"a": {"share": 1, "places": [{"row": 1}]}}},
            "Expected `parts.a.places[0].name` of it to be text, but got nothing.",
        ),
    ],
)
def test_an_error_says_where_what_was_expected_and_found(content: Any, problem: str) -> None:
    with pytest.raises(LabelQualityError) as caught:
        from_json(Whole, content, "it")
    assert str(caught.value) == problem


def test_long_values_are_cut() -> None:
    with pytest.raises(LabelQualityError, match=r"but got \[0, 0, 0.*…\.$") as caught:
        from_json(Whole, {"name": [0] * 1000}, "it")
    assert len(str(caught.value)) < 150
