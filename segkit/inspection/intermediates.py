"""What a model computes on its way to a prediction, for those who ask; a model nobody asks pays nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from segkit.layers.transformer import Attention, DecoderLayer, EncoderLayer
from segkit.pixel_decoders.fpn import FPN


@dataclass
class Intermediates:
    """The values of the latest forward pass; what the model has no part for stays empty.

    The decoder layers' predictions need no recording: they are the `auxiliary` of the Prediction.
    """

    features: list[Tensor] = field(default_factory=list)
    """The backbone's maps [(B,Ci,Hi,Wi)], finest first."""
    mask_features: Tensor | None = None
    """(B,E,h,w)."""
    memory: list[Tensor] = field(default_factory=list)
    """The pixel decoder's maps that the transformer decoder attends to [(B,Ci,Hi,Wi)]."""
    pyramid: dict[str, Tensor] = field(default_factory=dict)
    """By module name, such as `pixel_decoder.outputs.0` for the finest: the levels of an FPN (B,C,Hi,Wi)."""
    hidden_states: dict[str, Tensor] = field(default_factory=dict)
    """By module name, such as `transformer_decoder.layers.0`: what each transformer layer gives, (B,Q,C)
    of a decoder's, (B,S,C) of an encoder's; before a final norm that all layers share."""
    attention_weights: dict[str, Tensor] = field(default_factory=dict)
    """By module name, such as `transformer_decoder.layers.0.cross_attention`: (B, heads, L, S), rows that sum to 1."""


@contextmanager
def record(model: nn.Module) -> Iterator[Intermediates]:
    """`with record(model) as seen: prediction = model(images)`: every forward pass inside fills `seen` anew.

    Recorded are the outputs of the model's `backbone` and `pixel_decoder`, of the levels of `segkit.pixel_decoders.fpn`
    and of all layers made of `segkit.layers.transformer`. Attention weights, which no fast attention gives, are
    computed a second time.
    """
    seen = Intermediates()
    levels = {level for module in model.modules() if isinstance(module, FPN) for level in module.outputs}
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            keep = _keeper(seen, name, module, module in levels)
            if keep is not None:
                hooks.callback(module.register_forward_hook(keep).remove)
        yield seen


def _keeper(
    seen: Intermediates, name: str, module: nn.Module, is_level: bool
) -> Callable[[nn.Module, Any, Any], None] | None:
    """The forward hook that records what `module` gives; None where that is not wanted."""

    def keep_features(module: nn.Module, inputs: Any, output: list[Tensor]) -> None:
        seen.features = output

    def keep_maps(module: nn.Module, inputs: Any, output: tuple[Tensor, list[Tensor]]) -> None:
        seen.mask_features, seen.memory = output

    def keep_level(module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.pyramid[name] = output

    def keep_state(module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.hidden_states[name] = output

    def keep_weights(module: nn.Module, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        assert isinstance(module, Attention), "hooked to attentions only"
        _, weights = module.attention(*inputs, need_weights=True, average_attn_weights=False)
        seen.attention_weights[name] = weights

    if isinstance(module, EncoderLayer | DecoderLayer):
        return keep_state
    if isinstance(module, Attention):
        return keep_weights
    if is_level:
        return keep_level
    if name == "backbone":
        return keep_features
    return keep_maps if name == "pixel_decoder" else None
