"""The backbone `vit_pyramid`: its maps, against timm and layers applied by hand."""

import re

import pytest
import timm
import torch
from torch.nn import functional as F

from segkit.backbones.vit_pyramid import ViTPyramid
from segkit.errors import ConfigError

SMALL = {"depth": 2, "embed_dim": 24, "num_heads": 3}
MODELS = ["vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3"]


def made(name, **options):
    torch.manual_seed(0)
    return ViTPyramid(name=name, hidden_dim=8, options={**SMALL, **options}).eval()


def normed(layer, x):
    """A layer norm over the channels of a map."""
    return F.layer_norm(x.movedim(1, -1), x.shape[1:2], layer.weight, layer.bias, layer.eps).movedim(-1, 1)


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_the_last_map_is_timm_s(name):
    backbone = made(name)
    whole = timm.create_model(name, dynamic_img_size=True, num_classes=0, **SMALL).eval()
    missing, unexpected = whole.load_state_dict(backbone.body.model.state_dict(), strict=False)
    assert not unexpected
    assert all(key.startswith(("norm.", "fc_norm.")) for key in missing)
    images = torch.randn(2, 3, 96, 160)
    patch = whole.patch_embed.patch_size[0]
    resampled = F.interpolate(images, (6 * patch, 10 * patch), mode="bilinear", align_corners=False)
    last = whole.forward_intermediates(resampled, indices=[1], norm=False, intermediates_only=True)[0]
    seen = []
    backbone.levels[2].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    backbone(images)
    assert seen[0].shape == (2, 24, 6, 10)
    torch.testing.assert_close(seen[0], last, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_levels_by_hand():
    backbone = made("vit_tiny_patch16_224")
    last = torch.randn(1, 24, 4, 6)
    finest = backbone.levels[0]
    x = F.conv_transpose2d(last, finest[0].weight, finest[0].bias, stride=2)
    x = F.gelu(normed(finest[1], x))
    x = F.conv_transpose2d(x, finest[3].weight, finest[3].bias, stride=2)
    x = normed(finest[5], F.conv2d(x, finest[4].weight))
    x = normed(finest[7], F.conv2d(x, finest[6].weight, padding=1))
    torch.testing.assert_close(finest(last), x)
    coarsest = backbone.levels[3]
    y = normed(coarsest[2], F.conv2d(F.max_pool2d(last, 2), coarsest[1].weight))
    y = normed(coarsest[4], F.conv2d(y, coarsest[3].weight, padding=1))
    torch.testing.assert_close(coarsest(last), y)


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_strides_are_true(name):
    """What moves by 16 pixels moves by one cell of the transformer's map, whatever the width of a patch."""
    backbone = made(name)
    sizes = [tuple(one.shape[2:]) for one in backbone(torch.randn(1, 3, 96, 64))]
    assert sizes == [(24, 16), (12, 8), (6, 4), (3, 2)]
    tokens = []
    backbone.body.model.patch_embed.register_forward_hook(lambda module, inputs, output: tokens.append(output))
    images = torch.randn(1, 3, 64, 96)
    backbone(images)
    backbone(images.roll(16, dims=3))
    torch.testing.assert_close(tokens[0][:, 1:3, 1:4], tokens[1][:, 1:3, 2:5], atol=1e-5, rtol=1e-5)


def test_layers_of_parameters_name_all():
    backbone = made("vit_small_patch16_dinov3")
    layers = backbone.parameter_layers()
    assert len(layers) == 2
    assert sorted(name for layer in layers for name in layer) == sorted(dict(backbone.named_parameters()))
    assert "levels.0.0.weight" in layers[-1]


@pytest.mark.parametrize(
    ("name", "strides"), [("resnet18", "2, 4, 8, 16, 32"), ("swin_tiny_patch4_window7_224", "4, 8, 16, 32")]
)
def test_a_model_with_maps_of_several_strides_is_refused(name, strides):
    with pytest.raises(ConfigError) as caught:
        ViTPyramid(name=name)
    assert str(caught.value) == (
        f"backbone 'vit_pyramid': name: '{name}' has maps of strides [{strides}], so it is no plain vision "
        "transformer. Choose one, such as vit_small_patch14_dinov2, or use the backbone 'timm', which takes pyramids "
        "of maps."
    )


def test_a_model_for_images_of_one_size_is_refused():
    with pytest.raises(ConfigError) as caught, torch.device("meta"):
        ViTPyramid(name="beit_base_patch16_224")
    assert str(caught.value) == (
        "backbone 'vit_pyramid': name: 'beit_base_patch16_224' does not take images of any size (Input height (32) "
        "doesn't match model (224).). Choose another plain vision transformer, such as vit_small_patch14_dinov2."
    )


def test_a_choice_of_maps_is_refused():
    message = "backbone 'vit_pyramid': options: out_indices: the pyramid is made of the last map alone. Remove it."
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        made("vit_tiny_patch16_224", out_indices=[3])


@pytest.mark.parametrize("wrong", [{"dynamic_img_size": False}, {"img_size": 8}])
def test_options_that_leave_one_size_are_named(wrong):
    options = {**SMALL, **wrong}
    with pytest.raises(ConfigError) as caught:
        ViTPyramid(name="vit_tiny_patch16_224", options=options)
    message = str(caught.value)
    assert message.startswith(
        f"backbone 'vit_pyramid': name: 'vit_tiny_patch16_224' with the options {options} does not take images of any "
    )
    assert message.endswith("such as vit_small_patch14_dinov2, or change the options.")


def test_patches_of_no_pixels_are_refused():
    with pytest.raises(ConfigError, match=r"^backbone 'vit_pyramid': 'vit_tiny_patch16_224' cannot be made a feature"):
        ViTPyramid(name="vit_tiny_patch16_224", options={"patch_size": 0})


def test_the_transformers_of_segment_anything_take_any_size():
    backbone = ViTPyramid(
        name="samvit_base_patch16", hidden_dim=8, options={"depth": 2, "embed_dim": 24, "num_heads": 3}
    )
    assert backbone.training
    maps = backbone(torch.randn(1, 3, 96, 160))
    assert [tuple(one.shape[2:]) for one in maps] == [(24, 40), (12, 20), (6, 10), (3, 5)]
    sum(one.sum() for one in maps).backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())
    whole = timm.create_model("samvit_base_patch16", num_classes=0, depth=2, embed_dim=24, num_heads=3).eval()
    whole.load_state_dict(backbone.body.model.state_dict(), strict=False)
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        last = whole.forward_intermediates(images, indices=[1], intermediates_only=True)[0]
        torch.testing.assert_close(backbone.eval().body(images)[-1], last)
