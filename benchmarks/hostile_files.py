"""Damaged and hostile files for every reader of files that others made: only named errors, in bounded memory.

Each kind of file starts from whole ones, and from some that were made to be large once read. They are cut, spliced,
overwritten and doubled at random; where a checksum would give that away, it is mended::

    python -m benchmarks hostile-files --files 1000

The command ends with status 1 where a file led to another error, or took more memory than its kind may.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import struct
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .processes import print_table

SIZE = (12, 16)
CLASSES = 4
#: What reading a file of a few kilobytes may take beyond what the process has; of an image, whose pixels nothing else
#: foretells, what Pillow's own limit of 179 million pixels lets through
BOUND_MIB, IMAGE_BOUND_MIB = 24, 1536
#: A change: what is done, where (a share of the file), and with which bytes
Edit = tuple[str, float, bytes]
EDITS = ("cut", "overwrite", "insert", "remove", "double", "zero")


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Args:
        suffix: of its name
        whole: contents that can be read, and contents that only look so
        read: reads a path; what it returns does not matter
        mended: puts checksums right after a change
        bound_mib: of memory, see `BOUND_MIB`
    """

    suffix: str
    whole: tuple[bytes, ...]
    read: Callable[[Path], Any]
    mended: Callable[[bytes], bytes] = bytes
    bound_mib: int = BOUND_MIB


