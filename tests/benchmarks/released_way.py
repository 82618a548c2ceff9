"""Training as the released pipeline does it, written anew from its description.

Each image in each epoch is decoded by Pillow at its full size, augmented there by albumentations,
resized, made a tensor and normalised, one by one, in the workers of torch's DataLoader; the step
is plain: float32, contiguous images, Adam. For pairs both files go through the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ways import Course, Task, Watch, report, task_given

if TYPE_CHECKING:
    import albumentations

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pipeline(size: int, often: float, seldom: float) -> albumentations.Compose:
    """Return colour jitter, flips, rotation and shift, at full size, and the resize after them."""
    import albumentations as A
    import cv2
    from albumentations.pytorch import ToTensorV2

    return A.Compose(
        [
            A.ColorJitter(
                brightness=(0.9, 1.1),
                contrast=(0.9, 1.1),
                saturation=(0.9, 1.1),
                hue=(-0.1, 0.1),
                p=often,
            ),
            A.HorizontalFlip(p=often),
            A.VerticalFlip(p=often),
            A.Rotate(limit=(-180, 180), border_mode=cv2.BORDER_REFLECT, p=often),
            A.Affine(translate_percent=(-0.05, 0.05), border_mode=cv2.BORDER_REFLECT, p=seldom),
            A.Resize(height=size, width=size),
            A.Normalize(mean=MEAN, std=STD),
            ToTensorV2(),
        ]
    )


def main(task: Task) -> None:
    import cv2
    import numpy as np
    import timm
    import torch
    from PIL import Image
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    chances = (1.0, 1.0) if task.always else (0.3, 0.2)
    transform = pipeline(task.size, *chances)

    class Files(Dataset[Any]):
        """A file and its class."""

        def __len__(self) -> int:
            return len(task.files)

        def __getitem__(self, place: int) -> Any:
            pixels = np.array(Image.open(task.files[place]).convert("RGB"))
            return transform(image=pixels)["image"], task.labels[place]

    course, watch = Course(), Watch()
    model = timm.create_model(task.encoder, num_classes=2, drop_rate=0.3)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-5)
    loss_of = nn.CrossEntropyLoss()
    loader = DataLoader(Files(), task.batch, shuffle=True, num_workers=task.workers)
    data = step = 0.0
    for _ in range(task.epochs):
        model.train()
        total, begun = 0.0, time.process_time()
        for images, labels in loader:
            ready = time.process_time()
            loss = loss_of(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            data, step, begun = (
                data + ready - begun,
                step + time.process_time() - ready,
                time.process_time(),
            )
        course.epochs.append(watch.lap())
    seen = task.epochs * len(task.files)
    course.facts = {"data_ms": 1000 * data / seen, "step_ms": 1000 * step / seen}
    report(course)


if __name__ == "__main__":
    main(task_given())
