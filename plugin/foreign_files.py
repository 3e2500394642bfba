"""Paths and files that others made: looked at before they are opened, so that none blocks, and no error is a raw one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


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
            f"No {what} file can have this path: a name has at most 255 bytes, a path 4095. Correct or shorten the "
            "path."
        )
    return f"The {what} file cannot be opened ({error.strerror or error}). Correct the path, or mend the disk."
