"""`README.md` of a folder for the Hugging Face hub: what the model is, and how to use it.

What segkit does not know, such as the license, is told as not known; nothing is made up.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from segkit.checkpoint import find_checkpoint
from segkit.classes import Classes
from segkit.config import Config
from segkit.errors import counted
from segkit.evaluation.tables import METRICS_FILE, require_intact_evaluation
from segkit.interop.huggingface.files import read_json
from segkit.runtime.checkpoint_source import CONFIG
from segkit.runtime.integrity import require_intact_folder
from segkit.runtime.reading import read_utf8

CARD = "README.md"
IMAGES = "images"
"""In the folder: overlays of the evaluation."""

_SHOWN_IMAGES = 4

_BODY = """
# {title}

A model for {task} segmentation of {num_classes} classes, written for transformers by segkit.

## Classes

{classes}

## Metrics

{metrics}

## Training

{training}

## Use

```python
import torch
from PIL import Image
from transformers import AutoImageProcessor, {architecture}

folder = "."  # this folder, or the name of its repository on the hub
processor = AutoImageProcessor.from_pretrained(folder)
model = {architecture}.from_pretrained(folder).eval()
image = Image.open("street.jpg").convert("RGB")
with torch.inference_mode():
    outputs = model(**processor(images=image, return_tensors="pt"))
result = processor.post_process_{task}_segmentation(outputs, target_sizes=[image.size[::-1]])[0]
print(result)
```

## License

segkit does not know the license of these weights. Choose one that suits the training data{pretrained}, and replace
`license: unknown` at the top of this file.
"""


def write_card(folder: Path, checkpoint: str | Path, config: Config, classes: Classes) -> list[str]:
    """Writes the model card into a folder that transformers reads, with images where the run has overlays.

    Args:
        folder: Has a `config.json` of transformers.
        checkpoint: A checkpoint folder or a run folder of segkit, whose evaluation gives metrics and images.
        config: Of the checkpoint.
        classes: Of the checkpoint.

    Returns:
        Notes on what to look at before the folder is published.
    """
    source = find_checkpoint(checkpoint)
    evaluation = _evaluation_of(source, config)
    metrics = read_json(evaluation / METRICS_FILE) if evaluation is not None else {}
    images = _copy_images(evaluation, folder / IMAGES)
    experiment = config.experiment
    task = next((part["type"] for part in experiment.postprocessors), "semantic")
    pretrained = experiment.model.get("backbone", {}).get("pretrained", False)
    text = _BODY.format(
        title=source.parent.name if source.name in ("best", "last") else source.name,
        task=task if task in ("semantic", "instance", "panoptic") else "semantic",
        num_classes=len(classes),
        classes=_class_table(classes),
        metrics=_metrics_table(metrics) + "".join(f"\n![a prediction]({IMAGES}/{name})" for name in images),
        training=_training(config),
        architecture=read_json(folder / CONFIG)["architectures"][0],
        pretrained=" and the pretrained weights of the backbone" if pretrained else "",
    )
    head = yaml.safe_dump(_front_matter(config, metrics), sort_keys=False, allow_unicode=True)
    (folder / CARD).write_text(f"---\n{head}---\n{text}", encoding="utf-8")
    notes = [f"{CARD} is the model card: segkit does not know the license of the weights. Set it before you publish"]
    if images:
        notes.append(f"{IMAGES}/ holds {counted(images, 'image')} of the validation data: remove those not to be shown")
    return notes


def _evaluation_of(checkpoint: Path, config: Config) -> Path | None:
    """Returns the folder with the metrics of this very checkpoint: that of `segkit test`, or of its run."""
    own, of_run = checkpoint / "evaluation", checkpoint.parent / "evaluation"
    if (own / METRICS_FILE).is_file():
        require_intact_evaluation(own)
        return own
    log = checkpoint.parent / "metrics.jsonl"
    if checkpoint.name != "best" or not (of_run / METRICS_FILE).is_file() or not log.is_file():
        return None
    require_intact_evaluation(of_run)
    require_intact_folder(checkpoint.parent, remedy="Restore it from a copy.")
    # A training that was stopped has the metrics of its last evaluation, which may not be the best one.
    lines = (json.loads(line) for line in read_utf8(log).splitlines())
    evaluations: list[Mapping[str, float]] = [line["evaluation"] for line in lines if "evaluation" in line]
    last = _values(read_json(of_run / METRICS_FILE))
    training = config.experiment.training
    metric = (training.best_metric if training is not None else None) or next(iter(last))
    best = max((values.get(metric) or 0.0 for values in evaluations), default=None)
    return of_run if last.get(metric) == best else None


def _values(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Returns the summary metrics of all evaluators."""
    return {name: value for one in metrics.values() for name, value in one["values"].items() if value is not None}


def _copy_images(evaluation: Path | None, folder: Path) -> list[str]:
    found = sorted((evaluation / "overlays").glob("*.png"))[:_SHOWN_IMAGES] if evaluation is not None else []
    for file in found:
        folder.mkdir(exist_ok=True)
        shutil.copyfile(file, folder / file.name)
    return [file.name for file in found]


def _front_matter(config: Config, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the hub reads: with metrics, in the form of its `model-index`."""
    head: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "image-segmentation",
        "license": "unknown",
        "tags": ["segkit", config.experiment.model["type"]],
    }
    data = _dataset(config, "val")
    if metrics and data is not None:
        values = [{"type": name, "name": name, "value": round(value, 4)} for name, value in _values(metrics).items()]
        result = {
            "task": {"type": "image-segmentation"},
            "dataset": {"type": data, "name": data},
            "metrics": values,
        }
        head["model-index"] = [{"name": config.experiment.model["type"], "results": [result]}]
    return head


def _dataset(config: Config, split: str) -> str | None:
    data = config.experiment.data
    chosen = getattr(data, split, None) if data is not None else None
    return chosen.dataset["type"] if chosen is not None and chosen.dataset else None


def _class_table(classes: Classes) -> str:
    rows = [
        "| {} | {} | {} |".format(index, name.replace("|", "\\|"), "thing" if thing else "stuff")
        for index, (name, thing) in enumerate(zip(classes.names, classes.things, strict=True))
    ]
    return "\n".join(["| index | name | kind |", "|---|---|---|", *rows])


def _metrics_table(metrics: Mapping[str, Any]) -> str:
    if not metrics:
        return "There are none: this checkpoint was not evaluated.\n"
    rows = [f"| {name} | {value:.4f} |" for name, value in _values(metrics).items()]
    return "\n".join(["Of the validation data:", "", "| metric | value |", "|---|---|", *rows, ""])


def _training(config: Config) -> str:
    """Returns what the config tells of the training. Paths of the trainer's machine are left out."""
    experiment, data = config.experiment, config.experiment.data
    name = _dataset(config, "train")
    if name is None or data is None or data.train is None:
        return "Nothing is known about the training data."
    text = f"Trained on a dataset of the type `{name}`"
    if experiment.training is not None:
        text += f", {counted(experiment.training.steps, 'step')} of {data.train.batch_size} images per process"
    start = experiment.init_from
    return f"{text}." + (" It started from another checkpoint (`init_from`)." if start is not None else "")
