"""What a model computes on its way to a prediction: recorded by forward hooks, and free of cost when nobody records."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn

from segkit.layers.recording import AttentionWeights
from segkit.types import Feature
from segkit.types.deferred import computed_features

Hook = Callable[[nn.Module, tuple[Tensor, ...], dict[str, Tensor], object], None]
"""A forward hook with keyword arguments: `(module, inputs, keyword inputs, output)`."""


@dataclass
class Intermediates:
    """The intermediate values of the latest forward pass. Fields stay empty where the model has no such part.

    The predictions of the decoder layers need no recording: they are the `auxiliary` of the Prediction.
    """

    features: list[Tensor] = field(default_factory=list)
    """The backbone's feature maps [(B,Ci,Hi,Wi)], finest first."""
    mask_features: Tensor | None = None
    """(B,E,h,w)."""
    memory: list[Tensor] = field(default_factory=list)
    """The pixel decoder's maps that the transformer decoder attends to [(B,Ci,Hi,Wi)]."""
    pyramid: dict[str, Tensor] = field(default_factory=dict)
    """The levels of a feature pyramid (B,C,Hi,Wi) by module name; `pixel_decoder.outputs.0` is the finest."""
    hidden_states: dict[str, Tensor] = field(default_factory=dict)
    """The output of each transformer layer by module name, such as `transformer_decoder.layers.0`: (B,Q,C) in a
    decoder, (B,S,C) in an encoder. A final norm that all layers share is not applied."""
    attention_weights: dict[str, Tensor] = field(default_factory=dict)
    """(B, heads, L, S), rows that sum to 1, by module name, such as `transformer_decoder.layers.0.cross_attention`."""


@contextmanager
def record(model: nn.Module) -> Iterator[Intermediates]:
    """Records intermediate values: every forward pass inside the context fills the yielded object again.

    Modules are recognized by what they publish, so parts of plugins are recorded too:

    * a backbone by `features: list[Feature]`;
    * a pixel decoder by `mask_dim: int` and `memory: list[Feature]`;
    * a transformer layer or a pyramid level by its attribute `records` (see `segkit.layers.recording`);
    * an attention by its method `attention_weights`. Its weights are computed a second time, since fast attention
      kernels do not return them.

    Example:
        >>> import torch
        >>> from segkit.layers.transformer import DecoderLayer
        >>> layer = DecoderLayer(hidden_dim=8, num_heads=2, feedforward_dim=16, dropout=0.0, pre_norm=False)
        >>> queries, positions, memory = torch.zeros(1, 3, 8), torch.zeros(3, 8), torch.zeros(1, 5, 8)
        >>> with record(nn.ModuleDict({"layer": layer})) as recorded:
        ...     _ = layer(queries, positions, memory, memory)
        >>> recorded.hidden_states["layer"].shape
        torch.Size([1, 3, 8])
        >>> recorded.attention_weights["layer.cross_attention"].shape
        torch.Size([1, 2, 3, 5])
    """
    recorded = Intermediates()
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            for hook in _hooks(recorded, name, module):
                hooks.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
        yield recorded


def _hooks(recorded: Intermediates, name: str, module: nn.Module) -> Iterator[Hook]:
    """Yields the hooks that record what `module`, of dotted `name`, publishes."""
    # A part that wraps another of its kind is recorded last, since its own forward ends last: its output wins.
    if _are_features(module, "features"):
        yield _keep_features(recorded)
    if _are_features(module, "memory") and isinstance(getattr(module, "mask_dim", None), int):
        yield _keep_pixel_decoder(recorded)
    kind = getattr(module, "records", None)
    if kind == "hidden_states":
        yield _keep_output(recorded.hidden_states, name)
    elif kind == "pyramid":
        yield _keep_output(recorded.pyramid, name)
    if isinstance(module, AttentionWeights):
        yield _keep_attention_weights(recorded.attention_weights, name)


def _are_features(module: nn.Module, attribute: str) -> bool:
    """Returns whether `attribute` holds a list of Feature; other libraries' modules use the same names otherwise."""
    features = getattr(module, attribute, None)
    return isinstance(features, list) and len(features) > 0 and all(isinstance(one, Feature) for one in features)


def _keep_features(recorded: Intermediates) -> Hook:
    def hook(module: nn.Module, inputs: object, keywords: object, output: object) -> None:
        if isinstance(output, list):  # a pixel decoder may keep its backbone's `features`, but returns a tuple
            recorded.features = output

    return hook


def _keep_pixel_decoder(recorded: Intermediates) -> Hook:
    def hook(module: nn.Module, inputs: object, keywords: object, output: object) -> None:
        if isinstance(output, tuple):  # a transformer decoder may keep the same attributes, but returns a Prediction
            mask_features, recorded.memory = output
            recorded.mask_features = computed_features(mask_features)

    return hook


def _keep_output(outputs: dict[str, Tensor], name: str) -> Hook:
    def hook(module: nn.Module, inputs: object, keywords: object, output: object) -> None:
        assert isinstance(output, Tensor), f"{name} publishes its output, so `forward` must return a tensor"
        outputs[name] = output

    return hook


def _keep_attention_weights(weights: dict[str, Tensor], name: str) -> Hook:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], keywords: dict[str, Tensor], output: object) -> None:
        assert isinstance(module, AttentionWeights), "only attentions get this hook"
        weights[name] = module.attention_weights(*inputs, **keywords)

    return hook
