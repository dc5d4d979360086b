"""Label files of instances, in the three ways that pixels name them."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.build import build_part
from segkit.config import load_config
from segkit.datasets.instance_folder import InstanceFolder
from segkit.errors import DataError
from segkit.registries import DATASETS
from tests.helpers.dataset_folders import TRAIN, write_cityscapes

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "ade20k_sample"


class Folders:
    def __init__(self, root):
        self.root = root
        for name in ("images", "labels"):
            (root / name).mkdir()

    def add(self, values, dtype=np.uint8, name="a"):
        array = np.array(values, dtype=dtype)
        Image.new("RGB", array.shape[1::-1]).save(self.root / "images" / f"{name}.jpg")
        Image.fromarray(array).save(self.root / "labels" / f"{name}.png")

    def load(self, classes=("person",), **settings):
        classes = classes if isinstance(classes, str) else list(classes)
        folders = {name: str(self.root / name) for name in ("images", "labels")}
        return InstanceFolder(**folders, classes=classes, **settings)

    def refused(self, message, **settings):
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            self.load(**settings)[0]


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path)


def test_values_are_instances_of_one_class(folders):
    folders.add([[0, 3, 3], [200, 0, 3]])
    (sample,) = folders.load()
    assert sample.image_id == "a"
    assert sample.target.labels.tolist() == [0, 0]
    assert sample.target.segment_map.tolist() == [[-1, 0, 0], [1, -1, 0]]
    assert sample.target.valid is None
    assert sample.target.is_crowd.tolist() == [False, False]


def test_sixteen_bits_and_void(folders):
    folders.add([[0, 300, 255]], np.uint16)
    target = folders.load(void=255)[0].target
    assert target.segment_map.tolist() == [[-1, 0, -1]]
    assert target.valid.tolist() == [[True, True, False]]
    assert folders.load()[0].target.segment_map.tolist() == [[-1, 1, 0]]


def test_an_image_without_instances(folders):
    folders.add([[0, 0]])
    target = folders.load()[0].target
    assert (len(target), target.masks.shape) == (0, (0, 1, 2))


def test_thousands_name_classes_and_groups_are_crowds(folders):
    folders.add([[26001, 26000, 26001, 24007, 24, 7, 0, 7]], np.uint16)
    dataset = folders.load(
        ["person", "car", "road"],
        encoding="thousands",
        things=["person", "car"],
        label_map={"24": "person", "26": "car", "7": "road", "0": "void"},
    )
    target = dataset[0].target
    names = [dataset.classes.names[label] for label in target.labels]
    assert names == ["road", "person", "person", "car", "car"]
    assert target.segment_map.tolist() == [[4, 3, 4, 2, 1, 0, -1, 0]]
    assert target.is_crowd.tolist() == [False, True, False, False, False]
    assert target.valid.tolist() == [[True] * 6 + [False, True]]
    assert dataset.classes.ids == (24, 26, 7)


def test_other_ids_may_be_background(folders):
    folders.add([[26001, 7, 11002]], np.uint16)
    target = folders.load(["car"], encoding="thousands", label_map={"26": "car", "default": "background"})[0].target
    assert target.segment_map.tolist() == [[0, -1, -1]]
    assert target.valid is None


def test_0_is_background_where_nothing_else_is_said(folders):
    folders.add([[26001, 0]], np.uint16)
    target = folders.load(["car"], encoding="thousands", label_map={"26": "car"})[0].target
    assert target.segment_map.tolist() == [[0, -1]]


def test_channels_name_class_and_instance(folders):
    folders.add([[(0, 0, 0), (2, 1, 0), (2, 2, 0), (1, 1, 0)]])
    dataset = folders.load(["bed", "cabinet"], encoding="channels")
    target = dataset[0].target
    assert [dataset.classes.names[label] for label in target.labels] == ["bed", "cabinet", "cabinet"]
    assert target.segment_map.tolist() == [[-1, 1, 2, 0]]
    assert dataset.classes.ids == (1, 2)


def test_the_ids_of_a_class_file_and_its_things(folders, tmp_path):
    (tmp_path / "classes.json").write_text('[{"name": "wall", "id": 0}, {"name": "bed", "id": 8, "isthing": 1}]')
    folders.add([[(0, 1, 0), (0, 2, 0), (8, 1, 0), (8, 2, 0)]])
    dataset = folders.load(str(tmp_path / "classes.json"), encoding="channels")
    target = dataset[0].target
    assert dataset.classes.things == (False, True)
    assert target.segment_map.tolist() == [[0, 0, 1, 2]]


def explained(dataset):
    return dataset.explain(sum(dataset.stored_ids(index) for index in range(len(dataset))))


def test_class_ids_that_are_off_by_one(folders, tmp_path):
    folders.add([[(0, 0, 0), (0, 1, 0), (0, 2, 0), (1, 1, 0)]])
    advice = "set label_map: {0: bed, 1: lamp}."
    assert explained(folders.load(["bed", "lamp"], encoding="channels")).endswith(f"from 0. If so, {advice}")
    assert explained(folders.load(["bed"], encoding="channels")) == ""
    (tmp_path / "classes.json").write_text('[{"name": "bed", "id": 0}, {"name": "lamp", "id": 1}]')
    assert explained(folders.load(str(tmp_path / "classes.json"), encoding="channels")) == ""
    folders.add([[0, 1001, 2001, 2002]], np.uint16)
    assert explained(folders.load(["bed", "lamp"], encoding="thousands")) == ""
    assert explained(folders.load(str(tmp_path / "classes.json"), encoding="thousands")).endswith(
        "seem to count the classes from 1. If so, set label_map: {0: background, 1: bed, 2: lamp}."
    )


def test_numbers_of_instances_are_no_class_ids(folders):
    folders.add([[0, 1, 2]])
    assert explained(folders.load()) == ""


def test_ade20k(shared_data):
    root = shared_data / "ade20k_sample/ADEChallengeData2016"
    dataset = InstanceFolder(
        images=str(root / "images/training"),
        labels=str(root / "annotations_instance/training"),
        classes=[f"class {id}" for id in range(1, 101)],
        encoding="channels",
    )
    assert len(dataset) == 3
    for sample in dataset:
        red, green, _ = np.asarray(Image.open(root / f"annotations_instance/training/{sample.image_id}.png")).transpose(
            2, 0, 1
        )
        pairs = sorted({(g, r) for g, r in zip(green[red > 0].tolist(), red[red > 0].tolist(), strict=True)})
        assert sample.target.labels.tolist() == [r - 1 for _, r in pairs]
        for (g, r), mask in zip(pairs, sample.target.masks.numpy(), strict=True):
            assert np.array_equal(mask, (red == r) & (green == g))


def test_ids_without_a_meaning_are_named(folders):
    folders.add([[26001, 7]], np.uint16)
    folders.refused(
        f"{folders.root}/labels/a.png: the class ids 7, 26 are neither a class nor void nor background. The 2 classes "
        f"have the ids 1, 2. Map all ids in 'label_map', such as with default: background, or check 'encoding'.",
        classes=["person", "car"],
        encoding="thousands",
    )


def test_sizes_must_agree(folders):
    folders.add([[0, 0]])
    Image.new("RGB", (5, 4)).save(folders.root / "images" / "a.jpg")
    folders.refused(
        f"{folders.root}/labels/a.png: the label map is 2x1, but its image {folders.root}/images/a.jpg is 5x4 "
        "(upright). Give both one size."
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"classes": ["a", "b"]},
            "classes: label files with encoding: one_class hold one class, but 2 are listed. Name one, or set "
            "encoding: thousands or encoding: channels if the files hold classes.",
        ),
        (
            {"label_map": {"1": "person"}},
            "label_map: label files with encoding: one_class hold no class ids. Remove it, or set another encoding.",
        ),
        (
            {"encoding": "channels"},
            "ROOT/labels/a.png: the blue channel is not 0. Red must be the class and green the instance: check "
            "'encoding' and the files.",
        ),
        (
            {"encoding": "thousands", "label_map": {"1": "persn"}},
            "there is no class 'persn'. Did you mean 'person'? There are: person",
        ),
    ],
)
def test_contradictory_settings_are_refused(folders, settings, message):
    folders.add([[(1, 2, 3)]])
    folders.refused(message.replace("ROOT", str(folders.root)), **settings)


def official(base):
    """The training set of a base config."""
    config = load_config({"extends": ["segkit://base/mask_former.yaml", f"segkit://base/{base}.yaml"]})
    return build_part(DATASETS, config["data"]["train"]["dataset"])


def test_the_official_folders_of_cityscapes(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_DATASETS", str(tmp_path))
    write_cityscapes(tmp_path / "cityscapes")
    dataset = official("cityscapes_instance")
    target = dataset[0].target
    assert len(dataset) == TRAIN
    names = [dataset.classes.names[label] for label in target.labels]
    assert dict(zip(names, target.is_crowd.tolist(), strict=True)) == {"car": False, "bicycle": True}


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs ../shared/data/ade20k_sample")
def test_the_official_folders_of_ade20k(monkeypatch):
    monkeypatch.setenv("SEGKIT_DATASETS", str(SAMPLE))
    dataset = official("ade20k_instance")
    samples = [dataset[index] for index in range(len(dataset))]
    assert len(samples) == 3
    assert sum(len(sample.target) for sample in samples) > 20
    assert all(dataset.classes.things)
