"""The parameters that say where the work of a call runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..base.config import Config
from ..base.parameters import parameter, require, table

LOCAL, RAY = "local", "ray"


@dataclass(frozen=True)
class Execution(Config):
    """Where the work runs. The results are the same, bit by bit, wherever that is."""

    engine: str = parameter(
        LOCAL,
        "Runs on",
        "Where the work is done; a cluster needs a folder that all of its machines see",
        choices={LOCAL: "This machine", RAY: "A Ray cluster"},
    )
    address: str | None = parameter(
        None,
        "Address of the cluster",
        "host:port of a Ray cluster, or local to start one on this machine",
        empty="the cluster that this machine is part of",
        unit="HOST:PORT",
        short=True,
    )
    num_gpus: float | None = parameter(
        None,
        "GPUs a model",
        "GPUs of the cluster that each model gets; less than 1 trains several on one",
        within="[0, inf)",
        empty="1 where the cluster has GPUs",
        unit="GPUS",
        short=True,
    )

    def validate(self) -> None:
        alone = self.address is None and self.num_gpus is None
        require(self.engine == RAY or alone, "engine", "'ray' where address or num_gpus is given", self.engine)

    @classmethod
    def asked(cls, parameters: Mapping[str, Any]) -> Execution | None:
        """Where the work runs, if these parameters say so; None where it runs as that of the surrounding call."""
        own = {name: value for name, value in parameters.items() if name in table(cls)}
        return cls.from_params(own) if own else None
