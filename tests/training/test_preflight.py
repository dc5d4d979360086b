"""What a preflight finds, and that it leaves nothing behind."""

import json
import tempfile
from types import SimpleNamespace

import pytest
from PIL import Image

from segkit.config import load_config
from segkit.errors import ConfigError, SegkitError
from segkit.training import preflight as module
from segkit.training.preflight import preflight
from segkit.training.rehearsal import Memory, Pace, Rehearsal
from segkit.training.train import train


@pytest.fixture
def temporary(tmp_path, tmp_path_factory, monkeypatch):
    """A folder for temporary files. What PyTorch keeps for later processes lies elsewhere."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def found(tiny, *overrides, **settings):
    findings = preflight(load_config(tiny, list(overrides)), **settings)
    return {finding.about: finding for finding in findings}


def verdicts(findings):
    return {about: finding.verdict for about, finding in findings.items() if finding.verdict != "ok"}


def test_a_good_config(tiny, temporary):
    findings = found(tiny)
    assert list(findings) == ["data.train", "data.val", "queries", "learning", "memory", "time", "disk"]
    assert verdicts(findings) == {"data.train": "look", "data.val": "look"}  # a class is missing in these few images
    assert findings["queries"].text == "8 for at most 7 segments of an image"
    assert findings["learning"].text.endswith(" in 11 steps on one batch")
    assert " for the whole process with 2 images a batch" in findings["memory"].text
    assert ": 4 steps of " in findings["time"].text
    assert ", 1 evaluation of 0:00:0" in findings["time"].text
    assert f" in {tiny.parent}: 2 checkpoints of " in findings["disk"].text
    assert sorted(path.name for path in tiny.parent.iterdir()) == ["temporary", "tiny.yaml"]
    assert not list(temporary.iterdir())


def test_what_datasets_warn_of_is_told_once(tiny, temporary, tmp_path):
    for name in ("0", "1"):
        for folder, color in (("images", (9, 9, 9)), ("labels", 1)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.new("L" if folder == "labels" else "RGB", (64, 64), color).save(tmp_path / folder / f"{name}.png")
    (tmp_path / "images/notes.txt").touch()
    names = [f"class {number}" for number in range(8)]
    dataset = {"type": "mask_folder", "images": f"{tmp_path}/images", "labels": f"{tmp_path}/labels", "classes": names}
    with pytest.warns(UserWarning, match="not read") as warned:
        found(tiny, *(f"data.{split}.dataset={json.dumps(dataset)}" for split in ("train", "val")))
    assert len([one for one in warned if "notes.txt" in str(one.message)]) == 2  # of data.train and of data.val


def test_start_weights_are_scored(tiny, temporary):
    run = train(load_config(tiny, ["training.steps=1"]), "run")
    findings = found(tiny, f"init_from={run}", output="other")
    assert findings["start"].text.startswith(f"initialized from {run}: ")
    assert findings["start weights"].verdict == "look"
    assert " on 3 images of data.val: nearly nothing. If it should know the classes, " in findings["start weights"].text
    assert ", 2 evaluations of " in findings["time"].text
    assert not (tiny.parent / "other").exists()


def test_without_validation_data(tiny, temporary):
    assert list(found(tiny, "data.val=null", "evaluators=[]")) == [
        "data.train",
        "queries",
        "learning",
        "memory",
        "time",
        "disk",
    ]


def test_too_few_queries(tiny, temporary):
    findings = found(tiny, "model.transformer_decoder.num_queries=2", "data.val=null")
    assert findings["queries"].verdict == "look"
    assert findings["queries"].text == "2 for at most 7 segments of an image"


def test_a_learning_rate_that_is_too_high(tiny, temporary):
    assert "not finite. Lower training.optimizer.lr" in found(tiny, "training.optimizer.lr=1e30")["learning"].text
    assert found(tiny, "training.optimizer.lr=1e30")["learning"].verdict == "wrong"
    text = found(tiny, "training.optimizer.lr=100")["learning"].text
    assert text.endswith("it does not fall. Lower training.optimizer.lr")


def test_hooks_are_not_started(tiny, temporary):
    assert "disk" in found(tiny, "data.val=null", "training.hooks=[{type: freeze, parameters: [backbone.*]}]")
    assert "disk" in found(tiny, "training.hooks=[{type: ema, decay: 0.9}]")


def test_no_memory_for_one_image(tiny, temporary, monkeypatch):
    monkeypatch.setattr(Rehearsal, "fit", lambda self: False)
    findings = found(tiny, "data.val=null", "evaluators=[]")
    assert list(findings) == ["data.train", "queries", "memory"]
    assert findings["memory"].verdict == "wrong"


def test_what_is_said_of_memory_time_and_disk(tiny, temporary, monkeypatch):
    memory = Memory(images=1, peak=3_000_000_000, per_image=2_000_000_000, usable=4_000_000_000)
    monkeypatch.setattr(Rehearsal, "measure_memory", lambda self: memory)
    monkeypatch.setattr(Rehearsal, "measure_pace", lambda self, prefetched: Pace(step=2.0, waiting=1.5))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    findings = found(tiny, "data.val=null", "training.steps=3600")
    assert findings["memory"].verdict == findings["disk"].verdict == "wrong"
    assert findings["memory"].text == (
        "3.0 GB for the whole process with 1 image a batch, 2.0 GB for each further one. Of 4.0 GB, batches up to "
        "about 1 fit; the 2 of data.train.batch_size do not"
    )
    assert findings["time"].text == (
        "about 2:00:00: 3600 steps of 2.00 s, 1.50 s of it waiting for data: raise data.train.workers"
    )
    assert findings["time"].verdict == "look"
    assert findings["disk"].text.endswith(": too little")
    nothing = Memory(images=2, peak=3_000_000_000, per_image=0, usable=4_000_000_000)
    monkeypatch.setattr(Rehearsal, "measure_memory", lambda self: nothing)
    text = found(tiny, "data.val=null")["memory"].text
    assert text == "3.0 GB for the whole process with 2 images a batch; another image takes too little to be measured"


def test_no_batch_is_larger_than_the_dataset(tiny, temporary, monkeypatch):
    memory = Memory(images=2, peak=1_000_000_000, per_image=1_000_000, usable=4_000_000_000)
    monkeypatch.setattr(Rehearsal, "measure_memory", lambda self: memory)
    finding = found(tiny, "data.val=null", "data.train.dataset.length=6")["memory"]
    assert finding.text.endswith("Of 4.0 GB, batches of 6 images, all there are, fit")
    assert finding.verdict == "ok"


def test_what_cannot_be_tried(tiny, temporary):
    (tiny.parent / "taken").mkdir()
    (tiny.parent / "taken/file").write_text("")
    with pytest.raises(SegkitError, match=r"^taken: is not empty\. Give another --output"):
        found(tiny, output="taken")
    with pytest.raises(ConfigError, match="training: the section is missing"):
        found(tiny, "training=null")
    assert not list(temporary.iterdir())
