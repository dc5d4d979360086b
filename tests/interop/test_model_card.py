"""The model card of a folder for the Hugging Face hub."""

import json
import re
import shutil

import pytest
from huggingface_hub import ModelCard
from PIL import Image

from segkit.checkpoint import load_checkpoint, save_checkpoint
from segkit.config import load_config
from segkit.interop.converting import export_checkpoint
from tests.interop.test_huggingface_export import write_ours

FORMAT = "huggingface_mask_former"


def evaluate(folder, values, images=0):
    """Writes what an evaluation leaves behind."""
    (folder / "overlays").mkdir(parents=True)
    metrics = {"mean_iou": {"values": values, "per_class": {}}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    for number in range(images):
        Image.new("RGB", (4, 4)).save(folder / "overlays" / f"{number}_semantic.png")


def card_of(checkpoint, destination):
    notes = export_checkpoint(checkpoint, destination, FORMAT)
    return (destination / "README.md").read_text(), notes


def test_what_the_hub_reads(tmp_path):
    ours = write_ours(tmp_path / "ours")
    evaluate(ours / "evaluation", {"mean_iou": 0.51239, "pixel_accuracy": None}, images=6)
    text, notes = card_of(ours, tmp_path / "theirs")
    head = ModelCard(text).data
    assert (head.license, head.library_name, head.pipeline_tag) == ("unknown", "transformers", "image-segmentation")
    assert head.tags == ["segkit", "mask_former"]
    assert "| 1 | road | thing |" in text
    assert "| mean_iou | 0.5124 |" in text
    assert "pixel_accuracy" not in text
    assert len(list((tmp_path / "theirs/images").iterdir())) == text.count("![a prediction](images/") == 4
    assert [note.split(":")[0] for note in notes[-2:]] == [
        "README.md is the model card",
        "images/ holds 4 images of the validation data",
    ]


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_its_code_runs(tmp_path, monkeypatch, task):
    checkpoint = load_checkpoint(write_ours(tmp_path / "loaded"))
    config = load_config(tmp_path / "loaded", [f"postprocessors=[{{type: {task}}}]"])
    save_checkpoint(tmp_path / "ours", checkpoint.model, config, checkpoint.classes)
    text, _ = card_of(tmp_path / "ours", tmp_path / "theirs")
    monkeypatch.chdir(tmp_path / "theirs")
    Image.effect_noise((60, 40), 90).save("street.jpg")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    variables = {}
    exec(code, variables)
    result = variables["result"]
    assert (result if task == "semantic" else result["segmentation"]).shape == (40, 60)


def test_nothing_is_made_up(tmp_path):
    text, notes = card_of(write_ours(tmp_path / "ours"), tmp_path / "theirs")
    assert "There are none: this checkpoint was not evaluated." in text
    assert "Nothing is known about the training data." in text
    assert "does not know the license" in text
    assert ModelCard(text).data.eval_results is None
    assert len(notes) == 1
    assert not (tmp_path / "theirs/images").exists()


@pytest.mark.parametrize(("last", "is_shown"), [(0.6, True), (0.4, False)])
def test_metrics_of_a_run_are_those_of_its_best_checkpoint(tmp_path, last, is_shown):
    """A training that was stopped has those of its last evaluation."""
    run = tmp_path / "run"
    shutil.move(write_ours(tmp_path / "ours"), run / "best")
    evaluate(run / "evaluation", {"mean_iou": last})
    lines = [{"step": step, "evaluation": {"mean_iou": value}} for step, value in ((1, 0.5), (2, last))]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text, _ = card_of(run, tmp_path / "theirs")
    assert ("| mean_iou | 0.6000 |" in text) == is_shown
    assert text.split("---")[2].strip().startswith("# run")
