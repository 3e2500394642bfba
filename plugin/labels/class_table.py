"""The classes of a dataset: mask values, names, which are ignored and which one is "unlabelled"."""

from __future__ import annotations

import difflib
import operator
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..base.errors import LabelQualityError
from .mask_values import Target, by_mask_value, parse_mask_value

#: Names of the class where unlabelled things are, most telling first; compared by their letters in lower case
UNLABELLED_NAMES = (
    *("unlabelled", "unlabeled", "notlabelled", "notlabeled", "background", "bg", "void", "unknown", "undefined"),
    *("unclassified", "other", "others", "misc", "none", "clutter", "ignore"),
)
#: The largest value that a 16-bit mask holds
LARGEST_ID = 65535
#: The most classes of a table: class indices are 16-bit, and a lint numbers a few values more
MOST_CLASSES = 32_000
#: The values of binary masks
_BINARY = ({0, 1}, {0, 255})
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


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
        source: ``mask_targets``, ``default_mask_targets``, ``argument`` or ``values seen``; of instances ``classes``,
            ``default_classes``, ``argument`` or ``labels seen``
        ignored_names: of instances, the labels of ``ignored``
    """

    ids: tuple[int, ...]
    names: tuple[str, ...]
    ignored: tuple[int, ...] = ()
    unlabelled: int | None = None
    colors: tuple[str, ...] | None = None
    ignored_colors: tuple[str, ...] = ()
    source: str = "argument"
    ignored_names: tuple[str, ...] = ()

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
            LabelQualityError: no class or too many, a key that is no mask value, integers and colours mixed, an unknown
                name
        """
        parsed = {key: _parse_target(key) for key in targets}
        rgb = _one_kind(parsed)
        given = by_mask_value(
            ((key, str(name).strip()) for key, name in targets.items()), "the classes", lambda key: parsed[key][0]
        )
        left_out = sorted({value for reference in ignored for value in _resolve(reference, given, rgb)})
        ids = sorted(set(given) - set(left_out))
        if not ids:
            raise LabelQualityError("The class table has no class that is not ignored: give at least one in classes=.")
        if len(ids) > MOST_CLASSES:
            raise LabelQualityError(
                f"Expected at most {MOST_CLASSES:,} classes, but there are {len(ids):,}. Where these are depths, or "
                "numbers of instances, the masks are no semantic ones: choose the field of those, or give classes=."
            )
        return cls(
            ids=tuple(ids),
            names=_distinct_names({value: given[value] for value in ids}, rgb),
            ignored=tuple(left_out),
            unlabelled=_unlabelled_index(unlabelled, given, ids, rgb),
            colors=tuple(map(hex_color, ids)) if rgb else None,
            ignored_colors=tuple(map(hex_color, left_out)) if rgb else (),
            source=source,
        )

    @classmethod
    def from_values(
        cls, values: Iterable[Target], ignored: Iterable[Target] = (), unlabelled: Target | None = None
    ) -> ClassTable:
        """Builds the table of a dataset without class names from the values its masks hold (see `values_seen`).

        A class is called by its value; 0 (black, in RGB masks) is called "background", as FiftyOne treats it. Of binary
        masks, which hold 0 and 1 or 0 and 255 and nothing else, the other class is called "object".
        """
        seen = set(values)
        names: dict[Target, str] = {0: "background", "#000000": "background"}
        if seen in _BINARY:
            names |= {1: "object", 255: "object"}
        targets = {value: names.get(value, str(value)) for value in seen}
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
        content = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        # Digests of runs of masks, which have none, are those of earlier versions
        return content if self.ignored_names else {n: value for n, value in content.items() if n != "ignored_names"}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ClassTable:
        """The table that `to_dict` described."""
        fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in content.items()}
        return cls(**fields)


def hex_color(value: int) -> str:
    """'#rrggbb' of the packed value 0xRRGGBB."""
    return f"#{value:06x}"


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
    if not 0 <= value <= LARGEST_ID:
        raise LabelQualityError(f"Expected a class's mask value to be in 0..{LARGEST_ID}, but got {value}.")
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
    value = parse_mask_value(text)
    if not rgb and isinstance(value, int):
        return [value]
    close = difflib.get_close_matches(text, names.values(), 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise LabelQualityError(f"No class is called {reference!r}; the classes are {', '.join(names.values())}.{hint}")


def _distinct_names(names: Mapping[int, str], rgb: bool) -> tuple[str, ...]:
    shown = {value: hex_color(value) if rgb else str(value) for value in names}
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
