"""The standard decoder: equality with transformers' MaskFormer, and its settings."""

import pytest
import torch

from segkit.registries import TRANSFORMER_DECODERS
from segkit.types import Feature

SETTINGS = {"num_queries": 5, "num_heads": 4, "hidden_dim": 32, "feedforward_dim": 64, "dropout": 0.0}


def decoder(num_layers=2, memory=24, mask_dim=16, num_classes=3, **settings):
    torch.manual_seed(0)
    part = TRANSFORMER_DECODERS.get("standard")
    return part([Feature(memory, 32)], mask_dim, num_classes, num_layers=num_layers, **(SETTINGS | settings)).eval()


def inputs():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 24, 3, 4, generator=generator), torch.randn(2, 16, 12, 16, generator=generator)


def theirs(ours):
    """Returns transformers' transformer module and mask head of the same size and weights."""
    from transformers import DetrConfig, MaskFormerConfig
    from transformers.models.maskformer import modeling_maskformer as maskformer

    detr = DetrConfig(
        decoder_layers=len(ours.layers), d_model=32, decoder_ffn_dim=64, decoder_attention_heads=4, num_queries=5
    )
    transformer = maskformer.MaskFormerTransformerModule(24, MaskFormerConfig(decoder_config=detr)).eval()
    head = maskformer.MaskformerMLPPredictionHead(32, 32, 16)
    with torch.no_grad():
        copy(ours.input_projection, transformer.input_projection)
        copy(ours.query_positions, transformer.queries_embedder)
        copy(ours.norm, transformer.decoder.layernorm)
        for index, linear in enumerate(ours.mask_head[::2]):
            copy(linear, head.get_submodule(f"{index}.0"))
        for mine, yours in zip(ours.layers, transformer.decoder.layers, strict=True):
            for attention, other in (("self_attention", "self_attn"), ("cross_attention", "encoder_attn")):
                copy_attention(getattr(mine, attention).attention, getattr(yours, other))
                copy(getattr(mine, f"{attention}_norm"), getattr(yours, f"{other}_layer_norm"))
            feed_forward = getattr(yours, "mlp", yours)
            copy(mine.feed_forward[0], feed_forward.fc1)
            copy(mine.feed_forward[3], feed_forward.fc2)
            copy(mine.feed_forward_norm, yours.final_layer_norm)
    return transformer, head


def copy(source, destination):
    destination.load_state_dict(source.state_dict())


def copy_attention(source, destination):
    weights, biases = source.in_proj_weight.chunk(3), source.in_proj_bias.chunk(3)
    for name, weight, bias in zip("qkv", weights, biases, strict=True):
        projection = destination.get_submodule(f"{name}_proj")
        projection.weight.copy_(weight)
        projection.bias.copy_(bias)
    copy(source.out_proj, getattr(destination, "o_proj", None) or destination.out_proj)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_masks_agree_with_transformers(num_layers):
    ours = decoder(num_layers)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(std=0.2)
    transformer, head = theirs(ours)
    memory, mask_features = inputs()
    with torch.no_grad():
        expected = head(transformer(memory).last_hidden_state)
        found = ours([torch.zeros(2, 8, 6, 8), memory], mask_features)  # only the last map is attended to
    torch.testing.assert_close(found.mask_embeddings, expected, atol=1e-5, rtol=1e-4)


def test_number_of_parameters_of_the_paper():
    """The transformer, class head and mask head of transformers' MaskFormer of ResNet-50 and 150 classes."""
    from transformers import DetrConfig, MaskFormerConfig
    from transformers.models.maskformer import modeling_maskformer as maskformer

    with torch.device("meta"):
        ours = TRANSFORMER_DECODERS.get("standard")([Feature(2048, 32)], 256, 150)
        peers = [
            maskformer.MaskFormerTransformerModule(2048, MaskFormerConfig(decoder_config=DetrConfig())),
            maskformer.MaskformerMLPPredictionHead(256, 256, 256),
            torch.nn.Linear(256, 151),
        ]
    assert count(ours) == sum(map(count, peers))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_auxiliary_layers_are_earliest_first():
    one, three = decoder(1), decoder(3)
    three.load_state_dict(decoder(3).state_dict() | one.state_dict())
    memory, mask_features = inputs()
    with torch.no_grad():
        prediction, first = three([memory], mask_features), one([memory], mask_features)
    assert len(prediction.layers) == 3
    torch.testing.assert_close(prediction.auxiliary[0].class_logits, first.class_logits)
    assert all(layer.mask_features is prediction.mask_features for layer in prediction.layers)


def test_number_of_layers():
    prediction = decoder(num_layers=1)([inputs()[0]], inputs()[1])
    assert prediction.auxiliary == []


def test_without_class_head_there_are_only_masks():
    part = decoder(class_head=False)
    prediction = part([inputs()[0]], inputs()[1])
    assert prediction.class_logits.shape == (2, 5, 0)
    assert prediction.mask_logits.shape == (2, 5, 12, 16)
    assert not any(name.startswith("class_head") for name in part.state_dict())


def test_memory_of_the_right_width_is_not_projected():
    assert isinstance(decoder(memory=32).input_projection, torch.nn.Identity)


def test_dropout_acts_only_in_training():
    part = decoder(dropout=0.5)
    memory, mask_features = inputs()
    with torch.no_grad():
        assert torch.equal(part([memory], mask_features).class_logits, part([memory], mask_features).class_logits)
        part.train()
        assert not torch.equal(part([memory], mask_features).class_logits, part([memory], mask_features).class_logits)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_the_order_of_the_memory_matters_only_through_positions(pre_norm):
    """Cross-attention sums over the memory, so only positions make a flipped map give another output."""
    part = decoder(pre_norm=pre_norm)
    memory, mask_features = inputs()
    with torch.no_grad():
        upright, turned = (part([one], mask_features).class_logits for one in (memory, memory.flip(-1)))
    assert not torch.allclose(upright, turned, atol=1e-4)


def test_there_may_be_a_query_for_each_class():
    assert decoder(num_queries="classes", class_head=False).query_positions.num_embeddings == 3
