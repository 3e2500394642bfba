"""One file, one value: JSON-like structures with arrays in them, checksummed, and replaced as a whole or not at all.

A container is::

    b"LQ01" | length of the rest: 8 bytes | CRC-32 of the rest: 4 bytes | head length: 4 bytes | head | arrays

Integers are little endian. The head is UTF-8 JSON ``{"value": ..., "arrays": [[dtype, shape], ...]}`` in which an array
is written as ``{"__array__": position}``; the arrays follow as raw little-endian bytes, C order, one after another, all
in one zstd frame. JSON's floats are written with as many digits as it takes to read the same bits back; NaN and
infinities are kept.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import re
import secrets
import shutil
import struct
import threading
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import zstandard

from ..base.errors import LabelQualityError, SampleError

MAGIC = b"LQ01"
TEMPORARY = ".tmp"
#: The name of a file while `write_bytes` writes it: with the name that it is to have, and the number of the process
TEMPORARY_NAME = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)-\d+\.tmp", re.DOTALL)
_PREFIX = struct.Struct("<4sQI")
_HEAD_LENGTH = struct.Struct("<I")
_ARRAY = "__array__"
#: Level 1 is within 3 % of level 3's size on these contents, at several times its speed
_LEVEL = 1
#: For what is soon removed: a tenth larger on pooled probabilities, and several times as fast to write and to read
_QUICK_LEVEL = -7
#: zstd's best: a block of 128 KiB of one byte takes 4 bytes
_MOST_INFLATED = 1 << 15
#: Not from 0: on a file system that several machines write to, processes may have the same number
_counter = itertools.count(secrets.randbits(40))
_zstd = threading.local()


def pack(value: Any, *, quick: bool = False) -> bytes:
    """A container's bytes.

    Args:
        value: dicts with string keys, lists, strings, numbers, booleans, None and numpy arrays and scalars, nested
        quick: compress less, in less time

    Returns:
        bytes that `unpack` turns into an equal value; tuples come back as lists, numpy scalars as Python's
    """
    arrays: list[np.ndarray] = []
    tree = _to_json(value, arrays)
    kinds = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = json.dumps({"value": tree, "arrays": kinds}, separators=(",", ":")).encode()
    body = _compressor(_QUICK_LEVEL if quick else _LEVEL).compress(b"".join(array.tobytes() for array in arrays))
    rest = b"".join((_HEAD_LENGTH.pack(len(head)), head, body))
    return _PREFIX.pack(MAGIC, len(rest), zlib.crc32(rest)) + rest


def unpack(data: bytes) -> Any:
    """The value of `pack`'s bytes.

    Returns:
        the value; its arrays are writable copies

    Raises:
        ValueError: the bytes are truncated, damaged or no container; the message says which
    """
    head, body = _checked(data)
    # Whole by its checksum, so what follows fails only where somebody else has written it
    try:
        kinds = [(np.dtype(dtype), tuple(map(int, shape))) for dtype, shape in head["arrays"]]
        return _from_json(head["value"], _arrays(kinds, body))
    except ValueError:
        raise
    except (LookupError, TypeError, ArithmeticError, RecursionError, MemoryError, zstandard.ZstdError) as error:
        raise ValueError(f"its content is not what this plugin writes: {error or type(error).__name__}") from error


def read_container(path: str | os.PathLike[str], sample_id: str | None = None) -> Any:
    """The value of a container file.

    Raises:
        SampleError: the file is missing, truncated or damaged; the message says to delete it and run again
    """
    try:
        return unpack(Path(path).read_bytes())
    except FileNotFoundError as error:
        problem = "Expected a file of this run, but it is missing; run again with overwrite=True to make it anew."
        raise SampleError(problem, sample_id=sample_id, path=str(path)) from error
    except OSError as error:
        problem = (
            f"Expected to be able to read a file of this run, but got '{error.strerror or error}'. Give this user the "
            "right to read it, or run again with overwrite=True to make it anew."
        )
        raise SampleError(problem, sample_id=sample_id, path=str(path)) from error
    except ValueError as error:
        problem = (
            f"Expected a whole file of this run, but it is damaged ({error}); delete it "
            "and run again, with overwrite=True if the run was finished."
        )
        raise SampleError(problem, sample_id=sample_id, path=str(path)) from error


def write_container(path: str | os.PathLike[str], value: Any, *, quick: bool = False) -> None:
    """Writes a value to a file, atomically as `write_bytes` does; ``quick`` for one that is soon removed."""
    write_bytes(path, pack(value, quick=quick))


def write_bytes(path: str | os.PathLike[str], data: bytes, *, durable: bool = False) -> None:
    """Writes a file that at any moment, also after a kill, is either whole or not there (or the old one).

    Args:
        path: the file; its folder is made if need be
        data: what it is to hold
        durable: wait until it is on the disk, for the few files that others are judged by

    Raises:
        LabelQualityError: the disk is full or the folder cannot be written to
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{next(_counter)}{TEMPORARY}")
    try:
        try:
            _write(temporary, data, durable)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(temporary, data, durable)
        os.replace(temporary, target)
    except OSError as error:
        _remove_quietly(temporary)
        raise writing_error(error, target.parent) from error


