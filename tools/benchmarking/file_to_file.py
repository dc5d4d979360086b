"""Cases of the whole way from image files to results."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarking.case import Options, Workload
from benchmarking.equality import require_mostly_same
from benchmarking.inputs import drawn_image
from benchmarking.models import as_ours, peer_model
from benchmarking.pair import named
from benchmarking.peer import transformers
from segkit.checkpoint import save_checkpoint
from segkit.inference.predictor import Predictor
from segkit.results.files import ResultWriter
from segkit.runtime.precision import Precision
from segkit.types import SemanticResult, Size

MANY = 100
"""Images that go through both programs one after the other."""
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


@dataclass(frozen=True)
class FilePair:
    """Both programs with equal weights of a decided R50, and a folder with images."""

    predictor: Predictor
    peer: Any
    """In fp32."""
    processor: Any
    """The peer's image processor."""
    images: list[Path]
    folder: Any
    """A temporary folder, which must live as long as the pair."""

    @property
    def path(self) -> Path:
        """Path of the folder."""
        return Path(self.folder.name)


def file_pair(options: Options, size: Size, images: int, precision: Precision) -> FilePair:
    """Prepares models and drawn JPEGs."""
    pixels = [drawn_image(size, seed).permute(1, 2, 0).numpy() for seed in range(images)]
    processor = transformers().MaskFormerImageProcessor(do_resize=False)
    peer = peer_model("r50")
    _make_decided(peer, processor(pixels[0], return_tensors="pt")["pixel_values"])
    imported = as_ours(peer)
    peer.config.use_auxiliary_loss = False
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name)
    save_checkpoint(path / "checkpoint", imported.model, imported.config, imported.classes)
    predictor = Predictor(path / "checkpoint", "semantic", device=options.device, precision=precision)
    files = [path / f"image_{index}.jpg" for index in range(images)]
    for file, one in zip(files, pixels, strict=True):
        Image.fromarray(one).save(file)
    return FilePair(predictor, peer.to(options.device), processor, files, folder)


def file_to_file(options: Options, precision: Precision = "fp32") -> Workload:
    """Prepares a JPEG to a label PNG with a loaded R50. The peer runs in fp32."""
    size = (options.side(512), options.side(640))
    pair = file_pair(options, size, 1, precision)
    (image,), path, processor = pair.images, pair.path, pair.processor
    ours_file, theirs_file = path / "semantic" / f"{image.stem}.png", path / "theirs.png"

    def ours_once() -> None:
        with ResultWriter(path, pair.predictor.classes) as writer:
            writer.write(pair.predictor(image), image, 0)

    @torch.inference_mode()
    def theirs_once() -> None:
        with Image.open(image) as opened:
            values = processor(opened.convert("RGB"), return_tensors="pt")["pixel_values"]
        answer = pair.peer(values.to(options.device))
        (label_map,) = processor.post_process_semantic_segmentation(answer, target_sizes=[size])
        Image.fromarray(label_map.to(torch.uint8).cpu().numpy()).save(theirs_file)

    def check() -> None:
        ours_once()
        theirs_once()
        ours, theirs = (torch.from_numpy(np.array(Image.open(file))) for file in (ours_file, theirs_file))
        require_mostly_same("label map of the image's size", ours, theirs, SAME_PIXELS)

    work = f"image file to result file, R50, {size[0]}x{size[1]}, {named(precision)}"
    return Workload(work, ours_once, theirs_once, check, held=pair.folder)


def many_files(options: Options, precision: Precision = "fp32") -> Workload:
    """Prepares JPEGs to results with segkit's `predict_many` and transformers' pipeline, which runs in fp32."""
    size = (options.side(512), options.side(640))
    pair = file_pair(options, size, MANY, precision)
    pipeline = transformers().pipeline(
        "image-segmentation", model=pair.peer, image_processor=pair.processor, device=options.device
    )
    names = [str(file) for file in pair.images]

    def ours_once() -> list[Tensor]:
        results = [outcome.result for outcome in pair.predictor.predict_many(names)]
        return [result.label_map for result in results if isinstance(result, SemanticResult)]

    def theirs_once() -> list[list[dict[str, Any]]]:
        """Returns of each image a mask per class."""
        results: list[list[dict[str, Any]]] = pipeline(names, subtask="semantic")
        return results

    def check() -> None:
        for ours, masks in zip(ours_once(), theirs_once(), strict=True):
            theirs = torch.full_like(ours, -1)
            for one in masks:
                index = pair.peer.config.label2id[one["label"]]
                theirs[torch.from_numpy(np.array(one["mask"])) > 0] = index
            require_mostly_same("label map of the image's size", ours, theirs, SAME_PIXELS)

    work = f"{MANY} image files to results, R50, {size[0]}x{size[1]}, {named(precision)}"
    return Workload(work, ours_once, theirs_once, check, held=pair.folder)
