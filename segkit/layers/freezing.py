"""`frozen: true` of a backbone: a module that computes as it does after a training, and that no training changes."""

from types import MethodType

from torch import nn

from segkit.registries import PartlyFrozenBackbone


def frozen_part(backbone: nn.Module) -> nn.Module:
    """Returns what `frozen: true` freezes: what the backbone publishes, or else all of it.

    Example:
        >>> from segkit.backbones.timm import TimmBackbone
        >>> backbone = TimmBackbone(name="resnet10t")
        >>> frozen_part(backbone) is backbone
        True
    """
    return backbone.frozen_part if isinstance(backbone, PartlyFrozenBackbone) else backbone


def freeze(module: nn.Module) -> None:
    """Freezes a module for good.

    Its parameters take no gradient. It stays in eval mode, whatever mode the model around it is put into: the
    statistics of batch norms stay, and nothing is dropped.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout())
        >>> freeze(model[0])
        >>> [module.training for module in model.train()], [one.requires_grad for one in model.parameters()]
        ([False, True], [False, False])
    """
    module.requires_grad_(False)
    # Set on this object alone, as a method of it, so that a copy of the model has one of its own. A module around this
    # one would rename all tensors.
    module.train = MethodType(_stay_in_eval_mode, module)  # type: ignore[method-assign]
    module.eval()


def _stay_in_eval_mode(module: nn.Module, mode: bool = True) -> nn.Module:
    return nn.Module.train(module, False)
