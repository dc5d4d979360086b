"""Case of the whole way from an image file to a result file."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarking.case import Options, Workload
from benchmarking.equality import require_mostly_same
from benchmarking.inputs import drawn_image
from benchmarking.models import as_ours, named, peer_model
from benchmarking.peer import transformers
from segkit.checkpoint import save_checkpoint
from segkit.inference.predictor import Predictor
from segkit.results.files import ResultWriter
from segkit.runtime.precision import Precision

SAME_PIXELS = 0.6
"""Fraction of pixels that must have the same class.

With random weights, many pixels have two nearly equal classes. There it matters that segkit resizes logits and
transformers probabilities, especially in small images. The result of another model would agree at a tenth of the
pixels only.
"""


@torch.no_grad()
def _make_decided(peer: Any, values: Tensor) -> None:
    """Changes a model of random weights so that its label map has several classes.

    Its queries would all give nearly the same output, and a label map of one class would compare nothing. So the
    queries are spread, and the outputs of class head and mask head on the image `values` (1, 3, H, W) are centered
    and scaled.
    """
    peer.model.transformer_module.queries_embedder.weight.mul_(100)
    answer = peer(values, output_hidden_states=True)
    embeddings = peer.mask_embedder(answer.transformer_decoder_last_hidden_state)
    *_, last_of_mask_head, _ = peer.mask_embedder.modules()
    for head, outputs in ((peer.class_predictor, answer.class_queries_logits), (last_of_mask_head, embeddings)):
        factor = 3 / outputs.std(1).mean()
        head.weight.mul_(factor)
        head.bias.copy_((head.bias - outputs.mean((0, 1))) * factor)


def file_to_file(options: Options, precision: Precision = "fp32") -> Workload:
    """Prepares a JPEG to a label PNG with a loaded R50. The peer runs in fp32."""
    size = (options.side(512), options.side(640))
    pixels = drawn_image(size).permute(1, 2, 0).numpy()
    processor = transformers().MaskFormerImageProcessor(do_resize=False)
    peer = peer_model("r50")
    _make_decided(peer, processor(pixels, return_tensors="pt")["pixel_values"])
    imported = as_ours(peer)
    peer.config.use_auxiliary_loss = False
    peer = peer.to(options.device)
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name)
    save_checkpoint(path / "checkpoint", imported.model, imported.config, imported.classes)
    predictor = Predictor(path / "checkpoint", "semantic", device=options.device, precision=precision)
    image, ours_file, theirs_file = path / "image.jpg", path / "semantic" / "image.png", path / "theirs.png"
    Image.fromarray(pixels).save(image)

    def ours_once() -> None:
        with ResultWriter(path, imported.classes) as writer:
            writer.write(predictor(image), image, 0)

    @torch.inference_mode()
    def theirs_once() -> None:
        with Image.open(image) as opened:
            values = processor(opened.convert("RGB"), return_tensors="pt")["pixel_values"]
        answer = peer(values.to(options.device))
        (label_map,) = processor.post_process_semantic_segmentation(answer, target_sizes=[size])
        Image.fromarray(label_map.to(torch.uint8).cpu().numpy()).save(theirs_file)

    def check() -> None:
        ours_once()
        theirs_once()
        ours, theirs = (torch.from_numpy(np.array(Image.open(file))) for file in (ours_file, theirs_file))
        require_mostly_same("label map of the image's size", ours, theirs, SAME_PIXELS)

    work = f"image file to result file, R50, {size[0]}x{size[1]}, {named(precision)}"
    return Workload(work, ours_once, theirs_once, check, held=folder)
