"""Dataset, transforms, collation and normalization against transformers' MaskFormerImageProcessor, on real images.

Its resizing of label maps takes, as segkit's, the old pixel that holds the new one's centre (torch's nearest-exact). So
labels must be equal everywhere but where a centre falls on the border of two old pixels: there float rounding decides.
Images go through the same kernel of torchvision.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import MaskFormerImageProcessor

from segkit.data.collating import collate_evaluation, collate_training
from segkit.datasets.coco_panoptic import CocoPanoptic
from segkit.datasets.mask_folder import MaskFolder
from segkit.layers.normalization import IMAGENET_MEAN, IMAGENET_STD, PixelNormalization
from segkit.ops.targets import label_map_of
from segkit.transforms.pad import Pad
from segkit.transforms.resize_shortest_edge import ResizeShortestEdge

GRAY_LEVEL = 1 / torch.tensor(IMAGENET_STD).view(3, 1, 1)
"""One step of 255, after normalization."""


@pytest.fixture(scope="module")
def ade20k(shared_data):
    """Images of 500 x 364, 683 x 512 and 400 x 300 (width, height)."""
    folder = shared_data / "ade20k_sample" / "ADEChallengeData2016"
    return MaskFolder(
        images=str(folder / "images" / "validation"),
        labels=str(folder / "annotations" / "validation"),
        classes=str(folder / "objectInfo150.txt"),
        void=0,
    )


@pytest.fixture(scope="module")
def ade20k_files(shared_data):
    """(RGB image, stored label map) of each, as transformers takes them."""
    folder = shared_data / "ade20k_sample" / "ADEChallengeData2016"
    return [
        (Image.open(file).convert("RGB"), np.array(Image.open(folder / "annotations/validation" / f"{file.stem}.png")))
        for file in sorted((folder / "images" / "validation").iterdir())
    ]


def ours(samples, transforms, size_divisor):
    """(batch, normalized pixels (B,3,H,W), pixel mask (B,H,W) bool)."""
    for transform in transforms:
        samples = [transform(sample) for sample in samples]
    batch = collate_training(samples, size_divisor)
    images = [sizes.unpadded for sizes in batch.sizes]
    pixel_mask = torch.zeros(len(samples), *batch.images.shape[-2:], dtype=torch.bool)
    for mask, (height, width) in zip(pixel_mask, images, strict=True):
        mask[:height, :width] = True
    return batch, PixelNormalization(IMAGENET_MEAN, IMAGENET_STD)(batch.images, images), pixel_mask


def theirs(images, maps, instance_id_to_semantic_id=None, **settings):
    return MaskFormerImageProcessor(**settings)(
        images, maps, instance_id_to_semantic_id=instance_id_to_semantic_id, return_tensors="pt"
    )


def decided(old, new):
    """(new,) bool: where a new pixel's centre, (2i + 1) / 2 * old / new, lies within an old pixel."""
    return (2 * torch.arange(new) + 1) * old % (2 * new) != 0


def same_masks(masks, others, old, new):
    """Both (N,H,W) bool, of which the part of size `new` was made of images of size `old`."""
    different = (masks[:, : new[0], : new[1]] != others[:, : new[0], : new[1]]).any(0)
    certain = decided(old[0], new[0])[:, None] & decided(old[1], new[1])
    return not (different & certain).any() and different.float().mean() < 1e-3


def same_targets(batch, outputs, samples, sizes):
    """Labels and masks, in transformers' order, which is that of the ids in the label map."""
    for index, size in enumerate(sizes):
        target = batch.targets[index]
        assert torch.equal(target.labels, outputs["class_labels"][index])
        assert same_masks(target.masks, outputs["mask_labels"][index].bool(), samples[index].size, size)


