"""The hook `freeze`."""

from fnmatch import fnmatchcase
from typing import Annotated

from torch import nn

from segkit.errors import ConfigError, suggest
from segkit.registries import HOOKS, Hook
from segkit.registries.signature import Form


def _without_effect(parameters: list[str]) -> str:
    return "" if parameters else "the list is empty and has no effect. Name a pattern, or remove the hook."


@HOOKS.register("freeze")
class Freeze(Hook):
    """Keeps parameters as they are. The optimizer never sees them.

    It names any parameters, and nothing else of the model changes: dropout goes on, and the running statistics of batch
    norms are no parameters (`freeze_batch_norm` of the backbone keeps those). `frozen: true` freezes a backbone as a
    whole, these included.

    Args:
        parameters: Patterns of their names, such as `backbone.*`, where `*` stands for any text. `segkit analyze` and
            `model.named_parameters()` list the names.

    Raises:
        ConfigError: A pattern matches no parameter, or none that learns, or none is left to learn.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        >>> Freeze(parameters=["0.*"]).on_model(model)
        >>> [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        ['1.weight', '1.bias']
    """

    def __init__(self, *, parameters: Annotated[list[str], Form(_without_effect)]) -> None:
        self.parameters = parameters

    def on_model(self, model: nn.Module) -> None:
        names = dict(model.named_parameters())
        for pattern in self.parameters:
            found = [parameter for name, parameter in names.items() if fnmatchcase(name, pattern)]
            if not found:
                raise ConfigError(
                    f"hook 'freeze': parameters: no parameter of the model matches '{pattern}'."
                    f"{suggest(pattern, [*_wholes(model), *names])} The model has: {', '.join(_wholes(model))}"
                )
            if not any(parameter.requires_grad for parameter in found):
                raise ConfigError(
                    f"hook 'freeze': parameters: all that '{pattern}' matches is frozen already. Remove it."
                )
            for parameter in found:
                parameter.requires_grad_(False)
        if not any(parameter.requires_grad for parameter in names.values()):
            raise ConfigError("hook 'freeze': parameters: none is left to learn. Remove a pattern.")


def _wholes(model: nn.Module) -> list[str]:
    """Returns the patterns of the model's parts."""
    return list(dict.fromkeys(f"{name.partition('.')[0]}.*" for name, _ in model.named_parameters()))
