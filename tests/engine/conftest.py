"""A real Ray cluster of three nodes on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .clusters import on

FATAL = Path(__file__).with_name("fatal")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that does not work itself, and two nodes of a core; their workers end when they open certain files."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # A machine that is lost is missed after seconds, and not after a minute
        patch.setenv("RAY_health_check_period_ms", "1000")
        patch.setenv("RAY_health_check_failure_threshold", "3")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(FATAL), os.environ.get("PYTHONPATH", "")]))
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for _ in range(2):
            made.add_node(num_cpus=1)
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def connected(cluster: Any) -> Iterator[Any]:
    """The cluster, with this process connected to it until the module ends.

    Ray ends a cluster's processes with the connection that they work for, and what comes next would wait for others,
    which import for longer than they work.
    """
    import ray
    from label_quality.plugin.engine.connection import connect

    connect(ray, cluster.address)
    yield cluster
    ray.shutdown()


@pytest.fixture
def engine(cluster: Any) -> Iterator[Any]:
    from label_quality.plugin.engine.config import Execution
    from label_quality.plugin.engine.engine import running_on

    with running_on(Execution.from_params(on(cluster))) as found:
        yield found
