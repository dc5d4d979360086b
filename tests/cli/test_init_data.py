"""`segkit init-data`: folders of every kind are read, and the config that is written trains, tests and predicts."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from segkit.cli.main import main
from tests.helpers.dataset_folders import FORMATS, write_cityscapes

SHARED = Path(__file__).parents[3] / "shared" / "data"
CLASSES_CSV = "name,r,g,b\nbackground,0,0,0\ncat,200,60,40\ndog,40,90,220\n"
WORDS = {
    "penn_fudan": ["--classes", "person"],
    "cityscapes_instances": ["--task", "instance"],
    "ade_instances": ["--classes", "cat,dog"],
    "cvat_voc": ["--task", "instance"],
}
"""What the user must say besides, since the folder does not."""
CLASSES = {
    "penn_fudan": ["person"],
    "cityscapes": "segkit://classes/cityscapes.csv",
    "cityscapes_instances": ["person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"],
    "ade_instances": ["cat", "dog"],
    "cvat_coco": ["kitten", "dog", "horse"],
    **{name: ["cat", "dog"] for name in ("labelme", "roboflow_coco", "lvis")},
}
TINY = [
    "model.backbone={type: timm, name: resnet10t, pretrained: false, options: {out_indices: [2, 3]}}",
    "model.pixel_decoder={type: fpn, hidden_dim: 16, mask_dim: 16}",
    "model.transformer_decoder={type: standard, num_queries: 4, num_layers: 1, num_heads: 2, hidden_dim: 16, "
    "feedforward_dim: 16}",
    "training.steps=2",
    "training.evaluate_every=2",
    "training.schedule.warmup_steps=0",
    "data.train.workers=0",
    "data.val.workers=0",
]
"""Overrides with which a written config trains in a second, without weights from the network."""

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGKIT_DATASETS", raising=False)


def init(*words):
    return main(["init-data", *map(str, words)])


def written(folder="out"):
    return yaml.safe_load(Path(folder, "data.yaml").read_text())


def assert_it_trains(folder="out", *overrides):
    config, run = f"{folder}/config.yaml", f"{folder}/run"
    assert main(["check", config]) == 0
    assert main(["train", config, "--output", run, *TINY, *overrides]) == 0
    assert main(["test", run, "--output", f"{folder}/test", *overrides]) == 0
    assert json.loads(Path(folder, "test/metrics.json").read_text())
    image = next(file for end in ("jpg", "png") for file in Path("data").rglob(f"*.{end}"))
    assert main(["predict", run, str(image), "--output", f"{folder}/predictions"]) == 0


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_becomes_a_config_that_trains(name, capsys):
    format = FORMATS[name]
    settings = format.write(Path("data"))
    if name == "color_masks":
        Path("data/classes.csv").write_text(CLASSES_CSV)
    assert init("data", "--output", "out", *WORDS.get(name, [])) == 0
    shown, config = capsys.readouterr().out, written()
    dataset = {part: config["data"][part]["dataset"] for part in ("train", "val")}
    assert dataset["train"]["type"] == settings["train"]["type"]
    assert dataset["train"] != dataset["val"]
    assert config["postprocessors"] == [{"type": format.task}]
    if name in CLASSES:
        assert dataset["train"]["classes"] == dataset["val"]["classes"] == CLASSES[name]
    assert f"for {format.task} segmentation" in shown.splitlines()[0]
    assert "  images: 48x48" in shown.splitlines()
    assert_it_trains()


def test_cityscapes_tells_things_and_stuff_too(capsys):
    write_cityscapes(Path("data"))
    assert init("data", "--output", "out") == 0
    assert "  With --task panoptic, panoptic segmentation is learned instead." in capsys.readouterr().out.splitlines()
    assert init("data", "--output", "panoptic", "--task", "panoptic") == 0
    shown = capsys.readouterr().out
    assert _counts_of(shown) == ["8", "11"]
    dataset = written("panoptic")["data"]["train"]["dataset"]
    assert (dataset["type"], dataset["encoding"]) == ("instance_folder", "thousands")
    assert_it_trains("panoptic")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("folder", "words", "classes", "void"),
    [
        ("camvid", [], 11, None),
        ("ade20k_sample", ["--type", "mask_folder"], 150, [0]),
        ("ade20k_sample", ["--type", "instance_folder"], 100, None),
        ("coco_panoptic_sample", ["--type", "coco_panoptic"], 133, None),
        ("coco_panoptic_sample", ["--type", "coco_panoptic", "--task", "semantic"], 133, None),
        ("coco_panoptic_sample", ["--type", "coco_instance"], 80, None),
    ],
)
def test_real_files(folder, words, classes, void, capsys):
    assert init(SHARED / folder, "--output", "out", *words) == 0
    assert written()["data"]["train"]["dataset"].get("void") == void
    shown = capsys.readouterr().out
    assert sum(map(int, _counts_of(shown))) == classes
    smaller = ["data.train.limit=2", "data.train.batch_size=2", "data.val.limit=2"]
    assert main(["train", "out/config.yaml", "--output", "run", *TINY, *smaller]) == 0


def _counts_of(shown):
    return re.findall(r"^  (?:classes|things|stuff) \((\d+)\): ", shown, flags=re.MULTILINE)


def test_the_default_output_is_named_like_the_folder(capsys):
    FORMATS["labelme"].write(Path("datasets/pets"))
    assert init("datasets/pets") == 0
    assert written("pets")["data"]["val"]["dataset"]["folder"] == "pets"  # within ./datasets
    shutil.copytree("datasets/pets", "photos")
    assert init("photos") == 0
    assert written("photos_config")["data"]["val"]["dataset"]["folder"] == str(Path("photos").absolute())
    last = capsys.readouterr().out.splitlines()[-4:]
    assert last == [
        "wrote photos_config/data.yaml and photos_config/config.yaml",
        "next:",
        "  segkit check --data photos_config/config.yaml",
        "  segkit train photos_config/config.yaml --output runs/photos_config",
    ]


def test_nothing_is_overwritten(capsys):
    Path("pets").mkdir()
    Path("pets/config.yaml").write_text("mine")
    FORMATS["labelme"].write(Path("datasets/pets"))
    assert init("datasets/pets") == 1
    assert capsys.readouterr().err == (
        "error: pets/config.yaml: exists already. Give another --output, or remove the files first.\n"
    )
    assert [file.name for file in Path("pets").iterdir()] == ["config.yaml"]
    assert Path("pets/config.yaml").read_text() == "mine"


def test_an_unknown_type(capsys):
    Path("data").mkdir()
    assert init("data", "--type", "labelmee") == 1
    assert capsys.readouterr().err == (
        "error: --type: 'labelmee' is none of voc, yolo, labelme, coco_panoptic, coco_instance, mask_folder, "
        "instance_folder. Choose one of these.\n"
    )


def test_classes_come_from_a_file_too(capsys):
    for name, image in (
        ("images", Image.effect_noise((40, 40), 90).convert("RGB")),
        ("masks", Image.new("L", (40, 40), 7)),
    ):
        for number in range(3):
            Path("data", name).mkdir(parents=True, exist_ok=True)
            image.save(f"data/{name}/{number}.png")
    Path("names.txt").write_text("7: road\n9: car\n")
    assert init("data", "--classes", "names.txt", "--output", "out") == 0
    assert written()["data"]["train"]["dataset"]["classes"] == str(Path("names.txt").absolute())
    assert "classes (2): road, car" in capsys.readouterr().out
