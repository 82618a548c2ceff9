"""Contrastive training with kornia: files decoded and resized one by one, a batch augmented.

kornia has no contrastive loss: it is pytorch-metric-learning's.
"""

from __future__ import annotations

from collections.abc import Iterator

import kornia.augmentation as K
import numpy as np
import torch
from peer_steps import MEAN, STD, TEMPERATURE, Pairs, train
from PIL import Image
from pytorch_metric_learning.losses import NTXentLoss, SelfSupervisedLoss
from torch import nn
from torch.utils.data import DataLoader
from ways import Task, report, task_given


def read(path: str) -> torch.Tensor:
    image = Image.open(path).convert("RGB").resize((160, 105), Image.Resampling.BOX)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def main(task: Task) -> None:
    torch.set_num_threads(1)
    size = (task.size, task.size)
    augment = K.AugmentationSequential(
        K.RandomResizedCrop(size, scale=(0.25, 1.0)),
        K.RandomHorizontalFlip(p=0.5),
        K.RandomVerticalFlip(p=0.5),
        K.RandomRotation(90.0, p=1.0),
        K.ColorJiggle(0.4, 0.4, 0.4, 0.1, p=0.8),
        K.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
    )
    pairs = Pairs(task.files, read)
    loader = DataLoader(pairs, task.batch, shuffle=True, num_workers=task.workers)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for first, second in loader:
            yield augment(first), augment(second)

    head = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 128))
    loss = SelfSupervisedLoss(NTXentLoss(temperature=TEMPERATURE))
    report(train(task, batches, head, loss))


if __name__ == "__main__":
    main(task_given())
