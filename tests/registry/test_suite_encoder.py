"""The contract suite of encoders: a sound one passes, a fault fails its own check."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest
import torch
from torch import nn

from mpcs_bench.errors import PluginError
from mpcs_bench.registry import Encoder, PluginParams, Preprocessing, entry_for
from mpcs_bench.registry.suite import check


class Sound(Encoder):
    name = "sound"

    def build(self):
        module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        module.num_features = 8
        return module

    @property
    def preprocessing(self):
        return Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))

    def projection_head(self, features):
        return (16, 4)


class NoNumFeatures(Sound):
    def build(self):
        module = super().build()
        del module.num_features
        return module


class Downloads(Sound):
    def build(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("192.0.2.1", 80), timeout=0.1)
        return super().build()


class WrongWidth(Sound):
    def build(self):
        module = super().build()
        module.num_features = 9
        return module


class OwnSeed(Sound):
    def build(self):
        module = super().build()
        nn.init.normal_(module[0].weight, generator=torch.Generator().manual_seed(time.time_ns()))
        return module


class NoisyInEval(Sound):
    def build(self):
        module = super().build()
        module.append(Noise())
        return module


class Noise(nn.Module):
    def forward(self, h):
        return h + torch.rand_like(h)


class NoHead(Sound):
    def projection_head(self, features):
        return ()


class EightBit(Sound):
    @property
    def preprocessing(self):
        return Preprocessing(mean=(127.0, 127.0, 127.0), std=(0.2, 0.2, 0.2))


class ZeroDeviation(Sound):
    @property
    def preprocessing(self):
        return Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.0))


class Member(Sound):
    class Params(PluginParams):
        name: str

    family = "zoo"


def failures(cls, **options):
    return {
        r.name: r.message for r in check(entry_for(cls), image_size=32, **options) if not r.passed
    }


def test_a_sound_encoder_passes_every_check():
    assert failures(Sound) == {}


@pytest.mark.parametrize(
    ("cls", "name", "message"),
    [
        (NoNumFeatures, "builds", "num_features is None"),
        (Downloads, "builds", "reached for the network"),
        (WrongWidth, "features", "[2, 8], not [2, 9]"),
        (OwnSeed, "same seed, same weights", "differ in 0.weight"),
        (NoisyInEval, "deterministic in eval", "differ"),
        (NoHead, "projection head", "()"),
        (EightBit, "preprocessing", "mean (127.0"),
        (ZeroDeviation, "preprocessing", "std"),
    ],
)
def test_a_fault_fails_exactly_the_check_that_is_meant(cls, name, message):
    found = failures(cls)

    assert list(found) == [name]
    assert message in found[name]


def test_a_family_is_tried_through_one_of_its_members():
    with pytest.raises(PluginError, match="cannot be tried without: name") as caught:
        check(entry_for(Member))
    assert "plugins test zoo/NAME" in caught.value.hint
    assert failures(Member, params={"name": "lion"}) == {}


def test_the_suite_leaves_the_callers_random_state_and_network_alone():
    state, connect = torch.random.get_rng_state(), socket.socket.connect

    check(entry_for(Sound), image_size=32)

    assert torch.random.get_rng_state().equal(state)
    assert socket.socket.connect is connect
