"""Missing files of official datasets: where they come from; and the class lists of these datasets."""

from pathlib import Path

import pytest

from segkit.data.class_list import read_classes
from segkit.data.official import source_of
from segkit.data.paths import dataset_path
from segkit.errors import DataError

CLASSES = Path(__file__).parents[2] / "configs" / "classes"
COUNTS = {
    "ade20k_150": (150, 100, 1),
    "ade20k_full_847": (847, 0, 1),
    "ade20k_instance_100": (100, 100, 0),
    "cityscapes": (19, 8, 15),
    "coco_panoptic": (133, 80, 0),
    "coco_stuff_10k": (171, 80, 1),
    "mapillary_vistas": (65, 37, 1),
    "mapillary_vistas_66": (66, 37, 0),
    "voc_2012": (21, 20, 1),
}
"""Class list -> the published numbers of classes, of things, and of ids that are void."""


def test_every_class_list_is_counted():
    assert {file.stem for file in CLASSES.iterdir()} == COUNTS.keys()


@pytest.mark.parametrize("name", COUNTS)
def test_a_class_list_has_the_published_numbers(name):
    classes = read_classes(CLASSES / f"{name}.csv")
    assert (len(classes), sum(classes.things), len(classes.void)) == COUNTS[name]
    assert set(classes.ids).isdisjoint(classes.void)
    assert len(set(classes.names)) == len(classes)


def test_the_things_of_ade20k_follow_the_order_of_its_classes():
    classes, things = (read_classes(CLASSES / f"ade20k_{name}.csv") for name in ("150", "instance_100"))
    kept = [place for place, thing in enumerate(classes.things) if thing]
    assert things.ids == tuple(range(1, 101))
    assert things.names == tuple(classes.names[place] for place in kept)
    assert things.colors == tuple(classes.colors[place] for place in kept)


def test_66_classes_of_mapillary_vistas_are_65_and_the_unlabeled():
    fewer, all_classes = (read_classes(CLASSES / f"mapillary_vistas{end}.csv") for end in ("", "_66"))
    assert (all_classes.names, all_classes.ids) == ((*fewer.names, "Unlabeled"), (*fewer.ids, *fewer.void))


def test_the_longest_known_path_counts():
    assert source_of("cityscapes/gtFine/val").startswith(" It comes from gtFine_trainvaltest.zip of Cityscapes")
    assert (
        source_of("cityscapes/gtFine/cityscapes_panoptic_val") == " It comes from `segkit prepare cityscapes_panoptic`."
    )


def test_a_missing_folder_names_its_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_DATASETS", str(tmp_path))
    with pytest.raises(DataError) as caught:
        dataset_path("coco/panoptic_val2017")
    assert str(caught.value) == (
        f"{tmp_path}/coco/panoptic_val2017: there is no such file or folder. It comes from "
        "panoptic_annotations_trainval2017.zip of COCO 2017 (cocodataset.org), as an archive inside it. Relative paths "
        "are looked up in the folder that the environment variable SEGKIT_DATASETS names. Set SEGKIT_DATASETS to the "
        "folder that holds your datasets, or give an absolute path."
    )
