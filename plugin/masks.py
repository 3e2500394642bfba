"""The classes of a dataset and the encoding of its masks: any integer or RGB mask to (H, W) class indices and back."""

from __future__ import annotations

import difflib
import operator
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import LabelQualityError
from .types import IGNORED

#: A mask value as users and FiftyOne write it: an integer, or '#rrggbb' where masks are RGB
Target = int | str

#: Names of the class where unlabelled things are, most telling first; compared by their letters in lower case
UNLABELLED_NAMES = (
    *("unlabelled", "unlabeled", "notlabelled", "notlabeled", "background", "bg", "void", "unknown", "undefined"),
    *("unclassified", "other", "others", "misc", "none", "clutter", "ignore"),
)
_UNKNOWN = -2
_LARGEST_ID = 65535
_SHOWN_VALUES = 10
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class MaskValueError(LabelQualityError):
    """A mask holds values outside the class table.

    Args:
        counts: each such value (an integer, or '#rrggbb') and its number of pixels
    """

    def __init__(self, counts: Mapping[Target, int]) -> None:
        self.counts = dict(counts)
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        shown = [f"{value} ({count} pixel{'s' if count > 1 else ''})" for value, count in ordered[:_SHOWN_VALUES]]
        if len(ordered) > _SHOWN_VALUES:
            shown.append(f"and {len(ordered) - _SHOWN_VALUES} more")
        super().__init__(
            f"The mask holds values that are not in the class table: {', '.join(shown)}. Add them to the classes (the "
            "dataset's mask targets, or classes=), list them in ignored=, or leave those pixels out with "
            "unknown='ignore'."
        )


