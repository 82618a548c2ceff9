"""SimCLR as lightly has it: its view transform on Pillow images, its head, its loss."""

from __future__ import annotations

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms.simclr_transform import SimCLRViewTransform
from peer_steps import TEMPERATURE, Pairs, train
from PIL import Image
from torch.utils.data import DataLoader
from ways import Task, report, task_given


def main(task: Task) -> None:
    torch.set_num_threads(1)
    # The operations of `harness_way.SIMCLR`: a crop of a quarter to the whole is a zoom of 1 to 2.
    view = SimCLRViewTransform(
        input_size=task.size,
        cj_prob=0.8,
        cj_bright=0.4,
        cj_contrast=0.4,
        cj_sat=0.4,
        cj_hue=0.1,
        min_scale=0.25,
        random_gray_scale=0.0,
        gaussian_blur=0.0,
        vf_prob=0.5,
        hf_prob=0.5,
        rr_prob=1.0,
        rr_degrees=90.0,
    )
    pairs = Pairs(task.files, lambda path: view(Image.open(path).convert("RGB")))
    loader = DataLoader(pairs, task.batch, shuffle=True, num_workers=task.workers)
    head = SimCLRProjectionHead(512, 512, 128)
    report(train(task, lambda: loader, head, NTXentLoss(temperature=TEMPERATURE)))


if __name__ == "__main__":
    main(task_given())
