"""Numbers that a checkpoint gives for one fixed image: `python tests/legacy/values.py CHECKPOINT` prints them as JSON.

Uses only names that version 0.1.0 had, so that both versions can run it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch

import segkit


def fixed_image() -> torch.Tensor:
    """Returns a smooth image `(3, 64, 96)`, uint8: sky above sand, with a dark square."""
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(96), indexing="ij")
    image = torch.stack([120 + rows, 170 - columns // 2, 225 - 2 * rows])
    image[:, 36:] = torch.tensor([215, 190, 130])[:, None, None]
    image[:, 24:44, 30:50] = torch.tensor([205, 50, 45])[:, None, None]
    return image.to(torch.uint8)


def values_of(checkpoint: str | Path) -> dict[str, Any]:
    """Returns logits at some places and the results of the checkpoint's tasks."""
    model = segkit.load_model(checkpoint)
    with torch.no_grad():
        prediction = model(fixed_image()[None])
    values: dict[str, Any] = {}
    if hasattr(prediction, "pixel_logits"):
        values["pixel_logits"] = prediction.pixel_logits[0, :, ::8, ::12].flatten().tolist()
    else:
        for index, layer in enumerate(prediction.layers):
            values[f"class_logits/{index}"] = layer.class_logits[0, ::2].flatten().tolist()
            values[f"mask_logits/{index}"] = layer.mask_logits[0, ::2, ::5, ::7].flatten().tolist()
    return {name: [round(value, 6) for value in numbers] for name, numbers in values.items()}


def results_of(checkpoint: str | Path, tasks: list[str]) -> dict[str, Any]:
    """Returns a summary of the result of each task on the fixed image."""
    summary: dict[str, Any] = {}
    for task in tasks:
        settings = {"score_threshold": 0.1} if task == "instance" else {}
        result = segkit.Predictor(checkpoint, task, device="cpu", **settings)(fixed_image())
        if task == "semantic":
            summary[task] = torch.bincount(result.label_map.flatten(), minlength=8).tolist()
        elif task == "panoptic":
            ids = torch.bincount(result.segment_map.flatten().long()).tolist()
            summary[task] = [[one.label, round(one.score, 6), ids[one.id]] for one in result.segments]
        else:
            summary[task] = [
                [int(label), round(float(score), 6), int(mask.sum())]
                for label, score, mask in zip(result.labels, result.scores, result.masks, strict=True)
            ]
    return summary


if __name__ == "__main__":
    folder, *wanted = sys.argv[1:]
    print(json.dumps({"values": values_of(folder), "results": results_of(folder, wanted)}))
