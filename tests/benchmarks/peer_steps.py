"""What the peers' ways share: pairs of files, and the loop around a plain contrastive step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import timm
import torch
from torch import nn
from torch.utils.data import Dataset
from ways import Course, Task, Watch

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TEMPERATURE = 0.2


class Pairs(Dataset[Any]):
    """The two files of a set, each through `read`: decoded anew whenever it is asked for."""

    def __init__(self, files: tuple[str, ...], read: Callable[[str], Any]) -> None:
        self._files, self._read = files, read

    def __len__(self) -> int:
        return len(self._files) // 2

    def __getitem__(self, place: int) -> Any:
        return self._read(self._files[2 * place]), self._read(self._files[2 * place + 1])


def train(
    task: Task,
    batches: Callable[[], Iterable[tuple[torch.Tensor, torch.Tensor]]],
    head: nn.Module,
    loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> Course:
    """Take plain float32 steps over what `batches` yields each epoch; both views at once."""
    course, watch = Course(), Watch()
    encoder = timm.create_model(task.encoder, num_classes=0)
    model = nn.Sequential(encoder, head).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-5)
    step = 0.0
    for _ in range(task.epochs):
        for first, second in batches():
            start = time.process_time()
            z = model(torch.cat([first, second]))
            loss = loss_of(*z.chunk(2))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += time.process_time() - start
        course.epochs.append(watch.lap())
    seen = task.epochs * len(task.files)
    spent = sum(span.cpu for span in course.epochs)
    course.facts = {"data_ms": 1000 * (spent - step) / seen, "step_ms": 1000 * step / seen}
    return course
