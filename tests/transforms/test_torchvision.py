"""Transforms of torchvision move image, segments and void together, and are refused where they cannot."""

import sys
from dataclasses import replace

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.testing.transform import check_transform
from segkit.transforms.torchvision import TorchvisionTransform
from segkit.types import NO_SEGMENT, Sample, Target

GEOMETRY = {
    "RandomRotation": {"degrees": [30, 30], "expand": True},
    "RandomAffine": {"degrees": 20, "translate": [0.1, 0.1], "scale": [0.5, 1.5], "shear": 10, "fill": 7},
    "RandomPerspective": {"p": 1.0},
    "RandomCrop": {"size": [60, 30], "pad_if_needed": True},
    "RandomZoomOut": {"p": 1.0, "fill": 200},
    "RandomResizedCrop": {"size": [32, 48], "interpolation": "nearest"},
    "ScaleJitter": {"target_size": [40, 40]},
}

BATCHES = "cannot be used from a config: it takes boxes, or batches with a label for each image. Remove it."

NONE = "torchvision.transforms.v2 has no transform"


def bridge(name, **options):
    return TorchvisionTransform(name=name, options=options)


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_keeps_the_contract(name):
    check_transform(bridge(name, **GEOMETRY[name]))


def test_exact_moves(sample, agree):
    turned = bridge("RandomRotation", degrees=[90, 90], expand=True)(sample)
    assert torch.equal(turned.image, sample.image.rot90(1, (1, 2)))
    assert torch.equal(turned.target.segment_map, sample.target.segment_map.rot90(1))
    assert torch.equal(turned.target.valid, sample.target.valid.rot90(1))
    assert turned.target.segment_map.dtype == sample.target.segment_map.dtype
    assert turned.target.areas is None
    assert agree(turned) == 1


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_image_and_target_stay_together(sample, agree, interpolation):
    torch.manual_seed(0)
    turned = bridge("RandomAffine", degrees=[20, 20], scale=[0.8, 0.8], interpolation=interpolation, fill=200)(sample)
    assert agree(turned) > (0.99 if interpolation == "nearest" else 0.85)


@pytest.mark.parametrize("valid", [True, False])
def test_new_pixels_are_void(sample, valid):
    if not valid:
        sample = replace(sample, target=replace(sample.target, valid=None))
    padded = bridge("Pad", padding=[3, 5, 0, 0], fill=[9, 8, 7])(sample)
    assert padded.size == (53, 67)
    assert padded.image[:, 0, 0].tolist() == [9, 8, 7]
    assert not padded.target.valid[:5].any()
    assert not padded.target.valid[:, :3].any()
    assert (padded.target.segment_map[:5] == NO_SEGMENT).all()
    assert torch.equal(padded.target.segment_map[5:, 3:], sample.target.segment_map)
    assert bool(padded.target.valid[5:, 3:].all()) is not valid


def test_overlapping_masks_move(overlapping):
    flipped = bridge("RandomVerticalFlip", p=1.0)(overlapping)
    assert torch.equal(flipped.target.masks, overlapping.target.masks.flip(1))
    assert flipped.target.masks.dtype == torch.bool


def test_colors_leave_the_target_alone(sample):
    changed = bridge("RandomInvert", p=1.0)(sample)
    assert changed.target is sample.target
    assert torch.equal(changed.image, 255 - sample.image)
    empty = Sample(
        sample.image, Target(torch.zeros(0, dtype=torch.int64), overlapping_masks=torch.zeros(0, 48, 64) > 0), "a", 0
    )
    assert len(bridge("RandomRotation", degrees=30)(empty).target) == 0


def test_without_a_target(sample):
    changed = bridge("RandomHorizontalFlip", p=1.0)(replace(sample, target=None))
    assert changed.target is None
    assert torch.equal(changed.image, sample.image.flip(2))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "RandomRotate",
            {},
            "torchvision.transforms.v2 has no transform 'RandomRotate'. Did you mean 'RandomRotation'?",
        ),
        ("Transform", {}, f"{NONE} 'Transform'."),
        (
            "GaussianBlur",
            {"kernel": 3, "sigmas": 1.0},
            "options: GaussianBlur takes no 'kernel'. Did you mean 'kernel_size'? GaussianBlur takes no 'sigmas'. Did "
            "you mean 'sigma'? It takes: kernel_size, sigma",
        ),
        (
            "Compose",
            {},
            "Compose cannot be used from a config: it takes other transforms. List those in the config instead.",
        ),
        ("Lambda", {}, "Lambda cannot be used from a config: it takes a function. Register a transform of your own."),
        (
            "GaussianBlur",
            {"kernel_size": 2},
            "options: GaussianBlur: Kernel size value should be an odd and positive number.",
        ),
        (
            "Resize",
            {"size": [8, 8], "interpolation": "best"},
            "options: Resize: 'best' is not a valid InterpolationMode",
        ),
    ],
)
def test_wrong_settings(name, options, message):
    with pytest.raises(ConfigError) as caught:
        bridge(name, **options)
    assert str(caught.value).startswith(f"transform 'torchvision': {message}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, BATCHES) for name in ("CutMix", "MixUp", "SanitizeBoundingBoxes")),
        *(
            (name, f"cannot be applied to this image and its target (Inputs of type Mask are not supported by {name}()")
            for name in ("AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix")
        ),
        *((name, "cannot be applied to this image and its target (") for name in ("FiveCrop", "RandomIoUCrop")),
        (
            "Normalize",
            "cannot be applied to this image and its target (Input tensor should be a float tensor. Got torch.uint8). "
            "Remove this transform, or change its options.",
        ),
        ("ToPILImage", "does not return one uint8 RGB image, as models take it. They normalize "),
        ("ConvertImageDtype", "does not return one uint8 RGB image, as models take it. They normalize "),
    ],
)
def test_what_cannot_be_applied_is_refused_when_it_is_built(name, message):
    options = {"CutMix": {"num_classes": 4}, "Normalize": {"mean": [0], "std": [1]}, "FiveCrop": {"size": 8}}
    torch.manual_seed(0)
    state = torch.get_rng_state()
    with pytest.raises(ConfigError) as caught:
        bridge(name, **options.get(name, {}))
    assert str(caught.value).startswith(f"transform 'torchvision': {name} {message}")
    assert torch.equal(torch.get_rng_state(), state)


def test_images_that_are_too_small_or_have_too_many_channels(sample):
    for name, options, message in (
        (
            "RandomCrop",
            {"size": [2000, 2000]},
            "cannot be applied to this image and its target (Required crop size (2000, 2000) is larger than input "
            "image size (48, 64)). Remove this transform, or change its options.",
        ),
        ("Grayscale", {}, "does not return one uint8 RGB image, as models take it. They normalize "),
    ):
        with pytest.raises(DataError) as caught:
            bridge(name, **options)(sample)
        assert str(caught.value).startswith(f"a.png: transform 'torchvision': {name} {message}")


def test_erasing_leaves_the_target_alone(sample):
    erased = bridge("RandomErasing", p=1.0)(sample)
    assert erased.target is sample.target
    assert not torch.equal(erased.image, sample.image)


def test_without_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.transforms", None)
    with pytest.raises(ConfigError) as caught:
        bridge("Resize")
    assert str(caught.value).startswith("transform 'torchvision': torchvision cannot be imported (")
    assert str(caught.value).endswith("Install the version that belongs to your torch: pip install torchvision.")
