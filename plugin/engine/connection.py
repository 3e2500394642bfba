"""The way to a Ray cluster: the package, and an address that answers."""

from __future__ import annotations

import re
import socket
from typing import Any

from ..base.errors import LabelQualityError

#: Seconds that a port has to answer
_CONNECT = 5.0


def import_ray() -> Any:
    """Ray's module; raises `LabelQualityError`, which says what to install, where there is none."""
    try:
        import ray
    except ImportError as error:
        raise LabelQualityError(
            "A run on a cluster needs Ray, which is not installed here. Install it on all machines: "
            "pip install 'fiftyone-label-quality[ray]'."
        ) from error
    return ray


def connect(ray: Any, address: str | None) -> None:
    """Connects this process to a cluster, of which it is a part afterwards.

    Args:
        ray: the module
        address: ``host:port``; ``local`` starts a cluster on this machine, None is the one that this machine is part of

    Raises:
        LabelQualityError: it is no such address, or nothing answers there
    """
    if address == "local":
        ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="error")
        return
    if address is not None:
        _check_port(address)
    try:
        ray.init(address=address or "auto", log_to_driver=False, logging_level="error")
    except Exception as error:
        where = f"at {address}" if address else "on this machine"
        raise LabelQualityError(
            f"Expected a Ray cluster {where}, but could not connect to one ({_first_line(error)}). Start one "
            "(`ray start --head`), name another address, or leave out the engine to run on this machine."
        ) from error


def _check_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or "/" in host:
        raise LabelQualityError(
            "Expected the address of a Ray cluster as host:port, such as 10.0.0.1:6379, or local, but got "
            f"{address!r}. The run starts on a machine of the cluster, so that it sees the same files: addresses that "
            "begin with ray:// are not taken."
        )
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT).close()
    # A host's name that can be none is no error of the system
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabelQualityError(
            f"Expected a Ray cluster at {address}, but nothing answers there ({reason}). Start one "
            "(`ray start --head`), name another address, or leave out the engine to run on this machine."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
