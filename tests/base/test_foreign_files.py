"""Paths and files of others: named errors for those that cannot be read, whatever they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.base.foreign_files import file_size, path_problem
from label_quality.plugin.labels.class_files import load_classes
from label_quality.plugin.labels.images import image_size, is_jpeg, read_image, read_mask
from label_quality.plugin.models.config import ModelSource
from label_quality.plugin.runs.request import Request
from label_quality.plugin.samples.folders import pair_files
from label_quality.plugin.training.config import CrossValidation

PARAMETERS: dict[str, Callable[[str], Any]] = {
    "weights": lambda path: CrossValidation(weights=path),
    "model": lambda path: ModelSource(model=path),
    "output_dir": lambda path: Request(output_dir=path),
    "images": lambda path: pair_files(Path(path), Path("masks")),
    "masks": lambda path: pair_files(Path("images"), Path(path)),
}


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a\0b", "it holds a NUL or a broken character: 'a\\x00b'"),
        ("a\ud800b", "it holds a NUL or a broken character: 'a\\ud800b'"),
        (f"/tmp/{'ü' * 128}", f"a name has at most 255 bytes: '/tmp/{'ü' * 95}…'"),
        ("/tmp" + "/a" * 2100, f"a path has at most 4095 bytes: '/tmp{'/a' * 48}…'"),
        ("~nobody-is-called-so/a", "there is no such user: '~nobody-is-called-so/a'"),
    ],
)
def test_parameters_that_are_no_path(name: str, path: str, why: str) -> None:
    with pytest.raises(LabelQualityError) as error:
        PARAMETERS[name](path)
    assert str(error.value) == f"No file or folder can have the path that `{name}` gives: {why}."


def test_paths_that_files_can_have() -> None:
    for path in ("a", "ü" * 127, "~/models", "/a" * 2000, None):
        Request(output_dir=path)
    with pytest.raises(LabelQualityError, match="Expected parameter `output_dir` to be a path, but got 5"):
        Request(output_dir=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("reader", [read_image, read_mask, image_size])
def test_images_that_are_no_files(tmp_path: Path, reader: Callable[..., Any]) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path, problem in (
        (tmp_path / "pipe.png", "this is a device, a pipe or a socket. Correct the path."),
        (Path("/dev/zero"), "this is a device, a pipe or a socket. Correct the path."),
        (tmp_path / ("a" * 256), "a name has at most 255 bytes, a path 4095. Correct or shorten the path."),
        (tmp_path / "a\0.png", "file can have this path, as it holds a NUL or a broken character. Correct the path."),
    ):
        with pytest.raises(SampleError, match=re.escape(problem)) as error:
            reader(path, "7")
        assert str(error.value).startswith(f"sample 7 ({path}): ")
        assert not is_jpeg(path)


def test_class_files_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path, problem in (
        (tmp_path / "pipe.csv", "this is a device, a pipe or a socket"),
        (tmp_path, "this is a folder"),
        (tmp_path / "a\0.csv", "as it holds a NUL"),
        (tmp_path / ("a" * 256), "a name has at most 255 bytes"),
    ):
        with pytest.raises(LabelQualityError, match=rf"Cannot read the class file .*{problem}"):
            load_classes(path)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.json", '{"%s": "sky"}' % ("9" * 5000), "Expected the keys of the class file .* to be mask values"),
        ("a.json", "[" * 100_000, "is no JSON that can be read"),
        ("a.json", "[%s]" % ("9" * 5000), "is no JSON that can be read"),
        ("a.csv", f"0,sky\n1,a{' ' * 100_000}b,1,2", "Line 2 of the class file .* has 100008 characters"),
        ("a.csv", "x" * (8 << 20) + "x", "it has 8388609 bytes, and no list of classes has more than 8388608"),
    ],
)
def test_class_files_that_are_no_lists_of_classes(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(LabelQualityError, match=problem):
        load_classes(tmp_path / name)


def test_what_may_not_be_read_and_what_fails_otherwise(tmp_path: Path) -> None:
    assert path_problem(PermissionError(13, "Permission denied"), "mask") == (
        "The mask file may not be read. Give this user the right to read it."
    )
    assert path_problem(OSError(5, "Input/output error"), "mask") == (
        "The mask file cannot be opened (Input/output error). Correct the path, or mend the disk."
    )
    (tmp_path / "a").write_bytes(b"12345")
    assert file_size(tmp_path / "a", "mask") == 5
