"""What an evaluation of a run's predictions is asked."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.config import Config
from ..base.parameters import parameter, require
from ..runs.request import Request


@dataclass(frozen=True)
class EvaluationRequest(Config):
    """What an evaluation of a run's predictions is asked."""

    key: str = parameter(Request.key, "Run", "The run whose predicted masks are compared with the given ones")
    eval_key: str | None = parameter(
        None,
        "Name of the evaluation",
        "The name under which FiftyOne keeps it, the prefix of its fields",
        empty="the run's name and _evaluation",
        unit="NAME",
    )
    bandwidth: int | None = parameter(
        None,
        "Band along edges",
        "Only pixels in a band of this width, in pixels, along the edges of the given masks count",
        within="[1, inf)",
        empty="whole masks",
        unit="PIXELS",
    )
    overwrite: bool = parameter(False, "Evaluate again", "Replaces the evaluation of this name that this run has")

    @property
    def name(self) -> str:
        """The evaluation's name."""
        return self.eval_key or f"{self.key}_evaluation"

    def validate(self) -> None:
        wanted = "a name of letters, digits and underscores that begins with no digit"
        given = self.eval_key
        require(given is None or (isinstance(given, str) and given.isidentifier()), "eval_key", wanted, given)
