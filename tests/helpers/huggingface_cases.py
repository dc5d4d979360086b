"""Small MaskFormers of transformers, with different settings and with weights that make every part matter."""

import torch
from transformers import (
    DetrConfig,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    MaskFormerImageProcessor,
    MaskFormerSwinConfig,
    ResNetConfig,
    SwinConfig,
)

from segkit.interop.converting import export_checkpoint
from segkit.interop.huggingface.names import their_names

FOUR = ["stage1", "stage2", "stage3", "stage4"]
SWIN = {"embed_dim": 12, "depths": [2, 2, 2, 2], "num_heads": [1, 2, 3, 4], "out_features": FOUR, "drop_path_rate": 0.0}

BACKBONES = {
    "swin": lambda: SwinConfig(**SWIN),
    "swin of window 12": lambda: SwinConfig(
        embed_dim=16,
        depths=[1, 2, 3, 1],
        num_heads=[2, 2, 4, 8],
        window_size=12,
        mlp_ratio=2.5,
        qkv_bias=False,
        out_features=FOUR,
        drop_path_rate=0.0,
    ),
    "maskformer-swin, two maps of three": lambda: MaskFormerSwinConfig(
        embed_dim=12, depths=[1, 2, 2], num_heads=[2, 2, 2], patch_size=8, out_features=["stage2", "stage3"]
    ),
    "resnet18": lambda: ResNetConfig(
        layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[8, 16, 24, 32], out_features=FOUR
    ),
    "resnet34": lambda: ResNetConfig(
        layer_type="basic", depths=[3, 4, 6, 3], hidden_sizes=[64, 16, 8, 20], out_features=FOUR
    ),
    "resnet50": lambda: ResNetConfig(depths=[3, 4, 6, 3], hidden_sizes=[32, 64, 96, 128], out_features=FOUR),
    "resnet101": lambda: ResNetConfig(depths=[3, 4, 23, 3], hidden_sizes=[16, 32, 48, 64], out_features=FOUR),
    "resnet, two maps of three": lambda: ResNetConfig(
        depths=[1, 2, 1], hidden_sizes=[16, 32, 48], out_features=["stage2", "stage3"]
    ),
}
DECODERS = {
    "swin": {"d_model": 32, "decoder_layers": 3, "decoder_attention_heads": 4, "decoder_ffn_dim": 48, "num_queries": 7},
    # As wide as the coarsest map, so that there is no projection.
    "swin of window 12": {
        "d_model": 128,
        "decoder_layers": 1,
        "decoder_attention_heads": 8,
        "decoder_ffn_dim": 32,
        "num_queries": 20,
    },
    "resnet34": {
        "d_model": 20,
        "decoder_layers": 2,
        "decoder_attention_heads": 1,
        "decoder_ffn_dim": 64,
        "num_queries": 3,
    },
}
WIDTHS = {"swin": (32, 16), "swin of window 12": (64, 24), "resnet101": (96, 48)}
"""Width of the pyramid and the mask features."""


def make_theirs(name, *, classes=("sky", "road", "car"), **settings):
    """Builds a MaskFormer of transformers in eval mode, with random tensors and without dropout."""
    torch.manual_seed(len(name))
    decoder = DetrConfig(**{**DECODERS.get(name, DECODERS["swin"]), "encoder_layers": 1, "dropout": 0.0})
    pyramid, masks = WIDTHS.get(name, WIDTHS["swin"])
    config = MaskFormerConfig(
        backbone_config=BACKBONES[name](),
        decoder_config=decoder,
        fpn_feature_size=pyramid,
        mask_feature_size=masks,
        id2label=dict(enumerate(classes)),
        label2id={label: index for index, label in enumerate(classes)},
        **settings,
    )
    return randomize(MaskFormerForInstanceSegmentation(config)).eval()


def randomize(model):
    """Fills all tensors: matrices that keep the scale, norms and statistics other than 1 and 0."""
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point() or name == "criterion.empty_weight":
            continue
        noise = torch.randn_like(tensor)
        if name.endswith("running_var"):
            tensor.copy_(noise.abs() + 0.5)
        elif tensor.dim() > 1:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
        else:
            tensor.copy_((0.1 * noise) + (1 if name.endswith("weight") else 0))
    return model


def write_theirs(folder, name="swin", *, processor=None, **settings):
    """Writes a folder with `save_pretrained`, and returns its model."""
    model = make_theirs(name, **settings)
    model.save_pretrained(folder)
    MaskFormerImageProcessor(**(processor or {"ignore_index": 255, "num_labels": 3})).save_pretrained(folder)
    return model


@torch.no_grad()
def separate_queries(model, pixels, gain=100.0):
    """Makes both heads use only the differences between queries on these `pixels`, amplified.

    With random weights, all queries end up almost equal.
    """
    state = model.model(pixels).transformer_decoder_last_hidden_state
    hidden = model.mask_embedder.get_submodule("1")(model.mask_embedder.get_submodule("0")(state))
    for head, values in (
        (model.class_predictor, state),
        (model.mask_embedder.get_submodule("2").get_submodule("0"), hidden),
    ):
        head.weight.mul_(gain)
        head.bias.copy_(-(values @ head.weight.T).mean((0, 1)))


def random_images(batch, size, padded):
    """Returns images (B,3,H,W) uint8 of `padded` size; the top left part of `size` is not padding."""
    images = torch.zeros(batch, 3, *padded, dtype=torch.uint8)
    images[:, :, : size[0], : size[1]] = torch.randint(0, 256, (batch, 3, *size), dtype=torch.uint8)
    return images


def their_layers(theirs, pixels):
    """Returns (class logits, mask logits) of every decoder layer, from normalized queries as in the paper.

    transformers itself leaves the norm out in all layers but the last.
    """
    states = []
    decoder = theirs.model.transformer_module.decoder
    hooks = [layer.register_forward_hook(lambda _, __, state: states.append(state)) for layer in decoder.layers]
    output = theirs.model(pixels)
    for hook in hooks:
        hook.remove()
    layers = []
    for state in states:
        queries = decoder.layernorm(state)
        masks = theirs.mask_embedder(queries)
        features = output.pixel_decoder_last_hidden_state
        layers.append((theirs.class_predictor(queries), torch.einsum("bqc,bchw->bqhw", masks, features)))
    return layers


def assert_close(ours, theirs, tolerance=1e-4):
    """Compares two tensors, relative to the largest value."""
    scale = float(theirs.abs().max())
    assert scale > 0
    assert float((ours - theirs).abs().max()) <= tolerance * scale


def stages_of(theirs):
    return [int(name.removeprefix("stage")) - 1 for name in theirs.config.backbone_config.out_features]


def gradients_by_ours(ours, theirs):
    """Returns (segkit's gradient, theirs) by segkit's names of parameters."""
    from segkit.interop.huggingface.names import as_published

    grads = {as_published(name): parameter.grad for name, parameter in theirs.named_parameters()}
    names = their_names(dict(ours.named_parameters()), stages_of(theirs))
    return {
        name: (parameter.grad, torch.cat([grads[one] for one in names[name]]))
        for name, parameter in ours.named_parameters()
    }


def export_huggingface(checkpoint, destination):
    """Writes a checkpoint of segkit for transformers, and returns the notes."""
    return export_checkpoint(checkpoint, destination, "huggingface_mask_former")