def remove_half_written(folder: Path, names: Collection[str]) -> None:
    """Removes what a process that was killed has left of files of these names; one that still runs is writing them."""
    for path in folder.iterdir():
        found = TEMPORARY_NAME.fullmatch(path.name)
        if found and found["name"] in names and not psutil.pid_exists(int(found["process"])):
            with contextlib.suppress(OSError):
                path.unlink()


def make_folder(path: Path) -> None:
    """Makes a folder and those above it; raises `LabelQualityError` where that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_error(error, path) from error


def writing_error(error: OSError, folder: Path) -> LabelQualityError:
    """What a user is told when a file of a run cannot be written to ``folder``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return LabelQualityError(
            f"The disk is full or a limit on file sizes is reached while writing to {folder} ({error.strerror}; "
            f"{_free(folder)} free). Everything finished so far is kept: free some space and run again with the same "
            "parameters to continue from there, or give another `output_dir`."
        )
    return LabelQualityError(
        f"Expected to be able to write to the output folder {folder}, but got '{error.strerror or error}'. Make it "
        "writable or give another `output_dir`; a run that was under way continues from where it was."
    )


def _write(path: Path, data: bytes, durable: bool) -> None:
    with open(path, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        if durable:
            os.fsync(file.fileno())


def _free(folder: Path) -> str:
    existing = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("."))
    return f"{shutil.disk_usage(existing).free / 2**20:.1f} MiB"


def _remove_quietly(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        return  # the first error is the one to report


def _compressor(level: int) -> zstandard.ZstdCompressor:
    # A compressor may not be shared between threads, and making one costs more than a small file's compression
    own: dict[int, zstandard.ZstdCompressor] = vars(_zstd).setdefault("compressors", {})
    if level not in own:
        own[level] = zstandard.ZstdCompressor(level=level)
    return own[level]


def _checked(data: bytes) -> tuple[dict[str, Any], memoryview]:
    if len(data) < _PREFIX.size:
        raise ValueError(f"truncated: {len(data)} bytes")
    magic, length, checksum = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise ValueError(f"it starts with {magic!r}, not {MAGIC!r}")
    rest = memoryview(data)[_PREFIX.size :]
    if len(rest) != length:
        raise ValueError(f"truncated: {len(data)} of {length + _PREFIX.size} bytes")
    if zlib.crc32(rest) != checksum:
        raise ValueError("its checksum does not match its content")
    if length < _HEAD_LENGTH.size:
        raise ValueError("it has no head")
    start = _HEAD_LENGTH.size + _HEAD_LENGTH.unpack_from(rest)[0]
    try:
        head = json.loads(bytes(rest[_HEAD_LENGTH.size : start]))
    except RecursionError as error:
        raise ValueError("its head is nested too deeply") from error
    if not isinstance(head, dict):
        raise ValueError("its head is no JSON object")
    return head, rest[start:]


def _arrays(kinds: Sequence[tuple[np.dtype, tuple[int, ...]]], body: memoryview) -> list[np.ndarray]:
    """Writable arrays of these types and shapes from the bytes after the head."""
    total = sum(math.prod(shape) * dtype.itemsize for dtype, shape in kinds)
    held = zstandard.frame_content_size(body)
    if held != total or total > _MOST_INFLATED * len(body) or any(side < 0 for _, shape in kinds for side in shape):
        raise ValueError(f"its head tells of {total} bytes of arrays, its {len(body)} bytes after that of {held}")
    raw = zstandard.ZstdDecompressor().decompress(body)
    arrays, start = [], 0
    for dtype, shape in kinds:
        count = math.prod(shape)
        array = np.frombuffer(raw, dtype, count, start).reshape(shape) if count else np.empty(shape, dtype)
        arrays.append(array.copy())
        start += array.nbytes
    return arrays


def _to_json(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"Cannot store an array of dtype {value.dtype}")
        little = value.dtype.newbyteorder("<")
        arrays.append(np.ascontiguousarray(value, dtype=little).reshape(value.shape))
        return {_ARRAY: len(arrays) - 1}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        odd = [key for key in value if not isinstance(key, str) or key == _ARRAY]
        if odd:
            raise TypeError(f"Expected string keys other than {_ARRAY!r}, but got {odd!r}")
        return {key: _to_json(item, arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item, arrays) for item in value]
    return value


def _from_json(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, dict):
        if _ARRAY in value:
            return arrays[value[_ARRAY]]
        return {key: _from_json(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_json(item, arrays) for item in value]
    return value
