"""Cases of whole models with equal weights: forward pass and training step."""

import tempfile
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarking.case import Options, Workload
from benchmarking.equality import require_as_near, require_close
from benchmarking.inputs import NUM_CLASSES, drawn_image, drawn_targets, their_targets
from benchmarking.losses import paper_criterion
from benchmarking.peer import transformers
from segkit.interop.huggingface import import_huggingface
from segkit.registries import Imported
from segkit.runtime.precision import Precision, autocast
from segkit.types import Size

Backbone = Literal["r50", "swin_t"]
TITLES = {"r50": "R50", "swin_t": "Swin-T"}
Logits = tuple[Tensor, Tensor]
LOGITS = ("class logits", "mask logits")
LEARNING_RATE = 1e-6
"""Small enough that many steps hardly change the model."""


def peer_model(backbone: Backbone) -> Any:
    """Returns transformers' MaskFormer with random weights, without dropout so that steps can be compared."""
    library = transformers()
    library.utils.logging.disable_progress_bar()
    stages = ["stage1", "stage2", "stage3", "stage4"]
    body = (
        library.ResNetConfig(out_features=stages)
        if backbone == "r50"
        else library.SwinConfig(out_features=stages, drop_path_rate=0.0)
    )
    config = library.MaskFormerConfig(
        backbone_config=body,
        decoder_config=library.DetrConfig(dropout=0.0),
        num_labels=NUM_CLASSES,
        use_auxiliary_loss=True,
    )
    torch.manual_seed(0)
    return library.MaskFormerForInstanceSegmentation(config).eval()


def as_ours(theirs: Any) -> Imported:
    """Returns segkit's model with the same weights."""
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        transformers().MaskFormerImageProcessor(do_resize=False).save_pretrained(folder)
        return import_huggingface(folder)


def forward(options: Options, backbone: Backbone, precision: Precision) -> Workload:
    """Prepares one image to its logits. The peer runs in fp32, which is its default."""
    side = options.side(512)
    peer = peer_model(backbone)
    imported = as_ours(peer)
    peer.config.use_auxiliary_loss = False  # otherwise it predicts at every layer
    model: Any = imported.model.to(options.device)
    peer = peer.to(options.device)
    images = drawn_image((side, side))[None].to(options.device)
    values = model.normalization(images)

    @torch.inference_mode()
    def ours_once(precision: Precision = precision) -> Logits:
        with autocast(options.device, precision):
            prediction = model(images)
            return prediction.class_logits, prediction.mask_logits

    @torch.inference_mode()
    def theirs_once(precision: Precision = "fp32") -> Logits:
        with autocast(options.device, precision):
            answer = peer(values)
            return answer.class_queries_logits, answer.masks_queries_logits

    def check() -> None:
        _require_equal_logits(precision, ours_once, theirs_once)

    work = f"forward, {TITLES[backbone]}, 1 x {side}x{side}, {named(precision)}"
    dtype = torch.float32 if precision == "fp32" else torch.bfloat16
    return Workload(work, ours_once, theirs_once, check, images=1, dtype=dtype)


def _require_equal_logits(
    precision: Precision, ours: Callable[[Precision], Logits], theirs: Callable[[Precision], Logits]
) -> None:
    """Raises UnequalOutputs unless logits are equal in fp32, and in `precision` as near to it as the peer's."""
    exact = theirs("fp32")
    for what, own, other in zip(LOGITS, ours("fp32"), exact, strict=True):
        require_close(what, own, other)
    if precision != "fp32":
        for what, own, other, expected in zip(LOGITS, ours(precision), theirs(precision), exact, strict=True):
            require_as_near(f"{what} in {precision}", own, other, expected)


def named(precision: Precision, theirs: Precision = "fp32") -> str:
    if precision == theirs:
        return f"both {precision}" if precision != "fp32" else precision
    return f"{precision} to {theirs}"


