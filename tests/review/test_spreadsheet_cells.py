"""Texts that a spreadsheet would take for formulas, and that they come back as they were."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from label_quality.plugin.review.spreadsheet_cells import as_cell, from_cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+1", "'+1+1"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(1+1)*cmd", "'@SUM(1+1)*cmd"),
        ("\t=1+1", "'\t'=1+1"),
        ("\r1", "'\r1"),
        (" \u00a0=1+1", "' \u00a0=1+1"),
        ('"=1+1', "'\"=1+1"),
        ("'=1+1", "''=1+1"),
        ("\ufeff=1+1", "'\ufeff=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("car;=1+1", "car;'=1+1"),
        ("car\n=1+1", "car\n'=1+1"),
        ("/data/a\t@x.png", "/data/a\t'@x.png"),
    ],
)
def test_formulas_are_marked(text: str, cell: str) -> None:
    assert as_cell(text) == cell
    assert from_cell(cell) == text


@pytest.mark.parametrize(
    "text",
    ["", "car", "-0.5", "+3", "1e-9", "-.5", "a=b", "traffic-light", "/data/=x/-1.png", "C:\\data\\@1.png", "'n' Roll"],
)
def test_numbers_paths_and_names_stay(text: str) -> None:
    assert as_cell(text) == text
    assert from_cell(text) == text


def test_every_text_comes_back_and_no_cell_begins_a_formula() -> None:
    for length in range(6):
        for letters in itertools.product("='\";\t\n -a1", repeat=length):
            text = "".join(letters)
            cell = as_cell(text)
            assert from_cell(cell) == text
            assert cell.lstrip()[:1] != "=" and cell[:1] not in ("\t", "\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_spreadsheet_sees_a_formula_whatever_it_splits_at(delimiter: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerow([1, as_cell('/data/a;=1+1,\t=2+2,"\n=3+3'), -0.5])
    cells = [cell for row in csv.reader(text.getvalue().splitlines(), delimiter=delimiter) for cell in row]
    assert not [cell for cell in cells if cell.lstrip(" \"'").startswith("=") and not cell.startswith("'")]
