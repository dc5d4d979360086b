"""Settings of version 0.1.0 that are written in another way now."""

import warnings

from segkit.config.nodes import Mapping, Node, Origin, Scalar, Sequence, shown

PATH = "training.early_stopping"


def moved(config: Mapping, saved: bool = False) -> Mapping:
    """Returns a config in which `training.early_stopping: 5` is the hook `{type: early_stopping, patience: 5}`.

    Args:
        config: The composed config.
        saved: Whether it belongs to a run or checkpoint. Nobody shall change that, so there is no warning.
    """
    training = config.items.get("training")
    if not isinstance(training, Mapping) or "early_stopping" not in training.items:
        return config
    patience, origin = training.items["early_stopping"], training.keys["early_stopping"]
    hooks = training.items.get("hooks", Sequence([], origin))
    if not isinstance(hooks, Sequence):
        return config  # the check will report it
    if not saved:
        warnings.warn(
            f"{origin}: {PATH}: is a hook now. Write training.hooks: [{{type: early_stopping, patience: "
            f"{shown(patience)}}}], or nothing in place of null.",
            stacklevel=3,
        )
    rest = {key: value for key, value in training.items.items() if key != "early_stopping"}
    if not (isinstance(patience, Scalar) and patience.value is None):
        rest["hooks"] = Sequence([*hooks.items, _hook(patience, origin)], hooks.origin)
    keys = {"hooks": origin, **training.keys}
    section = Mapping(rest, training.origin, {key: keys[key] for key in rest}, training.dropped)
    return Mapping({**config.items, "training": section}, config.origin, config.keys, config.dropped)


def _hook(patience: Node, origin: Origin) -> Mapping:
    items: dict[str, Node] = {"type": Scalar("early_stopping", origin), "patience": patience}
    return Mapping(items, origin, dict.fromkeys(items, origin))
