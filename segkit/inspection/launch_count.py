"""Counts the operations that a program launches, which is what a GPU waits for when each of them is small."""

from collections import Counter
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

NOT_LAUNCHED = ("aten.empty", "aten.new_empty", "aten.detach", "aten._unsafe_view")
"""Operations that neither read nor write a value, though their schema does not call them views."""


class LaunchCount(TorchDispatchMode):
    """A context that counts the operations inside it, also those of backward passes. Views are left out.

    Example:
        >>> import torch
        >>> with LaunchCount() as count:
        ...     _ = torch.ones(4, 4).view(16) + 1
        >>> count.total, dict(count.by_name)
        (2, {'aten.ones.default': 1, 'aten.add.Tensor': 1})
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_name: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """The number of operations."""
        return self.by_name.total()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(operation)
        if not _is_view(operation) and not name.startswith(NOT_LAUNCHED):
            self.by_name[name] += 1
        return operation(*args, **(kwargs or {}))


def _is_view(operation: Any) -> bool:
    """Tells whether an operation returns a part of its input and writes nothing."""
    aliases = [one.alias_info for one in operation._schema.arguments if one.alias_info is not None]
    return bool(aliases) and not any(alias.is_write for alias in aliases)