SETTINGS = {
    "shortest edge": ({"sizes": 128, "max_size": 10000}, {"shortest_edge": 128, "longest_edge": 10000}, 0),
    "enlarging": ({"sizes": 600, "max_size": 10000}, {"shortest_edge": 600, "longest_edge": 10000}, 0),
    "longest edge binds": ({"sizes": 200, "max_size": 230}, {"shortest_edge": 200, "longest_edge": 230}, 0),
    "size divisor": ({"sizes": 128, "max_size": 180}, {"shortest_edge": 128, "longest_edge": 180}, 32),
    "large divisor": ({"sizes": 300, "max_size": 1333}, {"shortest_edge": 300, "longest_edge": 1333}, 100),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_pixels_masks_and_labels(name, ade20k, ade20k_files):
    resize, size, size_divisor = SETTINGS[name]
    images, maps = map(list, zip(*ade20k_files, strict=True))

    samples = [ade20k[index] for index in range(3)]
    batch, pixels, pixel_mask = ours(
        samples,
        [ResizeShortestEdge(**resize, size_divisor=max(1, size_divisor), rounding="down")],
        1,
    )
    outputs = theirs(images, maps, size=size, size_divisor=size_divisor, do_reduce_labels=True, ignore_index=255)

    assert pixels.shape == outputs["pixel_values"].shape
    assert ((pixels - outputs["pixel_values"]).abs() <= 1.01 * GRAY_LEVEL).all()
    assert torch.equal(pixel_mask, outputs["pixel_mask"].bool())
    same_targets(batch, outputs, samples, [sizes.unpadded for sizes in batch.sizes])


def test_the_size_divisor_of_a_model_pads_where_that_of_transformers_stretches(ade20k, ade20k_files):
    """Of one image each that needs no padding the two differ in nothing else: both make multiples of 32."""
    images, maps = map(list, zip(*ade20k_files[:1], strict=True))
    _, pixels, pixel_mask = ours([ade20k[0]], [ResizeShortestEdge(sizes=128, rounding="down")], 32)
    outputs = theirs(
        images, maps, size={"shortest_edge": 128, "longest_edge": 9999}, do_reduce_labels=True, ignore_index=255
    )

    assert pixels.shape == outputs["pixel_values"].shape == (1, 3, 128, 192)
    assert outputs["pixel_mask"].all()
    assert int(pixel_mask.sum()) == 128 * 170
    assert not pixels[..., 170:].any()


def test_pad_size(ade20k, ade20k_files):
    """Ours pads the sample, whose target is void there, with the mean in whole gray levels."""
    images, maps = map(list, zip(*ade20k_files, strict=True))
    size = {"shortest_edge": 128, "longest_edge": 9999}

    samples = [ade20k[index] for index in range(3)]
    batch, pixels, _ = ours(
        samples,
        [ResizeShortestEdge(sizes=128, rounding="down"), Pad(size=(160, 224))],
        1,
    )
    outputs = theirs(
        images,
        maps,
        size=size,
        size_divisor=0,
        pad_size={"height": 160, "width": 224},
        do_reduce_labels=True,
        ignore_index=255,
    )

    assert pixels.shape == outputs["pixel_values"].shape == (3, 3, 160, 224)
    assert ((pixels - outputs["pixel_values"]).abs() <= 1.01 * GRAY_LEVEL).all()
    for target, pixel_mask in zip(batch.targets, outputs["pixel_mask"], strict=True):
        assert not (target.valid & (pixel_mask == 0)).any()
    same_targets(batch, outputs, samples, [(128, int(mask[0].sum())) for mask in outputs["pixel_mask"]])


def test_labels_that_are_not_reduced(ade20k_files, shared_data):
    """Id 0 a class like any other, no void: 151 classes."""
    folder = shared_data / "ade20k_sample" / "ADEChallengeData2016"
    dataset = MaskFolder(
        images=str(folder / "images" / "validation"),
        labels=str(folder / "annotations" / "validation"),
        classes=[f"class {index}" for index in range(151)],
    )
    images, maps = map(list, zip(*ade20k_files[1:2], strict=True))

    samples = [dataset[1]]
    batch, _, _ = ours(samples, [ResizeShortestEdge(sizes=96, rounding="down")], 1)
    outputs = theirs(images, maps, size={"shortest_edge": 96, "longest_edge": 9999}, size_divisor=0)

    assert 0 in batch.targets[0].labels
    assert batch.targets[0].valid is None
    same_targets(batch, outputs, samples, [batch.sizes[0].unpadded])


def test_an_ignored_id(ade20k_files, shared_data):
    """`ignore_index` without reducing: one id of the map is void, the others keep their values."""
    folder = shared_data / "ade20k_sample" / "ADEChallengeData2016"
    dataset = MaskFolder(
        images=str(folder / "images" / "validation"),
        labels=str(folder / "annotations" / "validation"),
        classes=[f"class {index}" for index in range(151)],
        label_map={str(index): "void" if index == 3 else index for index in range(151)},
    )
    images, maps = map(list, zip(*ade20k_files[:1], strict=True))

    samples = [dataset[0]]
    batch, _, _ = ours(samples, [ResizeShortestEdge(sizes=96, rounding="down")], 1)
    outputs = theirs(images, maps, size={"shortest_edge": 96, "longest_edge": 9999}, size_divisor=0, ignore_index=3)

    same_targets(batch, outputs, samples, [batch.sizes[0].unpadded])
    masks = outputs["mask_labels"][0].bool()
    assert torch.equal(batch.targets[0].valid, masks.any(0))
    assert not masks.any(0).all()


def by_id(batch_target, ids, crowd):
    """(label, mask) of each segment that is no crowd, in the order of the ids."""
    kept = [number for number, is_crowd in zip(ids, crowd, strict=True) if not is_crowd]
    order = sorted(range(len(kept)), key=lambda place: kept[place])
    return batch_target.labels[order], batch_target.masks[order], sorted(kept)


@pytest.mark.parametrize("reduced", [False, True])
def test_instance_ids_with_their_classes(reduced, shared_data):
    """COCO's panoptic segments. With reduced labels transformers takes one off the id, and looks up, and takes one off
    the class."""
    folder = shared_data / "coco_panoptic_sample"
    annotations = folder / "annotations" / "panoptic_val2017.json"
    stored = json.loads(annotations.read_text())
    dataset = CocoPanoptic(
        images=str(folder / "images" / "val2017"),
        annotations=str(annotations),
        masks=str(folder / "annotations" / "panoptic_val2017"),
    )
    place = {category["id"]: index for index, category in enumerate(stored["categories"])}
    entries = {entry["image_id"]: entry for entry in stored["annotations"]}
    chosen = [0, 1, 2, 3, 4, 5]
    samples = [dataset[index] for index in chosen]
    infos = [entries[stored["images"][index]["id"]] for index in chosen]
    images = [sample.image for sample in samples]
    maps = [
        np.array(Image.open(folder / "annotations" / "panoptic_val2017" / info["file_name"])).astype(np.int32)
        @ np.array([1, 256, 65536], dtype=np.int32)
        for info in infos
    ]
    # the ids grow by one where they are to be reduced, void being 0 before and after
    lookups = [
        {segment["id"]: place[segment["category_id"]] + reduced for segment in info["segments_info"]} for info in infos
    ]

    batch, pixels, _ = ours(samples, [ResizeShortestEdge(sizes=640, max_size=640, rounding="down")], 1)
    outputs = theirs(
        images,
        maps,
        lookups,
        size={"shortest_edge": 640, "longest_edge": 640},
        size_divisor=0,
        do_reduce_labels=reduced,
        ignore_index=2**25 if reduced else 0,
    )

    assert ((pixels - outputs["pixel_values"]).abs() <= 1.01 * GRAY_LEVEL).all()
    for index, (info, sizes) in enumerate(zip(infos, batch.sizes, strict=True)):
        segments = info["segments_info"]
        labels, masks, ids = by_id(
            batch.targets[index], [one["id"] for one in segments], [one["iscrowd"] for one in segments]
        )
        their_ids = sorted(one["id"] for one in segments)
        wanted = [their_ids.index(number) for number in ids]
        assert torch.equal(labels, outputs["class_labels"][index][wanted])
        their_masks = outputs["mask_labels"][index][wanted].bool()
        assert same_masks(masks, their_masks, samples[index].size, sizes.unpadded)


def test_a_gray_image(shared_data):
    """COCO's grayscale JPEG becomes three equal channels."""
    file = shared_data / "coco_panoptic_sample" / "images" / "val2017" / "000000007888.jpg"
    image = Image.open(file)
    assert image.mode == "L"
    dataset = CocoPanoptic(
        images=str(file.parent),
        annotations=str(file.parents[2] / "annotations" / "panoptic_val2017.json"),
        masks=str(file.parents[2] / "annotations" / "panoptic_val2017"),
    )
    listed = json.loads((file.parents[2] / "annotations" / "panoptic_val2017.json").read_text())["images"]
    sample = dataset[[one["file_name"] for one in listed].index(file.name)]
    assert sample.file == str(file)

    _, pixels, _ = ours([sample], [ResizeShortestEdge(sizes=200, rounding="down")], 1)
    outputs = theirs([image.convert("RGB")], None, size={"shortest_edge": 200, "longest_edge": 9999}, size_divisor=0)

    assert pixels.shape == outputs["pixel_values"].shape
    assert ((pixels - outputs["pixel_values"]).abs() <= 1.01 * GRAY_LEVEL).all()


def test_padding_is_no_part_of_a_mask(ade20k, ade20k_files):
    """A fault of transformers: in a batch of unlike sizes, `ignore_index` is put into the binary masks, whose losses
    then see 255 beside 0 and 1. Ours are False there, and not valid."""
    images, maps = map(list, zip(*ade20k_files, strict=True))

    batch, _, pixel_mask = ours(
        [ade20k[index] for index in range(3)], [ResizeShortestEdge(sizes=96, rounding="down")], 1
    )
    outputs = theirs(
        images,
        maps,
        size={"shortest_edge": 96, "longest_edge": 9999},
        size_divisor=0,
        do_reduce_labels=True,
        ignore_index=255,
    )

    padded = [index for index, mask in enumerate(pixel_mask) if not mask.all()]
    assert padded
    for index in padded:
        outside = ~pixel_mask[index]
        assert (outputs["mask_labels"][index][:, outside] == 255).all()
        assert not batch.targets[index].masks[:, outside].any()
        assert not batch.targets[index].valid[outside].any()


def test_evaluation_keeps_the_target_as_it_is(ade20k, ade20k_files):
    """Images are the same as in training; transformers leaves it to its user to keep the label map."""
    samples = [ade20k[index] for index in range(3)]
    transform = ResizeShortestEdge(sizes=128, rounding="down")
    resized = [transform(sample) for sample in samples]

    evaluation = collate_evaluation(
        [replace(small, target=sample.target) for small, sample in zip(resized, samples, strict=True)],
        1,
    )

    assert torch.equal(evaluation.images, collate_training(resized, 1).images)
    for target, (_, stored) in zip(evaluation.targets, ade20k_files, strict=True):
        assert np.array_equal(label_map_of(target, void=-1).numpy() + 1, stored)
