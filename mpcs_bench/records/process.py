"""Which process wrote something, and whether it still runs."""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
from pathlib import Path

_counter = itertools.count()


def host_name() -> str:
    """Return the name under which this machine (or container) is known."""
    return socket.gethostname()


def host_token() -> str:
    """Return 8 hex digits for the set of processes that share our process ids.

    Host name, boot and PID namespace: a container has process ids of its own.
    """
    parts = [host_name()]
    for source in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        path = Path(source)
        try:
            parts.append(str(path.readlink()) if path.is_symlink() else path.read_text())
        except OSError:
            continue
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:8]


def started_at(pid: int) -> int | None:
    """Return when process `pid` started, in clock ticks since boot; None where not to be had.

    None too for a zombie: it has ended and only waits to be collected.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command in parentheses may hold spaces and parentheses of its own.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def is_alive(pid: int, started: int | None = None) -> bool:
    """Say whether process `pid` of this host runs, and is the one that started at `started`."""
    if Path("/proc/self/stat").exists():
        now = started_at(pid)
        return now is not None and (started is None or now == started)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, and someone else's
        return True
    return True


def unique_token() -> str:
    """Return `host.started.count`: no other writer, living or dead, has the same beside its pid."""
    return f"{host_token()}.{started_at(os.getpid()) or 0}.{next(_counter)}"


def token_is_stale(pid: int, token: str) -> bool:
    """Say whether the process that made `token` is one of this host and has ended."""
    host, _, rest = token.partition(".")
    started = rest.partition(".")[0]
    if host != host_token() or not started.isdigit():
        return False
    return not is_alive(pid, int(started) or None)
