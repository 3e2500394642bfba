"""Pictures of a region for a web page: pixels that stay sharp, and an outline of one pixel of the screen.

Each is an SVG with the pixels as PNG in it, as large as they are: the browser enlarges them, and draws the outline
after that, along the edges of the pixels. No text is part of it.
"""

from __future__ import annotations

import base64

import cv2
import numpy as np

#: How opaque the App draws masks unless told otherwise
MASK_OPACITY = 0.7
#: A light line between dark ones is seen on whatever is below it
_LINES = (("#000", 3), ("#fff", 1))
#: As wide on the screen however much the picture is enlarged, and not spread over two of its pixels
_STROKE = 'fill="none" stroke-linecap="square" vector-effect="non-scaling-stroke" shape-rendering="crispEdges"'
#: What may not stand in a URI as it is
_ESCAPED = {sign: f"%{ord(sign):02X}" for sign in '%#<>"{} '}


def outline(inside: np.ndarray) -> str:
    """The edges between a region and what is not, as an SVG path.

    Args:
        inside: (h, w) bool; beyond it is nothing of the region

    Returns:
        one straight line for every run of edges, such as ``M2,5H4`` from column 2 to 4 above row 5
    """
    padded = np.pad(inside, 1)
    across = _runs(padded[1:, 1:-1] != padded[:-1, 1:-1])
    down = _runs((padded[1:-1, 1:] != padded[1:-1, :-1]).T)
    return "".join(f"M{a},{line}H{b}" for line, a, b in across) + "".join(f"M{line},{a}V{b}" for line, a, b in down)


def png(pixels: np.ndarray) -> str:
    """(h, w, 3) RGB or (h, w, 4) RGBA, uint8, as the data URI of a PNG."""
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    data = cv2.imencode(".png", cv2.cvtColor(pixels, order))[1]
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode()}"


def picture(size: tuple[int, int], image: str, path: str, overlay: str | None = None) -> str:
    """A picture as a data URI.

    Args:
        size: (height, width) in pixels
        image: its pixels, as `png` gives them
        path: what is outlined in it, as `outline` gives it
        overlay: what lies on the image with `MASK_OPACITY`, as `png` gives it
    """
    height, width = size
    area = f'width="{width}" height="{height}"'
    layers = [f'<image {area} href="{image}"/>']
    if overlay is not None:
        layers.append(f'<image {area} opacity="{MASK_OPACITY}" href="{overlay}"/>')
    lines = [f'<use href="#o" stroke="{color}" stroke-width="{pixels}"/>' for color, pixels in _LINES]
    # Sharp where enlarged; of several pixels in one of the screen, to show one alone would leave thin things out
    style = f"image{{image-rendering:pixelated}}@media(max-width:{width - 1}px){{image{{image-rendering:auto}}}}"
    content = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><style>{style}</style>'
        f'<defs><path id="o" d="{path}" {_STROKE}/></defs>'
        f"{''.join(layers)}{''.join(lines)}</svg>"
    )
    for sign, escaped in _ESCAPED.items():
        content = content.replace(sign, escaped)
    return f"data:image/svg+xml,{content}"


def _runs(edges: np.ndarray) -> list[tuple[int, int, int]]:
    """Runs of True in the rows of (n, m) bool: the row, where it begins, and where it ends."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    lines, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    return list(zip(lines.tolist(), starts.tolist(), ends.tolist(), strict=True))
