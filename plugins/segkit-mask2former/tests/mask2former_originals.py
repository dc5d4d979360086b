"""The tensors of the original Mask2Former: their names and shapes, and what transformers' conversion makes of them.

Written from the two programs, not from this package's tables, so that a mistake in those shows.
"""

from typing import NamedTuple

import numpy as np


class Entry(NamedTuple):
    name: str
    """In the original."""
    shape: tuple[int, ...]
    theirs: tuple[str, ...]
    """The tensors of transformers that it is cut into along its first dimension; () for none."""


def both(name, rows, columns, theirs, kinds=("weight", "bias")):
    """A weight and a bias. `columns` is a list of the other dimensions; None for a norm."""
    shapes = {"weight": (rows, *(columns or ())), "bias": (rows,)}
    return [Entry(f"{name}.{kind}", shapes[kind], (f"{theirs}.{kind}",)) for kind in kinds]


def entries_of(sizes, num_classes):
    """All tensors of a model of these sizes."""
    backbone = swin(**sizes["swin"]) if "swin" in sizes else resnet(**sizes["resnet"])
    return backbone + pixel_decoder(sizes) + predictor(sizes, num_classes)


def swin(width, depths, heads, window):
    there = "model.pixel_level_module.encoder"
    found = both("backbone.patch_embed.proj", width, [3, 4, 4], f"{there}.swin.embeddings.patch_embeddings.projection")
    found += both("backbone.patch_embed.norm", width, None, f"{there}.swin.embeddings.norm")
    for stage, depth in enumerate(depths):
        size = width * 2**stage
        ours, theirs = f"backbone.layers.{stage}", f"{there}.swin.encoder.layers.{stage}"
        for block in range(depth):
            here, place = f"{ours}.blocks.{block}", f"{theirs}.blocks.{block}"
            found += both(f"{here}.norm1", size, None, f"{place}.layernorm_before")
            for kind, shape in (("weight", (3 * size, size)), ("bias", (3 * size,))):
                parts = tuple(f"{place}.attention.{one}_proj.{kind}" for one in "qkv")
                found.append(Entry(f"{here}.attn.qkv.{kind}", shape, parts))
            table = f"{place}.attention.relative_position_bias.relative_position_bias_table"
            found.append(
                Entry(f"{here}.attn.relative_position_bias_table", ((2 * window - 1) ** 2, heads[stage]), (table,))
            )
            found.append(Entry(f"{here}.attn.relative_position_index", (window**2, window**2), ()))
            found += both(f"{here}.attn.proj", size, [size], f"{place}.attention.o_proj")
            found += both(f"{here}.norm2", size, None, f"{place}.layernorm_after")
            found += both(f"{here}.mlp.fc1", 4 * size, [size], f"{place}.mlp.fc1")
            found += both(f"{here}.mlp.fc2", size, [4 * size], f"{place}.mlp.fc2")
        if stage < len(depths) - 1:
            found += both(f"{ours}.downsample.norm", 4 * size, None, f"{theirs}.downsample.norm")
            reduction = f"{theirs}.downsample.reduction"
            found += both(f"{ours}.downsample.reduction", 2 * size, [4 * size], reduction, ["weight"])
        found += both(f"backbone.norm{stage}", size, None, f"{there}.hidden_states_norms.stage{stage + 1}")
    return found


def convolution(name, rows, columns, theirs, counter):
    """A convolution without bias and its batch norm; the counter of batches is None where the norm is frozen."""
    found = both(name, rows, columns, f"{theirs}.convolution", ["weight"])
    kinds = ("weight", "bias", "running_mean", "running_var")
    found += [Entry(f"{name}.norm.{kind}", (rows,), (f"{theirs}.normalization.{kind}",)) for kind in kinds]
    return found + ([Entry(f"{name}.norm.num_batches_tracked", (), ())] if counter else [])


def resnet(channels, depths, counter=False):
    there = "model.pixel_level_module.encoder"
    found = convolution("backbone.stem.conv1", 64, [3, 7, 7], f"{there}.embedder.embedder", counter)
    previous = 64
    for stage, (inner, depth) in enumerate(zip(channels, depths, strict=True)):
        for block in range(depth):
            ours, theirs = f"backbone.res{stage + 2}.{block}", f"{there}.encoder.stages.{stage}.layers.{block}"
            if block == 0:
                found += convolution(f"{ours}.shortcut", 4 * inner, [previous, 1, 1], f"{theirs}.shortcut", counter)
            found += convolution(f"{ours}.conv1", inner, [previous, 1, 1], f"{theirs}.layer.0", counter)
            found += convolution(f"{ours}.conv2", inner, [inner, 3, 3], f"{theirs}.layer.1", counter)
            found += convolution(f"{ours}.conv3", 4 * inner, [inner, 1, 1], f"{theirs}.layer.2", counter)
            previous = 4 * inner
    return found


def channels_of(sizes):
    if "swin" in sizes:
        return [sizes["swin"]["width"] * 2**stage for stage in range(4)]
    return [4 * inner for inner in sizes["resnet"]["channels"]]


