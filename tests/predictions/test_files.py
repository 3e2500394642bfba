import io
import os
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.base.errors import SampleError
from label_quality.plugin.base.types import Geometry, Prediction
from label_quality.plugin.labels.class_mapping import ClassMapping
from label_quality.plugin.pixels.resample import to_probabilities
from label_quality.plugin.predictions.config import FilesSource
from label_quality.plugin.predictions.files import channels_of, read_prediction

SIZE = (12, 16)
LOGITS = (np.random.default_rng(0).normal(size=(4, *SIZE)) * 4).astype(np.float32)
PROBABILITIES = to_probabilities(Prediction(LOGITS, "logits", Geometry(SIZE, SIZE)), SIZE)


def read(path: Path, content: str = "auto", mapping: ClassMapping | None = None, classes: int = 4) -> Prediction:
    config = FilesSource(field="prediction", content=content)
    return read_prediction(str(path), classes, SIZE, config, mapping, "s1")


def saved(folder: Path, array: Any) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


def problem(path: Path, content: str = "auto") -> str:
    """What is said of the file, after checking that the sample and the file are named."""
    with pytest.raises(SampleError) as caught:
        read(path, content)
    assert str(caught.value) == f"sample s1 ({path}): {caught.value.problem}"
    return caught.value.problem


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize(("kind", "values"), [("logits", LOGITS), ("probabilities", PROBABILITIES)])
def test_floats_are_read_and_told_apart_by_their_values(tmp_path: Path, dtype: Any, kind: str, values: Any) -> None:
    found = read(saved(tmp_path, values.astype(dtype)))
    assert (found.kind, found.geometry) == (kind, Geometry(SIZE, SIZE, False))
    assert found.values.dtype == (np.float16 if dtype is np.float16 else np.float32)
    np.testing.assert_array_equal(found.values, values.astype(dtype).astype(found.values.dtype))


def test_classes_on_the_last_axis_are_told_where_the_height_was_taken_for_channels(tmp_path: Path) -> None:
    mapping = ClassMapping((0, 1, 2, 3, *[-1] * 8), tuple(map(str, range(12))), ("a", "b", "c", "d"))
    path = saved(tmp_path, LOGITS.transpose(1, 2, 0))
    text = r"Expected shape \(4, 12, 16\), .* got \(12, 16, 4\): the classes seem to be the last axis; save array"
    with pytest.raises(SampleError, match=text):
        read(path, mapping=mapping)


@pytest.mark.parametrize("quantise", [np.round, np.floor])
def test_quantised_probabilities_are_read_as_they_are(tmp_path: Path, quantise: Any) -> None:
    values = quantise(PROBABILITIES * 255).astype(np.uint8)
    found = read(saved(tmp_path, values))
    assert found.kind == "probabilities"
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_allclose(to_probabilities(found, SIZE), PROBABILITIES, atol=0.02)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ("arrays", "kind"),
    [
        ({"anything": LOGITS}, "logits"),
        ({"image": LOGITS[:1], "probabilities": PROBABILITIES}, "probabilities"),
        ({"image": LOGITS[:1], "arr_0": PROBABILITIES}, "probabilities"),
        ({"logits": np.full((4, *SIZE), 0.25, np.float32)}, "logits"),
    ],
)
def test_an_npz_file_says_what_it_holds(tmp_path: Path, save: Any, arrays: dict[str, Any], kind: str) -> None:
    save(tmp_path / "a.npz", **arrays)
    assert read(tmp_path / "a.npz").kind == kind


def test_the_users_word_counts_more_than_the_values(tmp_path: Path) -> None:
    assert read(saved(tmp_path, PROBABILITIES), "logits").kind == "logits"


@pytest.mark.parametrize("grid", [(6, 8), (3, 4), (5, 7), (12, 16), (11, 15), (1, 1), (7, 8)])
def test_a_fraction_of_the_masks_size_is_accepted(tmp_path: Path, grid: tuple[int, int]) -> None:
    found = read(saved(tmp_path, LOGITS[:, : grid[0], : grid[1]]))
    assert found.geometry == Geometry(grid, grid)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 700), st.integers(1, 700), st.floats(0.01, 1), st.booleans(), st.booleans())
def test_every_rounding_of_a_fraction_is_accepted(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, scale: float, up: bool, right: bool
) -> None:
    def side(full: int, ceil: bool) -> int:
        return max(int(np.ceil(full * scale) if ceil else np.floor(full * scale)), 1)

    grid = (side(height, up), side(width, right))
    path = saved(tmp_path_factory.mktemp("fraction"), np.full((1, *grid), 1, np.uint8) * 255)
    found = read_prediction(str(path), 1, (height, width), FilesSource(field="p"), None, "s1")
    assert found.values.shape == (1, *grid)


