"""What is in the pictures of a region: the pixels and the outline of the SVG that a data URI holds."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree import ElementTree

import cv2
import numpy as np

_SVG = "{http://www.w3.org/2000/svg}"
_LINE = re.compile(r"M(\d+),(\d+)([HV])(\d+)")


@dataclass(frozen=True)
class Picture:
    """A picture taken apart.

    Args:
        size: (height, width) that it says to have
        layers: the PNGs in it, RGB or RGBA, the lowest first
        edges: unit edges of the outline, as (x, y, "H" or "V") of their upper or left end
    """

    size: tuple[int, int]
    layers: list[np.ndarray]
    edges: list[tuple[int, int, str]]


def take_apart(uri: str) -> Picture:
    """The picture of a data URI."""
    head, content = uri.split(",", 1)
    assert head == "data:image/svg+xml"
    assert not set(content) & set('<>"# {}')
    root = ElementTree.fromstring(unquote(content))
    width, height = map(int, root.attrib["viewBox"].split()[2:])
    layers = [_pixels(one.attrib["href"]) for one in root.iter(f"{_SVG}image")]
    (path,) = root.iter(f"{_SVG}path")
    return Picture((height, width), layers, edges(path.attrib["d"]))


def edges(path: str) -> list[tuple[int, int, str]]:
    """The unit edges of an outline's path."""
    assert "".join(found[0] for found in _LINE.finditer(path)) == path
    found = []
    for x, y, kind, end in _LINE.findall(path):
        start = int(x) if kind == "H" else int(y)
        steps = range(start, int(end))
        found += [(step, int(y), kind) if kind == "H" else (int(x), step, kind) for step in steps]
    return found


def _pixels(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
