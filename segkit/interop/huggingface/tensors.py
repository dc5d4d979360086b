"""Makes the tensors of a transformers checkpoint from a model of segkit."""

from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import CheckpointError
from segkit.interop.huggingface.names import ENCODER, SWIN, their_names


def their_tensors(model: nn.Module, stages: list[int], config: dict[str, Any], where: str) -> dict[str, Tensor]:
    """Returns all tensors, by name, that transformers' model of `config` has.

    Args:
        model: The model in segkit.
        stages: The stages of the backbone that give the feature maps.
        config: The content of `config.json`.
        where: The checkpoint, for error messages.
    """
    own = model.state_dict()
    tensors: dict[str, Tensor] = {}
    for name, theirs in their_names(own, stages).items():
        if not theirs:
            raise CheckpointError(f"{where}: cannot be written for transformers: '{name}' has no place there.")
        parts = own[name].chunk(len(theirs)) if len(theirs) > 1 else (own[name],)
        # Copies: chunks share memory, which safetensors refuses to write.
        tensors |= {there: part.contiguous().clone() for there, part in zip(theirs, parts, strict=True)}
    class_weights = torch.ones(len(config["id2label"]) + 1)
    class_weights[-1] = config["no_object_weight"]
    means = [name for name in tensors if name.endswith(".running_mean")]  # frozen batch norms have no counter
    derived = {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in means}
    if config["backbone_config"]["model_type"] != "resnet":
        derived |= _derived_of_swin(model, config["backbone_config"])
    return {**derived, "criterion.empty_weight": class_weights, **tensors}


def _derived_of_swin(model: nn.Module, config: dict[str, Any]) -> dict[str, Tensor]:
    """Their Swin stores indices that follow from the window, and norms of all stages, even if they are not used."""
    tensors: dict[str, Tensor] = {}
    for name, buffer in model.named_buffers():
        if name.endswith(".relative_position_index"):
            ((theirs,),) = their_names([name], [0]).values()
            tensors[theirs] = buffer.clone()
    widths = [config["embed_dim"] * 2**stage for stage in range(len(config["depths"]))]
    norms = {f"{ENCODER}hidden_states_norms.{stage}": width for stage, width in enumerate(widths)}
    norms[f"{SWIN}layernorm"] = widths[-1]
    for name, width in norms.items():
        tensors |= {f"{name}.weight": torch.ones(width), f"{name}.bias": torch.zeros(width)}
    return tensors