def test_channels_are_mapped_to_classes(tmp_path: Path) -> None:
    mapping = ClassMapping((2, 0, -1, 2), ("a", "b", "c", "d"), ("x", "y", "z"))
    shares = PROBABILITIES[[1, 0, 3]].copy()
    shares[1], shares[2] = 0, PROBABILITIES[0] + PROBABILITIES[3]
    expected = shares / shares.sum(0)
    quantised = np.round(PROBABILITIES * 255).astype(np.uint8)
    for values, tolerance in ((LOGITS, 1e-5), (PROBABILITIES, 1e-5), (quantised, 0.2)):
        found = read(saved(tmp_path, values), mapping=mapping, classes=3)
        enough = PROBABILITIES[2] < 0.9
        np.testing.assert_allclose(to_probabilities(found, SIZE)[:, enough], expected[:, enough], atol=tolerance)


def test_channels_can_be_counted_first(tmp_path: Path) -> None:
    assert channels_of(str(saved(tmp_path, LOGITS)), "s1") == 4


def test_a_missing_file(tmp_path: Path) -> None:
    assert problem(tmp_path / "a.npy") == "Expected a prediction file, but it does not exist; correct the path."


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("kept", [0, 3, 60, 200, -40])
def test_a_truncated_file(tmp_path: Path, suffix: str, kept: int) -> None:
    path = tmp_path / f"a{suffix}"
    (np.save if suffix == ".npy" else np.savez_compressed)(path, PROBABILITIES)
    path.write_bytes(path.read_bytes()[:kept])
    text = problem(path)
    assert text.startswith("Expected a whole .npy or .npz file, but it cannot be read (")
    assert text.endswith(
        "). It is truncated, damaged, of another format or holds Python objects; save the plain array again with "
        "numpy.save."
    )


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, PROBABILITIES)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert problem(path).startswith("Expected a whole .npy or .npz file, but it cannot be read (")


def test_a_file_with_python_objects_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    assert "Object arrays cannot be loaded when allow_pickle=False" in problem(path)


def test_paths_that_lead_to_no_file(tmp_path: Path) -> None:
    assert problem(tmp_path) == "Expected a file with the prediction, but this is a folder. Correct the path."
    os.mkfifo(tmp_path / "pipe.npy")
    for special in (tmp_path / "pipe.npy", Path("/dev/zero")):
        assert problem(special) == (
            "Expected a file with the prediction, but this is a device, a pipe or a socket. Correct the path."
        )
    assert problem(tmp_path / f"{'a' * 256}.npy") == (
        "No prediction file can have this path: a name has at most 255 bytes, a path 4095. Correct or shorten the path."
    )
    assert problem(tmp_path / "a\0.npy") == (
        "No prediction file can have this path, as it holds a NUL or a broken character. Correct the path."
    )


def npy_header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": dtype, "fortran_order": False, "shape": shape})
    return content.getvalue()


def test_a_header_that_declares_more_than_the_file_holds(tmp_path: Path) -> None:
    huge = npy_header((4, 12, 16 * 10**10))
    (tmp_path / "a.npy").write_bytes(huge)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("probabilities.npy", huge)
    text = "cannot be read (its header declares 30720000000000 bytes of values, but it has 0)"
    for path in (tmp_path / "a.npy", tmp_path / "a.npz"):
        assert text in problem(path)
        with pytest.raises(SampleError, match=re.escape(text)):
            channels_of(str(path), "s1")


def test_what_inflates_to_more_than_the_mask_calls_for_is_never_inflated(tmp_path: Path) -> None:
    large = np.zeros((4, 1000, 1000), np.float32)
    np.savez_compressed(tmp_path / "shape.npz", large)
    with zipfile.ZipFile(tmp_path / "header.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        length = struct.pack("<I", large.nbytes)
        archive.writestr("a.npy", np.lib.format.magic(2, 0) + length + b" " * large.nbytes)
    with zipfile.ZipFile(tmp_path / "method.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", npy_header(large.shape) + bytes(large.nbytes))
    texts = {
        "shape": f"{EXPECTED}(4, 1000, 1000): height and width do not fit the mask.",
        "header": "Expected a whole .npy or .npz file, but it cannot be read (",
        "method": "cannot be read ('a.npy' is not compressed as numpy.savez_compressed does it)",
    }
    for name, text in texts.items():
        tracemalloc.start()
        assert text in problem(tmp_path / f"{name}.npz")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < large.nbytes / 20


def test_more_classes_than_masks_can_have(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"Expected at most 65536 classes, .* but got shape \(65537, 1, 1\)"):
        channels_of(str(saved(tmp_path, np.zeros((65537, 1, 1), np.uint8))), "s1")


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4"])
def test_fortran_order(tmp_path: Path, save: Any, dtype: str) -> None:
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.asfortranarray(LOGITS.astype(dtype)))
    expected = LOGITS.astype(dtype).astype(np.float16 if dtype == "f2" else np.float32)
    np.testing.assert_array_equal(read(path).values, expected)


def test_what_else_an_archive_holds_is_not_looked_at(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", logits=LOGITS, objects=np.array([{"a": 1}]))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("notes.txt", "made by hand")
    np.testing.assert_array_equal(read(tmp_path / "a.npz").values, LOGITS)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("logits", "made by hand")
    assert "cannot be read ('logits' in it is no array)" in problem(tmp_path / "b.npz")


def test_several_arrays_without_a_known_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=LOGITS, two=LOGITS)
    assert problem(tmp_path / "a.npz") == (
        "Expected one array, or one named 'probabilities', 'logits', 'arr_0', but the file has 'one', 'two'; rename it."
    )


