"""Mask values as people write them: what is a number, and two that are one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from label_quality.operators.form.parameters import to_arguments
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.labels.class_files import load_classes, parse_class_map, parse_classes
from label_quality.plugin.labels.class_mapping import ClassMapping
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.mask_values import parse_mask_value

#: What Python calls digits, or has digits in it, and is no number that it reads
NO_NUMBERS = ("²", "--5", "5-", "٣²", "9" * 5000)


def _of_file(folder: Path, text: str) -> dict[Any, str]:
    (folder / "classes.json").write_text(text)
    return load_classes(folder / "classes.json")


def test_what_is_a_number() -> None:
    assert [parse_mask_value(text) for text in ("7", "-1", "007", "٣", "#ff0000", "sky")] == [
        *(7, -1, 7, 3, "#ff0000", "sky")
    ]
    assert [parse_mask_value(text) for text in NO_NUMBERS] == list(NO_NUMBERS)


@pytest.mark.parametrize("key", NO_NUMBERS, ids=("power", "minuses", "minus_behind", "two_scripts", "too_long"))
def test_keys_of_classes_that_are_no_numbers(key: str, tmp_path: Path) -> None:
    expected = f"Expected a class's mask value to be an integer or a colour '#rrggbb', but got {key!r}."
    for classes in (parse_classes(f"0: road, {key}: car"), to_arguments({"classes": {key: "car"}}, ["classes"])):
        with pytest.raises(LabelQualityError, match=re.escape(expected)):
            ClassTable.from_targets(classes.get("classes", classes))  # type: ignore[arg-type]
    with pytest.raises(LabelQualityError, match=re.escape(f"mask values such as 7 or '#ff0000', but got {key!r}.")):
        _of_file(tmp_path, f'{{"0": "road", "{key}": "car"}}')


@pytest.mark.parametrize("key", NO_NUMBERS, ids=("power", "minuses", "minus_behind", "two_scripts", "too_long"))
def test_names_of_classes_that_are_no_numbers(key: str) -> None:
    assert to_arguments({"unlabelled": key, "ignored": f"{key}, 7"}, ["unlabelled", "ignored"]) == {
        "unlabelled": key,
        "ignored": [key, 7],
    }
    with pytest.raises(LabelQualityError, match=f"No class is called '{key}'; the classes are road, car"):
        ClassTable.from_targets({0: "road", 1: "car"}, unlabelled=key)
    table = ClassTable.from_targets({0: "road", 1: "car"})
    with pytest.raises(LabelQualityError, match=f"class_map names the model's class '{key}', but"):
        ClassMapping.build(2, None, {key: "road"}, table)


@pytest.mark.parametrize(
    ("first", "second"),
    [("0", "00"), ("#FF0000", "#ff0000")],
)
@pytest.mark.parametrize("name", ["road", "car"])
def test_two_keys_for_one_class_are_named(first: str, second: str, name: str, tmp_path: Path) -> None:
    text = f'{{"{first}": "road", "{second}": "{name}"}}'
    entries = f"'{first}' for 'road' and '{second}' for '{name}' are the same. Remove one of them."
    ways: list[tuple[str, Callable[[], Any]]] = [
        (f"the class file {tmp_path / 'classes.json'}", lambda: _of_file(tmp_path, text)),
        ("the classes", lambda: ClassTable.from_targets({first: "road", second: name})),
    ]
    if first == "0":
        ways += [
            ("`classes`", lambda: parse_classes(text)),
            ("`classes`", lambda: parse_classes(f"{first}: road, {second}: {name}")),
            ("`classes`", lambda: to_arguments({"classes": {first: "road", second: name}}, ["classes"])),
        ]
    for where, way in ways:
        with pytest.raises(LabelQualityError) as error:
            way()
        assert str(error.value) == f"Expected {where} to have each mask value once, but {entries}"


def test_a_key_that_is_there_twice_is_named(tmp_path: Path) -> None:
    twice = "'0' is there twice: for 'road' and for 'car'"
    with pytest.raises(LabelQualityError, match=f"The class file .* is no JSON that can be read: {twice}"):
        _of_file(tmp_path, '{"0": "road", "0": "car"}')
    for text, what in (
        ('{"0": "road", "0": "car"}', "valid JSON"),
        ("0: road, 0: car", "pairs of different keys"),
    ):
        for name, way in (("classes", parse_classes), ("class_map", parse_class_map)):
            with pytest.raises(LabelQualityError, match=f"Expected parameter `{name}` to be {what}, but {twice}"):
                way(text)
    (tmp_path / "map.json").write_text('{"0": "road", "0": "car"}')
    with pytest.raises(LabelQualityError, match=f"Cannot read the class map .*: {twice}"):
        parse_class_map(str(tmp_path / "map.json"))


def test_more_classes_in_text_than_a_file_can_be_named() -> None:
    text = ", ".join(f"{value}: class number {value}" for value in range(40))
    assert parse_classes(text)[39] == parse_class_map(text)["39"] == "class number 39"
