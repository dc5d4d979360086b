"""Reads checkpoints of the original EoMT. Its bodies are timm's DINOv2 and the DINOv3 of transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segkit import build_model
from segkit.classes import Classes
from segkit.errors import CheckpointError
from segkit.interop.classes import classes_of_tensors
from segkit.interop.detectron2 import count_classes
from segkit.interop.loading import load_sources, require_pixels
from segkit.interop.renaming import Rule, rename
from segkit.interop.unpickling import Program, read_model_tensors
from segkit.registries import Imported
from segkit_eomt.model import EoMT
from segkit_eomt.names import their_names
from segkit_eomt.reading import DINOV3_LICENSE, UNUSED

PROGRAM = Program("the original EoMT", "pytorch_model.bin or .ckpt", ("state_dict", ""))
_BODY = "network.encoder.backbone"
_HEADS: tuple[Rule, ...] = (
    ("queries.weight", "network.q.weight"),
    ("annealing.probabilities", "network.attn_mask_probs"),
    ("class_head.*", "network.class_head.*"),
    ("mask_module.embedding.*", "network.mask_head.*"),
    ("mask_module.upscale.<n>.upsample.*", "network.upscale.<n>.conv1.*"),
    ("mask_module.upscale.<n>.smooth.*", "network.upscale.<n>.conv2.*"),
    ("mask_module.upscale.<n>.norm.*", "network.upscale.<n>.norm.*"),
    ("body.transformer.*", f"{_BODY}.*"),
)
"""Ours -> theirs."""
_ROTARY: tuple[Rule, ...] = (
    ("embeddings.*", f"{_BODY}.patch_embed.*"),
    ("layers.*", f"{_BODY}.blocks.*"),
    ("layernorm.*", f"{_BODY}.norm.*"),
)
"""transformers' EoMT on DINOv3 -> theirs."""
_PIXELS = {"network.encoder.pixel_mean": "normalization.mean", "network.encoder.pixel_std": "normalization.std"}


def read_original(file: Path, config: Any, classes: Classes | None, things: Sequence[str] | None) -> Imported:
    """Builds the config's model with the weights of an original checkpoint.

    Args:
        file: A file of the original.
        config: The `segkit.Config` of the same model, such as `configs/coco_panoptic_large.yaml`.
        classes: The class list the checkpoint was trained for. None is that of the config's dataset, or where it is not
            at hand, numbered classes.
        things: Names of the classes that are things, if the caller says so.

    Raises:
        CheckpointError: the file cannot be read, or its tensors are not those of the config's model.
    """
    where, rows = str(file), {"network.class_head.weight": 1}
    tensors = read_model_tensors(file, PROGRAM)
    config, classes, notes = classes_of_tensors(
        config, classes, things, lambda: count_classes(tensors, rows, where, "an EoMT"), where
    )
    model: Any = build_model(config, classes, initial_weights=False)
    if type(model) is not EoMT:
        kind = config.experiment.model["type"]
        raise CheckpointError(f"{where}: holds an EoMT, but {config.path} describes a '{kind}'. Give its config.")
    rotary = model.body.transformer.pos_embed is None
    sources = {name: _theirs(name, rotary) for name in model.state_dict()}
    pixels = {name: tensors.pop(name) for name in _PIXELS if name in tensors}
    if pixels and not any(tensor.any() for tensor in pixels.values()):
        tensors = _added(tensors, sources, config, classes, where)
        notes.append("the file holds differences to the published weights of the body, which were added to these")
    else:
        for name, tensor in pixels.items():
            require_pixels(model.get_buffer(_PIXELS[name]), 255 * tensor, name, where)
    report, load_notes = load_sources(model, tensors, sources, UNUSED.get, where)
    report.loaded += pixels
    notes += [*load_notes, *([DINOV3_LICENSE] if rotary else [])]
    return Imported(model.eval(), config, classes, report, notes)


def _theirs(name: str, rotary: bool) -> tuple[str, ...]:
    """Returns the original's names of what one tensor of ours consists of, in order."""
    if rotary and name.startswith("body."):
        # It runs transformers' DINOv3, with the embeddings where timm has them.
        return tuple(rename(their_names(name, rotary=True), _ROTARY).values())
    return tuple(rename([name], _HEADS).values())


def _added(
    differences: dict[str, Tensor], sources: dict[str, tuple[str, ...]], config: Any, classes: Classes, where: str
) -> dict[str, Tensor]:
    """Adds differences to the initial weights of the config's body."""
    part = config.experiment.model
    if not (part.get("pretrained") or part.get("weights")):
        raise CheckpointError(
            f"{where}: holds the differences to the published weights of the body, as the original's zoo does for "
            f"DINOv3. Set model.pretrained or model.weights in {config.path}, so that they can be added."
        )
    tensors = dict(differences)
    for name, initial in build_model(config, classes).state_dict().items():
        theirs = sources[name]
        if name.startswith("body.") and differences.keys() >= set(theirs):
            for one, chunk in zip(theirs, initial.chunk(len(theirs)), strict=True):
                tensors[one] = chunk + differences[one]
    # The zoo's trainings are finished: masked attention has faded out.
    probabilities = "network.attn_mask_probs"
    if probabilities in tensors:
        tensors[probabilities] = torch.zeros_like(tensors[probabilities])
    return tensors
