"""The part of `gpu.py` that trains several networks at once on one GPU, a process each."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from gpu_parts import Asked, wait


def at_once(asked: Asked) -> None:
    """Compare the images a second of one, two and three fine-tunings; nothing here uses the GPU."""
    context = multiprocessing.get_context("fork")
    name, size, batch = ("tiny", 16, 4) if asked.dry else ("efficientnet_b2", 224, 32)
    alone = 0.0
    for number in (1, 2) if asked.dry else (1, 2, 3):
        what = f"{number} fine-tunings at once, {name} at {size}, batch {batch}, bf16"
        with asked.trying(what):
            barrier = context.Barrier(number)
            pipes = [context.Pipe(duplex=False) for _ in range(number)]
            seconds = 0.5 if asked.dry else 5.0
            workers = [
                context.Process(
                    target=_train, args=(asked.device, name, size, batch, seconds, barrier, theirs)
                )
                for _, theirs in pipes
            ]
            for worker in workers:
                worker.start()
            for _, theirs in pipes:
                theirs.close()
            rates = []
            for ours, _ in pipes:
                if not ours.poll(max(1.0, asked.left - 1)):
                    raise TimeoutError("a training did not end")
                rates.append(ours.recv())
            for worker in workers:
                worker.join(5)
            rate = sum(rates)
            alone = alone or rate
            asked.row(what, f"{rate:.0f} img/s", note=f"{rate / alone:.2f} times one alone")


def _train(
    device: str,
    name: str,
    size: int,
    batch: int,
    seconds: float,
    barrier: Barrier,
    answer: Connection,
) -> None:
    from gpu_networks import Shape, classifying

    step = classifying(Shape(name, size, batch, "bf16"), device)
    for _ in range(3):
        step()
    wait(device)
    barrier.wait(120)
    begun, steps = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        step()
        steps += 1
        if steps % 10 == 0:  # no further ahead of the device than this
            wait(device)
    wait(device)
    answer.send(batch * steps / (time.perf_counter() - begun))