@dataclass(frozen=True)
class Row:
    """What became of the files of one kind.

    Args:
        kind: its name
        files: number of files
        read: that were valid after all
        refused: by a named error
        raw: any other error, the first few as text
        peak_mib: the most memory that one took, None where the system does not tell
        over: files that took more than the kind's bound
        slowest: seconds of the slowest
    """

    kind: str
    files: int
    read: int
    refused: int
    raw: tuple[str, ...]
    peak_mib: float | None
    over: int
    slowest: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--files", type=int, default=1000, help="changed files of each kind (default 1000)")
    parser.add_argument("--seed", type=int, default=51, help="of the changes (default 51)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Reads changed files, prints a table, and says by ``exit_status`` whether all was well."""
    rows = attack(options.files, options.seed)
    header = ["kind", "files", "read", "refused by name", "other errors", "peak, MiB", "over the bound", "slowest, s"]
    print_table(header, [_cells(row) for row in rows])
    for row in rows:
        print("".join(f"\n{row.kind}: {error}" for error in row.raw), end="")
    wrong = any(row.raw or row.over for row in rows)
    return {"seed": options.seed, "kinds": [dataclasses.asdict(row) for row in rows], "exit_status": int(wrong)}


def attack(count: int = 1000, seed: int = 51) -> list[Row]:
    """Reads that many changed files of each kind.

    Args:
        count: files a kind
        seed: of the changes; the same files for the same seed

    Returns:
        a row a kind
    """
    with tempfile.TemporaryDirectory() as folder:
        return [_run(name, kind, Path(folder), count, seed) for name, kind in kinds().items()]


def _cells(row: Row) -> list[str]:
    peak = "–" if row.peak_mib is None else f"{row.peak_mib:.0f}"
    others = row.files - row.read - row.refused
    return [row.kind, *map(str, (row.files, row.read, row.refused, others)), peak, str(row.over), f"{row.slowest:.2f}"]


def attempt(kind: Kind, content: bytes, folder: Path) -> tuple[bool, float | None]:
    """Reads one file.

    Args:
        kind: its kind
        content: its bytes
        folder: where it is put meanwhile

    Returns:
        whether it could be read, and the MiB of memory that took, None where the system does not tell

    Raises:
        Exception: anything but a `LabelQualityError`
    """
    from label_quality.plugin.base.errors import LabelQualityError

    path = folder / f"file{kind.suffix}"
    path.write_bytes(content)
    before = _start_peak()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(path)
        fine = True
    except LabelQualityError as error:
        if str(path) not in str(error):
            raise AssertionError(f"The error does not name the file: {error}") from error
        fine = False
    return fine, None if before is None else (_status("VmHWM") - before) / 1024


def changed(content: bytes, edits: Sequence[Edit]) -> bytes:
    """The content after these changes, one after the other."""
    for what, share, piece in edits:
        place = int(share * len(content))
        end = place + len(piece)
        parts = {
            "cut": content[:place],
            "overwrite": content[:place] + piece + content[end:],
            "insert": content[:place] + piece + content[place:],
            "remove": content[:place] + content[end:],
            "double": content[:place] + content[place:end] * 2 + content[end:],
            "zero": content[:place] + bytes(len(piece)) + content[end:],
        }
        content = parts[what]
    return content


def kinds() -> dict[str, Kind]:
    """Every kind of file that the plugin reads and may not have written itself, by name."""
    from label_quality.plugin.base.errors import SampleError
    from label_quality.plugin.labels.class_files import load_classes
    from label_quality.plugin.labels.images import image_size, read_image, read_mask
    from label_quality.plugin.models.checkpoints import read_weights
    from label_quality.plugin.predictions.config import FilesSource
    from label_quality.plugin.predictions.files import channels_of, read_prediction
    from label_quality.plugin.store.containers import read_container

    def check_size(size: tuple[int, int]) -> None:
        if size != SIZE:
            raise SampleError(f"{size}", path=str(path_of_mask[0]))

    path_of_mask: list[Path] = [Path()]

    def mask(path: Path) -> None:
        path_of_mask[0] = path
        read_mask(path, "1", check_size)

    def image(path: Path) -> None:
        image_size(path, "1")
        read_image(path, "1")

    def array(path: Path) -> None:
        channels_of(str(path), "1")
        read_prediction(str(path), CLASSES, SIZE, FilesSource(field="p"), None, "1")

    weights = lambda path: read_weights(path, trust=False)  # noqa: E731
    pixels = {"bound_mib": IMAGE_BOUND_MIB}
    return {
        "mask": Kind(".png", (*_pictures(("PNG", "TIFF", "BMP", "GIF")), _png(13000, 13000)), mask, _mended_png),
        "image": Kind(".jpg", (*_pictures(("JPEG", "PNG", "TIFF", "WEBP")), _png(60000, 60000)), image, **pixels),
        "npy": Kind(".npy", _arrays(np.save), array),
        "npz": Kind(".npz", (*_arrays(np.savez), *_arrays(np.savez_compressed), _zip_bomb()), array, _mended_zip),
        "container": Kind(".lq", _containers(), read_container, _mended_container),
        "classes (JSON)": Kind(".json", (b'{"0": "sky", "7": "road"}', b'["a", "b"]', b"[" * 5000), load_classes),
        "classes (text)": Kind(".csv", (b"id,name\n0,sky\n7,road\n", b"1 2 3 car\n", b"a,1,2,3\n"), load_classes),
        "checkpoint": Kind(".pt", tuple(_checkpoints()), weights, _mended_zip),
        "safetensors": Kind(".safetensors", (_safetensors(),), weights),
    }


def _run(name: str, kind: Kind, folder: Path, count: int, seed: int) -> Row:
    # Imports and first uses take memory of their own
    for content in kind.whole:
        attempt(kind, content, folder)
    rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
    read, raw, peaks, slowest = 0, [], [0.0], 0.0
    for number in range(count):
        content = changed(kind.whole[int(rng.integers(len(kind.whole)))], _edits(rng))
        if number % 2:
            content = kind.mended(content)
        begun = time.perf_counter()
        try:
            fine, peak = attempt(kind, content, folder)
        except Exception as error:
            raw.append(f"{type(error).__name__}: {error}"[:200])
            continue
        finally:
            slowest = max(slowest, time.perf_counter() - begun)
        read += fine
        peaks.append(peak if peak is not None else np.nan)
    most = float(np.nanmax(peaks))
    told = None if np.isnan(peaks[1:]).all() else round(most, 1)
    over = sum(peak > kind.bound_mib for peak in peaks)
    return Row(name, count, read, count - read - len(raw), tuple(raw[:3]), told, over, round(slowest, 3))


def _edits(rng: np.random.Generator) -> list[Edit]:
    """One to four changes, of a few bytes mostly; now and then everything is random."""
    if rng.random() < 0.02:
        return [("cut", 0.0, b""), ("insert", 0.0, rng.bytes(int(rng.integers(300))))]
    sizes = rng.choice([1, 2, 4, 8, 64], int(rng.integers(1, 5)))
    # Headers are in front: half the changes are in the first tenth
    return [
        (
            EDITS[int(rng.integers(len(EDITS)))],
            float(rng.random() * (0.1 if rng.random() < 0.5 else 1)),
            _piece(rng, size),
        )
        for size in sizes.tolist()
    ]


def _piece(rng: np.random.Generator, size: int) -> bytes:
    """Random bytes, or the numbers that readers trip over."""
    return bytes([rng.choice([0x00, 0x7F, 0x80, 0xFF])]) * size if rng.random() < 0.5 else rng.bytes(size)


def _pictures(formats: Sequence[str]) -> list[bytes]:
    from PIL import Image

    found = []
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in formats:
        for values in (np.arange(SIZE[0] * SIZE[1], dtype=np.uint8).reshape(SIZE) % CLASSES,):
            file = io.BytesIO()
            Image.fromarray(values).save(file, format=name, **({"exif": exif} if name in ("JPEG", "WEBP") else {}))
            found.append(file.getvalue())
    return found


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(height: int, width: int) -> bytes:
    """A small file that declares a large gray image."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _mended_png(content: bytes) -> bytes:
    """A PNG's chunks with their checksums put right, as far as they can be followed."""
    parts, place = [content[:8]], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        if place + 12 + length > len(content):
            break
        parts.append(_chunk(content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return b"".join(parts) + content[place:]


def _arrays(save: Callable[..., None]) -> tuple[bytes, ...]:
    uniform = np.full((CLASSES, *SIZE), 1 / CLASSES)
    wide = np.zeros((CLASSES, *SIZE), np.float64)
    found = []
    for values in (uniform.astype("f4"), np.asfortranarray(uniform.astype("f2")), wide, np.array(["a"])):
        file = io.BytesIO()
        save(file, values)
        found.append(file.getvalue())
    return tuple(found)


def _zip_bomb() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, probabilities=np.zeros((CLASSES, 1500, 1500), np.float32))
    return file.getvalue()


def _mended_zip(content: bytes) -> bytes:
    """The members of an archive, as far as they can be read, packed again."""
    file = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as again:
            for info in archive.infolist():
                with archive.open(info) as member:
                    member._expected_crc = None  # type: ignore[attr-defined]
                    again.writestr(info.filename, member.read(1 << 20))
    except Exception:
        return content
    return file.getvalue()


def _containers() -> tuple[bytes, ...]:
    import zstandard
    from label_quality.plugin.store.containers import pack

    rest = b'{"value": {"__array__": 0}, "arrays": [["<f8", [1000000000]]]}'
    bomb = struct.pack("<I", len(rest)) + rest + zstandard.ZstdCompressor().compress(bytes(1 << 20))
    deep = b'{"value": ' + b"[" * 50_000
    return (
        pack({"a": [1, 2.5, None], "b": np.arange(12).reshape(3, 4), "c": np.zeros((2, 0))}),
        pack([np.ones(3, np.float16), {"meta": {"fold": 1}}]),
        _container(bomb),
        _container(struct.pack("<I", len(deep)) + deep),
        _container(struct.pack("<I", 2) + b"[]"),
    )


def _container(rest: bytes) -> bytes:
    return struct.pack("<4sQI", b"LQ01", len(rest), zlib.crc32(rest)) + rest


def _mended_container(content: bytes) -> bytes:
    """With the length and the checksum of what there is."""
    return _container(content[16:])


def _checkpoints() -> Iterator[bytes]:
    import torch

    state = {"encoder.weight": torch.arange(6.0).view(2, 3), "epoch": 3, "names": ["a", "b"]}
    for legacy in (False, True):
        file = io.BytesIO()
        torch.save(state, file, _use_new_zipfile_serialization=not legacy)
        yield file.getvalue()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("a/data/0", bytes(64 << 20))
    yield file.getvalue()


def _safetensors() -> bytes:
    head = json.dumps({"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    return struct.pack("<Q", len(head)) + head + bytes(16)


def _start_peak() -> int | None:
    """Resets the highest memory that the system has noted and returns the present one in KiB; None where it cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return None


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
