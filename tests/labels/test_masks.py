"""Class tables, class files, and masks to indices and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.labels.class_files import load_classes
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.masks import MaskValueError, encode, predicted_mask, values_seen

GAPS = ClassTable.from_targets({3: "sky", 7: "road", 300: "car"}, ignored=[255])
COLORS = ClassTable.from_targets({"#FF0000": "car", "#000000": "void", "#00ff7F": "tree"}, ignored=["#ffffff"])


def test_table_sorts_values_and_reads_keys_of_any_spelling():
    table = ClassTable.from_targets({"10": "b", np.int64(2): "a", 7: " c "})
    assert (table.ids, table.names, table.size, table.unlabelled) == ((2, 7, 10), ("a", "c", "b"), 3, None)


def test_rgb_table_is_sorted_by_packed_colour_in_lower_case():
    assert COLORS.colors == ("#000000", "#00ff7f", "#ff0000")
    assert COLORS.names == ("void", "tree", "car")
    assert (COLORS.ids, COLORS.ignored_colors) == ((0, 0x00FF7F, 0xFF0000), ("#ffffff",))
    assert COLORS.mask_targets() == {"#000000": "void", "#00ff7f": "tree", "#ff0000": "car"}


@pytest.mark.parametrize("ignored", [[1], ["Road"], ["road"], ["1"], [np.uint8(1)]])
def test_ignored_class_by_value_or_name(ignored):
    table = ClassTable.from_targets({0: "sky", 1: "Road", 2: "car"}, ignored=ignored)
    assert (table.names, table.ignored) == (("sky", "car"), (1,))


def test_duplicate_names_stay_apart_and_are_ignored_together():
    targets = {1: "car", 2: "car", 3: "sky"}
    assert ClassTable.from_targets(targets).names == ("car (1)", "car (2)", "sky")
    assert ClassTable.from_targets(targets, ignored=["car"]).ids == (3,)
    with pytest.raises(LabelQualityError, match=r"No class is called 'car'; the classes are car \(1\), car \(2\), sky"):
        ClassTable.from_targets(targets).index("car")


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ({0: "sky", 11: "Unlabelled"}, 1),
        ({0: "background", 5: "unlabeled"}, 1),
        ({0: "Void", 5: "other"}, 0),
        ({0: "", 5: "car"}, 0),
        ({0: "class 0", 5: "car"}, 0),
        ({0: "sky", 5: "car"}, None),
        ({1: "sky", 5: "others"}, 1),
        ({0: "un-labelled", 1: "a"}, 0),
    ],
)
def test_unlabelled_class_is_found_by_name_and_0_only_if_it_has_none(targets, expected):
    assert ClassTable.from_targets(targets).unlabelled == expected


def test_unlabelled_class_named_by_the_user_wins():
    targets = {0: "background", 4: "sky", 9: "stuff"}
    assert [ClassTable.from_targets(targets, unlabelled=name).unlabelled for name in (9, "stuff", "4")] == [2, 2, 1]
    with pytest.raises(LabelQualityError, match="Expected unlabelled='stuff' to be a class that is not ignored"):
        ClassTable.from_targets(targets, ignored=["stuff"], unlabelled="stuff")


def test_an_ignored_background_is_not_the_unlabelled_class():
    assert ClassTable.from_targets({0: "background", 1: "car"}, ignored=[0]).unlabelled is None


def test_with_background_adds_the_0_that_targets_leave_out():
    table = ClassTable.from_targets({1: "car", 2: "sky"}).with_background()
    assert (table.ids, table.names, table.unlabelled) == ((0, 1, 2), ("background", "car", "sky"), 0)
    assert table.with_background() is table
    kept = ClassTable.from_targets({1: "void", 2: "background"}).with_background()
    assert (kept.names, kept.unlabelled) == (("background (0)", "void", "background"), 2)
    rgb = ClassTable.from_targets({"#0000ff": "car"}).with_background()
    assert rgb.mask_targets() == {"#000000": "background", "#0000ff": "car"}
    ignoring = ClassTable.from_targets({1: "car"}, ignored=[0])
    assert ignoring.with_background() is ignoring


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({}, "no class that is not ignored"),
        ({"sky": "0"}, "an integer or a colour '#rrggbb', but got 'sky'"),
        ({0: "a", "#ff0000": "b"}, "but got both"),
        ({-1: "a"}, r"in 0\.\.65535, but got -1"),
        ({70000: "a"}, r"in 0\.\.65535, but got 70000"),
        ({"1": "a", 1: "b"}, "each mask value once, but '1' for 'a' and 1 for 'b' are the same"),
    ],
)
def test_targets_that_are_no_table(targets, message):
    with pytest.raises(LabelQualityError, match=message):
        ClassTable.from_targets(targets)


def test_misspelt_name_gets_a_suggestion():
    with pytest.raises(
        LabelQualityError, match=r"No class is called 'raod'; the classes are sky, road\. Did you mean 'ro"
    ):
        ClassTable.from_targets({0: "sky", 1: "road"}, ignored=["raod"])


def test_table_survives_json():
    for table in (GAPS, COLORS):
        assert ClassTable.from_dict(json.loads(json.dumps(table.to_dict()))) == table


def test_index_of_a_class():
    assert [GAPS.index(reference) for reference in (300, "car", "CAR", "300")] == [2] * 4
    assert COLORS.index("#FF0000") == COLORS.index("car") == 2


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.int64, np.float32])
def test_encode_integers_with_gaps(dtype):
    mask = np.array([[3, 7], [300, 255]], dtype)
    labels = encode(mask, GAPS)
    assert labels.dtype == np.int16
    assert labels.tolist() == [[0, 1], [2, -1]]
    assert encode(mask[..., None], GAPS).tolist() == labels.tolist()


def test_encode_negative_and_huge_values():
    table = ClassTable.from_targets({0: "a", 1: "b"}, ignored=[-1])
    assert encode(np.array([[0, -1, 1]]), table).tolist() == [[0, -1, 1]]
    assert encode(np.array([[0, 10**6, 1]]), table, unknown="ignore").tolist() == [[0, -1, 1]]


def test_encode_rgb_and_drops_alpha():
    rgb = np.array([[[255, 0, 0], [0, 255, 127]], [[0, 0, 0], [255, 255, 255]]], np.uint8)
    rgba = np.dstack([rgb, np.full((2, 2), 9, np.uint8)])
    assert encode(rgb, COLORS).tolist() == encode(rgba, COLORS).tolist() == [[2, 1], [0, -1]]


def test_encode_gray_stored_as_rgb_and_booleans():
    table = ClassTable.from_targets({0: "a", 1: "b"})
    mask = np.array([[0, 1], [1, 0]], np.uint8)
    assert encode(np.dstack([mask] * 3), table).tolist() == mask.tolist()
    assert encode(mask.astype(bool), table).tolist() == mask.tolist()
    assert encode(np.zeros((2, 2), np.uint8), COLORS).tolist() == [[0, 0], [0, 0]]


def test_unknown_values_are_listed_with_their_pixels():
    mask = np.array([[3, 8, 8], [9, 255, 7]], np.uint8)
    with pytest.raises(MaskValueError) as caught:
        encode(mask, GAPS)
    assert caught.value.counts == {8: 2, 9: 1}
    message = str(caught.value)
    assert "not in the class table: 8 (2 pixels), 9 (1 pixel)." in message
    assert "ignored=" in message
    assert "unknown='ignore'" in message
    assert encode(mask, GAPS, unknown="ignore").tolist() == [[0, -1, -1], [-1, -1, 1]]


def test_unknown_colours_are_listed_and_long_lists_cut():
    with pytest.raises(MaskValueError, match=r"#010203 \(4 pixels\)\. Add"):
        encode(np.full((2, 2, 3), (1, 2, 3), np.uint8), COLORS)
    with pytest.raises(MaskValueError, match="and 2 more"):
        encode(np.arange(100, 112).reshape(3, 4), GAPS)


@pytest.mark.parametrize(
    ("mask", "table", "message"),
    [
        (np.zeros((2, 2, 2), np.uint8), GAPS, r"got \(2, 2, 2\)"),
        (np.zeros(4, np.uint8), GAPS, r"got \(4,\)"),
        (np.full((2, 2), 0.5), GAPS, "whole numbers, but got float64"),
        (np.full((2, 2), np.nan), GAPS, "whole numbers"),
        (np.full((1, 1, 3), (1, 2, 3), np.uint8), GAPS, "one-channel mask.*'#rrggbb'.*palette PNG"),
        (np.full((2, 2), 256, np.uint16), COLORS, r"channels in 0\.\.255.*256\.\.256"),
    ],
)
def test_arrays_that_are_no_masks(mask, table, message):
    with pytest.raises(LabelQualityError, match=message):
        encode(mask, table)


def test_encode_checks_its_parameter():
    with pytest.raises(LabelQualityError, match="`unknown` to be 'error' or 'ignore', but got 'skip'"):
        encode(np.zeros((1, 1), np.uint8), GAPS, unknown="skip")


def test_predicted_mask_types():
    prediction = np.array([[0, 1], [1, 0]], np.int16)
    assert predicted_mask(prediction, GAPS).dtype == np.uint16
    small = predicted_mask(prediction, ClassTable.from_targets({2: "a", 5: "b"}))
    assert (small.dtype, small.tolist()) == (np.uint8, [[2, 5], [5, 2]])
    assert predicted_mask(np.array([[2]]), COLORS).tolist() == [[[255, 0, 0]]]


@given(ids=st.sets(st.integers(0, 65535), min_size=1, max_size=30), seed=st.integers(0, 999))
def test_encoding_a_predicted_mask_gives_the_prediction(ids, seed):
    table = ClassTable.from_targets({value: f"class {value}" for value in ids})
    prediction = np.random.default_rng(seed).integers(0, len(ids), (5, 7)).astype(np.int16)
    assert (encode(predicted_mask(prediction, table), table) == prediction).all()


@given(ids=st.sets(st.integers(0, 0xFFFFFF), min_size=1, max_size=30), seed=st.integers(0, 999))
def test_encoding_a_predicted_rgb_mask_gives_the_prediction(ids, seed):
    table = ClassTable.from_targets({f"#{value:06X}": str(value) for value in ids})
    prediction = np.random.default_rng(seed).integers(0, len(ids), (5, 7)).astype(np.int16)
    assert (encode(predicted_mask(prediction, table), table) == prediction).all()


def test_values_seen_make_a_table():
    assert values_seen(np.array([[0, 4], [4, 260]], np.uint16)) == {0, 4, 260}
    assert values_seen(np.dstack([np.array([[0, 4]], np.uint8)] * 3)) == {0, 4}
    assert values_seen(np.array([[[255, 0, 1], [0, 0, 0]]], np.uint8)) == {"#ff0001", "#000000"}
    table = ClassTable.from_values({4, 0, 255}, ignored=[255])
    assert (table.names, table.unlabelled, table.source) == (("background", "4"), 0, "values seen")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({0, 255}, ("background", "object")),
        ({0, 1}, ("background", "object")),
        ({0, 2}, ("background", "2")),
        ({1, 255}, ("1", "255")),
        ({0, 1, 255}, ("background", "1", "255")),
        ({"#000000", "#ffffff"}, ("background", "#ffffff")),
    ],
)
def test_the_classes_of_binary_masks_have_names(values, names):
    table = ClassTable.from_values(values)
    assert table.names == names
    assert table.unlabelled == (0 if "background" in names else None)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.json", '{"0": "sky", "7": "road"}', {0: "sky", 7: "road"}),
        ("a.json", '["sky", "road"]', {0: "sky", 1: "road"}),
        ("a.json", '{"#FF0000": "car"}', {"#ff0000": "car"}),
        ("a.json", '{"sky": 0, "road": 7}', {0: "sky", 7: "road"}),
        ("a.json", '[{"id": 0, "name": "sky", "color": [1, 2, 3]}, {"id": 7, "name": "road"}]', {0: "sky", 7: "road"}),
        ("a.json", '{"images": [], "categories": [{"id": 1, "name": "cell"}]}', {1: "cell"}),
        ("a.csv", "id,name\n0,sky\n\n7, traffic sign\n", {0: "sky", 7: "traffic sign"}),
        ("a.txt", "sky\ntraffic sign\n# a comment\nroad", {0: "sky", 1: "traffic sign", 2: "road"}),
        ("a.txt", "#FF0000,car\n#00ff00 tree", {"#ff0000": "car", "#00ff00": "tree"}),
        ("a.txt", "64 128 64\tAnimal\n192 0 128\t\tArchway", {"#408040": "Animal", "#c00080": "Archway"}),
        ("a.csv", "name,r,g,b\nAnimal,64,128,64", {"#408040": "Animal"}),
        ("a.csv", '\ufeff0;"sky"\n1;road', {0: "sky", 1: "road"}),
    ],
)
def test_class_files(tmp_path: Path, name, text, expected):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert load_classes(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '{"0": }', "no valid JSON: line 1"),
        ("a.json", '{"0": 5}', "mask values and names, nothing else"),
        ("a.json", '{"sky": true}', "mask values and names, nothing else"),
        (
            "a.json",
            '[{"name": "sky"}]',
            r'or a list of \{"id": 0, "name": "sky"\}: mask values and names, nothing else',
        ),
        ("a.json", '{"sky": 3, "road": 3}', "each mask value once, but 3 for 'sky' and 3 for 'road' are the same"),
        ("a.json", '{"sky": "0"}', "mask values such as 7 or '#ff0000', but got 'sky'"),
        ("a.txt", "\n", "names no class"),
        ("a.csv", "0,sky\nroad", "Line 2 .*: expected 'id,name' as on the lines before, but got 'road'"),
        ("a.csv", "0,sky\n0,road", "Line 2 .*: 0 is already the class 'sky'"),
        ("a.csv", "0,sky\n\n7", "Line 3 .*: expected 'id,name'"),
        ("a.csv", "sky,road", "Line 1 .*but got 'sky,road'"),
        ("a.txt", "300 0 0 car", r"Line 1 .*channels in 0\.\.255, but got 300 0 0"),
    ],
)
def test_class_files_with_mistakes(tmp_path: Path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(LabelQualityError, match=message):
        load_classes(tmp_path / name)


def test_missing_class_file(tmp_path: Path):
    with pytest.raises(LabelQualityError, match=r"Cannot read the class file .*none\.csv.*No such file"):
        load_classes(tmp_path / "none.csv")


def test_more_values_than_there_can_be_classes_are_refused():
    """Indices are of 16 bits: of a depth map in place of masks, classes would have negative ones."""
    with pytest.raises(
        LabelQualityError, match=r"at most 32,000 classes, but there are 40,000\. Where these are depths"
    ):
        ClassTable.from_values(range(40_000))
    table = ClassTable.from_values(range(32_000))
    assert encode(np.array([[0, 31_999]], np.uint16), table).tolist() == [[0, 31_999]]
