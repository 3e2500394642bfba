import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.store.containers import pack, read_container, unpack, write_bytes, write_container

KEYS = st.text(max_size=8).filter(lambda key: key != "__array__")
ARRAYS = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.uint8, np.int16, np.int64, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8) | ARRAYS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def assert_same(found: object, expected: object) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        assert found.tobytes() == expected.tobytes()
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, float):
        assert found == expected or (math.isnan(found) and math.isnan(expected))
        assert math.copysign(1, found) == math.copysign(1, expected) or math.isnan(expected)
    else:
        assert found == expected


@given(VALUES, st.booleans())
def test_a_value_comes_back_bit_for_bit(value: object, quick: bool) -> None:
    assert_same(unpack(pack(value, quick=quick)), value)


@given(VALUES, st.data())
def test_a_cut_or_a_changed_byte_never_goes_unnoticed(value: object, data: st.DataObject) -> None:
    packed = pack(value)
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(ValueError, match=r"truncated"):
        unpack(packed[:cut])
    changed = bytearray(packed)
    changed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match=r"truncated|starts with|checksum"):
        unpack(bytes(changed))


def test_arrays_that_are_not_contiguous_or_big_endian_keep_their_values() -> None:
    array = np.arange(24, dtype=">i4").reshape(2, 3, 4).transpose(2, 0, 1)[:, :, ::2]
    found = unpack(pack({"a": array}))["a"]
    np.testing.assert_array_equal(found, array)
    found[:] = 0


def test_numpy_scalars_become_python_numbers() -> None:
    assert unpack(pack([np.float32(0.1), np.int64(7), np.bool_(True), (1, 2)])) == [
        float(np.float32(0.1)),
        7,
        True,
        [1, 2],
    ]


@pytest.mark.parametrize("value", [{1: "a"}, {"__array__": 0}, np.array([object()]), {"a": object()}])
def test_what_would_not_come_back_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        pack(value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError) as caught:
        read_container(tmp_path / "a.lq", "s1")
    assert str(caught.value) == (
        f"sample s1 ({tmp_path / 'a.lq'}): Expected a file of this run, but it is missing; run again with "
        "overwrite=True to make it anew."
    )


def test_a_truncated_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.lq"
    write_container(path, {"values": np.arange(1000)})
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SampleError) as caught:
        read_container(path, "s1")
    assert str(caught.value) == (
        f"sample s1 ({path}): Expected a whole file of this run, but it is damaged (truncated: {size - 5} of {size} "
        "bytes); delete it and run again, with overwrite=True if the run was finished."
    )


def test_writing_replaces_whole_files_and_leaves_no_temporary_ones(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    write_bytes(path, b"old", durable=True)
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_folder_below_a_file_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabelQualityError) as caught:
        write_bytes(tmp_path / "file" / "folder" / "a.lq", b"x")
    assert str(caught.value) == (
        f"Expected to be able to write to the output folder {tmp_path / 'file' / 'folder'}, but got 'Not a directory'. "
        "Make it writable or give another `output_dir`; a run that was under way continues from where it was."
    )


def container(head: bytes, arrays: bytes = b"") -> bytes:
    """A container that is whole by its checksum, whatever is in it."""
    rest = struct.pack("<I", len(head)) + head + zstandard.ZstdCompressor().compress(arrays)
    return struct.pack("<4sQI", b"LQ01", len(rest), zlib.crc32(rest)) + rest


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (container(b'{"value": 1, "arrays": [["<f8", [1000000000000]]]}'), "its head tells of 8000000000000 bytes"),
        (container(b'{"value": 1, "arrays": [["<f8", [-1]]]}'), "its head tells of -8 bytes of arrays"),
        (container(b'{"value": 1, "arrays": [["<f8", [1]]]}', bytes(16)), "its head tells of 8 bytes of arrays, its"),
        (container(b'{"value": 1, "arrays": [["none", [1]]]}'), "its content is not what this plugin writes"),
        (container(b'{"value": {"__array__": 5}, "arrays": []}'), "its content is not what this plugin writes"),
        (container(b"{}"), "its content is not what this plugin writes: 'arrays'"),
        (container(b"[]"), "its head is no JSON object"),
        (container(b"[" * 100_000), "its head is nested too deeply"),
        (struct.pack("<4sQI", b"LQ01", 0, 0), "it has no head"),
    ],
)
def test_a_container_that_somebody_else_has_written(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "a.lq").write_bytes(content)
    with pytest.raises(SampleError, match=re.escape(f"it is damaged ({problem}")) as caught:
        read_container(tmp_path / "a.lq", "s1")
    assert (caught.value.sample_id, caught.value.path) == ("s1", str(tmp_path / "a.lq"))


def test_a_container_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="Expected to be able to read a file of this run, but got 'Is a directory'"):
        read_container(tmp_path)
