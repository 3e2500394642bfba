"""Groups of parameters: built from keyword arguments, validated before any work starts, hashed by content."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar, TypeVar

from .errors import LabelQualityError

C = TypeVar("C", bound="Config")

#: Types, as the fields of a config are annotated, of which only whole numbers are
_WHOLE = ("int", "int | None")


@dataclass(frozen=True)
class Config:
    """Base of the parameter groups: built from keyword arguments, hashed by content."""

    #: Parameters that say where and how fast the work runs, not what it computes: no part of the digest
    execution_only: ClassVar[tuple[str, ...]] = ()

    def validate(self) -> None:
        """Raises `LabelQualityError` naming the first parameter that is out of range."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if field.type in _WHOLE:
                self._make_whole(field.name)
        self.validate()

    def _make_whole(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None:
            require(isinstance(value, Integral) and not isinstance(value, bool), name, "a whole number", value)
            # Of another library's types, such as NumPy's, the digest would be another
            object.__setattr__(self, name, int(value))

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
        content = {name: value for name, value in self.to_dict().items() if name not in self.execution_only}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def require(condition: bool, name: str, expected: str, found: object) -> None:
    """Raises `LabelQualityError` where a parameter is not as expected."""
    if not condition:
        raise LabelQualityError(f"Expected parameter `{name}` to be {expected}, but got {found!r}.")


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value
