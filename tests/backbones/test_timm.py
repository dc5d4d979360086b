"""The timm backbone: pyramids, image sizes, weights from files, and error messages."""

import subprocess
import sys

import pytest
import timm
import torch

from segkit.errors import ConfigError, SegkitError
from segkit.registries import BACKBONES
from segkit.types import Feature

TimmBackbone = BACKBONES.get("timm")


def test_strides_below_four_are_left_out():
    assert TimmBackbone(name="resnet18").features == [
        Feature(64, 4),
        Feature(128, 8),
        Feature(256, 16),
        Feature(512, 32),
    ]


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256"])
def test_swin_takes_sizes_that_are_no_multiple_of_its_window(name):
    backbone = TimmBackbone(name=name).eval()
    with torch.no_grad():
        shapes = [tuple(feature.shape[1:]) for feature in backbone(torch.randn(1, 3, 96, 160))]
    assert shapes == [(96, 24, 40), (192, 12, 20), (384, 6, 10), (768, 3, 5)]


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("resnet18", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        ("tf_efficientnet_lite0", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    ],
)
def test_pixel_values_are_those_of_the_published_weights(name, mean, std):
    backbone = TimmBackbone(name=name)
    assert (backbone.pixel_mean, backbone.pixel_std) == (mean, std)


def test_weights_of_a_file_are_those_of_timm(tmp_path, caplog):
    torch.manual_seed(0)
    whole = timm.create_model("resnet18").eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    backbone = TimmBackbone(name="resnet18", weights=str(tmp_path / "weights.pth")).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images)[-1], whole.forward_features(images))
    assert "Unexpected keys" not in caplog.text  # the classifier, which no feature extractor has


def test_pretrained_loads_what_timm_publishes(tmp_path):
    """`pretrained: true` goes through timm's own loading, here from a local copy of the published file."""
    torch.manual_seed(0)
    whole = timm.create_model("resnet18").eval()
    torch.save(whole.state_dict(), tmp_path / "published.pth")
    copy = {"pretrained_cfg_overlay": {"file": str(tmp_path / "published.pth")}}
    backbone = TimmBackbone(name="resnet18", pretrained=True, options=copy).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images)[-1], whole.forward_features(images))


@pytest.mark.parametrize("channels", [1, 5])
def test_weights_are_adapted_to_other_channels_as_timm_does(tmp_path, channels):
    torch.manual_seed(0)
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "weights.pth")
    weights = {"file": str(tmp_path / "weights.pth")}
    theirs = timm.create_model("resnet18", pretrained=True, in_chans=channels, pretrained_cfg_overlay=weights)
    backbone = TimmBackbone(channels, name="resnet18", weights=weights["file"])
    assert torch.equal(backbone.body.conv1.weight, theirs.conv1.weight)
    assert not hasattr(backbone, "pixel_mean")


def test_weights_of_as_many_channels_stay_as_they_are(tmp_path):
    torch.manual_seed(0)
    whole = timm.create_model("resnet18", in_chans=5)
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    backbone = TimmBackbone(5, name="resnet18", weights=str(tmp_path / "weights.pth"))
    assert torch.equal(backbone.body.conv1.weight, whole.conv1.weight)
    with pytest.raises(SegkitError, match="its first convolution takes 5 channels, not 3 or 4"):
        TimmBackbone(4, name="resnet18", weights=str(tmp_path / "weights.pth"))


def test_channels_are_no_option():
    with pytest.raises(ConfigError) as caught:
        TimmBackbone(name="resnet18", options={"in_chans": 5})
    assert str(caught.value) == (
        "backbone 'timm': options: in_chans: the number of channels is that of the numbers in model.pixel_mean. Remove "
        "it, and give pixel_mean and pixel_std one number per channel."
    )


def test_pretrained_without_a_network_names_the_two_ways_out(tmp_path):
    unreachable = {"pretrained_cfg_overlay": {"url": f"file://{tmp_path}/nothing.pth", "hf_hub_id": ""}}
    with pytest.raises(SegkitError) as caught:
        TimmBackbone(name="resnet18", pretrained=True, options=unreachable)
    assert str(caught.value) == (
        "backbone 'timm': pretrained: the published weights of 'resnet18' could not be fetched (<urlopen error "
        f"[Errno 2] No such file or directory: '{tmp_path}/nothing.pth'>). Copy them from a machine with network "
        "access and set `weights: FILE`, or start from random weights with `pretrained: false`."
    )


