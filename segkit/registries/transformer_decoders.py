"""Transformer decoders: memory and mask features to a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from segkit.registries.registry import Registry
from segkit.registries.stepped import Stepped

if TYPE_CHECKING:
    from torch import Tensor

    from segkit.types import Prediction


class TransformerDecoder(Protocol):
    """Predicts a class and a mask for each query.

    A `forward` may name what else it needs, by keyword:

    * `sizes: Sequence[Size] | None = None`: the (height, width) of each image without its padding; None = no padding
    * `targets: list[Target] | None = None`: the targets in training, at the size of the padded batch; None elsewhere.
      So queries can be made of known segments (denoising): see `Prediction.matches`

    A decoder that hands mask features on to its predictions and does not read them may annotate the parameter as
    `mask_features: Tensor | DeferredFeatures`. It may then get features whose last convolution is still to be applied,
    which spares time where few masks are read or trained.
    """

    def __call__(self, memory: list[Tensor], mask_features: Tensor, /) -> Prediction:
        """[(B, Ci, Hi, Wi)], finest first, and (B, E, h, w) -> the last layer's prediction.

        The earlier layers' predictions are its `auxiliary`.
        """


TRANSFORMER_DECODERS: Registry[TransformerDecoder] = Registry(
    "transformer_decoder",
    "transformer_decoders",
    TransformerDecoder,
    injected=("memory", "mask_dim", "num_classes"),
    optional=(Stepped,),
    base="torch.nn.Module",
)
"""The registered transformer decoders; `TransformerDecoder` is their contract."""
