"""The call of a model, and its message for images that are too small; every backbone norm of torch says so its way."""

import pytest
import torch
from torch import nn

from segkit.errors import DataError
from segkit.runtime.model_call import call_model
from segkit.types import ImageSizes

SIZES = [ImageSizes(padded=(8, 8), unpadded=(3, 5), output=(3, 5))]


def model_of(layer):
    return lambda images, sizes: layer(images)


TOO_SMALL = {
    "batch norm": nn.BatchNorm2d(3),
    "group norm": nn.GroupNorm(3, 3),
    "instance norm": nn.InstanceNorm2d(3),
    "convolution": nn.Conv2d(3, 3, 2),
    "pooling": nn.MaxPool2d(2),
    "reflection": nn.ReflectionPad2d(1),
}


@pytest.mark.parametrize("name", TOO_SMALL)
def test_layers_that_one_pixel_is_too_small_for(name):
    with pytest.raises(DataError, match=r"^a\.png \(5x3\): too small for the model\. Padded to 1x1 in a batch of 1,"):
        call_model(model_of(TOO_SMALL[name]), torch.zeros(1, 3, 1, 1), SIZES, ["a.png"])


def test_the_whole_message():
    images = torch.zeros(1, 3, 1, 1)
    with pytest.raises(DataError) as caught:
        call_model(model_of(TOO_SMALL["batch norm"]), images, SIZES, ["a.png"])
    assert str(caught.value) == (
        "a.png (5x3): too small for the model. Padded to 1x1 in a batch of 1, a layer gets too few values (Expected "
        "more than 1 value per channel, got input size torch.Size([1, 3, 1, 1])). Use larger images or crops, or the "
        "transform 'pad', also in data.val.transforms. A larger batch_size or the backbone's freeze_batch_norm can "
        "help too."
    )


def test_the_message_of_evaluation_and_prediction():
    with torch.inference_mode(), pytest.raises(DataError) as caught:
        call_model(model_of(TOO_SMALL["group norm"]), torch.zeros(1, 3, 1, 1), SIZES, ["a.png"])
    message = str(caught.value)
    assert message.endswith(" Use larger images, or the transform 'pad' in data.val.transforms of the config.")
    assert "raining" not in message


class SingleCell(nn.Module):
    """Has a norm on its coarsest map."""

    def __init__(self):
        super().__init__()
        self.size_divisor = 8
        self.norm = nn.GroupNorm(3, 3)

    def forward(self, images, sizes):
        return self.norm(images[..., ::8, ::8])


def test_images_of_a_single_cell_are_refused_together_as_alone():
    sizes, files, images = SIZES * 2, ["a.png", "b.png"], torch.zeros(2, 3, 8, 8)
    for number in (1, 2):
        with torch.inference_mode(), pytest.raises(DataError, match=r"^a\.png .* Padded to 8x8 in a batch of 1, "):
            call_model(SingleCell(), images[:number], sizes[:number], files[:number])
    with torch.inference_mode():
        assert call_model(SingleCell(), torch.zeros(2, 3, 8, 16), sizes, files).shape == (2, 3, 1, 2)
    assert call_model(SingleCell(), images, sizes, files).shape == (2, 3, 1, 1)  # a training has its batches


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="expected input"):
        call_model(model_of(nn.Conv2d(4, 1, 1)), torch.zeros(1, 3, 8, 8), SIZES, ["a.png"])


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no memory"),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_memory_that_is_too_small(error):
    def model(images, sizes):
        raise error

    with pytest.raises(DataError) as caught:
        call_model(model, torch.zeros(2, 3, 8, 8), SIZES * 2, ["a.png", "b.png"])
    assert str(caught.value) == (
        f"a.png (5x3), b.png (5x3): not enough memory for these images together ({error}). Use smaller batches, or a "
        "transform such as random_crop in data.train.transforms."
    )
