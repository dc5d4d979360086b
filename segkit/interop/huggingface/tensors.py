"""Tensors from their files into a model of ours, and back."""

from typing import Any

import torch
from torch import Tensor, nn

from segkit.checkpoint import LoadReport, load_fitting
from segkit.errors import CheckpointError
from segkit.interop.huggingface.names import ENCODER, SWIN, as_published, their_names, unused_reason


def load_theirs(
    model: nn.Module, tensors: dict[str, Tensor], stages: list[int], where: str
) -> tuple[LoadReport, list[str]]:
    """What of their tensors is in the model now, by their names, and why the others are not.

    Args:
        stages: which stages of the backbone give the feature maps.
        where: the file or folder, for messages.

    Raises CheckpointError where tensors are missing, of another shape, or left over without a known reason.
    """
    in_file = {as_published(name): name for name in tensors}
    sources = their_names(model.state_dict(), stages)
    whole = {name: theirs for name, theirs in sources.items() if theirs and all(one in in_file for one in theirs)}
    joined = {name: _joined([tensors[in_file[one]] for one in theirs]) for name, theirs in whole.items()}
    found = load_fitting(model, joined)
    wanted = {one: name for name, theirs in sources.items() for one in theirs}
    loaded = set(found.loaded)
    # Files written before batch norms counted their batches lack the counters, on which nothing depends.
    absent = [one for name in found.missing for one in sources[name] if not one.endswith(".num_batches_tracked")]
    report = LoadReport(
        [name for one, name in in_file.items() if wanted.get(one) in loaded],
        [one for one in absent if one not in in_file],
        [name for one, name in in_file.items() if one not in wanted],
        [_renamed(entry, sources) for entry in found.reshaped],
    )
    reasons = {name: unused_reason(as_published(name), stages) for name in report.unexpected}
    unexplained = [name for name, reason in reasons.items() if reason is None]
    if report.missing or report.reshaped or unexplained:
        told = LoadReport(report.loaded, report.missing, unexplained, report.reshaped)
        raise CheckpointError(f"{where}: the weights are not those of the model that the config describes: {told}.")
    counts = {reason: list(reasons.values()).count(reason) for reason in reasons.values()}
    return report, [f"tensors that are not needed: {count} that {reason}" for reason, count in counts.items()]


def _joined(parts: list[Tensor]) -> Tensor:
    """Below each other; where they do not fit, the first, whose shape then does not fit either."""
    fitting = all(part.ndim and part.shape[1:] == parts[0].shape[1:] for part in parts)
    return torch.cat(parts) if len(parts) > 1 and fitting else parts[0]


def _renamed(entry: str, sources: dict[str, tuple[str, ...]]) -> str:
    name, _, shapes = entry.partition(":")
    return f"{' + '.join(sources[name])}:{shapes}"


def their_tensors(model: nn.Module, stages: list[int], config: dict[str, Any], where: str) -> dict[str, Tensor]:
    """All tensors that their model of `config`, the content of `config.json`, has, by name.

    `stages` and `where` as for `load_theirs`.
    """
    own = model.state_dict()
    tensors: dict[str, Tensor] = {}
    for name, theirs in their_names(own, stages).items():
        if not theirs:
            raise CheckpointError(f"{where}: cannot be written for transformers: '{name}' has no place there.")
        parts = own[name].chunk(len(theirs)) if len(theirs) > 1 else (own[name],)
        tensors |= {there: part.contiguous().clone() for there, part in zip(theirs, parts, strict=True)}
    class_weights = torch.ones(len(config["id2label"]) + 1)
    class_weights[-1] = config["no_object_weight"]
    means = [name for name in tensors if name.endswith(".running_mean")]  # frozen batch norms have no counter
    derived = {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in means}
    if config["backbone_config"]["model_type"] != "resnet":
        derived |= _derived_of_swin(model, config["backbone_config"])
    return {**derived, "criterion.empty_weight": class_weights, **tensors}


def _derived_of_swin(model: nn.Module, config: dict[str, Any]) -> dict[str, Tensor]:
    """Indices that follow from the window, and norms of all stages, also those that nothing depends on."""
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
