"""The model keeps segkit's contract, takes any multiple of its patch, and tells what does not fit."""

from pathlib import Path

import pytest
import torch
from segkit_eomt.body import PlainBody
from segkit_eomt.model import EoMT

import segkit
from segkit import testing
from segkit.errors import ConfigError, SegkitError
from segkit.inspection.cost import analyze
from segkit.registries import MODELS, Model
from segkit.types import Prediction

EXAMPLE = Path(__file__).parents[1] / "configs" / "example.yaml"
SMALL = {"embed_dim": 32, "depth": 3, "num_heads": 2}
NAMES = ["vit_small_patch14_reg4_dinov2", "vit_small_patch14_dinov2", "vit_small_patch16_dinov3"]


def make(num_classes=3, name=NAMES[0], **settings):
    return EoMT(num_classes, **{"name": name, "num_queries": 5, "num_blocks": 2, "options": SMALL, **settings})


@pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
@pytest.mark.parametrize("name", NAMES)
def test_the_model_keeps_its_contract(name):
    model: Model = make(name=name)  # so annotated, type checkers check it as well
    assert model.size_divisor == int(name[name.index("patch") + 5 :][:2])
    testing.check_model(lambda num_classes: make(num_classes, name))


@pytest.mark.parametrize(("patch_size", "stride"), [(8, 4), (14, 7), (16, 4), (32, 4)])
def test_masks_have_about_stride_four(patch_size, stride):
    model = make(patch_size=patch_size, image_size=2 * patch_size).eval()
    height, width = 2 * patch_size, 3 * patch_size
    prediction = model(torch.zeros(1, 3, height, width, dtype=torch.uint8))
    assert prediction.mask_size == (height // stride, width // stride)


def test_each_of_the_last_blocks_is_preceded_by_a_prediction_in_training_alone():
    model, images = make(num_blocks=3), torch.zeros(1, 3, 28, 42, dtype=torch.uint8)
    assert len(model.train()(images).layers) == 4
    assert len(model.eval()(images).layers) == 1


def test_a_model_at_the_end_of_its_training_predicts_once(monkeypatch):
    model, images = make().eval(), torch.zeros(1, 3, 28, 42, dtype=torch.uint8)
    made = []
    monkeypatch.setattr(model.mask_module, "forward", counted(model.mask_module.forward, made))
    model(images)
    assert len(made) == 3
    model.annealing.on_step(100, 100)
    model(images)
    assert len(made) == 4


def counted(function, calls):
    def call(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return call


def test_the_scopes_of_the_parameters_are_the_body_block_by_block():
    model = make()
    layers = model.parameter_layers()
    assert len(layers) == 3
    assert layers[0][0] == "body.transformer.cls_token"
    assert layers[-1][-1] == "body.transformer.norm.bias"
    assert sorted(name for layer in layers for name in layer) == sorted(
        name for name, _ in model.named_parameters() if name.startswith("body.")
    )


def test_pixels_are_normalized_as_the_weights_expect():
    assert make().pixel_mean == (123.675, 116.28, 103.53)
    assert make(pixel_mean=(1.0, 2.0, 3.0), pixel_std=(4.0, 5.0, 6.0)).pixel_std == (4.0, 5.0, 6.0)


def test_images_may_have_other_channels_and_16_bits():
    model = make(pixel_mean=[900.0] * 5, pixel_std=[300.0] * 5, pixel_type="uint16").eval()
    prediction = model(torch.full((1, 5, 28, 42), 60000, dtype=torch.uint16))
    assert model.body.transformer.patch_embed.proj.in_channels == 5
    assert prediction.mask_logits.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"name": "vit_small_patch14_dino2"},
            r"model 'eomt': name: timm [\d.]+ has no model 'vit_small_patch14_dino2'\. Did you mean "
            r"'vit_small_patch14_dinov2'\? timm\.list_models\('vit\*'\) finds names\.",
        ),
        (
            {"name": "resnet18", "options": {}},
            r"model 'eomt': name: 'resnet18' is no plain vision transformer that takes images of any size and has a "
            r"norm after its last block\. Choose one, such as vit_base_patch14_reg4_dinov2 or .*dinov3\.",
        ),
        ({"name": "vit_base_patch16_siglip_224"}, r"model 'eomt': name: '\w+' is no plain vision transformer that .*"),
        ({"name": "beit_base_patch16_224"}, r"model 'eomt': name: '\w+' is no plain vision transformer that .*"),
        (
            {"name": "vit_tiny_r_s16_p8_224", "patch_size": None},
            r"model 'eomt': name: '\w+' is no plain vision transformer that .*",
        ),
        (
            {"name": "vit_small_patch16_18x2_224", "options": {"depth": 2}},
            r"model 'eomt': name: '\w+' is no plain vision transformer that .*",
        ),
        (
            {"name": "resnet18x"},
            r"model 'eomt': name: timm [\d.]+ has no model 'resnet18x'\. timm\.list_models\('vit\*'\) finds names\.",
        ),
        (
            {"image_size": 8, "patch_size": 16},
            r"model 'eomt': image_size: positions are stored for images of 8 pixels, which is less than a patch of "
            r"16\. Set image_size to a multiple of 16, or a smaller patch_size\.",
        ),
        (
            {"options": {**SMALL, "dynamic_img_size": True}},
            r"model 'eomt': options: dynamic_img_size: images of any size are taken already\. Remove it\.",
        ),
        ({"options": {"patch_size": 0}}, r"model 'eomt': 'vit_small_patch14_reg4_dinov2' cannot be built \(.*\)\."),
        ({"options": {"embed_dim": 31}}, r"model 'eomt': 'vit_small_patch14_reg4_dinov2' cannot be built \(.*\)\."),
        (
            {"num_blocks": 4},
            r"model 'eomt': num_blocks: must be at most 3, the number of blocks of 'vit_small_patch14_reg4_dinov2', "
            r"not 4\.",
        ),
        (
            {"name": "vit_small_patch16_dinov3", "image_size": 64},
            r"model 'eomt': image_size: 'vit_small_patch16_dinov3' has rotary positions, which serve any size, so "
            r"this has no effect\. Remove it\.",
        ),
        ({"options": {"depht": 3}}, r"model 'eomt': 'vit_small_patch14_reg4_dinov2' cannot be built \(.*depht.*\)\."),
    ],
)
def test_what_does_not_fit_is_told(settings, message):
    with pytest.raises(ConfigError, match=f"^{message}$"):
        make(**settings)


