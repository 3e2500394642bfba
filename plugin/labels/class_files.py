"""A user's file of classes (JSON, CSV or text) as mask targets."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError
from ..base.foreign_files import file_size
from .mask_values import Target, by_mask_value, parse_mask_value

#: More than 65,536 classes (the most that masks can have) with names of a hundred characters take
_LARGEST = 8 << 20
#: Longer than any name, and short enough for expressions that look at spaces several times
_LONGEST_LINE = 1000
_FORMATS = "'id,name', '#rrggbb,name', 'red green blue name', or a 'name' alone on every line"
_HEADERS = {"id", "value", "index", "label", "name", "class", "r", "g", "b", "color", "colour", "hex"}
_CHANNEL = r"(\d{1,3})"
_RGB_FIRST = re.compile(rf"{_CHANNEL}[\s,;]+{_CHANNEL}[\s,;]+{_CHANNEL}[\s,;]+(\S.*)")
_RGB_LAST = re.compile(rf"([^,;]+?)\s*[,;]\s*{_CHANNEL}\s*[,;]\s*{_CHANNEL}\s*[,;]\s*{_CHANNEL}")
_HEX = re.compile(r"(#[0-9a-fA-F]{6})\s*[\s,;:]\s*(\S.*)")
#: With more digits than any mask value has, and fewer than Python refuses to read
_NUMBER = re.compile(r"\d{1,18}")
_ID = re.compile(r"(\d+)\s*[\s,;:]\s*(\S.*)")


def load_classes(path: str | Path) -> dict[Target, str]:
    """Reads the classes of masks from a file.

    JSON holds an object ``{"0": "sky", "#ff0000": …}`` or ``{"sky": 0, …}``, a list ``["sky", …]`` (ids 0, 1, …), or a
    list of ``{"id": 0, "name": "sky"}``, which may be the ``categories`` of an object, as in COCO. Any other file is
    text, one class a line: ``id,name``, ``#rrggbb,name``, ``red green blue name``, ``name,red,green,blue``, or just
    ``name`` (ids 0, 1, …), the same on every line. Empty lines, a header line and comments (``# …``) are skipped.

    Args:
        path: the file

    Returns:
        mask value (an integer, or '#rrggbb' in lower case) to name, as `ClassTable.from_targets` takes it

    Raises:
        LabelQualityError: a missing, empty or malformed file, with the number of the line
    """
    try:
        size = file_size(path, "class")
        if size > _LARGEST:
            raise ValueError(f"it has {size} bytes, and no list of classes has more than {_LARGEST}")
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise LabelQualityError(
            f"Cannot read the class file {path}: {str(error).rstrip('.')}. Expected a JSON, CSV or text file."
        ) from None
    classes = _from_json(text, path) if Path(path).suffix.lower() == ".json" else _from_lines(text, path)
    if not classes:
        raise LabelQualityError(f"The class file {path} names no class. Expected JSON, or {_FORMATS}.")
    return classes


def parse_classes(text: str) -> dict[Target, str]:
    """Classes given as pairs, such as ``0: road, 1: car``, or as the path of a file, see `load_classes`.

    Raises:
        LabelQualityError: neither
    """
    path = Path(text).expanduser()
    if ":" not in text or os.path.isfile(path):
        return load_classes(path)
    pairs = ((key, str(name)) for key, name in parse_mapping("classes", text).items())
    return by_mask_value(pairs, "`classes`", parse_mask_value)


def parse_class_map(text: str) -> dict[str, str | int]:
    """A class map given as pairs, such as ``0: road, 1: car``, or as the path of a JSON file.

    Raises:
        LabelQualityError: neither, or a file that holds something else
    """
    path = Path(text).expanduser()
    if ":" in text and not os.path.isfile(path):
        return dict(parse_mapping("class_map", text))
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_distinct)
    except (OSError, ValueError, RecursionError) as error:
        raise LabelQualityError(f"Cannot read the class map {text}: {error}. Expected a JSON file.") from None
    values = content.values() if isinstance(content, dict) else [None]
    if not content or not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        raise LabelQualityError(
            f'Expected the class map {text} to hold {{"0": "road", "car": 7}}: the model\'s class name or output '
            "number to the dataset's class name or mask value."
        )
    return content


def parse_mapping(name: str, text: str) -> dict[str, str]:
    """Reads ``0: road, 1: car`` or a JSON object.

    Args:
        name: the parameter, for the error
        text: comma- or line-separated ``key: value`` pairs, or JSON

    Raises:
        LabelQualityError: a part without a colon, or text that is not JSON after all
    """
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text, object_pairs_hook=_distinct))
        except (ValueError, RecursionError) as error:
            raise LabelQualityError(f"Expected parameter `{name}` to be valid JSON, but {error}.") from None
    pairs = [part.partition(":") for part in text.replace("\n", ",").split(",") if part.strip()]
    wrong = [key for key, colon, value in pairs if not (colon and key.strip() and value.strip())]
    if wrong:
        raise LabelQualityError(
            f"Expected parameter `{name}` to be pairs such as '0: road, 1: car', but got {wrong[0].strip()!r}."
        )
    try:
        return _distinct([(key.strip(), value.strip()) for key, _, value in pairs])
    except ValueError as error:
        raise LabelQualityError(f"Expected parameter `{name}` to be pairs of different keys, but {error}.") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of pairs; raises `ValueError` where one would take the place of another."""
    found = dict(pairs)
    for key, value in pairs:
        # NaN, which JSON may hold, is not equal to itself
        if found[key] is not value and found[key] != value:
            raise ValueError(f"{key!r} is there twice: for {value!r} and for {found[key]!r}")
    return found


def _from_json(text: str, path: str | Path) -> dict[Target, str]:
    try:
        content = json.loads(text, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        raise LabelQualityError(f"The class file {path} is no valid JSON: line {error.lineno}: {error.msg}.") from None
    except (ValueError, RecursionError) as error:
        raise LabelQualityError(f"The class file {path} is no JSON that can be read: {error}.") from None
    pairs = _json_pairs(content)
    if pairs is None:
        raise LabelQualityError(
            f'Expected the class file {path} to hold {{"0": "sky", "1": "road"}}, ["sky", "road"] or a list of '
            '{"id": 0, "name": "sky"}: mask values and names, nothing else.'
        )
    return by_mask_value(pairs, f"the class file {path}", partial(_json_key, path))


def _json_pairs(content: Any) -> list[tuple[Any, str]] | None:
    """Mask values and names in what was JSON; None where it is no table of classes."""
    if isinstance(content, dict) and isinstance(content.get("categories"), list):
        content = content["categories"]
    if isinstance(content, list):
        objects = ((one.get("id"), one.get("name")) if isinstance(one, dict) else one for one in content)
        pairs = [one if isinstance(one, tuple) else (place, one) for place, one in enumerate(objects)]
    elif isinstance(content, dict):
        turned = ((key, value, isinstance(value, int) and not _NUMBER.fullmatch(key)) for key, value in content.items())
        pairs = [(value, key) if is_value else (key, value) for key, value, is_value in turned]
    else:
        return None
    fits = all(isinstance(name, str) and type(value) in (str, int) for value, name in pairs)
    return pairs if fits else None


def _json_key(path: str | Path, key: str | int) -> Target:
    if isinstance(key, int) or _NUMBER.fullmatch(key):
        return int(key)
    if re.fullmatch("#[0-9a-fA-F]{6}", key):
        return key.lower()
    raise LabelQualityError(
        f"Expected the keys of the class file {path} to be mask values such as 7 or '#ff0000', but got {key!r}."
    )


def _from_lines(text: str, path: str | Path) -> dict[Target, str]:
    classes: dict[Target, str] = {}
    first_kind = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if len(line) > _LONGEST_LINE:
            raise LabelQualityError(
                f"Line {number} of the class file {path} has {len(line)} characters. Expected {_FORMATS}."
            )
        if _is_skipped(line, first=not classes):
            continue
        where = f"Line {number} of the class file {path}"
        kind, key, name = _parse_line(line, len(classes), where)
        first_kind = first_kind or kind
        if kind != first_kind:
            raise LabelQualityError(f"{where}: expected {first_kind} as on the lines before, but got {line!r}.")
        if key in classes:
            raise LabelQualityError(f"{where}: {key} is already the class {classes[key]!r}; each value may come once.")
        classes[key] = name
    return classes


def _is_skipped(line: str, first: bool) -> bool:
    if not line or line.startswith("//") or (line.startswith("#") and not _HEX.fullmatch(line)):
        return True
    words = re.split(r"[\s,;]+", line.lower())
    return first and len(words) > 1 and set(words) <= _HEADERS


def _parse_line(line: str, position: int, where: str) -> tuple[str, Target, str]:
    """The kind of line (in words), the mask value and the name."""
    if match := _RGB_FIRST.fullmatch(line):
        return "'red green blue name'", _color(match.groups()[:3], where), _unquoted(match[4])
    if match := _RGB_LAST.fullmatch(line):
        return "'name,red,green,blue'", _color(match.groups()[1:], where), _unquoted(match[1])
    if match := _HEX.fullmatch(line):
        return "'#rrggbb,name'", match[1].lower(), _unquoted(match[2])
    if match := _ID.fullmatch(line):
        return "'id,name'", int(match[1]), _unquoted(match[2])
    if re.search(r"[,;\t]", line) or line.isdigit():
        raise LabelQualityError(f"{where}: expected {_FORMATS}, but got {line!r}.")
    return "a 'name' alone", position, _unquoted(line)


def _color(channels: tuple[str, ...], where: str) -> str:
    if any(int(channel) > 255 for channel in channels):
        raise LabelQualityError(f"{where}: expected a colour's channels in 0..255, but got {' '.join(channels)}.")
    return "#" + "".join(f"{int(channel):02x}" for channel in channels)


def _unquoted(name: str) -> str:
    return name.strip().strip("\"'")