def pixel_decoder(sizes):
    ours, theirs = "sem_seg_head.pixel_decoder", "model.pixel_level_module.decoder"
    inner, places = sizes["pixels"], sizes["heads"] * 3 * 4
    channels = channels_of(sizes)
    found = both(f"{ours}.mask_features", sizes["mask"], [inner, 1, 1], f"{theirs}.mask_projection")
    for place, size in enumerate(reversed(channels[1:])):  # from the coarsest map on
        found += both(f"{ours}.input_proj.{place}.0", inner, [size, 1, 1], f"{theirs}.input_projections.{place}.0")
        found += both(f"{ours}.input_proj.{place}.1", inner, None, f"{theirs}.input_projections.{place}.1")
    found.append(Entry(f"{ours}.transformer.level_embed", (3, inner), (f"{theirs}.level_embed",)))
    for layer in range(sizes["encoder_layers"]):
        here, place = f"{ours}.transformer.encoder.layers.{layer}", f"{theirs}.encoder.layers.{layer}"
        for name, rows in (
            ("sampling_offsets", 2 * places),
            ("attention_weights", places),
            ("value_proj", inner),
            ("output_proj", inner),
        ):
            found += both(f"{here}.self_attn.{name}", rows, [inner], f"{place}.self_attn.{name}")
        found += both(f"{here}.norm1", inner, None, f"{place}.self_attn_layer_norm")
        found += both(f"{here}.linear1", 1024, [inner], f"{place}.fc1")
        found += both(f"{here}.linear2", inner, [1024], f"{place}.fc2")
        found += both(f"{here}.norm2", inner, None, f"{place}.final_layer_norm")
    for name, size, kernel in (("adapter_1", channels[0], 1), ("layer_1", inner, 3)):
        found += both(f"{ours}.{name}", inner, [size, kernel, kernel], f"{theirs}.{name}.0", ["weight"])
        found += both(f"{ours}.{name}.norm", inner, None, f"{theirs}.{name}.1")
    return found


def predictor(sizes, num_classes):
    ours, theirs = "sem_seg_head.predictor", "model.transformer_module"
    size, inner, queries = sizes["queries_dim"], sizes["pixels"], sizes["queries"]
    found = []
    for layer in range(sizes["decoder_layers"]):
        place = f"{theirs}.decoder.layers.{layer}"
        for layers, module, short in (
            ("transformer_self_attention_layers", "self_attn", "self_attn"),
            ("transformer_cross_attention_layers", "multihead_attn", "cross_attn"),
        ):
            here = f"{ours}.{layers}.{layer}"
            for kind, shape in (("weight", (3 * size, size)), ("bias", (3 * size,))):
                parts = tuple(f"{place}.self_attn.{one}_proj.{kind}" for one in "qkv")
                whole = (f"{place}.cross_attn.in_proj_{kind}",)
                found.append(Entry(f"{here}.{module}.in_proj_{kind}", shape, parts if short == "self_attn" else whole))
            found += both(f"{here}.{module}.out_proj", size, [size], f"{place}.{short}.out_proj")
            found += both(f"{here}.norm", size, None, f"{place}.{short}_layer_norm")
        here = f"{ours}.transformer_ffn_layers.{layer}"
        found += both(f"{here}.linear1", sizes["feedforward"], [size], f"{place}.fc1")
        found += both(f"{here}.linear2", size, [sizes["feedforward"]], f"{place}.fc2")
        found += both(f"{here}.norm", size, None, f"{place}.final_layer_norm")
    found += both(f"{ours}.decoder_norm", size, None, f"{theirs}.decoder.layernorm")
    for name, rows, their in (
        ("query_feat", queries, "queries_features"),
        ("query_embed", queries, "queries_embedder"),
        ("level_embed", 3, "level_embed"),
    ):
        found.append(Entry(f"{ours}.{name}.weight", (rows, size), (f"{theirs}.{their}.weight",)))
    if inner != size:
        for place in range(3):
            found += both(f"{ours}.input_proj.{place}", size, [inner, 1, 1], f"{theirs}.input_projections.{place}")
    found += both(f"{ours}.class_embed", num_classes + 1, [size], "class_predictor")
    for layer in range(3):
        rows = sizes["mask"] if layer == 2 else size
        embedder = f"{theirs}.decoder.mask_predictor.mask_embedder.{layer}.0"
        found += both(f"{ours}.mask_embed.layers.{layer}", rows, [size], embedder)
    return [*found, Entry("criterion.empty_weight", (num_classes + 1,), ())]


def arrays_of(entries, seed=0):
    """Random arrays in which every tensor matters: matrices keep the scale, norms are near 1."""
    random = np.random.RandomState(seed)
    made = {}
    for name, shape, _ in entries:
        noise = random.standard_normal(shape).astype(np.float32)
        if name.endswith("num_batches_tracked") or name.endswith("relative_position_index"):
            made[name] = np.zeros(shape, np.int64)
        elif name.endswith("running_var"):
            made[name] = 1 + np.float32(0.1) * np.abs(noise)
        elif len(shape) > 1:
            made[name] = noise / np.float32(np.prod(shape[1:]) ** 0.5)
        else:
            made[name] = np.float32(0.1) * noise + np.float32(name.endswith("weight") and "level_embed" not in name)
    return made


def in_transformers(entries, arrays):
    """The arrays under the names of transformers, cut as its conversion cuts them."""
    found = {}
    for name, _, theirs in entries:
        if theirs:
            found |= dict(zip(theirs, np.split(arrays[name], len(theirs)), strict=True))
    return found
