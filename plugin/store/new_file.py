"""Files and folders that a user names: whether they can be written, and files as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError
from ..base.foreign_files import check_path
from .containers import remove_half_written, write_bytes


def check_folder(path: str | os.PathLike[str], name: str) -> Path:
    """The absolute path of a folder that is there or can be made, if files can be written to it.

    Args:
        path: what was asked for; a leading ``~`` is the home folder
        name: of the parameter, as errors have it

    Raises:
        LabelQualityError: no path, a file, or a folder that cannot be written to
    """
    check_path(path, name)
    folder = Path(os.path.abspath(os.path.expanduser(path)))
    there, reason = _writable(folder)
    if not there.is_dir():
        raise LabelQualityError(f"Expected parameter `{name}` to be a folder, but {there} is a file.")
    if reason:
        raise LabelQualityError(
            f"Expected parameter `{name}` to be a folder that can be written to, but got {folder}: nothing can be "
            f"written to {there} ({reason})."
        )
    return folder


def check_new_file(path: Any, endings: Sequence[str], overwrite: bool = False, name: str = "path") -> Path:
    """The absolute path of a file, if it can be written there.

    Args:
        path: what was asked for; a leading ``~`` is the home folder
        endings: with one of which its name must end, in lower case, as ``.csv``; none where it may have any
        overwrite: replace the file if it is there
        name: of the parameter, as errors have it

    Raises:
        LabelQualityError: no path, another ending, a file that is there, or a folder that cannot be written to
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    target = Path(os.path.abspath(os.path.expanduser(text.strip())))
    if not text.strip() or (endings and target.suffix.lower() not in endings):
        wanted = f"end in {' or '.join(endings)}" if endings else "be a file"
        raise LabelQualityError(f"Expected parameter `{name}` to {wanted}, but got {path!r}.")
    if target.is_dir():
        raise LabelQualityError(f"Expected parameter `{name}` to be a file, but {target} is a folder.")
    if target.exists() and not overwrite:
        raise LabelQualityError(
            f"There is a file {target} already. Give another `{name}`, or replace it with overwrite=True."
        )
    if _writable(target.parent)[1]:
        raise LabelQualityError(
            f"Expected parameter `{name}` to be in a folder that can be written to, but got {target}."
        )
    return target


def write_new_file(target: Path, text: str, what: str) -> None:
    """Writes a text as UTF-8, as a whole or not at all; what an earlier call left of it that was killed is removed.

    Args:
        target: what `check_new_file` gave
        text: its content
        what: what the content is, as errors say

    Raises:
        LabelQualityError: it cannot be written
    """
    try:
        write_bytes(target, text.encode())
    except LabelQualityError as error:
        reason = getattr(error.__cause__, "strerror", None) or error.__cause__ or error
        raise LabelQualityError(f"The {what} cannot be written to {target}: {reason}. Give another `path`.") from error
    # Of a folder that cannot be listed it stays
    with contextlib.suppress(OSError):
        remove_half_written(target.parent, {target.name})


def _writable(folder: Path) -> tuple[Path, str]:
    """The folder, or else the nearest above it that is there, and why no file can be written to it; "" if one can.

    A file without a name is written: to root, permissions say nothing, and some file systems refuse what they allow.
    """
    there = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        return there, error.strerror or str(error)
    return there, ""
