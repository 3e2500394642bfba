"""From the classes that a model or a file speaks of to the classes of the dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import LabelQualityError
from .class_table import ClassTable
from .mask_values import parse_mask_value

#: The logit of a class that nothing speaks of: no probability in float32, and finite in float16
NO_LOGIT = -1e4
_DROPPED = -1
_SHOWN_CLASSES = 30


@dataclass(frozen=True)
class ClassMapping:
    """Which class of the dataset each output channel counts for.

    Several channels may count for one class: their probabilities add up. Channels that count for none are left out
    and the rest renormalised. Classes without a channel get probability 0.

    Args:
        channels: per channel, its class in the table, or -1 if it counts for none
        channel_names: per channel, the model's name of it, or its number
        class_names: the dataset's class names
    """

    channels: tuple[int, ...]
    channel_names: tuple[str, ...]
    class_names: tuple[str, ...]

    @classmethod
    def build(
        cls,
        outputs: int,
        names: Sequence[str] | None,
        class_map: Mapping[Any, Any] | None,
        table: ClassTable,
    ) -> ClassMapping:
        """Maps by the user's word, then by equal names, or by number where there are no names.

        Without a ``class_map`` each class of the dataset must find its channel, as a class that the predictions
        never name makes all its pixels look wrong; with one (be it empty), the classes left over are `missing`.

        Args:
            outputs: number of channels
            names: the channels' names, or None; case is ignored, and underscores, hyphens and spaces are equal
            class_map: a channel's name or number to a class name, mask value or colour of the dataset; an ignored
                mask value leaves the channel out. Channels it does not list are mapped by name, or left out
            table: the dataset's classes

        Raises:
            LabelQualityError: classes without a counterpart on both sides, or a ``class_map`` that does not fit, or has
                two classes for one channel
        """
        channel_names = tuple(names) if names is not None else tuple(map(str, range(outputs)))
        if len(channel_names) != outputs:
            raise LabelQualityError(
                f"Expected a name for each of the {outputs} outputs, but got {len(channel_names)}: "
                f"{_listed(channel_names)}."
            )
        channels = _by_name(channel_names, table) if names is not None else [_DROPPED] * outputs
        if names is None and class_map is None:
            channels = _by_number(outputs, table)
        for channel, index in _by_class_map(class_map or {}, channel_names, table).items():
            channels[channel] = index
        mapping = cls(tuple(channels), channel_names, table.names)
        if (mapping.missing and class_map is None) or len(mapping.missing) == table.size:
            raise _unmatched(mapping.dropped, mapping.missing, names is not None, table)
        return mapping

    @property
    def missing(self) -> tuple[str, ...]:
        """The dataset's classes without a channel: their probability is 0 everywhere."""
        return tuple(name for index, name in enumerate(self.class_names) if index not in self.channels)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The channels that count for no class."""
        named = zip(self.channel_names, self.channels, strict=True)
        return tuple(name for name, channel in named if channel == _DROPPED)

    @property
    def is_identity(self) -> bool:
        """Whether channels and classes are the same, in the same order."""
        return self.channels == tuple(range(len(self.class_names)))

    def to_dict(self) -> dict[str, Any]:
        """The mapping for a run's record: pairs of channel and class, and what has no counterpart."""
        pairs = [
            [name, self.class_names[index]]
            for name, index in zip(self.channel_names, self.channels, strict=True)
            if index != _DROPPED
        ]
        return {"pairs": pairs, "missing": list(self.missing), "dropped": list(self.dropped)}

    def apply_probabilities(self, values: np.ndarray) -> np.ndarray:
        """Adds up the probabilities of each class; where the left-out channels held all, the mapped classes share it.

        Args:
            values: (O, h, w) float probabilities of the channels

        Returns:
            (K, h, w) float32 probabilities of the classes, or ``values`` itself where nothing changes
        """
        self._check(values)
        if self.is_identity:
            return values
        result = np.zeros((len(self.class_names), *values.shape[1:]), np.float32)
        for channel, index in enumerate(self.channels):
            if index != _DROPPED:
                result[index] += values[channel]
        if self.dropped:
            total = result.sum(0)
            empty = total <= 0
            result /= np.where(empty, 1, total)
            mapped = sorted(set(self.channels) - {_DROPPED})
            result[np.ix_(mapped)] = np.where(empty, np.float32(1 / len(mapped)), result[mapped])
        return result

    def apply_logits(self, values: np.ndarray) -> np.ndarray:
        """Joins the logits of each class: log(sum(exp)), so that their softmax is `apply_probabilities` of theirs.

        Args:
            values: (O, h, w) float logits of the channels

        Returns:
            (K, h, w) float32 logits of the classes, `NO_LOGIT` below the largest where a class is missing; or
            ``values`` itself where nothing changes
        """
        self._check(values)
        if self.is_identity:
            return values
        used = [channel for channel, index in enumerate(self.channels) if index != _DROPPED]
        largest = values[used].max(0).astype(np.float32)
        result = np.full((len(self.class_names), *values.shape[1:]), NO_LOGIT, np.float32) + largest
        for index in sorted({self.channels[channel] for channel in used}):
            own = [channel for channel in used if self.channels[channel] == index]
            result[index] = np.logaddexp.reduce(values[own].astype(np.float32), axis=0) if own[1:] else values[own[0]]
        return result

    def _check(self, values: np.ndarray) -> None:
        if values.ndim != 3 or values.shape[0] != len(self.channels):
            raise LabelQualityError(
                f"Expected an array of shape ({len(self.channels)}, h, w), one channel per class of the predictions, "
                f"but got {values.shape}."
            )


