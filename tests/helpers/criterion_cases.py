"""Predictions, targets and matches for tests of the criterion and its parts."""

import torch

from segkit.types import NO_SEGMENT, Prediction, Target


class ScaledError(torch.nn.Module):
    """A mask loss with a trainable scale, a parameter it does not use and one that is not trainable."""

    input_type = "masks"

    def __init__(self, scale=1.5):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))
        self.unused = torch.nn.Parameter(torch.zeros(2))
        self.fixed = torch.nn.Parameter(torch.tensor(2.0), requires_grad=False)

    def forward(self, logits, targets, valid):
        error = self.fixed * (self.scale * logits.tanh() - targets).square()
        return error.mean(1) if valid is None else (error * valid).mean(1)


def mask_layers(kind, batch=2, queries=5, mask_dim=4, size=(6, 8), num_layers=3):
    """Predictions whose masks are products with `shared` features or features `apart`, `dense` masks, or `mixed`."""
    torch.manual_seed(0)
    shared = torch.randn(batch, mask_dim, *size, requires_grad=True)
    layers = []
    for index in range(num_layers):
        class_logits = torch.randn(batch, queries, 3)
        if kind == "dense" or (kind == "mixed" and index == 1):
            layers.append(Prediction(class_logits, dense_mask_logits=torch.randn(batch, queries, *size)))
        else:
            features = shared if kind != "apart" else torch.randn(batch, mask_dim, *size)
            embeddings = torch.randn(batch, queries, mask_dim)
            layers.append(Prediction(class_logits, mask_embeddings=embeddings, mask_features=features))
    return layers


def no_segments(size, device="cpu"):
    """The target of an image without segments."""
    labels = torch.zeros(0, dtype=torch.int64, device=device)
    return Target(labels, torch.full(size, NO_SEGMENT, dtype=torch.int16, device=device))
