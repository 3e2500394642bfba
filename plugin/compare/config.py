"""What a comparison of two runs is asked."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.config import Config
from ..base.parameters import parameter, require


@dataclass(frozen=True)
class CompareRequest(Config):
    """What a comparison of two runs is asked."""

    before: str = parameter("", "Run before", "The run that the other is compared with")
    after: str = parameter("", "Run after", "The run whose changes are told")

    def validate(self) -> None:
        for name in ("before", "after"):
            value = getattr(self, name)
            require(isinstance(value, str) and bool(value), name, "the key of a run", value)
        require(self.before != self.after, "after", f"another run than '{self.before}'", self.after)
