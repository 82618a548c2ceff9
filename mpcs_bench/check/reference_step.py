"""The reference step: one fixed piece of work, timed beside every run, that times are held to."""

from __future__ import annotations

import multiprocessing
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from mpcs_bench.check.baseline import Reference
from mpcs_bench.engine.worker_environment import worker_environment
from mpcs_bench.errors import StageError

STEPS = 30
BATCH, SIZE, WIDTH = 16, 48, 32
RATE = 1e-3


class ReferenceStep:
    """Takes the step when asked, in one process of its own; leaves it when its block ends.

    The fastest step counts: other processes slow a step down, and nothing speeds it up.
    """

    def __init__(self, device: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._device = device
        self._connection, theirs = context.Pipe()
        with worker_environment(threads):
            self._process = context.Process(
                target=_serve, args=(theirs, device, threads), daemon=True
            )
            self._process.start()
        theirs.close()

    def measure(self) -> Reference:
        """Take it some times. Raises StageError where its process dies."""
        try:
            self._connection.send("measure")
            seconds, cpu_seconds, peak, cpu = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            raise StageError(
                f"The reference step on {self._device} ended with {self._process.exitcode}.",
                hint="Look at `mpcs-bench doctor`.",
            ) from None
        return Reference(seconds=seconds, cpu_seconds=cpu_seconds, peak_bytes=peak, cpu=cpu)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()


def faster(first: Reference, second: Reference) -> Reference:
    """Return what two measurements of one machine say together."""
    cpu = [measured.cpu_seconds for measured in (first, second) if measured.cpu_seconds is not None]
    together = {
        "seconds": min(first.seconds, second.seconds),
        "cpu_seconds": min(cpu, default=None),
        "peak_bytes": max(first.peak_bytes, second.peak_bytes),
    }
    return first.model_copy(update=together)


def _serve(connection: Connection, device: str, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            connection.recv()
        except (EOFError, OSError):
            return
        connection.send(_measure(device, threads))


def _measure(device: str, threads: int) -> tuple[float, float, int, str]:
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, WIDTH, 3, padding=1),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(WIDTH, 2),
    ).to(device)
    images = torch.rand(BATCH, 3, SIZE, SIZE, device=device)
    labels = torch.arange(BATCH, device=device) % 2
    best = cpu_best = float("inf")
    for _ in range(STEPS):
        begun, cpu_begun = time.perf_counter(), time.process_time()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():  # no torch.optim: it loads a compiler, for a second
            for weights in model.parameters():
                if weights.grad is not None:
                    weights.sub_(weights.grad, alpha=RATE)
                    weights.grad = None
        loss.item()  # waits for the device
        best = min(best, time.perf_counter() - begun)
        cpu_best = min(cpu_best, time.process_time() - cpu_begun)
    cpu = torch.backends.cpu.get_cpu_capability()
    return best, cpu_best, peak_bytes("self"), str(cpu)


def peak_bytes(pid: int | str) -> int:
    """Return the most RAM that a process has had; 0 where the system does not say."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0