class TrainingPair:
    """The models of both programs in training, on the same two images with twelve segments each.

    Args:
        options: Device and size.
        backbone: Of both models.
        compiled: Let segkit compile its mask losses.
    """

    def __init__(self, options: Options, backbone: Backbone, compiled: bool = True) -> None:
        device, side = options.device, options.side(512)
        self.device = device
        self.size: Size = (side, side)
        self.peer = peer_model(backbone).to(device).train()
        model: Any = as_ours(self.peer).model.to(device).train()
        self.model = model
        self.criterion = paper_criterion(compiled).to(device)
        self.draw(2)
        self.our_optimizer = _optimizer(self.model)
        self.their_optimizer = _optimizer(self.peer)

    def draw(self, images: int) -> None:
        """Draws another number of images, with twelve segments each."""
        self.images = torch.stack([drawn_image(self.size, seed) for seed in range(images)]).to(self.device)
        self.targets = drawn_targets(images, self.size, 12, self.device)
        self.values: Tensor = self.model.normalization(self.images)
        self.labels = their_targets(self.targets)

    def our_loss(self, precision: Precision) -> Tensor:
        with autocast(self.device, precision):
            total: Tensor = self.criterion(self.model(self.images), self.targets).total
        return total

    def their_loss(self, precision: Precision) -> Tensor:
        with autocast(self.device, precision):
            # Its auxiliary loss fails without hidden states.
            hidden = bool(self.peer.config.use_auxiliary_loss)
            loss: Tensor = self.peer(self.values, **self.labels, output_hidden_states=hidden).loss
        return loss

    def check(self, precision: Precision) -> None:
        """Raises UnequalOutputs unless logits, loss and gradient of the last layer are equal.

        In earlier layers, transformers uses the queries before the decoder's last norm, unlike the original.
        """
        self.criterion.deep_supervision = self.peer.config.use_auxiliary_loss = False
        try:
            _require_equal_logits(precision, self._our_logits, self._their_logits)
            ours, theirs = self.our_loss("fp32"), self.their_loss("fp32")
            require_close("loss of the last layer", ours.detach(), theirs.detach())
            norms = _gradient_norm(self.model, ours), _gradient_norm(self.peer, theirs)
            require_close("norm of the gradient", *norms, tolerance=1e-3)
        finally:
            self.criterion.deep_supervision = self.peer.config.use_auxiliary_loss = True

    @torch.no_grad()
    def _our_logits(self, precision: Precision) -> Logits:
        with autocast(self.device, precision):
            prediction = self.model(self.images)
            return prediction.class_logits, prediction.mask_logits

    @torch.no_grad()
    def _their_logits(self, precision: Precision) -> Logits:
        with autocast(self.device, precision):
            answer = self.peer(self.values)
            return answer.class_queries_logits, answer.masks_queries_logits


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)  # as the trainers of both programs do


def _gradient_norm(model: nn.Module, loss: Tensor) -> Tensor:
    model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm: Tensor = torch.stack([gradient.norm() for gradient in gradients]).norm()
    model.zero_grad()
    return norm


def training(
    options: Options, backbone: Backbone, precision: Precision, their_precision: Precision = "fp32"
) -> Workload:
    """Prepares a step: forward pass, matching and losses of all layers, backward pass, AdamW."""
    pair = TrainingPair(options, backbone)

    def step(loss: Callable[[Precision], Tensor], precision: Precision, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        loss(precision).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    side = pair.size[0]
    return Workload(
        f"training step, {TITLES[backbone]}, 2 x {side}x{side}, 12 masks each, {named(precision, their_precision)}",
        lambda: step(pair.our_loss, precision, pair.our_optimizer),
        lambda: step(pair.their_loss, their_precision, pair.their_optimizer),
        lambda: pair.check(precision),
        images=2,
        dtype=torch.float32 if precision == "fp32" else torch.bfloat16,
    )
