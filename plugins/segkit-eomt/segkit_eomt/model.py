"""The model `eomt`."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from segkit.errors import ConfigError
from segkit.layers.depth import numbered_layers
from segkit.layers.normalization import PixelNormalization, pixel_statistics
from segkit.ops.cpu.linear import convolve_linear
from segkit.registries.signature import Positive, PositiveFloat
from segkit.types import PixelFormat, PixelType, Prediction, Size
from segkit_eomt.annealing import MaskAnnealing, Masking
from segkit_eomt.masks import MaskModule


class EoMT(nn.Module):
    """Encoder-only Mask Transformer (Kerssies et al. 2025): a plain vision transformer predicts classes and masks.

    Learned queries join the patch tokens before the last blocks. In training, each of these blocks is preceded by a
    prediction, and a query attends to the patches inside its predicted mask alone. This masked attention fades out
    over the training, block by block, so that inference needs neither these predictions nor masks.

    Args:
        num_classes: Number of classes of the dataset.
        name: Name of a plain vision transformer of timm, such as `vit_large_patch14_reg4_dinov2` or
            `vit_large_patch16_dinov3`.
        pretrained: Start from timm's published weights (downloaded once, then cached by timm).
        weights: Start from this file of weights in timm's format instead, such as a downloaded one.
        image_size: Side of the images that learned positions are stored for, rounded down to whole patches; other sizes
            interpolate them. By default that of the weights. A body with rotary positions has none.
        patch_size: Side of a patch in pixels. By default that of the weights; for another, the kernel is resized.
        num_queries: Number of learned queries, the most segments that one image can get.
        num_blocks: Number of last blocks that the queries pass.
        pixel_mean: Mean of each channel in the units of the pixels: of red, green and blue, 0..255. By default the one
            that the weights were trained with. As many numbers as there are here, as many channels have the images.
        pixel_std: Standard deviation of each channel. By default likewise.
        pixel_type: Type of the pixels of the images.
        gradient_checkpointing: In training, recompute the inside of each block in the backward pass instead of storing
            it, which takes less memory and more time. Results are the same.
        options: Further arguments of the timm model, such as `{drop_path_rate: 0.1}`.

    Raises:
        ConfigError: timm has no such model, it is no plain vision transformer, or it has fewer blocks.
        SegkitError: weights cannot be loaded.

    Example:
        >>> small = {"embed_dim": 32, "depth": 3, "num_heads": 2}
        >>> model = EoMT(num_classes=3, name="vit_small_patch16_dinov3", num_queries=5, num_blocks=2, options=small)
        >>> prediction = model.eval()(torch.zeros(1, 3, 64, 96, dtype=torch.uint8))
        >>> prediction.class_logits.shape, prediction.mask_logits.shape, len(prediction.auxiliary)
        (torch.Size([1, 5, 4]), torch.Size([1, 5, 16, 24]), 0)
        >>> len(model.train()(torch.zeros(1, 3, 64, 96, dtype=torch.uint8)).auxiliary)
        2
    """

    prediction_type: ClassVar[type] = Prediction

    def __init__(
        self,
        num_classes: int,
        *,
        name: str,
        pretrained: bool = False,
        weights: str | None = None,
        image_size: Positive | None = None,
        patch_size: Positive | None = None,
        num_queries: Positive = 200,
        num_blocks: Positive = 4,
        pixel_mean: list[float] | None = None,
        pixel_std: list[PositiveFloat] | None = None,
        pixel_type: PixelType = "uint8",
        gradient_checkpointing: bool = False,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        # timm takes seconds to import, so only a config that uses this model pays for it.
        from segkit_eomt.body import PlainBody

        channels = len(pixel_mean or (0, 0, 0))
        self.body = PlainBody(
            name, pretrained, weights, image_size, patch_size, options or {}, channels, gradient_checkpointing
        )
        if num_blocks > self.body.num_blocks:
            raise ConfigError(
                f"model 'eomt': num_blocks: must be at most {self.body.num_blocks}, the number of blocks of '{name}', "
                f"not {num_blocks}."
            )
        self.body.expect_queries(num_queries, num_blocks)
        self.num_queries, self.num_blocks = num_queries, num_blocks
        published = self.body.pixel_values("mean"), self.body.pixel_values("std")
        self.pixel_mean, self.pixel_std = pixel_statistics(pixel_mean, pixel_std, published, pixel_type)
        self.normalization = PixelNormalization(self.pixel_mean, self.pixel_std, pixel_type)
        self.queries = nn.Embedding(num_queries, self.body.channels)
        self.class_head = nn.Linear(self.body.channels, num_classes + 1)
        self.mask_module = MaskModule(self.body.channels, self.body.patch_size)
        self.annealing = MaskAnnealing(num_blocks)
        convolve_linear(self)

    @property
    def pixel_format(self) -> PixelFormat:
        """The channels and type of the images."""
        return self.normalization.format

    @property
    def size_divisor(self) -> int:
        """What the height and width of images are padded to a multiple of: the side of a patch."""
        return self.body.patch_size

    def parameter_layers(self) -> list[list[str]]:
        """Returns the names of the body's parameters block by block, from the image on; its norm belongs to the last.

        All other parameters are new in this model and learn at the full rate.
        """
        return [[f"body.transformer.{name}" for name in layer] for layer in numbered_layers(self.body.transformer)]

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> Prediction:
        """Predicts from images (B,C,H,W) of its `pixel_format`, whose H and W are multiples of `size_divisor`.

        Returns:
            The prediction after the last block. In training, those before each of the last blocks are its `auxiliary`.
        """
        tokens, rotary, grid = self.body.embed(self.normalization(images, sizes))
        first = self.body.num_blocks - self.num_blocks
        for block in range(first):
            tokens = self.body.run(block, tokens, rotary, None)
        tokens = torch.cat([self.queries.weight.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        auxiliary = []
        for index, masking in enumerate(self.annealing.masking()):
            mask = None
            if self.training or masking != "never":
                prediction = self._predict(tokens, grid)
                auxiliary.append(prediction)
                mask = self._attention_mask(prediction, grid, index, masking)
            tokens = self.body.run(first + index, tokens, rotary, mask)
        final = self._predict(tokens, grid)
        if self.training:
            final.auxiliary = auxiliary
        return final

    def _predict(self, tokens: Tensor, grid: Size) -> Prediction:
        """Applies the heads to the tokens (B,Q+P+N,C) before or after a block."""
        normed = self.body.norm(tokens)
        queries, patches = normed[:, : self.num_queries], normed[:, -grid[0] * grid[1] :]
        embeddings, features = self.mask_module(queries, patches, grid)
        return Prediction(self.class_head(queries), mask_embeddings=embeddings, mask_features=features)

    @torch.no_grad()
    def _attention_mask(self, prediction: Prediction, grid: Size, index: int, masking: Masking) -> Tensor | None:
        """Returns which tokens attend to which, (B,1,L,L) bool, or None where all attend to all.

        A masked query does not attend to the patches outside its mask. It always sees all queries and the class and
        register tokens, so that no row is empty.
        """
        if masking == "never":
            return None
        assert prediction.mask_embeddings is not None, "its masks are products"
        assert isinstance(prediction.mask_features, Tensor), "its masks are products"
        # The product is linear, so the few features of the patches give the masks that resized logits would give.
        features = interpolate(prediction.mask_features, size=grid, mode="bilinear").flatten(2)
        visible = prediction.mask_embeddings @ features > 0  # (B, Q, N)
        if masking == "sometimes":
            visible |= ~self.annealing.draw(index, visible.shape[0], self.num_queries)[..., None]
        length = self.num_queries + self.body.num_prefix_tokens + features.shape[-1]
        mask = visible.new_ones(visible.shape[0], 1, length, length)
        mask[:, 0, : self.num_queries, -features.shape[-1] :] = visible
        return mask
