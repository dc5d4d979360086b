"""The tensors of the original EoMT: their names and shapes, and what transformers' conversion makes of them.

Written from the two programs, not from this package's tables, so that a mistake in those shows.
"""

from typing import NamedTuple

import numpy as np
import torch

WIDTH, DEPTH, QUERIES, BLOCKS, PATCH, SIDE = 32, 4, 7, 2, 16, 64
HEADS = 2


class Entry(NamedTuple):
    name: str
    """In the original."""
    shape: tuple[int, ...]
    theirs: tuple[str, ...]
    """The tensors of transformers that it is cut into along its first dimension; () for none."""


def both(name, rows, columns, theirs):
    """A weight and a bias. `columns` are the other dimensions; None for a norm."""
    weight = Entry(f"network.{name}.weight", (rows, *(columns or ())), (f"{theirs}.weight",))
    return [weight, Entry(f"network.{name}.bias", (rows,), (f"{theirs}.bias",))]


def entries_of(body, num_classes):
    found = dinov2() if body == "dinov2" else dinov3()
    found += both("encoder.backbone.norm", WIDTH, None, "layernorm")
    found += [Entry(f"network.encoder.pixel_{kind}", (1, 3, 1, 1), ()) for kind in ("mean", "std")]
    found.append(Entry("network.attn_mask_probs", (BLOCKS,), ("attn_mask_probs",)))
    found.append(Entry("network.q.weight", (QUERIES, WIDTH), ("query.weight",)))
    found += both("class_head", num_classes + 1, [WIDTH], "class_predictor")
    for place, layer in (("0", "fc1"), ("2", "fc2"), ("4", "fc3")):
        found += both(f"mask_head.{place}", WIDTH, [WIDTH], f"mask_head.{layer}")
    for block in range(2):
        ours, theirs = f"upscale.{block}", f"upscale_block.block.{block}"
        found += both(f"{ours}.conv1", WIDTH, [WIDTH, 2, 2], f"{theirs}.conv1")
        found.append(Entry(f"network.{ours}.conv2.weight", (WIDTH, 1, 3, 3), (f"{theirs}.conv2.weight",)))
        found += both(f"{ours}.norm", WIDTH, None, f"{theirs}.layernorm2d")
    return [*found, Entry("criterion.empty_weight", (num_classes + 1,), ())]


def dinov2():
    """The body of timm."""
    start = "network.encoder.backbone"
    found = [
        Entry(f"{start}.cls_token", (1, 1, WIDTH), ("embeddings.cls_token",)),
        Entry(f"{start}.reg_token", (1, 4, WIDTH), ("embeddings.register_tokens",)),
        Entry(f"{start}.pos_embed", (1, (SIDE // PATCH) ** 2, WIDTH), ("embeddings.position_embeddings.weight",)),
        *both("encoder.backbone.patch_embed.proj", WIDTH, [3, PATCH, PATCH], "embeddings.patch_embeddings.projection"),
    ]
    for block in range(DEPTH):
        ours, theirs = f"encoder.backbone.blocks.{block}", f"layers.{block}"
        found += both(f"{ours}.norm1", WIDTH, None, f"{theirs}.norm1")
        for kind, shape in (("weight", (3 * WIDTH, WIDTH)), ("bias", (3 * WIDTH,))):
            parts = tuple(f"{theirs}.attention.{one}_proj.{kind}" for one in "qkv")
            found.append(Entry(f"network.{ours}.attn.qkv.{kind}", shape, parts))
        found += both(f"{ours}.attn.proj", WIDTH, [WIDTH], f"{theirs}.attention.out_proj")
        found += both(f"{ours}.norm2", WIDTH, None, f"{theirs}.norm2")
        found += both(f"{ours}.mlp.fc1", 4 * WIDTH, [WIDTH], f"{theirs}.mlp.fc1")
        found += both(f"{ours}.mlp.fc2", WIDTH, [4 * WIDTH], f"{theirs}.mlp.fc2")
        for scale in ("1", "2"):
            found.append(Entry(f"network.{ours}.ls{scale}.gamma", (WIDTH,), (f"{theirs}.layer_scale{scale}.lambda1",)))
    return found


def dinov3():
    """The body of transformers, whose embeddings are the original's `patch_embed`."""
    start = "network.encoder.backbone.patch_embed"
    found = [
        Entry(f"{start}.cls_token", (1, 1, WIDTH), ("embeddings.cls_token",)),
        Entry(f"{start}.register_tokens", (1, 4, WIDTH), ("embeddings.register_tokens",)),
        *both("encoder.backbone.patch_embed.patch_embeddings", WIDTH, [3, PATCH, PATCH], "embeddings.patch_embeddings"),
    ]
    for block in range(DEPTH):
        ours, theirs = f"encoder.backbone.blocks.{block}", f"layers.{block}"
        found += both(f"{ours}.norm1", WIDTH, None, f"{theirs}.norm1")
        for one in ("q_proj", "v_proj", "o_proj"):
            found += both(f"{ours}.attention.{one}", WIDTH, [WIDTH], f"{theirs}.attention.{one}")
        key = "attention.k_proj.weight"
        found.append(Entry(f"network.{ours}.{key}", (WIDTH, WIDTH), (f"{theirs}.{key}",)))
        found += both(f"{ours}.norm2", WIDTH, None, f"{theirs}.norm2")
        found += both(f"{ours}.mlp.up_proj", 4 * WIDTH, [WIDTH], f"{theirs}.mlp.up_proj")
        found += both(f"{ours}.mlp.down_proj", WIDTH, [4 * WIDTH], f"{theirs}.mlp.down_proj")
        for scale in ("layer_scale1", "layer_scale2"):
            found.append(Entry(f"network.{ours}.{scale}.lambda1", (WIDTH,), (f"{theirs}.{scale}.lambda1",)))
    return found


def tensors_of(entries, seed=0):
    """Random tensors in which each matters: matrices keep the scale, norms are near 1, masked attention has faded."""
    random = np.random.RandomState(seed)
    made = {}
    for name, shape, _ in entries:
        noise = random.standard_normal(shape).astype(np.float32)
        if len(shape) > 1 and not name.endswith(("_token", "_tokens", "q.weight", "pos_embed")):
            noise = noise / np.float32(np.prod(shape[1:]) ** 0.5)
        elif len(shape) == 1:
            noise = np.float32(0.1) * noise + np.float32(
                name.endswith(("norm.weight", "1.weight", "2.weight", "lambda1", "gamma"))
            )
        made[name] = torch.from_numpy(noise)
    statistics = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    pixels = {
        f"network.encoder.pixel_{kind}": torch.tensor(values).view(1, 3, 1, 1) for kind, values in statistics.items()
    }
    return made | pixels | {"network.attn_mask_probs": torch.zeros(BLOCKS)}


def in_transformers(entries, tensors):
    """The tensors under the names of transformers, cut as its conversion cuts them."""
    found = {}
    for name, _, theirs in entries:
        tensor = tensors[name][0] if name.endswith("pos_embed") else tensors[name]
        if theirs:
            found |= dict(zip(theirs, tensor.chunk(len(theirs)), strict=True))
    return found
