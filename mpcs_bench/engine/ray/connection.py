"""Joining a Ray cluster, or starting one of this machine alone; quiet either way."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mpcs_bench.errors import BenchError

OWN = "local"
"""Ray's name for a cluster of this machine alone that ends with the process."""

PATIENCE = 10.0
"""Seconds to wait for a cluster's address to answer."""

OWN_STORE = 256 * 2**20
"""Bytes of object store of a Ray of our own: on one machine hardly anything travels."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a stage without a GPU sees none; and no warning
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # else it prints the death of a worker on our stdout
}


@dataclass(frozen=True, slots=True)
class Connection:
    """How this process is connected: `ours` is to be ended by us; `alone` has no other machine."""

    ours: bool
    alone: bool


def connect(address: str | None) -> Connection:
    """Connect this process to Ray, where it is not yet.

    `address` None means $RAY_ADDRESS, and without that a Ray of this machine alone. Raises
    BenchError where ray is not installed, nothing answers at the address, or the cluster cannot
    be joined from here.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in _QUIET.items()})
    ray = _imported()
    address = address or os.environ.get("RAY_ADDRESS") or OWN
    _require_answer(address)
    if ray.is_initialized():
        return Connection(ours=False, alone=False)
    alone = address == OWN
    own = {"object_store_memory": OWN_STORE, "include_dashboard": False} if alone else {}
    try:
        with _signals_kept():
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        raise BenchError(
            f"Cannot join the Ray cluster at {address}: {error}",
            hint="The driver must run on a node of the cluster: there `ray status` shows it, and "
            "--address auto finds it. Driver and cluster need the same versions of ray and Python.",
        ) from error
    return Connection(ours=True, alone=alone)


def starts_alone(address: str | None) -> bool:
    """Say whether `connect` would start a Ray of this machine alone."""
    return (address or os.environ.get("RAY_ADDRESS") or OWN) == OWN and not (
        _imported().is_initialized()
    )


def gcs_address() -> str:
    """Return host:port of the cluster's head."""
    return str(_imported().get_runtime_context().gcs_address)


def answers(address: str) -> bool:
    """Say whether anything listens at `host:port`."""
    return _silence(address) is None


def disconnect() -> None:
    """Leave Ray; a Ray of our own ends with all its processes."""
    _imported().shutdown()


def _imported() -> Any:
    try:
        import ray
    except ImportError:
        raise BenchError(
            "The package ray is not installed.", hint='Run `pip install "mpcs-bench[ray]"`.'
        ) from None
    return ray


def _require_answer(address: str) -> None:
    """Raise BenchError where nothing listens at `host:port`: Ray itself would wait for minutes."""
    if address in (OWN, "auto"):
        return
    _, colon, port = address.rpartition(":")
    if "://" in address or not colon or not port.isdecimal():
        raise BenchError(
            f"'{address}' is no address of a Ray cluster that a driver can join.",
            hint="Use host:port (usually port 6379) or auto, on a node of the cluster. From "
            "elsewhere submit the command: `ray job submit -- mpcs-bench run ...`.",
        )
    reason = _silence(address)
    if reason is not None:
        raise BenchError(
            f"No Ray cluster answers at {address}: {reason}.",
            hint="Start one with `ray start --head --port=6379`, or check host, port and firewall.",
        )


def _silence(address: str) -> str | None:
    """Return why nothing answers at `host:port`; None where something does."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep our handlers: Ray puts its own in their place, and a signal must reach ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
