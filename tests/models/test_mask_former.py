"""MaskFormer as built from YAML: shapes, padding, gradients, names."""

from pathlib import Path

import pytest
import torch
from torch import nn

from segkit.build import build_criterion, build_model, dataset_classes
from segkit.classes import Classes
from segkit.config import load_config
from segkit.errors import RegistryError
from segkit.models._base import PyramidModel
from segkit.types import Feature, Prediction
from tests.helpers.tiny import QUERY_CRITERION, empty_target, halves_target, write_tiny

NAMES = ["mask_former", "mask_former with transformer_fpn"]


def built(folder, name="mask_former", *overrides):
    torch.manual_seed(0)
    config = load_config(write_tiny(folder, name), list(overrides))
    return build_model(config).eval(), config


def random_images(*size):
    return torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
def test_shapes(tmp_path, name):
    model, _ = built(tmp_path, name)
    assert model.size_divisor == 16
    prediction = model(random_images(64, 96), [(64, 96), (50, 70)])
    assert isinstance(prediction, Prediction)
    assert prediction.class_logits.shape == (2, 8, 9)
    assert prediction.mask_features.shape == (2, 16, 8, 12)
    assert prediction.mask_embeddings.shape == (2, 8, 16)
    assert [layer.class_logits.shape for layer in prediction.layers] == [(2, 8, 9)] * 2
    assert prediction.mask_logits_of(1, torch.tensor([3, 0])).shape == (2, 8, 12)
    torch.testing.assert_close(prediction.mask_logits_of(1, torch.tensor([3])), prediction.mask_logits[1, 3:4])


@pytest.mark.parametrize("name", NAMES)
def test_an_image_in_a_batch_is_an_image_alone(tmp_path, name):
    model, _ = built(tmp_path, name)
    images = random_images(64, 64)
    with torch.no_grad():
        together, alone = model(images), model(images[1:])
    torch.testing.assert_close(together.class_logits[1:], alone.class_logits, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.mask_logits[1:], alone.mask_logits, atol=1e-5, rtol=1e-4)


def test_padding_does_not_change_the_prediction(tmp_path):
    model, _ = built(tmp_path)
    black, white = random_images(64, 96), random_images(64, 96)
    for images, value in ((black, 0), (white, 255)):
        images[0, :, 48:], images[0, :, :, 64:] = value, value
    sizes = [(48, 64), (64, 96)]
    with torch.no_grad():
        one, other, blind = model(black, sizes), model(white, sizes), model(white)
    assert torch.equal(one.mask_logits, other.mask_logits)
    assert torch.equal(one.class_logits, other.class_logits)
    assert not torch.allclose(other.class_logits[0], blind.class_logits[0])
    assert torch.equal(other.class_logits[1], blind.class_logits[1])


def test_pixels_are_normalized_and_padding_is_zero(tmp_path):
    model, _ = built(tmp_path, "mask_former", "model.pixel_mean=[10, 20, 30]", "model.pixel_std=[2, 4, 5]")
    images = torch.full((1, 3, 16, 16), 50, dtype=torch.uint8)
    normalized = model.normalization(images, [(4, 8)])
    assert normalized[0, :, 0, 0].tolist() == [20, 7.5, 4]
    assert torch.equal(normalized[0, :, :4, :8], normalized[:, :, :1, :1][0].expand(3, 4, 8))
    assert normalized.count_nonzero() == 3 * 4 * 8


def test_pixels_are_normalized_as_the_backbone_expects(tmp_path):
    lite = "model.backbone={name: tf_efficientnet_lite0, options: {out_indices: [2, 3]}}"
    model, _ = built(tmp_path, "mask_former", lite, "model.pixel_std=[1, 2, 3]")
    assert (model.pixel_mean, model.pixel_std) == ((127.5, 127.5, 127.5), (1, 2, 3))


def test_a_backbone_without_pixel_values_gets_those_of_imagenet():
    model = PyramidModel(Promising([]), Promising(None), None)
    assert (model.pixel_mean, model.pixel_std) == ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


