"""Paths and files that others made: looked at before they are opened, so that none blocks and no error is raw."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from .errors import LabelQualityError

#: Bytes of a name and of a path that Linux's and macOS's file systems take
_LONGEST_NAME, _LONGEST_PATH = 255, 4095
_SHOWN = 100


class UnreadableFileError(ValueError):
    """A path at which no file can be read; the message says why, and what to do."""


def file_size(path: str | Path, what: str) -> int:
    """The size of a regular file in bytes, from its directory entry alone.

    Args:
        path: the file
        what: is expected there, such as ``mask``; named in the error

    Raises:
        FileNotFoundError: there is nothing of that name
        UnreadableFileError: the path can be none, may not be followed, or leads to a folder, a device or a pipe (which
            would block for ever, or never end)
    """
    try:
        state = os.stat(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise UnreadableFileError(path_problem(error, what)) from error
    if stat.S_ISDIR(state.st_mode):
        raise UnreadableFileError(path_problem(IsADirectoryError(), what))
    if not stat.S_ISREG(state.st_mode):
        raise UnreadableFileError(
            f"Expected a file with the {what}, but this is a device, a pipe or a socket. Correct the path."
        )
    return state.st_size


def path_problem(error: OSError | ValueError, what: str) -> str:
    """What keeps a file from being opened, and what to do about it.

    Args:
        error: of `os.stat` or `open`
        what: the file holds, such as ``mask``
    """
    if isinstance(error, FileNotFoundError):
        return f"The {what} file does not exist. Restore it, or correct the path."
    if isinstance(error, IsADirectoryError):
        return f"Expected a file with the {what}, but this is a folder. Correct the path."
    if isinstance(error, PermissionError):
        return f"The {what} file may not be read. Give this user the right to read it."
    if isinstance(error, ValueError):
        return f"No {what} file can have this path, as it holds a NUL or a broken character. Correct the path."
    if error.errno == errno.ENAMETOOLONG:
        return (
            f"No {what} file can have this path: a name has at most {_LONGEST_NAME} bytes, a path "
            f"{_LONGEST_PATH}. Correct or shorten the path."
        )
    return f"The {what} file cannot be opened ({error.strerror or error}). Correct the path, or mend the disk."


def check_path(value: str | os.PathLike[str] | None, name: str) -> None:
    """Raises `LabelQualityError` where a parameter is no path that a file or folder can have; None is none.

    Args:
        value: the path, with ``~`` or without
        name: the parameter's, or what else it is called in the error
    """
    if value is None:
        return
    if not isinstance(value, str | os.PathLike):
        raise LabelQualityError(f"Expected parameter `{name}` to be a path, but got {value!r}.")
    path = os.fspath(value)
    wrong = None
    if "\0" in path or not _encodable(path):
        wrong = "it holds a NUL or a broken character"
    elif any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.split(os.sep)):
        wrong = f"a name has at most {_LONGEST_NAME} bytes"
    elif len(os.fsencode(os.path.expanduser(path))) > _LONGEST_PATH:
        wrong = f"a path has at most {_LONGEST_PATH} bytes"
    elif path.startswith("~") and os.path.expanduser(path) == path:
        wrong = "there is no such user"
    if wrong:
        raise LabelQualityError(f"No file or folder can have the path that `{name}` gives: {wrong}: {_shown(path)}.")


def _encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return repr(path if len(path) <= _SHOWN else f"{path[:_SHOWN]}…")
