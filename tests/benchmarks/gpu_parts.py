"""What a part of `gpu.py` is asked, and how it answers; measurements that parts share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from aims import Row


@dataclass(frozen=True, slots=True)
class Part:
    """A function of a module, and the most seconds that it may take."""

    name: str
    module: str
    function: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """`device` is cuda, or cpu in a dry run; `until` is when the part is stopped (monotonic)."""

    device: str
    folder: Path
    until: float
    answers: Connection

    @property
    def dry(self) -> bool:
        """Whether sizes are to be tiny."""
        return self.device == "cpu"

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    def row(
        self,
        what: str,
        measured: str | float,
        aim: str = "",
        met: bool | None = None,
        note: str = "",
    ) -> None:
        """Answer with a line of the table."""
        text = measured if isinstance(measured, str) else f"{measured:.4g}"
        self.answers.send(Row(what, text, aim, met, note))

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """Let what fails within the block be a row; the part goes on."""
        try:
            yield
        except Exception as error:
            said = str(error).strip().partition("\n")[0][:160]
            self.row(what, f"{type(error).__name__}: {said}", note="failed")


def wait(device: str) -> None:
    """Wait until the device has done all that it was told."""
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


def fastest(call: Callable[[], object], device: str, *, repeats: int, rounds: int = 3) -> float:
    """Return the seconds of one of `repeats` calls in the fastest of `rounds`."""
    call()
    best = float("inf")
    for _ in range(rounds):
        wait(device)
        begun = time.perf_counter()
        for _ in range(repeats):
            call()
        wait(device)
        best = min(best, (time.perf_counter() - begun) / repeats)
    return best


def peak_gib(call: Callable[[], object]) -> float:
    """Return the most memory of the GPU, in GiB, that is allocated while `call` runs."""
    import torch

    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / 2**30
