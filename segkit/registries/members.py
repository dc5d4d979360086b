"""What a contract says, read from its Protocol: for the pages of the documentation and for `segkit describe`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """An attribute or method of a contract."""

    name: str
    spelling: str
    """How it is written, with types: `mask_dim: int`, `backbone(images: Tensor) -> list[Tensor]`."""
    documentation: str


def members_of(contract: type, kind: str) -> list[Member]:
    """Returns the documented attributes and methods of a contract.

    Args:
        contract: A Protocol. Of those that it derives from, nothing is returned.
        kind: The part in the spelling of its call.

    Example:
        >>> from segkit.registries import PixelDecoder
        >>> [member.spelling for member in members_of(PixelDecoder, "pixel_decoder")][:2]
        ['mask_dim: int', 'memory: list[Feature]']
    """
    special = {"__call__": kind, "__len__": "len", "__getitem__": f"{kind}[index]"}
    found = []
    for name, member in vars(contract).items():
        function = member.fget if isinstance(member, property) else member
        if not inspect.isfunction(function) or (name.startswith("_") and name not in special):
            continue
        if inspect.getdoc(function) is None or function.__module__ != contract.__module__:
            continue
        signature = inspect.signature(function)
        result = f" -> {signature.return_annotation}"
        if isinstance(member, property):
            spelling = f"{name}: {signature.return_annotation}"
        elif name == "__getitem__":
            spelling = special[name] + result
        else:
            spelling = f"{special.get(name, name)}({_parameters(signature)}){result}"
        found.append(Member(name, spelling, inspect.getdoc(function) or ""))
    return found


def _parameters(signature: inspect.Signature) -> str:
    """Returns the parameters without `self`. Annotations are text, since contracts postpone their evaluation."""
    parameters = list(signature.parameters.values())[1:]
    return ", ".join(
        f"{one.name}: {one.annotation}" + ("" if one.default is one.empty else f" = {one.default!r}")
        for one in parameters
    )
