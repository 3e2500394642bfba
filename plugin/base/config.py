"""Groups of parameters: built from keyword arguments, validated before any work starts, hashed by content."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from .errors import LabelQualityError
from .parameters import table

C = TypeVar("C", bound="Config")


@dataclass(frozen=True)
class Config:
    """Base of the parameter groups: built from keyword arguments, hashed by content."""

    #: Parameters that say where and how fast the work runs, not what it computes: no part of the digest
    execution_only: ClassVar[tuple[str, ...]] = ()
    #: Parameters that earlier versions did not have: part of the digest only where they differ from their default, so
    #: that what those versions have finished is found
    added: ClassVar[tuple[str, ...]] = ()

    def validate(self) -> None:
        """Raises `LabelQualityError` naming the first parameter that does not go with the others."""

    def check(self) -> None:
        """Raises `LabelQualityError` for what cannot be used here, such as a file that is not there.

        For the moment before the work: it may import PyTorch, which takes seconds.
        """

    def __post_init__(self) -> None:
        for name, entry in table(type(self)).items():
            object.__setattr__(self, name, entry.checked(getattr(self, name)))
        self.validate()

    @classmethod
    def from_params(cls: type[C], params: Mapping[str, Any]) -> C:
        """Builds the config; raises `LabelQualityError` for a parameter it does not know."""
        names = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(params) - names)
        if unknown:
            raise LabelQualityError(
                f"Unknown parameter {', '.join(map(repr, unknown))}; expected one of {', '.join(sorted(names))}."
            )
        return cls(**{name: _hashable(value) for name, value in params.items()})

    def to_dict(self) -> dict[str, Any]:
        """The parameters as JSON-serialisable values."""
        return json.loads(json.dumps(dataclasses.asdict(self), default=str))

    def digest(self) -> str:
        """Twelve hex digits that change exactly when a parameter that affects the results does."""
        plain = {name for name in self.added if getattr(self, name) == table(type(self))[name].default}
        content = {name: value for name, value in self.to_dict().items() if name not in {*self.execution_only, *plain}}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def split(parameters: Mapping[str, Any], *groups: type) -> list[dict[str, Any]]:
    """The parameters of each group, a dataclass; raises `LabelQualityError` for one that belongs to none."""
    names = [{one.name for one in dataclasses.fields(group)} for group in groups]
    unknown = sorted(set(parameters).difference(*names))
    if unknown:
        known = ", ".join(sorted(set().union(*names)))
        raise LabelQualityError(f"Unknown parameter {', '.join(map(repr, unknown))}; expected some of {known}.")
    return [{name: value for name, value in parameters.items() if name in group} for group in names]


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value