def normalised(name: str) -> str:
    """A class name as it is compared: in lower case, with single spaces for underscores, hyphens and spaces."""
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()


def _by_name(channel_names: Sequence[str], table: ClassTable) -> list[int]:
    """The class with the same name per channel, else the only one with the same normalised name, else -1."""
    exact = {name: index for index, name in enumerate(table.names)}
    similar: dict[str, list[int]] = {}
    for index, name in enumerate(table.names):
        similar.setdefault(normalised(name), []).append(index)
    found = []
    for name in channel_names:
        candidates = [exact[name]] if name in exact else similar.get(normalised(name), [])
        found.append(candidates[0] if len(candidates) == 1 else _DROPPED)
    return found


def _by_number(outputs: int, table: ClassTable) -> list[int]:
    """Index to index where the counts are equal; value to value where the values, ignored ones too, are 0..O-1."""
    if outputs == table.size:
        return list(range(outputs))
    if table.ids[-1] < outputs and set(range(outputs)) <= {*table.ids, *table.ignored}:
        return [table.ids.index(value) if value in table.ids else _DROPPED for value in range(outputs)]
    raise _unmatched([str(output) for output in range(outputs)], table.names, False, table)


def _by_class_map(class_map: Mapping[Any, Any], channel_names: Sequence[str], table: ClassTable) -> dict[int, int]:
    """The class of each channel that a class map names."""
    found: dict[int, int] = {}
    keys: dict[int, Any] = {}
    for key, reference in class_map.items():
        channel, index = _channel(key, channel_names), _class_index(reference, table)
        first = keys.setdefault(channel, key)
        if found.setdefault(channel, index) != index:
            name = channel_names[channel]
            output = f"output {channel}" if name == str(channel) else f"output {channel}, {name!r}"
            raise LabelQualityError(
                f"class_map has two classes for the model's {output}: {first!r} for {class_map[first]!r} and {key!r} "
                f"for {reference!r}. Remove one of them."
            )
    return found


def _channel(key: object, channel_names: Sequence[str]) -> int:
    """The channel that a key of a class map names."""
    text = str(key)
    if text in channel_names:
        return channel_names.index(text)
    similar = [index for index, name in enumerate(channel_names) if normalised(name) == normalised(text)]
    if len(similar) == 1:
        return similar[0]
    number = parse_mask_value(text.strip())
    if isinstance(number, int) and 0 <= number < len(channel_names):
        return number
    raise LabelQualityError(
        f"class_map names the model's class {key!r}, but the model's classes are {_listed(channel_names)} "
        f"(or their numbers, 0..{len(channel_names) - 1})."
    )


def _class_index(reference: Any, table: ClassTable) -> int:
    """The class that a value of a class map names, or -1 for an ignored mask value."""
    text = str(reference).strip()
    if text in {*map(str, table.ignored), *table.ignored_colors} and text not in table.names:
        return _DROPPED
    similar = [index for index, name in enumerate(table.names) if normalised(name) == normalised(text)]
    if len(similar) == 1:
        return similar[0]
    try:
        return table.index(reference)
    except (LabelQualityError, TypeError):
        known = [f"{name} ({value})" for value, name in table.mask_targets().items()]
        raise LabelQualityError(
            f"class_map maps to {reference!r}, but the dataset's classes are {_listed(known)}; give a name or the mask "
            "value in brackets."
        ) from None


def _unmatched(
    model_classes: Sequence[str], dataset_classes: Sequence[str], named: bool, table: ClassTable
) -> LabelQualityError:
    kind = "classes" if named else "outputs, which have no names,"
    example = {model_classes[0] if model_classes else "0": dataset_classes[0]}
    return LabelQualityError(
        f"The model's classes do not cover the dataset's. Without a counterpart are the model's {kind} "
        f"{_listed(model_classes) or 'none'}; and of the dataset's {table.size} classes {_listed(dataset_classes)}. "
        f"Say which is which with class_map, from a model class (name or output number) to a dataset class (name or "
        f"mask value), such as class_map={example!r}. Classes that it leaves without a counterpart are taken as never "
        "predicted."
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN_CLASSES
    return ", ".join(names[:_SHOWN_CLASSES]) + (f" and {more} more" if more > 0 else "")
