"""Moves tensors of a transformers checkpoint into a model of segkit, and back."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import CheckpointError
from segkit.interop.huggingface.names import ENCODER, SWIN, as_published, their_names, unused_reason
from segkit.runtime.weights import LoadReport, load_fitting

Sources = Mapping[str, tuple[str, ...]]
"""segkit's name of a tensor -> transformers' names of the tensors that it consists of, in order."""


def load_theirs(
    model: nn.Module, tensors: Mapping[str, Tensor], stages: list[int], where: str
) -> tuple[LoadReport, list[str]]:
    """Loads their tensors into `model`.

    Args:
        model: The model to fill.
        tensors: The file's content.
        stages: The stages of the backbone that give the feature maps.
        where: The file or folder, for error messages.

    Returns:
        The report, in their names, and one note per reason why tensors were not needed.

    Raises CheckpointError where tensors are missing, of another shape, or left over without a known reason.
    """
    in_file = {as_published(name): name for name in tensors}
    sources = their_names(model.state_dict(), stages)
    joined = {
        name: _joined([tensors[in_file[one]] for one in theirs])
        for name, theirs in sources.items()
        if theirs and in_file.keys() >= set(theirs)
    }
    report = _in_their_names(load_fitting(model, joined), sources, in_file)
    reasons = {name: unused_reason(as_published(name), stages) for name in report.unexpected}
    unexplained = [name for name, reason in reasons.items() if reason is None]
    if report.missing or report.reshaped or unexplained:
        problem = LoadReport(report.loaded, report.missing, unexplained, report.reshaped)
        raise CheckpointError(f"{where}: the weights are not those of the model that the config describes: {problem}.")
    notes = [
        f"tensors that are not needed: {count} that {reason}" for reason, count in Counter(reasons.values()).items()
    ]
    return report, notes


def _joined(parts: list[Tensor]) -> Tensor:
    """Concatenates the parts along the first dimension.

    Where they do not fit each other, the first part is returned. Its shape does not fit the model, so it is reported.
    """
    fitting = all(part.ndim and part.shape[1:] == parts[0].shape[1:] for part in parts)
    return torch.cat(parts) if len(parts) > 1 and fitting else parts[0]


def _in_their_names(found: LoadReport, sources: Sources, in_file: Mapping[str, str]) -> LoadReport:
    """Translates a report from segkit's names.

    Args:
        found: The report in segkit's names.
        sources: Of every tensor of the model.
        in_file: Published name -> name in the file.
    """
    wanted = {one: name for name, theirs in sources.items() for one in theirs}
    loaded = set(found.loaded)
    # Files written before batch norms counted their batches lack the counters, on which nothing depends.
    required = [one for name in found.missing for one in sources[name] if not one.endswith(".num_batches_tracked")]
    return LoadReport(
        loaded=[name for one, name in in_file.items() if wanted.get(one) in loaded],
        missing=[one for one in required if one not in in_file],
        unexpected=[name for one, name in in_file.items() if one not in wanted],
        reshaped=[_renamed(entry, sources) for entry in found.reshaped],
    )


def _renamed(entry: str, sources: Sources) -> str:
    name, _, shapes = entry.partition(":")
    return f"{' + '.join(sources[name])}:{shapes}"


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
