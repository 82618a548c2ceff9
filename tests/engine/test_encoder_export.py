"""An exported encoder is the trained one: timm alone loads it, and it says where it comes from."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from mpcs_bench.engine.encoder_export import export_encoder
from mpcs_bench.engine.encoder_source import find_encoder
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError, PluginError, StoreError
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.records import PlannedCell, PlanRecord, ResultSpec, ResultTables, write_plan
from mpcs_bench.records.write import write_result
from mpcs_bench.registry import Encoder, Registry
from mpcs_bench.stages.models import Classifier, build_encoder

PRETRAINED, FINETUNED, UNKEPT, SCRATCH = "a1" * 32, "b2" * 32, "c3" * 32, "d4" * 32
SYMBOLIC = {
    PRETRAINED: "pretrain/tissue/net/none/ordered/nt-xent/fold=2/seed=5",
    FINETUNED: "tissue/net/none/ordered/nt-xent/finetune/100X/labels=1/fold=2/seed=5",
    UNKEPT: "tissue/net/none/ordered/nt-xent/finetune/400X/labels=1/fold=2/seed=5",
    SCRATCH: "tissue/net/none/none/none/linear/100X/labels=1/fold=2/seed=5",
}
NO_TIMM = """
import torch
from torch import nn
from mpcs_bench.registry import Encoder, Preprocessing

class Small(Encoder):
    name = "small"

    def build(self):
        module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        module.num_features = 8
        return module

    @property
    def preprocessing(self):
        return Preprocessing(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), channels="BGR")

    def projection_head(self, features):
        return (4,)

class Pretender(Small):
    name = "pretender"

    def timm_model(self):
        from mpcs_bench.registry import TimmModel

        return TimmModel("test_resnet")
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """The installed plugins and two encoders that are none of timm's."""
    file = tmp_path_factory.mktemp("plugins") / "own.py"
    file.write_text(NO_TIMM)
    return Registry.discover([file])


def plugin(registry, name, **params):
    return registry.create(registry.resolve("encoder", name, params), Encoder)


def identity(registry, name, **params):
    return registry.resolve("encoder", name, params).identity()


def hashed(encoder, kind, *, weights="none", upstream=None):
    transform = Transform(input_size=(48, 32)).model_dump(mode="json")
    return {
        "kind": kind,
        "stage_version": 1,
        "spec": {"encoder": encoder, "transform": transform, "seed": 5, "fold": 2, "replicate": 0},
        "data": {
            "plugin": {"plugin": "mpcs_paper/breakhis", "version": "1"},
            "fingerprint": "f" * 64,
            "split": "e" * 64,
            "group": "case",
            "image_size": [96, 64],
        },
        "weights": weights,
        "upstream": upstream,
    }


def write(folder, key, kind, spec, state=None):
    files = {} if state is None else {"weights.safetensors": lambda path: save_file(state, path)}
    write_result(
        folder / "results",
        ResultSpec(key, kind, SYMBOLIC[key], 1, spec),
        ResultTables(),
        files,
        environment={"packages": {"torch": torch.__version__}},
    )


def make_workspace(folder, registry, name="timm/test_resnet", weights="none", **params):
    """A workspace with a pre-training and three cells, as runs leave it."""
    encoder, known = plugin(registry, name, **params), identity(registry, name, **params)
    module = build_encoder(encoder, None, 7, 2)
    for parameter in module.buffers():  # the statistics of batch norm are no defaults either
        if parameter.is_floating_point():
            parameter.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))
    tuned = Classifier(build_encoder(encoder, None, 8, 2), 2, 0.3)
    write(
        folder,
        PRETRAINED,
        "pretrain",
        hashed(known, "pretrain", weights=weights),
        module.state_dict(),
    )
    later = hashed(known, "finetune", upstream=PRETRAINED)
    write(folder, FINETUNED, "finetune", later, tuned.state_dict())
    write(folder, UNKEPT, "finetune", later)
    write(folder, SCRATCH, "linear", hashed(known, "linear"))
    cells = [
        PlannedCell(
            key=key,
            position=place,
            experiment="exp-3",
            label="Ordered",
            axes={"adaptation": adaptation, "weights": "imagenet", "fold": 2},
            symbolic=SYMBOLIC[key],
            stages=stages,
        )
        for place, (key, adaptation, stages) in enumerate(
            [
                (FINETUNED, "finetune", (PRETRAINED,)),
                (UNKEPT, "finetune", (PRETRAINED,)),
                (SCRATCH, "linear", ()),
            ]
        )
    ]
    write_plan(folder, PlanRecord("p", "", "test", None, "2024-01-01T00:00:00+00:00", tuple(cells)))
    return Workspace(folder), encoder, module.eval(), tuned.encoder.eval()


