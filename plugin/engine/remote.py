"""What a worker of a cluster does: it checks once that it has what is needed, and then works on items."""

from __future__ import annotations

import functools
import os
import platform
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.errors import LabelQualityError

#: Packages whose other versions give other bits, or cannot read what is sent
_PACKAGES = ("fiftyone-label-quality", "torch", "numpy", "numba", "opencv-python-headless", "onnxruntime", "ray")


@dataclass(frozen=True)
class Witness:
    """A file that all machines must see: its path, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Terms:
    """What every machine must have.

    Args:
        versions: of Python and of packages; "" of one that is not installed
        token: a file in the run's folder that was written for this run, and is not there once it has ended
        witnesses: files in the folders that the run reads
    """

    versions: tuple[tuple[str, str], ...]
    token: Witness | None = None
    witnesses: tuple[Witness, ...] = ()


def versions() -> tuple[tuple[str, str], ...]:
    """The versions of Python and of the packages that have to be the same everywhere."""
    python = ".".join(platform.python_version_tuple()[:2])
    return ("Python", python), *((name, _version(name)) for name in _PACKAGES)


def problems(terms: Terms) -> list[str]:
    """What this machine lacks, in words that go on after its name."""
    mine = dict(versions())
    found = [
        f"has {name} {mine[name] or 'not installed'}, and not {wanted or 'without it'}"
        for name, wanted in terms.versions
        if mine[name] != wanted
    ]
    if terms.token is not None and not _seen(terms.token):
        found.append(f"does not see the run's folder {os.path.dirname(terms.token.path)}")
    return found + [f"does not see {one.path}" for one in terms.witnesses if not _seen(one)]


def this_node() -> str:
    """The name by which a user knows this machine."""
    import ray

    return f"{ray.util.get_node_ip_address()} ({socket.gethostname()})"


def refusal(nodes: Mapping[str, Sequence[str]]) -> LabelQualityError:
    """The error for machines that lack something.

    Args:
        nodes: name to what it lacks
    """
    lines = "\n".join(f"- {name} {one}" for name, lacks in nodes.items() for one in lacks)
    return LabelQualityError(
        "Expected every machine of the cluster to see the files of the run and its images and masks at the same paths, "
        f"and to have the same versions, but:\n{lines}\nMount the folders there, give an `output_dir` that all see, or "
        "install the same versions."
    )


def work_on(sent: Sequence[Any], item: bytes) -> bytes:
    """Works on one item.

    Args:
        sent: a reference to the terms and the function; in a list, so that Ray does not fetch it for every item
        item: what the function takes, pickled

    Returns:
        whether there is a result; and that, or the error that was raised; pickled
    """
    from ray import cloudpickle

    terms, fn = _fetched(sent[0])
    try:
        _check_once(terms)
        return cloudpickle.dumps((True, fn(cloudpickle.loads(item))))
    except LabelQualityError as error:
        return cloudpickle.dumps((False, error))


@functools.lru_cache(maxsize=2)
def _fetched(reference: Any) -> tuple[Terms, Callable[[Any], Any]]:
    """What was sent for all items: kept, as it may be large; of the last two functions."""
    import ray

    return ray.cloudpickle.loads(ray.get(reference))


@functools.lru_cache(maxsize=8)
def _checked(terms: Terms) -> list[str]:
    return problems(terms)


def _check_once(terms: Terms) -> None:
    """Raises where this machine, which may have come to the cluster late, cannot do the work."""
    lacks = _checked(terms)
    if lacks:
        raise refusal({this_node(): lacks})


def _seen(witness: Witness) -> bool:
    try:
        return os.stat(witness.path).st_size == witness.size
    except (OSError, ValueError):
        return False


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