@dataclass(frozen=True)
class ClassTable:
    """The classes that take part, in the order of their mask values; the engine's class index is the position here.

    Args:
        ids: the classes' mask values, ascending; of RGB masks the packed value 0xRRGGBB
        names: a distinct name for each
        ignored: mask values that take part in nothing, ascending
        unlabelled: index of the class where unlabelled things are, or None
        colors: '#rrggbb' per class in lower case where masks are RGB, else None
        ignored_colors: likewise for ``ignored``
        source: ``mask_targets``, ``default_mask_targets``, ``argument`` or ``values seen``
    """

    ids: tuple[int, ...]
    names: tuple[str, ...]
    ignored: tuple[int, ...] = ()
    unlabelled: int | None = None
    colors: tuple[str, ...] | None = None
    ignored_colors: tuple[str, ...] = ()
    source: str = "argument"

    @classmethod
    def from_targets(
        cls,
        targets: Mapping[Any, str],
        ignored: Iterable[Target] = (),
        unlabelled: Target | None = None,
        source: str = "argument",
    ) -> ClassTable:
        """Builds the table from mask targets as FiftyOne keeps them.

        Args:
            targets: mask value (an integer, its digits, or '#rrggbb' in upper or lower case) to name. Classes of the
                same name stay apart and are called "name (value)"
            ignored: values, '#rrggbb' colours or names of classes that take part in nothing; a value need not be in
                ``targets``, a name must be
            unlabelled: value, colour or name of the class where unlabelled things are; by default the class with one
                of `UNLABELLED_NAMES`, else the value 0 if it has no name of its own ("", "0" or "class 0")
            source: where ``targets`` comes from, for the run's record

        Returns:
            the table of all classes that are not ignored

        Raises:
            LabelQualityError: no class, a key that is no mask value, integers and colours mixed, an unknown name
        """
        parsed = {key: _parse_target(key) for key in targets}
        rgb = _one_kind(parsed)
        given = {value: str(targets[key]).strip() for key, (value, _) in parsed.items()}
        if len(given) < len(targets):
            raise LabelQualityError(f"Two classes have the same mask value: {sorted(map(str, targets))}.")
        left_out = sorted({value for reference in ignored for value in _resolve(reference, given, rgb)})
        ids = sorted(set(given) - set(left_out))
        if not ids:
            raise LabelQualityError("The class table has no class that is not ignored: give at least one in classes=.")
        return cls(
            ids=tuple(ids),
            names=_distinct_names({value: given[value] for value in ids}, rgb),
            ignored=tuple(left_out),
            unlabelled=_unlabelled_index(unlabelled, given, ids, rgb),
            colors=tuple(map(_hex, ids)) if rgb else None,
            ignored_colors=tuple(map(_hex, left_out)) if rgb else (),
            source=source,
        )

    @classmethod
    def from_values(
        cls, values: Iterable[Target], ignored: Iterable[Target] = (), unlabelled: Target | None = None
    ) -> ClassTable:
        """Builds the table of a dataset without class names from the values its masks hold (see `values_seen`).

        A class is called by its value; 0 (black, in RGB masks) is called "background", as FiftyOne treats it.
        """
        background = (0, "#000000")
        targets = {value: "background" if value in background else str(value) for value in values}
        return cls.from_targets(targets, ignored, unlabelled, source="values seen")

    @property
    def size(self) -> int:
        """Number of classes K."""
        return len(self.ids)

    @property
    def background(self) -> Target:
        """The value that FiftyOne shows as background: 0, or '#000000' where masks are RGB."""
        return 0 if self.colors is None else "#000000"

    def with_background(self) -> ClassTable:
        """The table with 0 as the class "background", for mask targets that leave it out.

        FiftyOne takes 0 (black, in RGB masks) for background that needs no entry in the mask targets, so masks may
        hold it all the same. It becomes the unlabelled class unless there is one. A table that has or ignores 0 is
        returned as it is.
        """
        if 0 in self.ids or 0 in self.ignored:
            return self
        name = "background (0)" if "background" in self.names else "background"
        return replace(
            self,
            ids=(0, *self.ids),
            names=(name, *self.names),
            unlabelled=0 if self.unlabelled is None else self.unlabelled + 1,
            colors=None if self.colors is None else ("#000000", *self.colors),
        )

    def index(self, reference: Target) -> int:
        """The index of the class with this name (case may differ), mask value or '#rrggbb' colour.

        Raises:
            LabelQualityError: no class or several classes answer to it
        """
        values = _resolve(reference, dict(zip(self.ids, self.names, strict=True)), self.colors is not None)
        found = [value for value in values if value in self.ids]
        if len(found) != 1:
            raise LabelQualityError(
                f"Expected {reference!r} to be one class, but {len(found)} classes are called so; the classes are "
                f"{', '.join(self.names)}."
            )
        return self.ids.index(found[0])

    def mask_targets(self) -> dict[Target, str]:
        """The table as FiftyOne's mask targets for predicted masks."""
        keys: tuple[Target, ...] = self.ids if self.colors is None else self.colors
        return dict(zip(keys, self.names, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON-serialisable values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ClassTable:
        """The table that `to_dict` described."""
        fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in content.items()}
        return cls(**fields)


def encode(mask: np.ndarray, table: ClassTable, unknown: str = "error") -> np.ndarray:
    """Turns a mask into class indices.

    Args:
        mask: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) integers (or whole floats, or booleans); alpha is dropped, and
            a mask of three equal channels is one of integers where the table is
        table: the classes
        unknown: ``error``, or ``ignore`` to leave pixels of a value outside the table out

    Returns:
        (H, W) int16 indices into the table, `IGNORED` where ignored

    Raises:
        MaskValueError: values outside the table, with ``unknown="error"``
        LabelQualityError: an array that is no mask, or not of the table's kind
    """
    if unknown not in ("error", "ignore"):
        raise LabelQualityError(f"Expected parameter `unknown` to be 'error' or 'ignore', but got {unknown!r}.")
    rgb = table.colors is not None
    values = _pack(_as_rgb(mask)) if rgb else _as_integers(mask)
    labels = _look_up(values, table)
    if labels.size and labels.min() == _UNKNOWN:
        strangers = labels == _UNKNOWN
        if unknown == "error":
            raise MaskValueError(_counts(values[strangers], rgb))
        labels[strangers] = IGNORED
    return labels


def predicted_mask(prediction: np.ndarray, table: ClassTable) -> np.ndarray:
    """The mask to save for predicted classes: encoding it gives the prediction back.

    Args:
        prediction: (H, W) indices into the table, none of them `IGNORED`
        table: the classes

    Returns:
        (H, W) uint8 mask values, uint16 where one is above 255; (H, W, 3) uint8 where masks are RGB
    """
    if table.colors is not None:
        palette = np.array([_unpack(value) for value in table.ids], np.uint8)
    else:
        palette = np.array(table.ids, np.uint8 if table.ids[-1] <= 255 else np.uint16)
    return palette[prediction]


def values_seen(mask: np.ndarray) -> set[Target]:
    """The values a mask holds: integers, or '#rrggbb' colours of a mask whose channels differ.

    Args:
        mask: as `encode` takes it
    """
    checked = _checked(mask)
    if checked.ndim == 3 and not _is_gray(checked):
        return {_hex(int(value)) for value in np.unique(_pack(checked))}
    return {int(value) for value in np.unique(_as_integers(mask))}


def _checked(mask: np.ndarray) -> np.ndarray:
    """The mask as (H, W) or (H, W, 3) integers."""
    mask = np.asarray(mask)
    if mask.dtype == bool:
        mask = mask.astype(np.uint8)
    if mask.ndim == 3 and mask.shape[2] in (1, 3, 4):
        mask = mask[..., 0] if mask.shape[2] == 1 else mask[..., :3]
    elif mask.ndim != 2:
        raise LabelQualityError(
            f"Expected a mask of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {mask.shape}."
        )
    if np.issubdtype(mask.dtype, np.floating) and np.isfinite(mask).all() and (mask == np.trunc(mask)).all():
        mask = mask.astype(np.int64)
    if not np.issubdtype(mask.dtype, np.integer):
        raise LabelQualityError(f"Expected a mask of whole numbers, but got {mask.dtype} values that are not.")
    return mask


def _as_integers(mask: np.ndarray) -> np.ndarray:
    mask = _checked(mask)
    if mask.ndim == 3 and not _is_gray(mask):
        raise LabelQualityError(
            "Expected a one-channel mask, as the class table holds integers, but got one with colours. Give the "
            "classes as '#rrggbb' colours; or, if the file is a palette PNG, which FiftyOne reads as colours, store "
            "its indices as a grayscale PNG."
        )
    return mask if mask.ndim == 2 else mask[..., 0]


def _as_rgb(mask: np.ndarray) -> np.ndarray:
    mask = _checked(mask)
    if mask.size and (mask.min() < 0 or mask.max() > 255):
        raise LabelQualityError(
            f"Expected an RGB mask with channels in 0..255, as the class table holds colours, but got values "
            f"{mask.min()}..{mask.max()}."
        )
    return mask if mask.ndim == 3 else np.repeat(mask[..., None], 3, axis=2)


def _is_gray(mask: np.ndarray) -> bool:
    return bool((mask[..., 0] == mask[..., 1]).all() and (mask[..., 0] == mask[..., 2]).all())


def _pack(mask: np.ndarray) -> np.ndarray:
    """(H, W, 3) channels in 0..255 to (H, W) int32 0xRRGGBB."""
    red, green, blue = (mask[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue


def _unpack(value: int) -> tuple[int, int, int]:
    return value >> 16, value >> 8 & 255, value & 255


def _hex(value: int) -> str:
    return f"#{value:06x}"


def _look_up(values: np.ndarray, table: ClassTable) -> np.ndarray:
    """(H, W) int16 indices, `IGNORED` or `_UNKNOWN`."""
    if table.colors is None and values.dtype != np.uint8 and values.size:
        small = values.min() >= 0 and values.max() <= _LARGEST_ID
        values = values.astype(np.uint16, copy=False) if small else values
    if values.dtype in (np.uint8, np.uint16):
        return _lookup_table(table)[values]
    known, indices = _sorted_values(table)
    places = np.searchsorted(known[:-1], values)
    return np.where(known[places] == values, indices[places], np.int16(_UNKNOWN))


@lru_cache(maxsize=16)
def _lookup_table(table: ClassTable) -> np.ndarray:
    lookup = np.full(_LARGEST_ID + 1, _UNKNOWN, np.int16)
    lookup[[value for value in table.ignored if 0 <= value <= _LARGEST_ID]] = IGNORED
    lookup[list(table.ids)] = np.arange(table.size, dtype=np.int16)
    return lookup


@lru_cache(maxsize=16)
def _sorted_values(table: ClassTable) -> tuple[np.ndarray, np.ndarray]:
    """All values of the table in ascending order, and their indices."""
    values = np.array([*table.ids, *table.ignored], np.int64)
    indices = np.array([*range(table.size), *[IGNORED] * len(table.ignored)], np.int16)
    order = np.argsort(values)
    return values[order], indices[order]


def _counts(values: np.ndarray, rgb: bool) -> dict[Target, int]:
    found, counts = np.unique(values, return_counts=True)
    return {_hex(int(v)) if rgb else int(v): int(n) for v, n in zip(found, counts, strict=True)}


def _parse_target(key: object) -> tuple[int, bool]:
    """The value of a mask target and whether it is a colour."""
    if isinstance(key, str) and _COLOR.fullmatch(key.strip()):
        return int(key.strip()[1:], 16), True
    try:
        value = int(key) if isinstance(key, str) else operator.index(key)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise LabelQualityError(
            f"Expected a class's mask value to be an integer or a colour '#rrggbb', but got {key!r}."
        ) from None
    if not 0 <= value <= _LARGEST_ID:
        raise LabelQualityError(f"Expected a class's mask value to be in 0..{_LARGEST_ID}, but got {value}.")
    return value, False


def _one_kind(parsed: Mapping[Any, tuple[int, bool]]) -> bool:
    kinds = {is_color for _, is_color in parsed.values()}
    if len(kinds) > 1:
        raise LabelQualityError(f"Expected integers or '#rrggbb' colours as mask values, but got both: {list(parsed)}.")
    return kinds == {True}


def _resolve(reference: Target, names: Mapping[int, str], rgb: bool) -> list[int]:
    """The mask values that a name, a value or a colour stands for; more than one where a name does."""
    if not isinstance(reference, str):
        return [operator.index(reference)]
    text = reference.strip()
    named = [value for value, name in names.items() if name == text]
    named = named or [value for value, name in names.items() if name.lower() == text.lower()]
    if named:
        return named
    if rgb and _COLOR.fullmatch(text):
        return [int(text[1:], 16)]
    if not rgb and re.fullmatch(r"-?\d+", text):
        return [int(text)]
    close = difflib.get_close_matches(text, names.values(), 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise LabelQualityError(f"No class is called {reference!r}; the classes are {', '.join(names.values())}.{hint}")


def _distinct_names(names: Mapping[int, str], rgb: bool) -> tuple[str, ...]:
    shown = {value: _hex(value) if rgb else str(value) for value in names}
    named = {value: name or shown[value] for value, name in names.items()}
    times = Counter(named.values())
    return tuple(f"{name} ({shown[value]})" if times[name] > 1 else name for value, name in named.items())


def _unlabelled_index(reference: Target | None, names: Mapping[int, str], ids: list[int], rgb: bool) -> int | None:
    if reference is None:
        return _unlabelled_by_name({value: names[value] for value in ids})
    values = [value for value in _resolve(reference, names, rgb) if value in ids]
    if not values:
        raise LabelQualityError(
            f"Expected unlabelled={reference!r} to be a class that is not ignored; the classes are "
            f"{', '.join(names[value] for value in ids)}."
        )
    return ids.index(values[0])


def _unlabelled_by_name(names: Mapping[int, str]) -> int | None:
    letters = [re.sub("[^a-z]", "", name.lower()) for name in names.values()]
    for candidate in UNLABELLED_NAMES:
        if candidate in letters:
            return letters.index(candidate)
    unnamed = names.get(0, "named").lower() in ("", "0", "class 0", "class_0")
    return 0 if unnamed else None
