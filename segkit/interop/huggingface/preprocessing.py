"""Translates their `preprocessor_config.json` to transforms and pixel statistics, and back.

Their sizes are `{"shortest_edge": 800, "longest_edge": 1333}` or, in older files, `size` and `max_size`. Their mean and
standard deviation are of values in 0..1 (after `rescale_factor`), segkit's of values in 0..255.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segkit.errors import CheckpointError
from segkit.interop.huggingface.fields import Fields
from segkit.interop.huggingface.files import PREPROCESSOR, read_json
from segkit.interop.huggingface.left_out import left_out

BILINEAR = 2
"""PIL's number of the filter."""
RESCALE = 1 / 255
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
UNLIMITED = 1_000_000
"""The longest edge that is written where segkit's has no bound, because theirs needs one."""
WITHOUT_FILE = f"there is no {PREPROCESSOR}: images are prepared by transformers' defaults"
"""The note on a checkpoint of theirs without the file."""


@dataclass
class Preprocessing:
    """A `preprocessor_config.json` in segkit's terms."""

    transforms: list[dict[str, Any]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Of red, green and blue, 0..255."""
    first_class: int
    """The value of class 0 in label maps: 1 where 0 is void (`do_reduce_labels`)."""
    notes: list[str] = field(default_factory=list)


def read_preprocessor(folder: Path) -> Preprocessing:
    """Reads the file of a checkpoint; transformers' defaults where there is none. Its notes name what is left out."""
    file = folder / PREPROCESSOR
    if not file.is_file():
        prepared = read_preprocessing(Fields({}, file))
        prepared.notes.append(WITHOUT_FILE)
        return prepared
    fields = Fields(read_json(file), file)
    prepared = read_preprocessing(fields)
    prepared.notes += left_out(fields, "preprocessor")
    return prepared


def read_preprocessing(fields: Fields) -> Preprocessing:
    """Reads the settings. Raises CheckpointError where segkit cannot resize images that way."""
    notes = []
    if fields.data.get("resample", BILINEAR) != BILINEAR:
        notes.append(f"segkit resizes images bilinearly, transformers by its filter {fields.data['resample']}")
    if fields.data.get("pad_size") is not None:
        notes.append(f"segkit pads images as far as the model needs, transformers to {fields.data['pad_size']}")
    scale = fields.number("rescale_factor", RESCALE) if fields.flag("do_rescale", True) else 1.0
    mean, std = [0.0] * 3, [1.0] * 3
    if fields.flag("do_normalize", True):
        mean, std = fields.numbers("image_mean", IMAGENET[0], 3), fields.numbers("image_std", IMAGENET[1], 3)
    reduced = fields.flag("do_reduce_labels", fields.flag("reduce_labels", False))
    return Preprocessing(
        [_read_resize(fields)] if fields.flag("do_resize", True) else [],
        # Rounded, so that 0.485 * 255 reads 123.675 in YAML and comes back as 0.485.
        tuple(round(value / scale, 9) for value in mean),
        tuple(round(value / scale, 9) for value in std),
        1 if reduced else 0,
        notes,
    )


def _read_resize(fields: Fields) -> dict[str, Any]:
    size = fields.data.get("size", {"shortest_edge": 800, "longest_edge": 1333})
    key = "size_divisor" if "size_divisor" in fields.data else "size_divisibility"
    divisor = 1 if fields.data.get(key) == 0 else fields.integer(key, 32)
    if isinstance(size, dict):
        edges = fields.mapping("size")
        if size.keys() >= {"height", "width"}:
            # Their processor rounds a fixed size up to a multiple of the divisor before it resizes.
            sides = [math.ceil(edges.integer(side, 0) / divisor) * divisor for side in ("height", "width")]
            return {"type": "resize", "size": sides}
        if "shortest_edge" not in size:
            raise fields.error(
                "size",
                f"images are resized to {size}, which segkit does not support. Give shortest_edge and longest_edge, or "
                "height and width.",
            )
        shortest = edges.integer("shortest_edge", 800)
        longest = edges.integer("longest_edge", 1333) if "longest_edge" in size else None
    else:
        shortest = fields.integer("size", 800)
        longest = fields.integer("max_size", 1333) if fields.data.get("max_size") is not None else None
    return {
        "type": "resize_shortest_edge",
        "sizes": shortest,
        **({} if longest is None else {"max_size": longest}),
        "size_divisor": divisor,
        "rounding": "down",  # as theirs; segkit's default rounds to the nearest pixel
    }


def preprocessor_json(
    transforms: Sequence[dict[str, Any]],
    mean: Sequence[float],
    std: Sequence[float],
    ids: Sequence[int],
    size_divisor: int,
    where: str,
) -> dict[str, Any]:
    """Returns the content of `preprocessor_config.json`.

    transformers resizes images to multiples of `size_divisor`, where segkit may pad them.

    Args:
        transforms: Those of the evaluation.
        mean, std: Pixel statistics of red, green and blue, 0..255.
        ids: The classes' values in label maps.
        size_divisor: The model's.
        where: The checkpoint, for error messages.

    Raises CheckpointError where the transforms are more than a resizing.
    """
    reduced = list(ids) == list(range(1, len(ids) + 1))  # classes from 1: 0 is void, as in ADE20K
    return {
        "image_processor_type": "MaskFormerImageProcessor",
        **_size_json(transforms, size_divisor, where),
        "resample": BILINEAR,
        "do_rescale": True,
        "rescale_factor": RESCALE,
        "do_normalize": True,
        # Three digits more than are read, so that 1.0 comes back as 1.0.
        "image_mean": [round(value * RESCALE, 12) for value in mean],
        "image_std": [round(value * RESCALE, 12) for value in std],
        "do_reduce_labels": reduced,
        "ignore_index": 255,
        "num_labels": len(ids),
    }


def _size_json(transforms: Sequence[dict[str, Any]], size_divisor: int, where: str) -> dict[str, Any]:
    if not transforms:
        return {"do_resize": False, "size_divisor": size_divisor}
    if [part["type"] for part in transforms] == ["resize"]:
        height, width = transforms[0]["size"]
        return {"do_resize": True, "size": {"height": height, "width": width}, "size_divisor": size_divisor}
    other = next((part["type"] for part in transforms if part["type"] != "resize_shortest_edge"), None)
    if other is not None or len(transforms) > 1:
        raise CheckpointError(
            f"{where}: data.val.transforms: cannot be written for transformers: its image processor only resizes, "
            f"once; it has no '{other or 'resize_shortest_edge'}' beside that. Keep one resize_shortest_edge, one "
            "resize, or none."
        )
    sizes = transforms[0]["sizes"]
    if isinstance(sizes, list) and len(sizes) != 1:
        raise CheckpointError(
            f"{where}: data.val.transforms.0.sizes: cannot be written for transformers: its image processor has one "
            f"size, not a choice of {sizes}. Give one."
        )
    return {
        "do_resize": True,
        "size": {
            "shortest_edge": sizes[0] if isinstance(sizes, list) else sizes,
            "longest_edge": transforms[0].get("max_size") or UNLIMITED,
        },
        "size_divisor": max(size_divisor, transforms[0].get("size_divisor", 1)),
    }
