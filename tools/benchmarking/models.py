"""Cases of whole models with equal weights: forward pass and training step."""

import tempfile
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarking.case import Options, Workload
from benchmarking.equality import require_close
from benchmarking.inputs import NUM_CLASSES
from benchmarking.losses import paper_criterion
from benchmarking.pair import ModelPair, forward_pass, training_step
from benchmarking.peer import transformers
from segkit.interop.huggingface import import_huggingface
from segkit.registries import Imported
from segkit.runtime.precision import Precision, autocast

Backbone = Literal["r50", "swin_t"]
TITLES = {"r50": "R50", "swin_t": "Swin-T"}


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
    pair = ModelPair(options, *_models(backbone), paper_criterion(compiled=False))
    pair.peer.config.use_auxiliary_loss = False  # otherwise it predicts at every layer
    return forward_pass(pair, TITLES[backbone], precision)


def _models(backbone: Backbone) -> tuple[nn.Module, Any]:
    peer = peer_model(backbone)
    return as_ours(peer).model, peer


class TrainingPair(ModelPair):
    """The models of both programs in training.

    Args:
        options: Device and size.
        backbone: Of both models.
        compiled: Let segkit compile its mask losses.
    """

    def __init__(self, options: Options, backbone: Backbone, compiled: bool = True) -> None:
        super().__init__(options, *_models(backbone), paper_criterion(compiled))
        self.train()

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
            super().check(precision)
            ours, theirs = self.our_loss("fp32"), self.their_loss("fp32")
            require_close("loss of the last layer", ours.detach(), theirs.detach())
            norms = _gradient_norm(self.model, ours), _gradient_norm(self.peer, theirs)
            require_close("norm of the gradient", *norms, tolerance=1e-3)
        finally:
            self.criterion.deep_supervision = self.peer.config.use_auxiliary_loss = True


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
    return training_step(TrainingPair(options, backbone), TITLES[backbone], precision, their_precision)
