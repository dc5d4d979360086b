"""Loads the tensors of another program into a model of segkit, and accounts for every one of them."""

from collections import Counter
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from segkit.config import Config
from segkit.errors import CheckpointError
from segkit.runtime.weights import LoadReport, load_fitting

Sources = Mapping[str, tuple[str, ...]]
"""segkit's name of a tensor -> the other program's names of the tensors that it consists of, in order; () for none."""


def load_sources(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    sources: Sources,
    unused_reason: Callable[[str], str | None],
    where: str,
    published: Callable[[str], str] = str,
) -> tuple[LoadReport, list[str]]:
    """Loads tensors into `model`. Several of theirs that make one of segkit's are concatenated.

    Args:
        model: The model to fill.
        tensors: The content of the file, by their names.
        sources: For every tensor of the model, what it consists of.
        unused_reason: Their name of a tensor that segkit has no place for -> why it is not needed, in words that follow
            "tensors that are not needed: 3 that"; None where it should have a place.
        where: The file or folder, for error messages.
        published: A name in the file -> the name in `sources`, where versions of the program differ.

    Returns:
        The report, in the names of the file, and one note per reason why tensors were not needed.

    Raises:
        CheckpointError: tensors are missing, of another shape, or left over without a known reason.

    Example:
        >>> tensors = {"fc.w": torch.ones(2, 3), "fc.b": torch.ones(2), "step": torch.ones(())}
        >>> sources = {"weight": ("fc.w",), "bias": ("fc.b",)}
        >>> reason = {"step": "count steps"}.get
        >>> report, notes = load_sources(nn.Linear(3, 2), tensors, sources, reason, "tiny")
        >>> report.loaded, notes
        (['fc.w', 'fc.b'], ['tensors that are not needed: 1 that count steps'])
    """
    in_file = {published(name): name for name in tensors}
    joined = {
        name: _joined([tensors[in_file[one]] for one in theirs])
        for name, theirs in sources.items()
        if theirs and in_file.keys() >= set(theirs)
    }
    report = _in_their_names(load_fitting(model, joined), sources, in_file)
    reasons = {name: unused_reason(published(name)) for name in report.unexpected}
    unexplained = [name for name, reason in reasons.items() if reason is None]
    if report.missing or report.reshaped or unexplained:
        problem = LoadReport(report.loaded, report.missing, unexplained, report.reshaped)
        raise CheckpointError(f"{where}: the weights are not those of the model that the config describes: {problem}.")
    notes = [
        f"tensors that are not needed: {count} that {reason}" for reason, count in Counter(reasons.values()).items()
    ]
    return report, notes


def require_pixels(ours: Tensor, theirs: Tensor, name: str, where: str) -> None:
    """Requires that images are normalized as in the other program. Other numbers would silently change predictions.

    Args:
        ours: The mean or standard deviation of the config's model.
        theirs: That of the file, in the same units.
        name: Its name in the file, which ends in that of the setting.
        where: The file, for error messages.

    Raises:
        CheckpointError: They differ.

    Example:
        >>> require_pixels(torch.ones(3, 1, 1), torch.ones(3), "pixel_std", "model.pkl")
    """
    there, here = theirs.flatten().tolist(), ours.flatten().tolist()
    if [round(value, 3) for value in there] != [round(value, 3) for value in here]:
        in_file, in_config = (", ".join(f"{value:g}" for value in side) for side in (there, here))
        raise CheckpointError(
            f"{where}: {name} is [{in_file}] in the file, [{in_config}] in the config's model. Set "
            f"model.{name.rpartition('.')[2]} to the file's, in the order red, green, blue."
        )


def require_config(config: Config | None, where: object, example: str) -> Config:
    """Returns the config that was given beside a checkpoint of tensors alone, which tell no model.

    Args:
        config: What the user gave.
        where: The checkpoint, for the error message.
        example: The path of such a config, for the error message.

    Raises:
        CheckpointError: There is none.

    Example:
        >>> require_config(None, "model.pkl", "configs/mask_former/ade20k_r50.yaml")
        Traceback (most recent call last):
        segkit.errors.CheckpointError: model.pkl: an original checkpoint holds only tensors. Give the config of its \
model, such as --config configs/mask_former/ade20k_r50.yaml.
    """
    if config is None:
        raise CheckpointError(
            f"{where}: an original checkpoint holds only tensors. Give the config of its model, such as --config "
            f"{example}."
        )
    return config


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
