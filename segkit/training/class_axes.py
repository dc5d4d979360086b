"""Where the class list stands in a model's tensors."""

import torch

from segkit.build import build_model
from segkit.classes import Classes
from segkit.config import Config


def class_axes(config: Config, classes: Classes) -> dict[str, int | None]:
    """Returns the model's tensors whose shape depends on the number of classes: its class head.

    The value is the axis with a row per class, counted from 0; None where no single axis has one.
    """
    shapes = []
    # Built for K and for K+1 classes: what differs in shape depends on the classes, whatever the model.
    for num_classes in (len(classes), len(classes) + 1):
        # Only shapes are needed, no memory.
        with torch.device("meta"):
            placeholder = Classes.make([str(index) for index in range(num_classes)])
            model = build_model(config, placeholder, initial_weights=False)
        shapes.append({name: tensor.shape for name, tensor in model.state_dict().items()})
    before, after = shapes
    return {name: _grown_axis(shape, after.get(name)) for name, shape in before.items() if after.get(name) != shape}


def _grown_axis(before: torch.Size, after: torch.Size | None) -> int | None:
    if after is None or len(before) != len(after):
        return None
    grown = [axis for axis, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    return grown[0] if len(grown) == 1 and after[grown[0]] == before[grown[0]] + 1 else None
