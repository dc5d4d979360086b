"""Values of buffers inside a pass on fake tensors."""

from typing import Any

from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class KnownValues(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside FakeTensorMode, computes what follows from real tensors alone with their values.

    Fake tensors have no values, but a model may read those of its buffers, for example to decide which of its blocks to
    mask. Operations on real tensors are therefore computed. Those that a fake tensor enters stay fake.

    Example:
        >>> import torch
        >>> from torch._subclasses.fake_tensor import FakeTensorMode
        >>> buffer = torch.tensor([0.0, 1.0])
        >>> with FakeTensorMode(allow_non_fake_inputs=True), KnownValues():
        ...     masked = bool(buffer.any())
        ...     product = torch.ones(2) * buffer
        >>> masked, type(product).__name__
        (True, 'FakeTensor')
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), settings: dict[str, Any] | None = None
    ) -> Any:
        settings = settings or {}
        tensors = [leaf for leaf in tree_leaves((arguments, settings)) if isinstance(leaf, Tensor)]
        if not tensors or any(isinstance(tensor, FakeTensor) for tensor in tensors):
            return function(*arguments, **settings)
        with unset_fake_temporarily():
            return function(*arguments, **settings)
