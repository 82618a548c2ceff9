"""The paper's encoders (Section 4.2) and timm's networks as plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from mpcs_bench.errors import PluginError, WeightsError
from mpcs_bench.registry import Registry, entry_for
from mpcs_bench.registry.suite import check
from mpcs_paper import encoders
from mpcs_paper.encoders import (
    EfficientNetB2,
    EfficientNetB2Params,
    ResNet50,
    ResNet50Params,
    TimmEncoder,
    TimmParams,
)


@pytest.fixture
def registry():
    classes = (TimmEncoder, ResNet50, EfficientNetB2)
    return Registry([entry_for(cls) for cls in classes])


@pytest.fixture(autouse=True)
def no_weights_of_this_machine(monkeypatch, tmp_path):
    """No test sees weights that the machine happens to have."""
    monkeypatch.delenv("MPCS_WEIGHTS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def named(name, **options):
    return TimmEncoder(TimmParams(name=name, **options))


@pytest.mark.parametrize("cls", [ResNet50, EfficientNetB2], ids=lambda c: c.name)
def test_the_contract_suite_passes(cls):
    assert [r for r in check(entry_for(cls), image_size=32) if not r.passed] == []


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "mobilenetv3_small_050", "lcnet_050"])
def test_the_contract_suite_passes_for_networks_of_timm(name):
    results = check(entry_for(TimmEncoder), params={"name": name}, image_size=160)

    assert [r for r in results if not r.passed] == []


@pytest.mark.parametrize(
    ("encoder", "side", "features", "head"),
    [
        (ResNet50(), 224, 2048, (1024, 128)),
        (ResNet50(ResNet50Params(output_stride=8)), 224, 2048, (1024, 128)),
        (EfficientNetB2(), 341, 1408, (2048, 1204, 128)),
    ],
    ids=["resnet50", "dilated resnet50", "efficientnet-b2"],
)
def test_one_image_of_the_papers_size_becomes_its_features(encoder, side, features, head):
    module = encoder.build().eval()

    with torch.inference_mode():
        h = module(torch.zeros(1, 3, side, side))

    assert h.shape == (1, features)
    assert module.num_features == features
    assert encoder.projection_head(features) == head


def test_the_dilated_resnet_keeps_a_map_of_an_eighth_and_the_same_weights():
    plain = ResNet50().build().eval()
    dilated = ResNet50(ResNet50Params(output_stride=8)).build().eval()
    images = torch.zeros(1, 3, 64, 64)

    with torch.inference_mode():
        maps = [module.forward_features(images).shape[-1] for module in (plain, dilated)]

    assert maps == [2, 8]
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (plain, dilated)]
    assert shapes[0] == shapes[1]


def test_without_its_last_activation_efficientnet_b2_has_the_same_weights_and_other_features():
    torch.manual_seed(0)
    plain = EfficientNetB2().build().eval()
    without = EfficientNetB2(EfficientNetB2Params(last_activation="identity")).build().eval()
    without.load_state_dict(plain.state_dict())
    images = torch.randn(1, 3, 64, 64)

    with torch.inference_mode():
        maps = [module.forward_features(images) for module in (plain, without)]

    assert torch.equal(maps[0], torch.nn.functional.silu(maps[1]))


def test_a_network_of_timm_answers_to_its_name(registry):
    resolved = registry.resolve("encoder", "timm/test_resnet", {"output_stride": 16})

    assert resolved.full_name == "mpcs_paper/timm"
    assert resolved.identity()["params"] == {
        "name": "test_resnet",
        "output_stride": 16,
        "drop_path": 0.0,
    }
    module = registry.create(resolved, TimmEncoder).build().eval()
    with torch.inference_mode():
        assert module.forward_features(torch.zeros(1, 3, 64, 64)).shape[-1] == 4


def test_a_misspelt_network_is_found_out_when_the_protocol_is_read(registry):
    with pytest.raises(PluginError, match="Did you mean 'resnet18'") as caught:
        registry.resolve("encoder", "timm/resnet81")
    ((place, _),) = caught.value.errors
    assert place == ("name",)


def test_the_networks_read_from_timms_source_are_those_it_registers():
    assert encoders._names_in_source() == set(timm.list_models())


def test_an_older_alias_of_a_network_is_known_too():
    alias = next(iter(timm.models.get_deprecated_models("vision_transformer")))

    assert TimmParams(name=alias).name == alias


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18", "local-dir:/tmp", ""])
def test_a_name_that_would_reach_beyond_timms_own_networks_is_refused(name, registry):
    with pytest.raises(PluginError, match="timm has no network"):
        registry.resolve("encoder", "timm", {"name": name})


def test_an_unknown_tag_gets_a_suggestion():
    with pytest.raises(PluginError, match=r"no weights 'tv_in2k'.*Did you mean 'tv_in1k'"):
        ResNet50(ResNet50Params(tag="tv_in2k")).build()


def test_an_option_that_a_network_lacks_is_named():
    with pytest.raises(PluginError, match="cannot build 'test_vit' with output_stride=8"):
        named("test_vit", output_stride=8).build()


def test_stochastic_depth_reaches_the_network():
    rates = [
        m.drop_prob
        for m in named("resnet50", drop_path=0.2).build().modules()
        if hasattr(m, "drop_prob")
    ]

    assert max(rates) == pytest.approx(0.2)


def test_preprocessing_is_that_of_the_networks_weights():
    assert named("test_resnet").preprocessing.mean == (0.5, 0.5, 0.5)
    assert ResNet50().preprocessing.mean == (0.485, 0.456, 0.406)
    assert EfficientNetB2().preprocessing.std == (0.229, 0.224, 0.225)
    assert ResNet50().preprocessing.channels == "RGB"


def test_the_head_of_a_network_of_timm_grows_with_its_features():
    assert named("resnet18").projection_head(512) == (1024, 64)


def test_weights_are_taken_from_the_weights_folder_and_fit(monkeypatch, tmp_path):
    trained = timm.create_model("test_resnet", num_classes=1000)
    save_file(trained.state_dict(), tmp_path / "test_resnet.r160_in1k.safetensors")
    monkeypatch.setenv("MPCS_WEIGHTS", str(tmp_path))

    encoder = named("test_resnet")
    file = encoder.imagenet_file()
    missing, _ = encoder.build().load_state_dict(load_file(file), strict=False)

    assert file == tmp_path / "test_resnet.r160_in1k.safetensors"
    assert missing == []


def test_the_file_with_the_tag_goes_before_the_one_without(monkeypatch, tmp_path):
    monkeypatch.setenv("MPCS_WEIGHTS", str(tmp_path))
    plain = tmp_path / "resnet50.safetensors"
    plain.touch()
    assert ResNet50().imagenet_file() == plain

    tagged = tmp_path / "resnet50.tv_in1k.safetensors"
    tagged.touch()
    assert ResNet50().imagenet_file() == tagged


def test_weights_are_taken_from_the_hub_cache_without_any_network(tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "cache" / "models--timm--efficientnet_b2.ra_in1k"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    (repo / "snapshots" / commit).mkdir(parents=True)
    cached = repo / "snapshots" / commit / "model.safetensors"
    cached.touch()
    code = (
        "import socket\n"
        "def refuse(*a, **k): raise SystemExit('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from mpcs_paper.encoders import EfficientNetB2\n"
        "e = EfficientNetB2(); e.build(); e.preprocessing; print(e.imagenet_file())"
    )
    env = {k: v for k, v in os.environ.items() if k not in ("MPCS_WEIGHTS", "HF_HUB_OFFLINE")}
    env |= {
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }

    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)

    assert (done.returncode, done.stdout.strip()) == (0, str(cached)), done.stderr


def test_missing_weights_say_which_file_goes_where(monkeypatch, tmp_path):
    with pytest.raises(WeightsError, match=r"resnet50\.tv_in1k") as unset:
        ResNet50().imagenet_file()
    monkeypatch.setenv("MPCS_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError) as given:
        ResNet50().imagenet_file()

    assert (
        "Put resnet50.tv_in1k.safetensors into a folder that $MPCS_WEIGHTS names"
        in unset.value.hint
    )
    assert f"Put resnet50.tv_in1k.safetensors into the folder {tmp_path}" in given.value.hint
    assert "`run` never downloads" in given.value.hint
    assert "`model.safetensors` of `timm/resnet50.tv_in1k`" in given.value.hint
    assert "timm.create_model('resnet50.tv_in1k', pretrained=True)" in given.value.hint
    assert "weights fetch" not in given.value.hint


def test_weights_that_never_saw_imagenet_are_not_passed_off_as_such(monkeypatch, tmp_path):
    (tmp_path / "resnet50.bamboo.safetensors").touch()
    monkeypatch.setenv("MPCS_WEIGHTS", str(tmp_path))

    with pytest.raises(WeightsError, match="were not trained on ImageNet"):
        named("resnet50.bamboo").imagenet_file()


@pytest.mark.parametrize("cls", [ResNet50, EfficientNetB2], ids=lambda c: c.name)
def test_identity_leads_back_to_the_same_encoder(cls, registry):
    resolved = registry.resolve("encoder", cls.name)

    identity = json.loads(json.dumps(resolved.identity()))

    assert registry.resolve("encoder", identity["plugin"], identity["params"]) == resolved
