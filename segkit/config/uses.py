"""What a command uses of the config of a run or checkpoint, so that it can do without the rest."""

from dataclasses import replace

from segkit.config.nodes import Mapping, Node, Scalar, Sequence

NOT_FOR_PREDICTION = (
    "criterion",
    "training",
    "evaluators",
    "data.train",
    "data.val.dataset",
    "init_from",
    "class_map",
    "reset_head",
)
"""Settings that a prediction does without: what is left are the model, the postprocessors and the transforms."""


def without(config: Mapping, paths: tuple[str, ...]) -> Mapping:
    """Returns a config without the settings at `paths`, such as `data.train`.

    Example:
        >>> from segkit.config.nodes import Origin
        >>> from segkit.config.plain import from_plain, plain
        >>> config = from_plain({"model": {"type": "a"}, "data": {"train": {}, "val": {}}}, Origin("<dict>"))
        >>> plain(without(config, ("data.train", "criterion")))
        {'model': {'type': 'a'}, 'data': {'val': {}}}
    """
    for path in paths:
        config = _without_one(config, path.split("."))
    return config


def _without_one(node: Mapping, keys: list[str]) -> Mapping:
    first, *rest = keys
    items = dict(node.items)
    inner = items.get(first)
    if not rest:
        items.pop(first, None)
    elif isinstance(inner, Mapping):
        items[first] = _without_one(inner, rest)
    return replace(node, items=items)


def without_foreign_plugins(config: Mapping) -> Mapping:
    """Returns a config of a run or checkpoint without the Python files that it names itself.

    Those that the user names beside it stay.
    """
    plugins = config.items.get("plugins")
    if not isinstance(plugins, Sequence):
        return config
    kept: list[Node] = [one for one in plugins.items if not (isinstance(one, Scalar) and one.origin.foreign)]
    return replace(config, items={**config.items, "plugins": replace(plugins, items=kept)})
