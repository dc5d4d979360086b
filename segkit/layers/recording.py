"""How a module publishes what `segkit.record` keeps, so that recording needs to know no concrete part.

A module opts in by what it carries, in one of two ways:

* an attribute `records`, the name of the kind of output: see `Recorded`. A class that always publishes sets it in its
  body (`records = "hidden_states"`); `publish` sets it on a single module, such as a level made of standard layers.
* a method `attention_weights`, which computes the weights from the inputs of `forward`: see `AttentionWeights`.

Neither costs anything while nobody records.
"""

from typing import Literal, Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

Recorded = Literal["hidden_states", "pyramid"]
"""The kinds of output: of a transformer layer, (B,L,C), or of a level of a feature pyramid, (B,C,Hi,Wi)."""

Module = TypeVar("Module", bound=nn.Module)


@runtime_checkable
class AttentionWeights(Protocol):
    """A module that can compute the attention weights it works with."""

    def attention_weights(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Returns (B, heads, L, S), rows that sum to 1, from the inputs of `forward`."""


def publish(module: Module, kind: Recorded) -> Module:
    """Returns `module`, marked so that `segkit.record` keeps its output as `kind`.

    Example:
        >>> level = publish(nn.Conv2d(8, 8, kernel_size=3), "pyramid")
        >>> level.records
        'pyramid'
    """
    vars(module)["records"] = kind  # nn.Module annotates its attributes as tensors and modules only
    return module