@pytest.fixture(scope="module")
def made(tmp_path_factory, registry):
    """A workspace of timm's smallest network, dilated; its modules."""
    folder = tmp_path_factory.mktemp("workspace")
    return make_workspace(folder, registry, output_stride=8)


@pytest.fixture(scope="module")
def exported(made, registry, tmp_path_factory):
    """The pre-trained encoder of that workspace, exported."""
    folder = tmp_path_factory.mktemp("export") / "encoder"
    source = find_encoder(made[0], PRETRAINED, finetuned=False)
    return export_encoder(source, registry, folder)


def run_alone(folders, tmp_path):
    """Run the script of each folder's README in a process that knows nothing of the harness.

    Returns what it calls `features`, of images that are drawn from seed 3.
    """
    lines = ["import os, sys, torch", "torch.set_num_threads(1)"]
    for number, folder in enumerate(folders):
        script = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
        seeded = script.replace("images =", "torch.manual_seed(3)\nimages =")
        lines += [f"os.chdir({str(folder)!r})", seeded]
        lines += [f"torch.save(features, {str(tmp_path / f'{number}.pt')!r})"]
    lines += ["assert not [name for name in sys.modules if name.startswith('mpcs')]"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [torch.load(tmp_path / f"{number}.pt") for number in range(len(folders))]


def features_of(module, encoder):
    """What the harness's module gives for the same images."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(3)
        images = torch.rand(1, 3, 32, 48)
        given = encoder.preprocessing
        mean, std = torch.tensor(given.mean), torch.tensor(given.std)
        with torch.inference_mode():
            return module((images - mean.view(3, 1, 1)) / std.view(3, 1, 1))
    finally:
        torch.set_num_threads(threads)


def test_timm_alone_gives_the_same_features_bit_by_bit(made, exported, registry, tmp_path):
    workspace, encoder, module, tuned = made
    own = export_encoder(
        find_encoder(workspace, FINETUNED, finetuned=True), registry, tmp_path / "tuned"
    )
    changed = make_workspace(
        tmp_path / "w", registry, "efficientnet-b2", last_activation="identity"
    )
    source = find_encoder(changed[0], PRETRAINED, finetuned=False)
    identity = export_encoder(source, registry, tmp_path / "identity")
    found = run_alone([exported.folder, own.folder, identity.folder], tmp_path)
    for got, (trained, plugin_) in zip(
        found, [(module, encoder), (tuned, encoder), (changed[2], changed[1])], strict=True
    ):
        assert torch.equal(got, features_of(trained, plugin_))
    assert identity.architecture == "efficientnet_b2"


def test_the_configuration_is_what_timm_reads(exported):
    config = json.loads((exported.folder / "config.json").read_text())
    assert config["architecture"] == exported.architecture == "test_resnet"
    assert config["model_args"] == {"output_stride": 8}
    assert config["num_features"] == exported.features
    assert config["pretrained_cfg"]["input_size"] == [3, 32, 48]
    assert config["pretrained_cfg"]["num_classes"] == 0


def test_tensors_are_timms_and_the_encoders_alone(made, exported, registry, tmp_path):
    tensors = load_file(exported.folder / "model.safetensors")
    assert tensors.keys() == made[2].state_dict().keys()
    source = find_encoder(made[0], FINETUNED, finetuned=True)
    folder = export_encoder(source, registry, tmp_path / "tuned").folder
    assert load_file(folder / "model.safetensors").keys() == tensors.keys()


def test_preprocessing_says_size_colour_and_framing(made, exported):
    given = json.loads((exported.folder / "preprocessing.json").read_text())
    assert given["input_size"] == {"width": 48, "height": 32}
    assert given["working_size"] == {"width": 96, "height": 64}
    assert (given["channels"], given["framing"]) == ("RGB", "squash")
    assert tuple(given["mean"]) == made[1].preprocessing.mean


def test_training_holds_all_that_is_in_the_key_and_what_it_ran_on(exported):
    record = json.loads((exported.folder / "training.json").read_text())
    assert record["key"] == PRETRAINED
    assert record["spec"]["spec"]["encoder"]["params"]["output_stride"] == 8
    assert record["seeds"] == {"seed": 5, "fold": 2, "replicate": 0}
    assert record["split"] == "e" * 64
    assert record["environment"] == {"packages": {"torch": torch.__version__}}
    assert record["data"][0]["fingerprint"] == "f" * 64


def test_a_fine_tuned_encoder_tells_of_its_pre_training(made, registry, tmp_path):
    source = find_encoder(made[0], FINETUNED, finetuned=True)
    folder = export_encoder(source, registry, tmp_path / "tuned").folder
    record = json.loads((folder / "training.json").read_text())
    assert (record["key"], record["upstream"]["key"]) == (FINETUNED, PRETRAINED)
    assert [item["purpose"] for item in record["data"]] == ["Pre-training", "Fine-tuning"]


@pytest.mark.parametrize("file", ["README.md", "LICENSE"])
def test_licence_and_citation_of_the_data_are_stated(exported, file):
    text = (exported.folder / file).read_text()
    assert "CC BY 4.0" in text
    assert "Spanhol" in text


def test_the_licence_of_imagenet_weights_is_stated_as_timm_has_it(registry, tmp_path):
    made = make_workspace(tmp_path / "w", registry, "timm/resnet18.tv_in1k", weights="9" * 64)
    source = find_encoder(made[0], PRETRAINED, finetuned=False)
    folder = export_encoder(source, registry, tmp_path / "out").folder
    assert "timm's resnet18.tv_in1k (licence: bsd-3-clause)" in (folder / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("name", "why"), [("small", "is none of timm's"), ("pretender", "is not timm's 'test_resnet'")]
)
def test_an_encoder_that_timm_cannot_build_is_a_plain_state_dict(registry, tmp_path, name, why):
    workspace, _, module, _ = make_workspace(tmp_path / "w", registry, f"own/{name}")
    source = find_encoder(workspace, PRETRAINED, finetuned=False)
    done = export_encoder(source, registry, tmp_path / "out")
    assert done.architecture is None
    assert why in done.note
    assert not (done.folder / "config.json").exists()
    readme = (done.folder / "README.md").read_text()
    assert "plain state dict of 2 tensors" in readme
    assert "| colour order | BGR |" in readme
    module.load_state_dict(load_file(done.folder / "model.safetensors"))


class TestNames:
    @pytest.mark.parametrize("name", ["1", FINETUNED, FINETUNED[:6], SYMBOLIC[FINETUNED]])
    def test_a_cell_means_its_pre_training(self, made, name):
        assert find_encoder(made[0], name, finetuned=False).result.key == PRETRAINED

    @pytest.mark.parametrize("name", ["1", FINETUNED[:8]])
    def test_a_cell_means_its_own_encoder_where_that_is_asked_for(self, made, name):
        source = find_encoder(made[0], name, finetuned=True)
        assert (source.result.key, source.upstream.key) == (FINETUNED, PRETRAINED)

    @pytest.mark.parametrize("name", [PRETRAINED, PRETRAINED[:6], SYMBOLIC[PRETRAINED]])
    def test_a_pre_training_means_itself(self, made, name):
        source = find_encoder(made[0], name, finetuned=False)
        assert (source.result.key, source.initial) == (PRETRAINED, "imagenet")

    @pytest.mark.parametrize(
        ("name", "finetuned", "match"),
        [
            ("nothing", False, "no cell and no pre-training 'nothing'"),
            (PRETRAINED, True, "nothing in it is fine-tuned"),
            (UNKEPT, True, "weights of cell 2 .* were not kept"),
            (SCRATCH, False, "Cell 3 .* has no pre-training"),
            (SCRATCH, True, "trains no encoder: its adaptation is 'linear'"),
        ],
    )
    def test_what_has_no_such_encoder_says_so(self, made, name, finetuned, match):
        with pytest.raises(StoreError, match=match):
            find_encoder(made[0], name, finetuned=finetuned)

    def test_weights_that_were_not_kept_say_how_to_have_them(self, made):
        with pytest.raises(StoreError) as caught:
            find_encoder(made[0], UNKEPT, finetuned=True)
        assert "keep_weights=true" in caught.value.hint


class TestRefused:
    def test_a_folder_that_is_not_empty(self, made, registry, tmp_path):
        (tmp_path / "mine.txt").write_text("mine")
        source = find_encoder(made[0], PRETRAINED, finetuned=False)
        with pytest.raises(BenchError, match="is not empty"):
            export_encoder(source, registry, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_damaged_weights(self, registry, tmp_path):
        workspace, *_ = make_workspace(tmp_path / "w", registry)
        file = workspace.results / PRETRAINED / "weights.safetensors"
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
        with pytest.raises(StoreError, match="damaged: weights"):
            find_encoder(workspace, PRETRAINED, finetuned=False)

    def test_a_plugin_that_is_another_version(self, registry, tmp_path):
        workspace, *_ = make_workspace(tmp_path / "w", registry, "own/small")
        later = tmp_path / "own.py"
        later.write_text(NO_TIMM.replace('name = "small"', 'name = "small"\n    version = "2"'))
        source = find_encoder(workspace, PRETRAINED, finetuned=False)
        with pytest.raises(PluginError, match="version 2; the weights were made with version 1"):
            export_encoder(source, Registry.discover([later]), tmp_path / "out")
        assert not (tmp_path / "out").exists()