@pytest.mark.parametrize(
    ("overrides", "divisor"), [([], 16), (["model.size_divisor=1"], 1), (["model.size_divisor=64"], 64)]
)
def test_images_are_padded_to_multiples_of_the_size_divisor(tmp_path, overrides, divisor):
    model, _ = built(tmp_path, "mask_former", *overrides)
    assert model.size_divisor == divisor
    if divisor == 1:
        prediction = model(random_images(37, 51))
        assert prediction.mask_logits.shape == (2, 8, 5, 7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("empty", [False, True])
def test_every_parameter_learns(tmp_path, name, empty):
    model, config = built(tmp_path, name)
    criterion = build_criterion(config, dataset_classes(config))
    target = empty_target((64, 64)) if empty else halves_target((64, 64))
    criterion(model.train()(random_images(64, 64)), [target, target]).total.backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_it_learns_from_images_that_are_not_padded(tmp_path):
    model, config = built(tmp_path, "mask_former", "model.size_divisor=1")
    criterion = build_criterion(config, dataset_classes(config))
    prediction = model.train()(random_images(37, 51))
    report = criterion(prediction, [halves_target((37, 51))] * 2)
    report.total.backward()
    assert torch.isfinite(report.total)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_without_deep_supervision_every_parameter_learns_too(tmp_path):
    model, config = built(tmp_path, "mask_former", f"criterion={QUERY_CRITERION[:-1]}, deep_supervision: false}}")
    criterion = build_criterion(config, dataset_classes(config))
    report = criterion(model(random_images(64, 64)), [halves_target((64, 64))] * 2)
    report.total.backward()
    assert set(report.parts) == {"cross_entropy", "focal", "dice"}
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_pre_norm_is_another_model_with_the_same_tensors(tmp_path):
    overrides = ["model.transformer_decoder.pre_norm=true", "model.pixel_decoder.pre_norm=true"]
    post, _ = built(tmp_path, NAMES[1])
    pre, _ = built(tmp_path, NAMES[1], *overrides)
    own = {"pixel_decoder.norm.weight", "pixel_decoder.norm.bias"}
    assert pre.state_dict().keys() - post.state_dict().keys() == own
    pre.load_state_dict(post.state_dict(), strict=False)
    images = random_images(64, 64)
    with torch.no_grad():
        assert not torch.allclose(pre(images).class_logits, post(images).class_logits)


def test_tensors_keep_their_names(tmp_path):
    """With other names, existing checkpoints would not load."""
    model, _ = built(tmp_path, "mask_former", "model.transformer_decoder.num_layers=1")
    names = [name for name in model.state_dict() if not name.startswith("backbone.body.")]
    norm = ("weight", "bias")
    attention = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    layer = "transformer_decoder.layers.0"
    assert sorted(names) == sorted(
        [
            *("pixel_decoder.laterals.0.0.weight", *(f"pixel_decoder.laterals.0.1.{name}" for name in norm)),
            *("pixel_decoder.outputs.0.0.weight", *(f"pixel_decoder.outputs.0.1.{name}" for name in norm)),
            *("pixel_decoder.outputs.1.0.weight", *(f"pixel_decoder.outputs.1.1.{name}" for name in norm)),
            *(f"pixel_decoder.mask_features.{name}" for name in norm),
            *(f"transformer_decoder.input_projection.{name}" for name in norm),
            "transformer_decoder.query_positions.weight",
            *(f"{layer}.{kind}_attention.attention.{name}" for kind in ("self", "cross") for name in attention),
            *(f"{layer}.feed_forward.{index}.{name}" for index in (0, 3) for name in norm),
            *(
                f"{layer}.{part}_norm.{n}"
                for part in ("self_attention", "cross_attention", "feed_forward")
                for n in norm
            ),
            *(f"transformer_decoder.norm.{name}" for name in norm),
            *(f"transformer_decoder.class_head.{name}" for name in norm),
            *(f"transformer_decoder.mask_head.{index}.{name}" for index in (0, 2, 4) for name in norm),
        ]
    )
    assert {name.split(".")[2] for name in model.state_dict() if name.startswith("backbone")} == {
        "conv1", "bn1", "layer1", "layer2", "layer3"
    }  # fmt: skip


def test_the_paper_s_model_has_41_million_parameters():
    """ResNet-50, feature pyramid, six decoder layers, 150 classes (Cheng et al. 2021, table 1: 41M)."""
    config = load_config(Path(__file__).parents[2] / "configs/base/mask_former.yaml")
    with torch.device("meta"):
        model = build_model(config, Classes.make([f"class {index}" for index in range(150)]))
    assert sum(parameter.numel() for parameter in model.parameters()) == 41_307_863


class Promising(nn.Module):
    """Publishes 8 channels and one memory map of 4."""

    mask_dim, memory = 8, [Feature(4, 4)]
    features = memory

    def __init__(self, returned):
        super().__init__()
        self.returned = returned

    def forward(self, _):
        return self.returned


MAP = torch.zeros(1, 4, 2, 2)
MASKS = torch.zeros(1, 8, 2, 2)


@pytest.mark.parametrize(
    ("maps", "returned", "message"),
    [
        ([], None, "backbone Promising publishes features with maps of [4] channels, but returns maps of []."),
        (
            [MAP],
            (MAP, [MAP]),
            "pixel decoder Promising publishes mask_dim with maps of [8] channels, but returns ",
        ),
        (
            [MAP],
            (MASKS, []),
            "pixel decoder Promising publishes memory with maps of [4] channels, but returns ",
        ),
        ([MAP], MASKS, "pixel decoder Promising returns a Tensor, not a pair: (mask features, [memory maps])."),
    ],
)
def test_a_part_that_breaks_its_promise_is_named(maps, returned, message):
    model = PyramidModel(Promising(maps), Promising(returned), None, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    with pytest.raises(RegistryError) as caught:
        model.decode_pixels(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), None)
    assert str(caught.value).startswith(message)
    assert "segkit.testing.check_" in str(caught.value)