def test_a_file_of_other_weights_is_refused(tmp_path):
    torch.save(timm.create_model("resnet34").state_dict(), tmp_path / "other.pth")
    with pytest.raises(SegkitError) as caught:
        TimmBackbone(name="resnet18", weights=str(tmp_path / "other.pth"))
    assert str(caught.value) == (
        f"backbone 'timm': weights: the file '{tmp_path}/other.pth' does not hold the weights of 'resnet18' (96 "
        "tensors of another model, such as layer1.2.conv1.weight). Give a state dict of that model as timm saves it."
    )
    torch.save(timm.create_model("convnext_atto").state_dict(), tmp_path / "foreign.pth")
    with pytest.raises(SegkitError, match="tensors of another model"):
        TimmBackbone(name="resnet18", weights=str(tmp_path / "foreign.pth"))


def test_a_swin_file_is_checked_under_the_names_that_timm_gives_it(tmp_path):
    """The original Swin files keep indices that follow from the window, and halve the maps a stage earlier."""
    name, options = "swin_tiny_patch4_window7_224", {"depths": [1, 1, 1, 1], "drop_path_rate": 0.3}
    torch.manual_seed(0)
    whole = timm.create_model(name, **options)
    original = {}
    for tensor, value in whole.state_dict().items():
        tensor = tensor.replace("head.fc.", "head.")
        if ".downsample." in tensor:
            stage = int(tensor.split(".")[1])
            tensor = tensor.replace(f"layers.{stage}.", f"layers.{stage - 1}.")
        original[tensor] = value
    original["layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(49, 49, dtype=torch.int64)
    file = tmp_path / "swin.pth"
    torch.save({"model": original}, file)
    body = TimmBackbone(name=name, weights=str(file), options={**options, "out_indices": [0, 3]}).body
    torch.testing.assert_close(body.layers_3.downsample.reduction.weight, whole.layers[3].downsample.reduction.weight)
    torch.save({"model": {**original, "layers.3.extra.weight": torch.zeros(1)}}, file)
    with pytest.raises(SegkitError, match=r"\(1 tensor of another model, such as layers.3.extra.weight\)"):
        TimmBackbone(name=name, weights=str(file), options=options)


def test_a_file_is_checked_against_the_model_with_its_options(tmp_path):
    options = {"layers": [3, 2, 2, 2]}
    torch.save(timm.create_model("resnet18", **options).state_dict(), tmp_path / "deeper.pth")
    assert "2" in dict(
        TimmBackbone(
            name="resnet18", weights=str(tmp_path / "deeper.pth"), options=options
        ).body.layer1.named_children()
    )


@pytest.mark.parametrize("num_classes", [0, 7])
def test_a_file_with_another_classifier_or_none_is_taken(tmp_path, num_classes):
    torch.save(timm.create_model("resnet18", num_classes=num_classes).state_dict(), tmp_path / "weights.pth")
    TimmBackbone(name="resnet18", weights=str(tmp_path / "weights.pth"))


def test_a_file_in_torchvisions_names_is_taken_where_timm_renames_them(tmp_path):
    torch.manual_seed(0)
    options = {"block_config": (1, 1, 1, 1)}
    whole = timm.create_model("densenet121", **options)
    older = {
        name.replace("norm1.", "norm.1."): value
        for name, value in whole.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    torch.save(older, tmp_path / "densenet.pth")
    TimmBackbone(name="densenet121", weights=str(tmp_path / "densenet.pth"), options=options)


def test_timm_is_imported_only_when_the_part_is_built():
    code = "import sys; from segkit.registries import BACKBONES; BACKBONES.get('timm'); sys.exit('timm' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_file_is_named(tmp_path):
    for part, name in (("timm", "resnet18"), ("vit_pyramid", "vit_tiny_patch16_224")):
        with pytest.raises(SegkitError) as caught:
            BACKBONES.get(part)(name=name, weights=str(tmp_path / "nothing.pth"))
        message = f"backbone '{part}': weights: there is no file '{tmp_path}/nothing.pth'. Correct the path."
        assert str(caught.value) == message


def test_an_unknown_model_gets_a_near_name():
    with pytest.raises(ConfigError) as caught:
        TimmBackbone(name="resnet5O")
    assert str(caught.value) == (
        f"backbone 'timm': name: timm {timm.__version__} has no model 'resnet5O'. Did you mean 'resnet50'? "
        "timm.list_models('*part*') finds names."
    )


def test_a_model_without_a_pyramid_is_refused():
    with pytest.raises(ConfigError) as caught:
        TimmBackbone(name="vit_tiny_patch16_224")
    assert str(caught.value) == (
        "backbone 'timm': name: 'vit_tiny_patch16_224' gives maps of strides [16, 16, 16], not a pyramid. The "
        "backbone 'vit_pyramid' makes one of a plain transformer. Or choose a "
        "hierarchical model, such as resnet50, swin_tiny_patch4_window7_224 or convnext_tiny."
    )


def test_frozen_batch_norms_do_not_change():
    backbone = TimmBackbone(name="resnet18", freeze_batch_norm=True).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items() if "running" in name}
    assert before
    backbone(torch.randn(2, 3, 64, 64))
    assert all(torch.equal(backbone.state_dict()[name], value) for name, value in before.items())
    assert not [name for name, _ in backbone.named_parameters() if "bn" in name]


def test_stage_norm_normalizes_channels():
    backbone = TimmBackbone(name="resnet18", stage_norm=True).eval()
    for feature in backbone(torch.randn(1, 3, 64, 64)):
        torch.testing.assert_close(feature.mean(1), torch.zeros_like(feature[:, 0]), atol=1e-5, rtol=0)


def test_options_reach_timm():
    assert len(TimmBackbone(name="resnet18", options={"out_indices": [2, 4]}).features) == 2
    with pytest.raises(ConfigError, match="'resnet18' cannot be made a feature pyramid"):
        TimmBackbone(name="resnet18", options={"no_such_option": 1})


def test_multi_grid_dilates_the_last_stage_and_keeps_sizes():
    branches = {"zero_init_last": False}  # timm's ResNets begin with residual branches of zero
    dilated = TimmBackbone(name="resnet50", multi_grid=[1, 2, 4], options=branches).eval()
    plain = TimmBackbone(name="resnet50", options=branches).eval()
    convolutions = [block.conv2 for block in dilated.body.layer4]
    assert [layer.dilation for layer in convolutions] == [layer.padding for layer in convolutions]
    assert [layer.dilation[0] for layer in convolutions] == [1, 2, 4]
    assert [layer.stride[0] for layer in convolutions] == [2, 1, 1]
    plain.load_state_dict(dilated.state_dict())
    images = torch.randn(1, 3, 96, 160)
    with torch.no_grad():
        *ours, last = dilated(images)
        *theirs, other = plain(images)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert last.shape == other.shape
    assert not torch.equal(last, other)


def test_multi_grid_that_does_not_fit():
    with pytest.raises(ConfigError) as caught:
        TimmBackbone(name="resnet50", multi_grid=[1, 2])
    assert str(caught.value) == (
        "backbone 'timm': multi_grid: the last stage of 'resnet50' takes 3 dilations of at least 1, one per block, "
        "not [1, 2]."
    )
    with pytest.raises(ConfigError, match=r"one per block, not \[1, 0, 4\]\.$"):
        TimmBackbone(name="resnet50", multi_grid=[1, 0, 4])
    with pytest.raises(ConfigError) as caught:
        TimmBackbone(name="convnext_atto", multi_grid=[1, 2, 4])
    assert str(caught.value) == (
        "backbone 'timm': multi_grid: model 'convnext_atto' has no stage 'layer4', which ResNets have. Leave "
        "multi_grid out, or choose a ResNet, such as resnet101."
    )


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0"])
def test_gradient_checkpointing_keeps_less_and_gives_the_same_gradients(name):
    torch.manual_seed(0)
    plain = BACKBONES.get("timm")(name=name)
    frugal = BACKBONES.get("timm")(name=name, gradient_checkpointing=True)
    frugal.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 64, 64)
    kept, gradients = [], []
    for backbone in (plain, frugal):
        kept.append(0)

        def count(tensor):
            kept[-1] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            loss = sum(feature.square().mean() for feature in backbone(images))
        loss.backward()
        gradients.append([parameter.grad for parameter in backbone.parameters()])
    assert kept[1] < 0.8 * kept[0]
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(*gradients, strict=True))
    buffers = dict(frugal.named_buffers())
    assert all(torch.allclose(value, buffers[name]) for name, value in plain.named_buffers()), "each batch counts once"


def test_a_model_that_cannot_checkpoint_gradients():
    with pytest.raises(ConfigError) as caught:
        BACKBONES.get("timm")(name="hrnet_w18_small", gradient_checkpointing=True)
    assert str(caught.value) == (
        "backbone 'timm': gradient_checkpointing: timm does not support it for 'hrnet_w18_small' (gradient "
        "checkpointing not supported). Leave it out."
    )