def test_weights_start_the_body(tmp_path):
    first = make(patch_size=None)
    torch.save(first.body.transformer.state_dict(), tmp_path / "weights.pth")
    second = make(weights=str(tmp_path / "weights.pth"))
    for name, tensor in second.body.transformer.state_dict().items():
        torch.testing.assert_close(tensor, first.body.transformer.state_dict()[name], rtol=0, atol=0)
    # Another side of the patch and of the images: kernel and positions are resized.
    third = make(weights=str(tmp_path / "weights.pth"), patch_size=16, image_size=64)
    assert third.body.transformer.patch_embed.proj.weight.shape[-1] == 16
    name = "blocks.1.mlp.fc1.weight"
    assert torch.equal(third.body.transformer.get_parameter(name), first.body.transformer.get_parameter(name))


def test_other_weights_are_told(tmp_path):
    torch.save({"head.weight": torch.zeros(1)}, tmp_path / "weights.pth")
    message = (
        r"model 'eomt': weights: the file '.*weights.pth' does not hold the weights of 'vit_small_patch14_reg4_dinov2' "
        r"\(.*\)\. Give a state dict of that model as timm saves it\."
    )
    with pytest.raises(SegkitError, match=f"^{message}$"):
        make(weights=str(tmp_path / "weights.pth"))


def test_weights_that_cannot_be_fetched_are_told(monkeypatch):
    import timm

    def fail(*arguments, **settings):
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", fail)
    message = (
        r"model 'eomt': pretrained: the published weights of 'vit_small_patch14_reg4_dinov2' could not be fetched \(no "
        r"network\)\. Copy them from a machine with network access and set `weights: FILE`, or start from random "
        r"weights with `pretrained: false`\."
    )
    with pytest.raises(SegkitError, match=f"^{message}$"):
        PlainBody(NAMES[0], True, None, None, None, {})


def test_configs_find_the_model_by_name():
    assert MODELS.get("eomt") is EoMT
    model = segkit.build_model(segkit.load_config(EXAMPLE))
    prediction = model.eval()(torch.zeros(1, 3, 96, 128, dtype=torch.uint8))
    assert isinstance(prediction, Prediction)
    assert prediction.mask_logits.shape == (1, 16, 24, 32)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_checkpointing_keeps_less_and_gives_the_same_gradients(name):
    images = torch.randint(0, 256, (2, 3, 56, 112) if "14" in name else (2, 3, 64, 96), dtype=torch.uint8)
    models = [
        make(name=name, options={**SMALL, "drop_path_rate": 0.5}, gradient_checkpointing=one) for one in (False, True)
    ]
    models[1].load_state_dict(models[0].state_dict())
    kept, gradients = [], []
    for model in models:
        kept.append(0)

        def count(tensor):
            kept[-1] += tensor.numel()
            return tensor

        torch.manual_seed(0)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            layers = model.train()(images).layers
        sum(layer.mask_logits.square().mean() + layer.class_logits.square().mean() for layer in layers).backward()
        gradients.append({key: value.grad for key, value in model.named_parameters()})
    assert kept[1] < 0.8 * kept[0]
    assert any(value is not None and value.any() for value in gradients[0].values())
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)


def test_a_missing_file_of_weights_is_named(tmp_path):
    with pytest.raises(SegkitError, match=r"^model 'eomt': weights: there is no file '.*nothing\.pt'\. Correct the "):
        make(weights=str(tmp_path / "nothing.pt"))


@pytest.mark.parametrize("name", NAMES)
def test_its_cost_can_be_measured(name):
    model = make(name=name)
    total = analyze(model, (64, 96)).total
    assert total.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert total.multiply_adds > 0
