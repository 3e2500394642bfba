"""Arrays in ``.npy`` and ``.npz`` files of anyone's: what a file says it holds, before any of it is loaded.

A few bytes can declare, and a few megabytes can inflate to, more than any memory holds. So the header is read and
checked first; the values are read once somebody has said that their shape is the expected one. Nothing is unpickled.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.lib import format as npy

from ..base.foreign_files import UnreadableFileError, file_size, path_problem

#: What such a file is called in errors
WHAT = "prediction"
#: What `numpy.lib.format` takes for a header at most, beyond its magic bytes and lengths
_LONGEST_HEADER = 10_000
_HEADER_READ = 12 + _LONGEST_HEADER
_CHUNK = 1 << 20
#: The methods of numpy.savez and numpy.savez_compressed: of others, zipfile inflates more than it is asked for
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class DamagedArrayError(ValueError):
    """The file is no whole ``.npy`` or ``.npz`` file; the message says in brackets what is wrong."""

    def __init__(self, reason: object) -> None:
        super().__init__(
            f"Expected a whole .npy or .npz file, but it cannot be read ({reason}). It is truncated, damaged, of "
            "another format or holds Python objects; save the plain array again with numpy.save."
        )


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, of which only the header has been read.

    Args:
        path: the file
        member: the archive's member, or None in an ``.npy`` file
        shape: as declared
        dtype: as declared; never of Python objects
        fortran_order: whether the first axis varies fastest
        offset: bytes before the values
    """

    path: str
    member: zipfile.ZipInfo | None
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool
    offset: int

    @property
    def nbytes(self) -> int:
        """Size of the values in bytes, as declared."""
        return math.prod(self.shape) * self.dtype.itemsize

    def load(self) -> np.ndarray:
        """The array; takes as much memory as `nbytes`.

        Raises:
            DamagedArrayError: the file does not hold what its header declares
            UnreadableFileError: it cannot be opened, or there is not enough memory
        """
        with _opened(self.path) as file:
            try:
                values = np.empty(self.shape, self.dtype, order="F" if self.fortran_order else "C")
            except MemoryError as error:
                raise UnreadableFileError(
                    f"The array of shape {self.shape} takes {self.nbytes / 2**30:.3g} GiB, which is more memory than "
                    "there is. Save it in float16 or uint8, or at a fraction of the mask's size."
                ) from error
            raw = values.reshape(-1, order="A").view(np.uint8).data
            if self.member is None:
                file.seek(self.offset)
                self._fill(raw, file)
            else:
                with zipfile.ZipFile(file) as archive, archive.open(self.member) as member:
                    member.read(self.offset)
                    self._fill(raw, cast(zipfile.ZipExtFile, member))
                    # The checksum is compared at the end of the member
                    member.read(1)
            return values

    def _fill(self, raw: memoryview, source: io.BufferedIOBase) -> None:
        done = 0
        while done < len(raw):
            count = source.readinto(raw[done : done + _CHUNK])
            if not count:
                raise DamagedArrayError(f"its header declares {len(raw)} bytes of values, but it has {done}")
            done += count


def stored_array(path: str, choose: Callable[[list[str]], str]) -> tuple[StoredArray, str]:
    """The array of a file as its header declares it, and its name.

    Args:
        path: an ``.npy`` or ``.npz`` file
        choose: picks one of the names of the arrays in an ``.npz`` file

    Returns:
        the array, which fits into the file, and its name, "" in an ``.npy`` file

    Raises:
        FileNotFoundError: there is no such file
        UnreadableFileError: it cannot be opened
        DamagedArrayError: it is of another format, cut off, or holds Python objects
    """
    size = file_size(path, WHAT)
    with _opened(path) as file:
        start = file.read(_HEADER_READ)
        if not start.startswith(b"PK"):
            if not start.startswith(npy.MAGIC_PREFIX):
                raise DamagedArrayError(f"it starts with {start[:8]!r}" if start else "it is empty")
            return _declared(path, None, start, size), ""
        with zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    name = choose(list(members))
    with _opened(path) as file, zipfile.ZipFile(file) as archive:
        return _member(path, archive, members[name]), name


def _member(path: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> StoredArray:
    if info.compress_type not in _METHODS:
        raise DamagedArrayError(f"{info.filename!r} is not compressed as numpy.savez_compressed does it")
    with archive.open(info) as member:
        start = member.read(_HEADER_READ)
    if not start.startswith(npy.MAGIC_PREFIX):
        raise DamagedArrayError(f"{info.filename!r} in it is no array")
    return _declared(path, info, start, info.file_size)


def _declared(path: str, member: zipfile.ZipInfo | None, start: bytes, size: int) -> StoredArray:
    """What the header at the beginning of a file or member of so many bytes declares."""
    source = io.BytesIO(start)
    version = npy.read_magic(source)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise DamagedArrayError(f"it is of version {version[0]}.{version[1]} of the .npy format, which is not known")
    # Version 3.0 is 2.0 but for the names of structured types, which no prediction has
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read(source, max_header_size=_LONGEST_HEADER)
    if dtype.hasobject:
        raise DamagedArrayError("Object arrays cannot be loaded when allow_pickle=False")
    if any(side < 0 for side in shape):
        raise DamagedArrayError(f"its header declares the shape {shape}")
    found = StoredArray(path, member, tuple(map(int, shape)), dtype, bool(fortran_order), source.tell())
    if size - found.offset < found.nbytes:
        raise DamagedArrayError(
            f"its header declares {found.nbytes} bytes of values, but it has {max(size - found.offset, 0)}"
        )
    return found


@contextmanager
def _opened(path: str) -> Iterator[io.BufferedReader]:
    """The file, with whatever goes wrong in reading it as one of this module's errors."""
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise UnreadableFileError(path_problem(error, WHAT)) from error
    with file:
        try:
            yield file
        except (UnreadableFileError, DamagedArrayError):
            raise
        # zipfile, zlib and numpy raise whatever they like for broken files: BadZipFile, SyntaxError, RuntimeError …
        except Exception as error:
            raise DamagedArrayError(str(error) or type(error).__name__) from error
