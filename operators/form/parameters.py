"""What the App's form, a Python call and a delegated run send, turned into the engine's keyword arguments.

All three send one flat dict. A form adds cleared fields (None or an empty text), fields of a source that was chosen
before, and text where the engine takes a list or a mapping; a delegated run keeps the dict in MongoDB, which takes
neither tuples nor integer keys.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ...plugin.base.config import Config
from ...plugin.base.errors import LabelQualityError
from ...plugin.labels.class_files import load_classes
from ...plugin.predictions.config import PREDICTION_SOURCES
from ...plugin.scores.config import ScoreConfig

#: Parameters of every run, whatever its source and scores
COMMON = (
    "key",
    "classes",
    "ignored",
    "unlabelled",
    "unknown",
    "skip_failures",
    "overwrite",
    "output_dir",
)
#: Written in a form or in MongoDB where Python has ``weights=None``
RANDOM_WEIGHTS = "none"
_LISTS = ("ignored", "scores", "only_folds", "mean", "std")
_NUMBER_LISTS = ("thresholds",)


def names_of(config: type[Config]) -> tuple[str, ...]:
    """The names of a config's parameters."""
    return tuple(field.name for field in dataclasses.fields(config))


def source_names(source: str) -> tuple[str, ...]:
    """The names of a prediction source's parameters; raises `LabelQualityError` for a source that does not exist."""
    if source not in PREDICTION_SOURCES:
        expected = ", ".join(map(repr, PREDICTION_SOURCES))
        raise LabelQualityError(f"Expected parameter `source` to be one of {expected}, but got {source!r}.")
    return names_of(PREDICTION_SOURCES[source])


def score_names() -> tuple[str, ...]:
    """The names of the scores' parameters."""
    return names_of(ScoreConfig)


def to_request(given: Mapping[str, Any], allowed: Iterable[str]) -> dict[str, Any]:
    """The parameters of a Python call, as every way of running an operator can carry them.

    Args:
        given: keyword arguments; mappings, tuples and paths are made plain
        allowed: names that the operator knows

    Returns:
        values that JSON and MongoDB take

    Raises:
        LabelQualityError: a name that is not allowed
    """
    allowed = set(allowed)
    unknown = sorted(set(given) - allowed)
    if unknown:
        raise LabelQualityError(
            f"Unknown parameter {', '.join(map(repr, unknown))}; expected one of {', '.join(sorted(allowed))}."
        )
    request = {name: _plain(value) for name, value in given.items()}
    if "weights" in request and request["weights"] is None:
        request["weights"] = RANDOM_WEIGHTS
    return request


def to_arguments(params: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The engine's keyword arguments of these names; a parameter that was left empty is left to its default.

    Args:
        params: as they reach an operator
        names: the parameters that the engine's function takes; others are left out

    Raises:
        LabelQualityError: a text that cannot be read as the list or mapping that it stands for
    """
    given = {name: params[name] for name in names if params.get(name) not in (None, "", [], {})}
    return {name: _parse(name, value) for name, value in given.items()}


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
            return {str(key): value for key, value in json.loads(text).items()}
        except json.JSONDecodeError as error:
            raise LabelQualityError(f"Expected parameter `{name}` to be valid JSON, but {error}.") from None
    pairs = [part.partition(":") for part in text.replace("\n", ",").split(",") if part.strip()]
    wrong = [key for key, colon, value in pairs if not (colon and key.strip() and value.strip())]
    if wrong:
        raise LabelQualityError(
            f"Expected parameter `{name}` to be pairs such as '0: road, 1: car', but got {wrong[0].strip()!r}."
        )
    return {key.strip(): value.strip() for key, _, value in pairs}


def parse_list(text: str) -> list[Any]:
    """Reads ``255, void`` as [255, 'void']: integers where the parts are, else text."""
    return [_integer(part.strip()) for part in text.split(",") if part.strip()]


def _parse(name: str, value: Any) -> Any:
    if name == "weights" and value == RANDOM_WEIGHTS:
        return None
    if name == "classes":
        return _classes(value)
    if name == "class_map":
        return parse_mapping(name, value) if isinstance(value, str) else dict(value)
    if name in _LISTS and isinstance(value, str):
        return parse_list(value)
    if name in _NUMBER_LISTS and isinstance(value, str):
        return _numbers(name, value)
    if name == "unlabelled" and isinstance(value, str):
        return _integer(value.strip())
    return value


def _classes(value: str | Mapping[str, str]) -> dict[Any, str]:
    """Class names given as a mapping, as text, or as the path of a file that holds them."""
    if not isinstance(value, str):
        return {_integer(key): name for key, name in value.items()}
    if ":" not in value or os.path.isfile(os.path.expanduser(value)):
        return load_classes(os.path.expanduser(value))
    return {_integer(key): name for key, name in parse_mapping("classes", value).items()}


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise LabelQualityError(
            f"Expected parameter `{name}` to be numbers separated by commas, but got {text!r}."
        ) from None


def _integer(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value