EXPECTED = "Expected shape (4, 12, 16), or a fraction of that height and width, but got "


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (
            np.zeros(SIZE, np.uint8),
            "Expected an array (classes, height, width), but got shape (12, 16); a mask of class ids belongs in a "
            "segmentation field, whose name `field` can be.",
        ),
        (
            LOGITS[None],
            "Expected an array (classes, height, width), but got shape (1, 4, 12, 16); if the first axis is a batch of "
            "one, save array[0].",
        ),
        (LOGITS.astype(np.int64), "Expected an array of float16, float32, float64, uint8, but got int64."),
        (
            LOGITS[:3],
            f"{EXPECTED}(3, 12, 16): 3 classes instead of 4. Give a `class_map` from the file's channels to the "
            "dataset's classes, or correct the class table.",
        ),
        (
            LOGITS.transpose(1, 2, 0),
            f"{EXPECTED}(12, 16, 4): the classes seem to be the last axis; save array.transpose(2, 0, 1).",
        ),
        (
            LOGITS.transpose(0, 2, 1),
            f"{EXPECTED}(4, 16, 12): height and width do not fit the mask. Height and width seem to be swapped. Save "
            "the prediction of the whole image, without padding.",
        ),
        (
            LOGITS[:, :6, :12],
            f"{EXPECTED}(4, 6, 12): height and width do not fit the mask. Save the prediction of the whole image, "
            "without padding.",
        ),
        (
            np.repeat(LOGITS, 2, axis=1),
            f"{EXPECTED}(4, 24, 16): height and width do not fit the mask. Save the prediction of the whole image, "
            "without padding.",
        ),
    ],
)
def test_another_shape_or_type(tmp_path: Path, array: np.ndarray, text: str) -> None:
    assert problem(saved(tmp_path, array)) == text


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("values", [LOGITS, PROBABILITIES])
def test_nan_and_infinite_values(tmp_path: Path, dtype: Any, values: np.ndarray) -> None:
    bad = values.astype(dtype)
    bad[2, 3, 5], bad[3, 0, 0] = np.nan, np.inf
    assert problem(saved(tmp_path, bad)) == (
        "Expected finite values, but 2 of 768 are NaN or infinite, the first in class 2 at row 3, column 5; predict "
        "this image again."
    )


@pytest.mark.parametrize("content", ["auto", "probabilities"])
def test_probabilities_that_do_not_sum_to_one(tmp_path: Path, content: str) -> None:
    bad = PROBABILITIES.astype(np.float64)
    bad[:, 4, 7] *= 0.5
    assert problem(saved(tmp_path, bad), content) == (
        "Expected the classes' probabilities to sum to 1 within 0.01 at each pixel, but got sums from 0.5 to 1 (worst "
        "at row 4, column 7); if these are logits, say content='logits'."
    )


def test_quantised_probabilities_that_do_not_sum_to_one(tmp_path: Path) -> None:
    bad = np.zeros((4, *SIZE), np.uint8)
    bad[0], bad[0, 1, 2] = 255, 51
    assert problem(saved(tmp_path, bad)) == (
        "Expected the classes' probabilities to sum to 1 within 0.02 at each pixel, but got sums from 0.2 to 1 (worst "
        "at row 1, column 2)."
    )


@pytest.mark.parametrize("content", ["auto", "probabilities"])
@pytest.mark.parametrize("shift", [0.25, -0.25])
def test_negative_probabilities_and_those_above_one(tmp_path: Path, content: str, shift: float) -> None:
    bad = np.zeros((4, *SIZE), np.float32)
    bad[0], bad[1] = 1, 0
    bad[0, 2, 2] += shift
    bad[1, 2, 2] -= shift
    low, high = ("-0.25", "1.25") if shift > 0 else ("0", "1")
    if shift < 0:
        bad[2, 5, 5], bad[3, 5, 5], low = 0.5, -0.5, "-0.5"
    assert problem(saved(tmp_path, bad), content) == (
        f"Expected probabilities in [0, 1], but got values from {low} to {high}; if these are logits, say "
        "content='logits'."
    )


def test_logits_given_as_probabilities(tmp_path: Path) -> None:
    text = problem(saved(tmp_path, LOGITS), "probabilities")
    assert text.startswith("Expected probabilities in [0, 1], but got values from -1")


def test_quantised_logits(tmp_path: Path) -> None:
    assert problem(saved(tmp_path, LOGITS.astype(np.uint8)), "logits") == (
        "Expected float logits, but got uint8; only probabilities may be quantised to uint8."
    )


def test_numbers_beyond_single_precision(tmp_path: Path) -> None:
    bad = LOGITS.astype(np.float64)
    bad[0, 0, 0] = 1e300
    assert problem(saved(tmp_path, bad)).startswith("Expected finite values, but 1 of 768 are NaN or infinite")
