"""Test-time augmentation against plain loops."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, pad

from segkit.classes import Classes
from segkit.inference.augmentation import SCALES, Augmented
from segkit.ops.images import resize_image
from segkit.postprocessors.semantic import Semantic
from segkit.types import ImageSizes, PixelPrediction, Prediction

CLASS_LOGITS = torch.tensor([[4.0, 0.0, 1.0, 0.0], [0.0, 3.0, 0.0, 1.0], [0.0, 1.0, 2.0, 0.0]])  # 3 queries, 3 classes


class Masks(nn.Module):
    """Three queries whose masks are the color channels; not symmetric, so that mirrored images differ."""

    size_divisor = 8

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, images, sizes=None):
        self.calls.append((tuple(images.shape), sizes))
        cells = avg_pool2d(images.float(), 4)
        masks = cells / 32 - 4 + torch.arange(cells.shape[-1]) / 10
        return Prediction(CLASS_LOGITS.expand(len(images), 3, 4), dense_mask_logits=masks)


class Pixels(Masks):
    def forward(self, images, sizes=None):
        return PixelPrediction(super().forward(images, sizes).mask_logits)


def slow_maps(model, image):
    """The mean class maps (K,H,W) of an image (3,H,W), as the paper's program makes them."""
    total = 0
    for scale in SCALES:
        size = [int(side * scale + 0.5) for side in image.shape[1:]]
        for mirrored in (False, True):
            seen = resize_image(image, size)
            seen = seen.flip(-1) if mirrored else seen
            padded = pad(seen, (0, -size[1] % 8, 0, -size[0] % 8))
            prediction = model(padded[None])
            if isinstance(prediction, PixelPrediction):
                logits = interpolate(prediction.pixel_logits, padded.shape[1:], mode="bilinear")
                maps = logits[..., : size[0], : size[1]]
            else:
                logits = interpolate(prediction.mask_logits, padded.shape[1:], mode="bilinear")
                mask_probs = logits[..., : size[0], : size[1]].sigmoid()
                maps = torch.einsum("qk,bqhw->bkhw", CLASS_LOGITS.softmax(-1)[:, :-1], mask_probs)
            maps = interpolate(maps, image.shape[1:], mode="bilinear")[0]
            total = total + (maps.flip(-1) if mirrored else maps)
    return total / (2 * len(SCALES))


def random_image(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randint(0, 256, (3, height // 5 + 1, width // 5 + 1), generator=generator, dtype=torch.uint8)
    return cells.repeat_interleave(5, 1).repeat_interleave(5, 2)[:, :height, :width]


@pytest.mark.parametrize("model", [Masks(), Pixels()], ids=["masks", "pixels"])
def test_equal_to_plain_loops(model):
    images = [random_image(40, 33), random_image(27, 48, seed=1)]
    sizes = [(40, 33), (27, 48)]
    batch = torch.stack([pad(image, (0, 48 - image.shape[2], 0, 40 - image.shape[1])) for image in images])

    maps = Augmented(model)(batch, sizes).pixel_logits

    assert maps.shape == (2, 3, 40, 48)
    for image, (height, width), found in zip(images, sizes, maps, strict=True):
        assert torch.allclose(found[:, :height, :width], slow_maps(model, image), atol=1e-4)
        assert found[:, height:].abs().sum() == found[:, :, width:].abs().sum() == 0


def test_each_image_is_seen_twelve_times_without_the_padding_of_its_batch():
    model = Masks()
    Augmented(model)(torch.zeros(1, 3, 40, 48, dtype=torch.uint8), [(40, 20)])
    assert [sizes for _, sizes in model.calls] == [
        [size] for size in ((20, 10), (30, 15), (40, 20), (50, 25), (60, 30), (70, 35)) for _ in (False, True)
    ]
    assert model.calls[0][0] == (1, 3, 24, 16)


def test_a_mirrored_image_gives_the_mirrored_result():
    image = random_image(40, 48)
    sizes = [ImageSizes((40, 48), (40, 48), (60, 72))]
    model, semantic = Augmented(Masks()), Semantic(Classes.make(["sky", "road", "car"]))

    (result,) = semantic(model(image[None]), sizes)
    (of_mirrored,) = semantic(model(image.flip(-1)[None]), sizes)

    assert result.label_map.shape == (60, 72)
    assert len(result.label_map.unique()) > 1
    assert (of_mirrored.label_map.flip(-1) == result.label_map).float().mean() > 0.99
    plain = [semantic(Masks()(one[None]), sizes)[0].label_map for one in (image, image.flip(-1))]
    assert (plain[1].flip(-1) == plain[0]).float().mean() < 0.99
