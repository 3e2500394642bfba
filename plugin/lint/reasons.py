"""Why something is found, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..base.words import count, percent
from .frames import Band
from .usual import COLUMN, ELONGATION, EXTENT, ROW, SIZE, Sizes, Spread


def named(name: str) -> str:
    """A class, or ignored pixels, as in "a component of 'car'"."""
    return f"'{name}'" if name else "ignored pixels"


def small(sizes: Sizes, area: int, name: str) -> str:
    """How unusual a component of so few pixels is in its class."""
    number, share = int(sizes.number(area)), float(sizes.share(area))
    return (
        f"those of at most this size are {percent(number / sizes.area.size)} of the components of {named(name)} and "
        f"hold {percent(share)} of its pixels, half of which are in components of at least {sizes.typical:,}"
    )


def small_void(sizes: Sizes, area: int, name: str) -> str:
    """How rare so few unlabelled or ignored pixels by themselves are."""
    number = count(int(sizes.number(area)), "such part", "such parts")
    share = percent(float(sizes.share(area)))
    return f"there are {number} of {named(name)} of at most this size in all masks, with {share} of all pixels"


def stray(pixels: int, name: str, beside: Sequence[str], why: str) -> str:
    """Of a component of a few pixels."""
    where = f" beside {' and '.join(map(named, beside))}" if beside else ""
    return f"A component of {count(pixels, 'pixel')} of {named(name)}{where}: {why}."


def hole(pixels: int, name: str, host: str, why: str) -> str:
    """Of a few pixels inside another component."""
    return f"{count(pixels, 'pixel')} of {named(name)} inside a component of {named(host)}: {why}."


def strip(length: float, width: float, name: str, sides: tuple[str, str], why: str) -> str:
    """Of a thin strip between two others."""
    return (
        f"A strip of {named(name)}, some {length:.0f} pixels long and {max(1.0, width):.1f} wide, between "
        f"{named(sides[0])} and {named(sides[1])}: {why}."
    )


def frame(band: Band, name: str) -> str:
    """Of a frame on one side."""
    rows = "row" if band.side in ("top", "bottom") else "column"
    first = f"outermost {rows} is" if band.width == 1 else f"{band.width} outermost {rows}s are"
    return (
        f"At the {band.side} the {first} {named(name)}, but {percent(band.changed)} of the pixels next to it are of "
        "another class: a frame that export or resizing has left."
    )


def rare_class(name: str, pixels: int, images: int, masks: int) -> str:
    """Of a class that hardly occurs elsewhere."""
    alone = f"occurs in this mask alone, of {masks:,}" if images == 1 else f"occurs in {images:,} of {masks:,} masks"
    return f"{named(name)} {alone}, with {count(pixels, 'pixel')} in all: is it a class that is meant to be there?"


def outlier(name: str, feature: str, value: float, spread: Spread, score: float) -> str:
    """Of a component that is unlike those of its class."""
    low, high = spread.quartiles
    middle = f"half of the components of {named(name)}"
    texts = {
        SIZE: f"It covers {percent(math.exp(value))} of the mask; {middle} cover {percent(math.exp(low))} to "
        f"{percent(math.exp(high))}",
        ROW: f"Its centre is {percent(value)} of the height from the top; {middle} are {percent(low)} to "
        f"{percent(high)} from it",
        COLUMN: f"Its centre is {percent(value)} of the width from the left; {middle} are {percent(low)} to "
        f"{percent(high)} from it",
        ELONGATION: f"It is {math.exp(value):.1f} times as long as wide; {middle} are {math.exp(low):.1f} to "
        f"{math.exp(high):.1f} times",
        EXTENT: f"It fills {percent(value)} of its box; {middle} fill {percent(low)} to {percent(high)}",
    }
    return f"{texts[feature]}. That is {abs(score):.1f} robust standard deviations from their median."
