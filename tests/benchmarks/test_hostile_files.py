"""Files of all kinds, damaged at random and on purpose: only named errors, and memory that does not run away."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.hostile_files import EDITS, Kind, attack, attempt, changed, kinds

#: By name: to make the files takes seconds, and every process that may run these tests would
KINDS = (
    *("mask", "image", "npy", "npz", "container"),
    *("classes (JSON)", "classes (text)", "checkpoint", "safetensors"),
)
PIECES = st.one_of(
    st.binary(max_size=8), st.sampled_from([b"\0", b"\x7f", b"\x80", b"\xff"]).flatmap(lambda one: _repeated(one))
)
CHANGES = st.lists(st.tuples(st.sampled_from(EDITS), st.floats(0, 1), PIECES), max_size=4)


@cache
def made() -> dict[str, Kind]:
    return kinds()


def _repeated(one: bytes) -> st.SearchStrategy[bytes]:
    return st.integers(1, 16).map(lambda count: one * count)


@pytest.mark.parametrize("name", KINDS)
def test_whole_files_are_read_and_those_made_to_be_large_are_refused(name: str, tmp_path: Path) -> None:
    kind = made()[name]
    # What is loaded at the first use is not the file's
    attempt(kind, kind.whole[0], tmp_path)
    outcomes = [attempt(kind, content, tmp_path) for content in kind.whole]
    assert outcomes[0][0]
    assert all(peak is None or peak < kind.bound_mib for _, peak in outcomes)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 20), changes=CHANGES, mend=st.booleans())
def test_damaged_files_are_refused_by_name(
    name: str, tmp_path: Path, number: int, changes: list[tuple[str, float, bytes]], mend: bool
) -> None:
    kind = made()[name]
    content = changed(kind.whole[number % len(kind.whole)], changes)
    _, peak = attempt(kind, kind.mended(content) if mend else content, tmp_path)
    assert peak is None or peak < kind.bound_mib


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_random_bytes_are_refused_by_name(name: str, tmp_path: Path, content: bytes) -> None:
    attempt(made()[name], content, tmp_path)


def test_the_same_changes_in_numbers() -> None:
    rows = attack(count=20, seed=1)
    assert [row.kind for row in rows] == list(KINDS)
    for row in rows:
        assert (row.files, row.raw, row.over) == (20, (), 0), row
        assert row.read + row.refused == 20
