"""Checks what a part publishes of the depth of its parameters."""

from collections import Counter

from torch import nn

from segkit.layers.depth import lists_of_names
from segkit.registries import Layered
from segkit.testing._common import trying


def check_layers(who: str, part: nn.Module, whole: bool) -> None:
    """Checks `parameter_layers` of a part that has it; `whole`: it must name all parameters."""
    if not isinstance(part, Layered):
        return
    with trying(who, "in parameter_layers"):
        counts = Counter(name for layer in lists_of_names(part) for name in layer)
    known = {name for name, _ in part.named_parameters(remove_duplicate=False)}
    unknown = [name for name in counts if name not in known]
    assert not unknown, f"{who} names in parameter_layers what is no parameter: {', '.join(unknown)}. Leave it out."
    twice = [name for name, count in counts.items() if count > 1]
    assert not twice, f"{who} names in parameter_layers more than once: {', '.join(twice)}. Put it into one layer."
    missing = [name for name, _ in part.named_parameters() if name not in counts]
    assert not whole or not missing, (
        f"{who} leaves out of parameter_layers: {', '.join(missing)}. Name them all, since others get the head's "
        "learning rate."
    )
