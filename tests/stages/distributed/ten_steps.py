"""Ten contrastive steps in float64 as one of several processes: RANK SIZE STORE OUTPUT."""

from __future__ import annotations

import sys

import timm
import torch
import torch.distributed as dist
from torch import nn

from mpcs_bench.stages.distributed.batch_norm import synchronised
from mpcs_bench.stages.distributed.gather import gather_views, share
from mpcs_bench.stages.distributed.shares import average_gradients
from mpcs_paper.losses import NTXent

PAIRS = 7  # no multiple of the processes


def build() -> nn.Module:
    torch.manual_seed(0)
    encoder = timm.create_model("test_resnet", num_classes=0)
    width = encoder.num_features
    head = nn.Sequential(nn.Linear(width, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16))
    return nn.Sequential(encoder, head).double().train()


def main(rank: int, size: int, store: str, output: str) -> None:
    torch.set_num_threads(1)
    if size > 1:
        dist.init_process_group("gloo", f"file://{store}", rank=rank, world_size=size)
    model = synchronised(build(), torch.device("cpu"))
    loss_of = NTXent(NTXent.Params(temperature=0.2)).build(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images = torch.Generator().manual_seed(1)
    losses = []
    for step in range(10):
        views = torch.randn(2, PAIRS, 3, 32, 32, generator=images, dtype=torch.double)
        own = share(PAIRS, rank, size)
        z = model(views[:, own].flatten(0, 1)).reshape(2, own.stop - own.start, -1)
        loss = loss_of(gather_views(z, PAIRS))
        optimizer.zero_grad()
        loss.backward()
        average_gradients(model)
        if step == 0:
            gradients = [weight.grad.clone() for weight in model.parameters()]
        optimizer.step()
        losses.append(float(loss))
    if rank == 0:
        kept = {"losses": torch.tensor(losses, dtype=torch.double), "gradients": gradients}
        torch.save(kept | {"state": model.state_dict()}, output)
    if size > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
