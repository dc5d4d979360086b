from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate
from transformers import MaskFormerImageProcessor

from segkit.classes import Classes
from segkit.ops import resizing
from segkit.postprocessors.semantic import Semantic
from segkit.types import ImageSizes, PixelPrediction, Prediction, SemanticResult


def numbered(count):
    return Classes.make([f"class {index}" for index in range(count)])


def random_prediction(batch=1, queries=10, num_classes=7, size=(16, 24)):
    generator = torch.Generator().manual_seed(0)
    class_logits = 3 * torch.randn(batch, queries, num_classes + 1, generator=generator)
    return Prediction(class_logits, dense_mask_logits=4 * torch.randn(batch, queries, *size, generator=generator))


@pytest.mark.parametrize("name", ["maskformer_R50", "maskformer_R101c", "swin__maskformer_swin_tiny"])
def test_the_original_program_finds_the_same_classes(name, shared_golden):
    stored = np.load(shared_golden / "original" / f"ade20k-150__{name}_bs16_160k.npz")
    prediction = Prediction(
        torch.from_numpy(stored["pred_logits"]), dense_mask_logits=torch.from_numpy(stored["pred_masks"])
    )

    (result,) = Semantic(numbered(150))(prediction, [ImageSizes((64, 96), (64, 96), (50, 80))])

    assert stored["sem_seg_margin"].min() > 1e-4
    assert np.array_equal(result.label_map.numpy(), stored["sem_seg"])


def test_transformers_finds_the_same_classes():
    prediction = random_prediction(batch=2)
    outputs = SimpleNamespace(
        class_queries_logits=prediction.class_logits, masks_queries_logits=prediction.dense_mask_logits
    )
    sizes = [ImageSizes((16, 24), (16, 24), (37, 41)), ImageSizes((16, 24), (16, 24), (11, 60))]

    results = Semantic(numbered(7))(prediction, sizes)

    theirs = MaskFormerImageProcessor().post_process_semantic_segmentation(
        outputs, target_sizes=[size.output for size in sizes]
    )
    for result, their in zip(results, theirs, strict=True):
        assert torch.equal(result.label_map, their)


@pytest.mark.parametrize("chunk", [1, 5000, 1 << 20])
@pytest.mark.parametrize("sizes", [((64, 96), (60, 91), (50, 80)), ((64, 96), (64, 96), (133, 201))], ids=str)
def test_bands_find_what_whole_maps_do(sizes, chunk, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    prediction = random_prediction()
    size = ImageSizes(*sizes)
    masks = interpolate(prediction.mask_logits, size=size.padded, mode="bilinear", align_corners=False).sigmoid()
    scores = torch.einsum("bqc,bqhw->bchw", prediction.class_logits.softmax(-1)[..., :-1], masks)
    scores = scores[..., : size.unpadded[0], : size.unpadded[1]]
    expected = interpolate(scores, size=size.output, mode="bilinear", align_corners=False)[0].argmax(0)

    (result,) = Semantic(numbered(7))(prediction, [size])

    assert torch.equal(result.label_map, expected)


def test_a_per_pixel_prediction_is_resized_as_logits():
    logits = torch.randn(2, 5, 16, 24, generator=torch.Generator().manual_seed(0))
    sizes = [ImageSizes((64, 96), (50, 96), (100, 33)), ImageSizes((64, 96), (64, 80), (64, 80))]

    results = Semantic(numbered(5))(PixelPrediction(logits), sizes)

    for result, one, size in zip(results, logits, sizes, strict=True):
        padded = interpolate(one[None], size=size.padded, mode="bilinear", align_corners=False)
        cropped = padded[..., : size.unpadded[0], : size.unpadded[1]]
        expected = interpolate(cropped, size=size.output, mode="bilinear", align_corners=False)[0].argmax(0)
        assert torch.equal(result.label_map, expected)


def test_every_query_contributes_all_its_classes():
    """Two queries of 0.3 for class 1 outweigh one of 0.5 for class 0 where all three masks are sure."""
    probs = torch.tensor([[[0.5, 0.1, 0.4], [0.1, 0.3, 0.6], [0.1, 0.3, 0.6]]])
    masks = torch.full((1, 3, 1, 1), 50.0)

    (result,) = Semantic(numbered(2))(
        Prediction(probs.log(), dense_mask_logits=masks), [ImageSizes((1, 1), (1, 1), (1, 1))]
    )

    assert result == SemanticResult(torch.tensor([[0]]))  # 0.7 against 0.7: the first of equals
    masks[0, 0] = 0.0
    (result,) = Semantic(numbered(2))(
        Prediction(probs.log(), dense_mask_logits=masks), [ImageSizes((1, 1), (1, 1), (1, 1))]
    )
    assert result.label_map.tolist() == [[1]]


def test_alone_as_in_a_batch():
    prediction = random_prediction(batch=3)
    sizes = [ImageSizes((64, 96), (64, 96 - 8 * index), (64, 96 - 8 * index)) for index in range(3)]
    semantic = Semantic(numbered(7))

    together = semantic(prediction, sizes)

    for index, size in enumerate(sizes):
        one = Prediction(
            prediction.class_logits[index : index + 1], dense_mask_logits=prediction.mask_logits[index : index + 1]
        )
        assert torch.equal(semantic(one, [size])[0].label_map, together[index].label_map)


def test_masks_may_come_as_products():
    generator = torch.Generator().manual_seed(0)
    embeddings, features = torch.randn(1, 6, 8, generator=generator), torch.randn(1, 8, 4, 5, generator=generator)
    class_logits = torch.randn(1, 6, 4, generator=generator)
    sizes = [ImageSizes((16, 20), (16, 20), (16, 20))]
    product = Prediction(class_logits, embeddings, features)
    dense = Prediction(class_logits, dense_mask_logits=product.mask_logits)

    semantic = Semantic(numbered(3))

    assert torch.equal(semantic(product, sizes)[0].label_map, semantic(dense, sizes)[0].label_map)
