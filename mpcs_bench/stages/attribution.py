"""Grad-CAM maps of a classifier on a few test images (Figures 5 to 7; Selvaraju et al. 2017).

The target is the sample's true class: the map shows where the network found evidence for what the
image is, whether or not it decided so. Nothing here changes a number: modes and random generators
are as before afterwards. Only `attention_maps` needs torch: who reads the file trains nothing.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpcs_bench.errors import StageError, StoreError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mpcs_bench.data.index import SampleIndex
    from mpcs_bench.registry.encoder import Preprocessing
    from mpcs_bench.stages.predict import Predictor

IntArray = npt.NDArray[np.int64]

ATTENTION = "attention.npz"
"""Name of the file in the result of a fine-tuning."""


@dataclass(frozen=True, slots=True, eq=False)
class AttentionMaps:
    """Grad-CAM of n test images, with what the network saw and what it said.

    `sample_ids[n]`, `labels[n]` (true class) and `predicted[n]` (class decided for) as in the
    predictions; `probability[n]` is P(predicted class). `views[n, h, w, 3]` uint8 RGB is the
    network's input before normalisation; `maps[n, h, w]` float16 is the map for the true class,
    negative evidence cut off, enlarged to the view and divided by its largest value `peaks[n]`
    (both 0 where nothing speaks for the class). `layer` names the layer that the maps are of.
    """

    sample_ids: npt.NDArray[np.str_]
    labels: IntArray
    predicted: IntArray
    probability: npt.NDArray[np.float32]
    views: npt.NDArray[np.uint8]
    maps: npt.NDArray[np.float16]
    peaks: npt.NDArray[np.float32]
    layer: str

    def __len__(self) -> int:
        return len(self.sample_ids)

    def problem(self) -> str | None:
        """Say which array does not fit the others, None where all do."""
        n, size = len(self.sample_ids), self.views.shape[1:3]
        wanted = {
            "labels": (n,),
            "predicted": (n,),
            "probability": (n,),
            "peaks": (n,),
            "views": (n, *size, 3),
            "maps": (n, *size),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                return f"`{name}` has shape {getattr(self, name).shape}, not {shape}"
        return None


def attention_rows(index: SampleIndex, rows: IntArray, per_class: int) -> IntArray:
    """Return up to `per_class` of `rows` for each class and magnification, in this order.

    They are those whose images hash lowest: the choice depends on the pixels alone, so that all
    methods tested on the same part show the same images. Two samples never show the same image:
    of its patches, or of its copies under other names, one is taken.
    """
    ids, hashes = index.text("sample_id")[rows], index.text("pixel_hash")[rows]
    labels, magnifications = (
        index.number(name)[rows].tolist() for name in ("label_index", "magnification")
    )
    order = sorted(range(len(rows)), key=lambda i: (_place(hashes[i]), _place(ids[i])))
    taken: dict[tuple[int, int], dict[str, int]] = {}
    for i in order:
        images = taken.setdefault((labels[i], magnifications[i]), {})
        if len(images) < per_class:
            images.setdefault(str(hashes[i]), i)
    chosen = [i for place in sorted(taken) for i in taken[place].values()]
    return np.asarray(rows, dtype=np.int64)[np.array(chosen, dtype=np.int64)]


def attention_maps(
    predictor: Predictor,
    preprocessing: Preprocessing,
    index: SampleIndex,
    rows: IntArray,
    *,
    threshold: float | None,
) -> AttentionMaps | None:
    """Return Grad-CAM of a classifier (with an attribute `encoder`) on `rows[n]`, one or more.

    The layer is the last one of the encoder whose output is a picture; None where the encoder has
    none (a transformer on tokens). `threshold` decides as in `PredictionRecorder`. Raises
    StageError where a map is not finite.
    """
    from mpcs_bench.data.augmentation import evaluation_views
    from mpcs_bench.stages.features import as_it_was

    model = predictor.model
    labels = index.number("label_index")[rows]
    draw = evaluation_views(predictor.transform, 1, predictor.images.size)
    seen, raw = [], []
    with as_it_was(model):
        logits = predictor.logits(rows)
        layer = spatial_layer(_encoder(model), predictor.images.views(rows[:1], draw))
        if layer is None:
            return None
        # One image at a time: its whole graph is held, and few are asked for.
        for row, label in zip(rows, labels, strict=True):
            view = predictor.images.views(np.array([row]), draw)
            seen.append(_as_seen(view, preprocessing))
            raw.append(_grad_cam(predictor, layer, view, int(label)))
    heat = np.stack(raw)
    if not np.isfinite(heat).all():
        raise StageError(
            f"The attention maps of layer '{layer}' are not finite.",
            hint="Set `attention_images` to 0 to do without them.",
        )
    peaks = heat.max(axis=(1, 2))
    predicted, probability = _decided(logits, threshold)
    return AttentionMaps(
        sample_ids=np.array(index.text("sample_id")[rows], dtype=np.str_),
        labels=labels,
        predicted=predicted,
        probability=probability,
        views=np.stack(seen),
        maps=(heat / np.where(peaks > 0, peaks, 1)[:, None, None]).astype(np.float16),
        peaks=peaks,
        layer=layer,
    )


def spatial_layer(encoder: nn.Module, views: torch.Tensor) -> str | None:
    """Return the name of the module that gives the encoder's last picture, None without one.

    Found by one forward pass of `views[n, 3, h, w]`: the module that ends last of those whose
    output [n, C, H, W] has H, W > 1 and shrinks both sides of the view alike. What becomes a
    list of tokens [n, T, C] afterwards is no picture any more.
    """
    import torch

    last: list[str] = []

    def look(name: str, output: Any) -> None:
        if isinstance(output, torch.Tensor) and _is_picture(output.shape, views.shape):
            last[:] = [name]
        elif isinstance(output, torch.Tensor) and output.ndim == 3:
            last.clear()

    hooks = [
        module.register_forward_hook(lambda _module, _in, out, name=name: look(name, out))
        for name, module in encoder.named_modules()
        if not isinstance(module, torch.nn.Identity)
    ]
    try:
        with torch.inference_mode():
            encoder(views)
    finally:
        for hook in hooks:
            hook.remove()
    return last[0] if last else None


def _is_picture(output: tuple[int, ...], view: tuple[int, ...]) -> bool:
    """Say whether [n, C, H, W] is the view at one stride, rounded up or down on each side."""
    if len(output) != 4 or min(output[2:]) < 2:
        return False
    strides = [(v / (o + 1), v / (o - 1)) for v, o in zip(view[2:], output[2:], strict=True)]
    return max(low for low, _ in strides) < min(high for _, high in strides)


def _grad_cam(
    predictor: Predictor, layer: str, view: torch.Tensor, label: int
) -> npt.NDArray[np.float32]:
    """Return the map [h, w] of one view [1, 3, h, w] for class `label`, not negative."""
    from captum.attr import LayerAttribution, LayerGradCam

    from mpcs_bench.stages.optimization import autocast

    cam = LayerGradCam(predictor.model, _encoder(predictor.model).get_submodule(layer))
    # A frozen encoder has a gradient too then.
    view = view.detach().requires_grad_(True)
    with autocast(predictor.device, predictor.precision):
        heat = cam.attribute(view, target=label, relu_attributions=True)
    size = (view.shape[2], view.shape[3])
    enlarged = LayerAttribution.interpolate(heat.detach().float(), size, "bilinear")
    values: npt.NDArray[np.float32] = enlarged[0, 0].cpu().numpy()
    return values


def _encoder(model: nn.Module) -> nn.Module:
    return model.encoder  # type: ignore[return-value]


def _as_seen(view: torch.Tensor, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """Return the RGB image [h, w, 3] behind one normalised view [1, 3, h, w]."""
    values = view[0].permute(1, 2, 0).cpu().numpy() * preprocessing.std + preprocessing.mean
    if preprocessing.channels == "BGR":
        values = values[:, :, ::-1]
    levels: npt.NDArray[np.uint8] = np.clip(np.rint(255 * values), 0, 255).astype(np.uint8)
    return levels


def _decided(
    logits: npt.NDArray[np.float32], threshold: float | None
) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Return the class decided for, as the predictions have it, and its probability."""
    from mpcs_bench.stages.probabilities import softmax

    probabilities = softmax(logits)
    if threshold is None:
        predicted = np.argmax(logits, axis=1).astype(np.int64)
    else:
        predicted = (probabilities[:, 1] >= threshold).astype(np.int64)
    chosen = np.take_along_axis(probabilities, predicted[:, None], axis=1)[:, 0]
    return predicted, chosen.astype(np.float32)


def write_attention(maps: AttentionMaps, path: Path) -> None:
    """Write one compressed .npz file without pickles; equal maps give equal bytes.

    Raises StageError where the arrays do not fit each other.
    """
    if problem := maps.problem():
        raise StageError(f"Attention maps that do not fit: {problem}.")
    arrays: dict[str, Any] = {
        field.name: np.asarray(getattr(maps, field.name)) for field in fields(maps)
    }
    with path.open("wb") as file:  # a file, not its name: numpy would lengthen that
        np.savez_compressed(file, **arrays)


def read_attention(path: Path) -> AttentionMaps:
    """Return the maps as they were written; raises StoreError where missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {field.name: stored[field.name] for field in fields(AttentionMaps)}
        maps = AttentionMaps(**(arrays | {"layer": str(arrays["layer"])}))
        problem = maps.problem()
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        problem = str(error).partition("\n")[0]
        maps = None
    if maps is None or problem:
        raise StoreError(
            f"The attention maps in {path} are missing or damaged: {problem}",
            hint="Remove the result's folder and run again: the stage will be computed anew.",
        )
    return maps


def _place(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()
