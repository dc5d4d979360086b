"""Error messages where an original checkpoint does not fit the config."""

import pytest
import torch

from segkit.errors import CheckpointError
from tests.helpers.originals import CONFIGS, PANOPTIC, PER_PIXEL, R50, R101C, Unfilled


def mismatches(unfilled, shapes):
    with pytest.raises(CheckpointError) as caught:
        unfilled.load(shapes)
    first, *lines, last = str(caught.value).splitlines()
    assert first == f"model.pkl: does not fit the model of {unfilled.config.path}:"
    assert last == "Choose the config the file was made with, or change these settings to match it."
    return lines


def test_a_wrong_backbone(shapes):
    assert mismatches(Unfilled(CONFIGS[R50], ["model.backbone.name=resnet101"]), shapes(R50)) == [
        "  backbone (timm resnet101): 255 tensors only in the config's model, such as "
        "backbone.body.layer3.6.conv1.weight"
    ]
    assert mismatches(Unfilled(CONFIGS[R50]), shapes(R101C)) == [
        "  backbone (timm resnet50): 3 tensors of another shape, such as backbone.stem.conv1.weight: (64, 3, 3, 3) in "
        "the file, (64, 3, 7, 7) in the config's model; 265 tensors only in the file, such as "
        "backbone.stem.conv2.weight"
    ]


def test_another_number_of_queries(shapes):
    assert mismatches(Unfilled(CONFIGS[R50], ["model.transformer_decoder.num_queries=50"]), shapes(R50)) == [
        "  transformer_decoder (standard): 100 queries in the file, 50 in the config's model"
    ]


def test_another_number_of_classes(shapes):
    assert mismatches(Unfilled(CONFIGS[R50], num_classes=133), shapes(R50)) == [
        "  class head: 151 rows in the file, 134 in the config's model"
    ]
    assert mismatches(Unfilled(CONFIGS[PER_PIXEL], num_classes=19), shapes(PER_PIXEL)) == [
        "  class head: 150 rows in the file, 19 in the config's model"
    ]


def test_another_pixel_decoder(shapes):
    assert mismatches(Unfilled(CONFIGS[PANOPTIC]), shapes(R50)) == [
        "  pixel_decoder (transformer_fpn): 1 tensor of another shape, such as "
        "sem_seg_head.pixel_decoder.layer_4.weight: (256, 2048, 3, 3) in the file, (256, 256, 3, 3) in the config's "
        "model; 74 tensors only in the config's model, such as pixel_decoder.input_projection.weight",
        "  transformer_decoder (standard): 2 tensors only in the file, such as "
        "sem_seg_head.predictor.input_proj.weight",
    ]
    assert mismatches(Unfilled(CONFIGS[R50], num_classes=133), shapes(PANOPTIC)) == [
        "  pixel_decoder (fpn): 1 tensor of another shape, such as sem_seg_head.pixel_decoder.layer_4.weight: "
        "(256, 256, 3, 3) in the file, (256, 2048, 3, 3) in the config's model; 74 tensors only in the file, such as "
        "sem_seg_head.pixel_decoder.input_proj.weight",
        "  transformer_decoder (standard): 2 tensors only in the config's model, such as "
        "transformer_decoder.input_projection.weight",
    ]


def test_another_model(shapes):
    assert mismatches(Unfilled(CONFIGS[R50]), shapes(PER_PIXEL)) == [
        "  class head: 2 tensors only in the file, such as sem_seg_head.predictor.weight; 2 tensors only in the "
        "config's model, such as transformer_decoder.class_head.weight",
        "  transformer_decoder (standard): 119 tensors only in the config's model, such as "
        "transformer_decoder.input_projection.weight",
    ]
    assert mismatches(Unfilled(CONFIGS[R50]), shapes(R50) | {"roi_heads.box.weight": (4, 4)}) == [
        "  something else: 1 tensor only in the file, such as roi_heads.box.weight"
    ]


def test_integers_in_the_place_of_weights(shapes):
    name = "sem_seg_head.predictor.class_embed.bias"
    whole = torch.empty(shapes(R50)[name], device="meta", dtype=torch.int64)
    with pytest.raises(CheckpointError) as caught:
        Unfilled(CONFIGS[R50]).load(shapes(R50), **{name: whole})
    assert f"  class head: 1 tensor of another kind of number, such as {name}" in str(caught.value).splitlines()
