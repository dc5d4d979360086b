"""What `segkit init-data` says of folders that it cannot read: what is missing, and what to add."""

import json
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.build import build_part
from segkit.datasets._nothing_found import EXPECTED
from segkit.datasets._proposal import Wishes
from segkit.errors import DataError
from segkit.registries import DATASETS
from segkit.starter import findings
from segkit.starter.findings import look_at
from tests.helpers import dataset_folders

RANDOM = np.random.default_rng(0)
pytestmark = pytest.mark.filterwarnings("ignore")


def save(file, array):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(file)


def photo(file, side=40):
    save(file, RANDOM.integers(0, 256, (side, side, 3)).astype(np.uint8))


def stripes(values, side=40, dtype=np.uint8):
    """A label map with a stripe for each value."""
    return np.repeat(np.array(values, dtype=dtype), side // len(values), 0)[None].repeat(side, 0)


def labeled(root, values, count=3, dtype=np.uint8):
    for number in range(count):
        photo(root / f"images/{number}.png")
        save(root / f"masks/{number}.png", stripes(values, dtype=dtype))
    return root


def refused(message, folder, *arguments):
    with pytest.raises(DataError) as caught:
        look_at(folder, *arguments)
    assert str(caught.value) == message


def dataset(folder, *arguments):
    return look_at(folder, *arguments).proposal.train


def named(*classes, task=None):
    return None, Wishes(task, list(classes))


def test_no_folder(tmp_path):
    (tmp_path / "file").touch()
    refused(f"{tmp_path}/file: is no folder. Name the folder of images and annotations.", tmp_path / "file")
    refused(f"{tmp_path}/no: there is no such folder. Name the folder of images and annotations.", tmp_path / "no")


def test_an_empty_folder(tmp_path):
    refused(f"{tmp_path}: the folder is empty. {EXPECTED}", tmp_path)


@pytest.mark.parametrize("hangs", ["at once", "later"])
def test_an_image_that_hangs_is_named(tmp_path, monkeypatch, hangs):
    """Also where it hangs only after the sample was taken."""
    labeled(tmp_path, [0, 1])
    kind, reads = type(build_part(DATASETS, dataset(tmp_path, *named("a", "b")))), []
    load = kind.__getitem__

    def hanging(self, index):
        sample = load(self, index)
        reads.append(index)
        if hangs == "at once" or len(reads) > 3:  # of training and validation
            threading.Event().wait()
        return sample

    monkeypatch.setattr(kind, "__getitem__", hanging)
    monkeypatch.setattr(findings, "TIMEOUT", 0.5)
    with pytest.raises(DataError) as caught:
        look_at(tmp_path, *named("a", "b"))
    assert re.match(rf"{tmp_path}/masks/\d\.png \(image \d of the dataset\) is not loaded ", str(caught.value))
    assert str(caught.value).splitlines()[0].endswith(" after 0.5 seconds. Check the file and its disk.")


def test_images_alone(tmp_path):
    for number in range(2):
        photo(tmp_path / f"{number}.jpg")
    (tmp_path / "notes.pdf").touch()
    refused(
        f"{tmp_path}: there are images without annotations: 2 images (0.jpg, 1.jpg), and 1 other file: notes.pdf. Add "
        f"the annotations. {EXPECTED}",
        tmp_path,
    )


@pytest.mark.parametrize(
    ("image", "mask", "where"),
    [
        ("images/{}.jpg", "masks/{}.jpg", "masks"),
        ("images/{}.png", "masks/{}.jpg", "masks"),
        ("{}.jpg", "{}_mask.jpg", " (*_mask.jpg)"),
    ],
)
def test_label_files_with_lossy_compression(tmp_path, image, mask, where):
    for number in range(3):
        photo(tmp_path / image.format(number))
        save(tmp_path / mask.format(number), stripes([0, 128]))
    folder = f"{tmp_path}{'' if where.startswith(' ') else '/'}{where}"
    refused(
        f"{tmp_path}: the label files may be those in {folder}. They are stored with lossy compression, which changes "
        "ids, so they cannot be trusted. Export the labels from their source again, as PNG; converting these files "
        "does not restore the ids.",
        tmp_path,
    )


def test_label_files_alone(tmp_path):
    for number in range(2):
        save(tmp_path / f"{number}.png", stripes([0, 1]))
    refused(
        f"{tmp_path}: its 2 images look like label files (0.png, 1.png), and there are no images that they belong to. "
        f"Add these under the same names, such as in {tmp_path}/images, and move the label files to {tmp_path}/labels.",
        tmp_path,
    )


def test_other_files_alone(tmp_path):
    (tmp_path / "notes.pdf").touch()
    refused(
        f"{tmp_path}: there are no images, but 1 other file: notes.pdf. Add the images. {EXPECTED}",
        tmp_path,
    )


def test_yolo_without_its_data_yaml(tmp_path):
    dataset_folders.yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    refused(
        f"{tmp_path}: {tmp_path}/train/labels/000000_jpg.rf.0a1b.txt is a text file of YOLO, but there is no "
        f"data.yaml. Write {tmp_path}/data.yaml, with the folders of the images and the names of the classes:\n"
        "train: images/train\nval: images/val\nnames: [FIRST, SECOND]",
        tmp_path,
    )


def divided(findings, whole):
    """Checks that the images are divided, without one in both parts, and as in `look_at` of the written settings."""
    parts = [{one.image_id for one in dataset} for dataset in findings_datasets(findings)]
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == whole
    assert all(parts)
    assert findings.proposal.notes[-1].partition(": ")[2].startswith("a fifth of them is drawn by name.")


def test_images_for_validation_without_label_files_are_told(tmp_path):
    for number in range(5):
        photo(tmp_path / f"images/train/{number}.png")
        save(tmp_path / f"masks/train/{number}.png", stripes([0, 1]))
    for number in range(5, 7):
        photo(tmp_path / f"images/val/oslo/{number}.png")
    findings = look_at(tmp_path, *named("sky", "sea"))
    assert findings.proposal.notes[-1].startswith(
        "images/val has 2 images without label files, so only those of images/train are used: a fifth of them is drawn"
    )
    assert (findings.train.length, findings.val.length) == (4, 1)


def findings_datasets(findings):
    return [build_part(DATASETS, settings) for settings in (findings.proposal.train, findings.proposal.val)]


def test_yolo_without_validation(tmp_path):
    dataset_folders.yolo(tmp_path)
    file = tmp_path / "data.yaml"
    whole = {f"train/images/{path.stem}" for path in (tmp_path / "train/images").iterdir()}
    text = file.read_text()
    shutil.rmtree(tmp_path / "valid")  # an export without this part names its folder all the same
    divided(look_at(tmp_path), whole)
    (tmp_path / "valid/images").mkdir(parents=True)
    divided(look_at(tmp_path), whole)
    file.write_text(text.replace("val:", "#"))
    divided(look_at(tmp_path), whole)
    file.write_text(text.replace("train:", "#"))
    refused(
        f"{file}: images for training and for validation are needed. It has: 'test', 'val'. Add 'train: FOLDER' and "
        "'val: FOLDER' to the file.",
        tmp_path,
    )
    shutil.copy(file, tmp_path / "other.yaml")
    refused(
        f"{tmp_path}: data.yaml, other.yaml each name images and classes. Keep one of them.",
        tmp_path,
    )


def test_voc_without_validation(tmp_path):
    dataset_folders.voc(tmp_path)
    lists = tmp_path / "VOC2012/ImageSets/Segmentation"
    whole = {name for part in ("train", "val") for name in (lists / f"{part}.txt").read_text().split()}
    (lists / "val.txt").rename(lists / "default.txt")
    (lists / "test.txt").write_text("of no file")
    divided(look_at(tmp_path), whole)
    divided(look_at(tmp_path, None, Wishes("instance")), whole)
    for name in ("train", "default"):
        (lists / f"{name}.txt").unlink()
    refused(
        f"{lists}: images for training and for validation are needed. It has: test.txt. Write the names of images, one "
        "per line, into train.txt and val.txt.",
        tmp_path,
    )


def test_two_sub_folders_with_data(tmp_path):
    for name in ("one", "two"):
        dataset_folders.write_voc(tmp_path / name, [1, 2])
    refused(f"{tmp_path}: several sub-folders hold data: one, two. Name one of them.", tmp_path)


def moved(root, deep):
    """Moves everything in a folder some folders down."""
    there = root.parent / "moved"
    root.rename(there)
    (root / deep).parent.mkdir(parents=True)
    there.rename(root / deep)


@pytest.mark.parametrize("name", ["roboflow_coco", "lvis", "cvat_coco", "labelme", "yolo"])
def test_a_folder_of_a_tool_may_lie_deeper(tmp_path, name):
    root = tmp_path / "mine"
    root.mkdir()
    getattr(dataset_folders, name)(root)
    whole = look_at(root)
    moved(root, "export/of today")
    deeper = look_at(root)
    assert deeper.proposal.train["type"] == whole.proposal.train["type"]
    assert (deeper.train.length, deeper.val.length) == (whole.train.length, whole.val.length)
    with_type = look_at(root, whole.proposal.train["type"])
    assert with_type.proposal.train == deeper.proposal.train


def test_labelme_files_of_many_sequences(tmp_path):
    for number, place in enumerate(("train/a/left", "train/b/left", "val/a/left")):
        labelme_file(tmp_path / place, f"{number}")
    findings = look_at(tmp_path)
    assert findings.proposal.train["folder"] == f"{tmp_path}/train"
    assert (findings.train.length, findings.val.length) == (2, 1)
    shutil.rmtree(tmp_path / "val")
    findings = look_at(tmp_path)
    assert findings.proposal.train["folder"] == f"{tmp_path}/train"
    assert (findings.train.length, findings.val.length) == (1, 1)


def labelme_file(folder, name):
    photo(folder / f"{name}.png")
    box = {"label": "cat", "shape_type": "rectangle", "points": [[0, 0], [9, 9]]}
    content = {"imagePath": f"{name}.png", "imageHeight": 40, "imageWidth": 40, "shapes": [box]}
    (folder / f"{name}.json").write_text(json.dumps(content))


def test_folders_for_training_and_validation_with_a_json_file_deeper(tmp_path):
    for part in ("train", "valid"):
        photo(tmp_path / part / "images/0.png")
        square = {"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9, 0, 9]]}
        image = {"id": 1, "file_name": "0.png", "height": 40, "width": 40}
        content = {"images": [image], "annotations": [square], "categories": [{"id": 1, "name": "cat"}]}
        file = tmp_path / part / "labels/coco/result.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
    proposal = look_at(tmp_path).proposal
    assert proposal.train["annotations"] == f"{tmp_path}/train/labels/coco/result.json"
    assert proposal.val["images"] == f"{tmp_path}/valid/images"


def test_two_formats_in_one_folder(tmp_path):
    dataset_folders.labelme(tmp_path)
    content = {"images": [{"id": 1, "file_name": "000000.jpg"}], "annotations": [], "categories": [{"id": 1}]}
    (tmp_path / "export.json").write_text(json.dumps(content))
    refused(
        f"{tmp_path}: the folder has the marks of labelme, coco_instance. Say which of them counts: --type labelme or "
        "--type coco_instance.",
        tmp_path,
    )
    refused(
        f"{tmp_path}: the folder has no marks of voc. Leave out --type to see what it is.", tmp_path, "voc", Wishes()
    )


def test_json_files_without_their_images(tmp_path):
    dataset_folders.cvat_coco(tmp_path)
    shutil.rmtree(tmp_path / "images")
    refused(
        f"{tmp_path}/annotations/instances_default.json: none of the first files that it lists, such as 'task "
        f"7/000000.jpg', lies in {tmp_path}. Put the folder with these files there, or correct 'file_name'.",
        tmp_path,
    )


def test_several_json_files(tmp_path):
    dataset_folders.cvat_coco(tmp_path)
    first = tmp_path / "annotations/instances_default.json"
    shutil.copy(first, first.with_name("again.json"))
    refused(
        f"{tmp_path}: 2 JSON files hold instances annotations: again.json, instances_default.json. Name those for "
        "training and validation instances_train.json and instances_val.json, or keep one of them.",
        tmp_path,
    )
    first.rename(first.with_name("fine_train.json"))
    first.with_name("again.json").rename(first.with_name("coarse_train.json"))
    refused(
        f"{tmp_path}: several JSON files may be meant: coarse_train.json, fine_train.json. Move the others to another "
        "folder, or name the one to use instances_train.json.",
        tmp_path,
    )


def test_annotations_do_not_tell_the_task(tmp_path):
    dataset_folders.labelme(tmp_path)
    refused(
        f"{tmp_path}: these annotations do not tell what --task semantic needs. Use --task instance.",
        tmp_path,
        None,
        Wishes("semantic"),
    )
    refused(
        "--type mask_folder is for --task semantic. Leave out one of both.", tmp_path, "mask_folder", Wishes("instance")
    )
    refused(
        "--type instance_folder is for --task instance or panoptic. Leave out one of both.",
        tmp_path,
        "instance_folder",
        Wishes("semantic"),
    )


def test_classes_of_annotations_that_name_them(tmp_path):
    dataset_folders.labelme(tmp_path)
    assert dataset(tmp_path, *named("dog"))["classes"] == ["dog"]
    refused(
        f"{tmp_path}: these annotations name their classes. Choose some by --classes NAME,NAME.",
        tmp_path,
        None,
        Wishes(classes="names.txt"),
    )


def test_labelme_with_folders_for_training_and_validation(tmp_path):
    dataset_folders.labelme(tmp_path / "train")
    (tmp_path / "val").mkdir()
    for file in sorted((tmp_path / "train").iterdir())[:4]:
        file.rename(tmp_path / "val" / file.name)
    proposal = look_at(tmp_path).proposal
    assert (proposal.train["folder"], proposal.val["folder"]) == (f"{tmp_path}/train", f"{tmp_path}/val")
    assert "split" not in proposal.train


def test_labelme_with_images_in_a_folder_of_their_own(tmp_path):
    dataset_folders.labelme(tmp_path)
    for end in ("jpg", "json"):
        (tmp_path / end).mkdir()
        for file in tmp_path.glob(f"*.{end}"):
            file.rename(tmp_path / end / file.name)
    settings = dataset(tmp_path)
    assert (settings["folder"], settings["images"]) == (f"{tmp_path}/json", f"{tmp_path}/jpg")


def test_ids_without_a_class_list(tmp_path):
    labeled(tmp_path, [0, 0, 0, 7])
    refused(
        f"{tmp_path}: there is no class list, and the label files hold the ids 0 (75 %), 7 (25 %). If these are "
        "classes, name them in this order: --classes NAME0,NAME7, or name a file that lists them: --classes FILE. If "
        "they number the objects of one class: --task instance --classes NAME.",
        tmp_path,
    )
    refused(
        f"{tmp_path}: the label files hold the numbers 0 (75 %), 7 (25 %), which are taken for instances of one class. "
        "Name it: --classes NAME.",
        tmp_path,
        None,
        Wishes("instance"),
    )
    assert dataset(tmp_path, *named("person", task="instance"))["type"] == "instance_folder"


@pytest.mark.parametrize(
    ("ids", "names", "settings"),
    [
        ([0, 1], ["a", "b"], {}),
        ([0, 1], ["a", "b", "c"], {}),
        ([0, 1, 255, 255], ["a", "b"], {}),
        ([0, 255], ["a", "b"], {"void": [], "label_map": {"0": "a", "255": "b"}}),
        ([7, 26], ["a", "b"], {"label_map": {"7": "a", "26": "b"}}),
        ([7, 26, 255, 255], ["a", "b"], {"label_map": {"7": "a", "26": "b"}}),
        ([7, 26, 255, 255], ["a", "b", "c"], {"void": [], "label_map": {"7": "a", "26": "b", "255": "c"}}),
    ],
)
def test_names_are_given_to_ids(tmp_path, ids, names, settings):
    labeled(tmp_path, ids)
    found = dataset(tmp_path, *named(*names))
    folders = {"images": f"{tmp_path}/images", "labels": f"{tmp_path}/masks"}
    part = {"split": {"all_but": 0.2, "seed": 0}}
    assert found == {"type": "mask_folder", **folders, "classes": names, **settings, **part}


def test_names_with_commas_are_told_apart(tmp_path):
    labeled(tmp_path, [0, 1])
    lines = look_at(tmp_path, *named("floor, flooring", "sky")).lines()
    assert "  classes (2): floor, flooring; sky" in lines


def test_too_few_names(tmp_path):
    labeled(tmp_path, [0, 1, 2, 2])
    refused(
        f"{tmp_path}: --classes has 2 names, but the label files hold the ids 2 (50 %), 0 (25 %), 1 (25 %). Name each "
        "id in their order, except 255 for void. If 0 is background, name it first: --classes background,cat,dog.",
        tmp_path,
        *named("cat", "dog"),
    )


def test_a_class_list_in_the_folder(tmp_path):
    labeled(tmp_path, [0, 1, 11, 1])
    (tmp_path / "train.txt").write_text("first\nsecond\n")  # no class list by its name
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    findings = look_at(tmp_path)
    assert findings.proposal.train["classes"] == f"{tmp_path}/classes.txt"
    assert findings.proposal.train["void"] == [11]
    note = "No class has the id 11 (25 % of the pixels): it counts as void, which is neither learned nor evaluated."
    assert note in findings.proposal.notes
    (tmp_path / "masks/labels.json").write_text('["a", "b", "c"]')
    refused(
        f"{tmp_path}: there are several class lists: classes.txt, labels.json. Say which one counts: --classes FILE.",
        tmp_path,
    )


def test_ids_that_may_count_from_1_are_asked_about(tmp_path):
    labeled(tmp_path, [0, 1, 2, 2])
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    refused(
        f"{tmp_path}: the label files hold the ids 2 (50 %), 0 (25 %), 1 (25 %), one more than {tmp_path}/classes.txt "
        "lists (sky, road). If they count these classes from 1: --classes unlabeled,sky,road. If 2 is void, say so in "
        "the class list, in a table with the heading 'id,name,isvoid'.",
        tmp_path,
    )
    (tmp_path / "classes.txt").write_text("id,name,isvoid\n0,sky,0\n1,road,0\n2,void,1\n")
    assert look_at(tmp_path).classes.names == ("sky", "road")


def test_a_class_list_of_other_ids(tmp_path):
    labeled(tmp_path, [3, 4, 5, 6])
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    refused(
        f"{tmp_path}: the label files hold the ids 3 (25 %), 4 (25 %), 5 (25 %), 6 (25 %), but {tmp_path}/classes.txt "
        "lists 0, 1. Name another list: --classes FILE, or the classes in the order of ids: --classes NAME,NAME.",
        tmp_path,
    )


def test_a_binary_mask_whose_object_counts_as_void_is_suspicious(tmp_path):
    labeled(tmp_path, [0, 255])
    (tmp_path / "classes.txt").write_text("background\nobject\n")
    shown = "\n".join(look_at(tmp_path).lines())
    assert "If 255 is object, set void: [] and label_map: {0: background, 255: object}." in shown


def test_colors(tmp_path):
    colors = np.array([[0, 0, 0], [0, 0, 0], [200, 60, 40], [9, 9, 9]], dtype=np.uint8)
    for number in range(3):
        photo(tmp_path / f"{number}.jpg")
        save(tmp_path / f"{number}_mask.png", np.repeat(colors, 10, 0)[None].repeat(40, 0))
    lines = "NAME,0,0,0\nNAME,9,9,9\nNAME,200,60,40"
    refused(
        f"{tmp_path}: the label files hold 3 colors, and no class list has their names. Write {tmp_path}/classes.csv "
        f"with these lines, with a name for each color, and run the command again:\nname,r,g,b\n{lines}",
        tmp_path,
    )
    (tmp_path / "classes.csv").write_text("name,r,g,b\nroad,0,0,0\ncar,200,60,40\n")
    refused(
        f"{tmp_path}: the label files hold 3 colors, and {tmp_path}/classes.csv has no name for 1 of them (25 % of the "
        "pixels). Add these lines to it, with a name for each color, and run the command again:\nNAME,9,9,9",
        tmp_path,
    )
    (tmp_path / "classes.csv").write_text("name,r,g,b\nroad,0,0,0\ncar,200,60,40\npole,9,9,9\n")
    settings = dataset(tmp_path)
    assert settings["colors"] is True
    assert settings["label_suffix"] == "_mask.png"
    assert settings["images"] == settings["labels"] == str(tmp_path)


def test_too_many_colors(tmp_path):
    for number in range(3):
        photo(tmp_path / f"images/{number}.png")
        smooth = np.arange(120, dtype=np.uint8).repeat(10)[None, :, None].repeat(40, 0)
        save(tmp_path / f"labels/{number}.png", smooth * np.array([1, 2, 0], dtype=np.uint8) + np.uint8(1))
    refused(
        f"{tmp_path}: the label files hold 120 colors, too many for classes. If they were resized or smoothed, or "
        "stored with lossy compression before, export them again.",
        tmp_path,
    )


def test_instances_of_unnamed_classes(tmp_path):
    labeled(tmp_path, [0, 7001, 7002, 9001], dtype=np.uint16)
    refused(
        f"{tmp_path}: there is no class list, and the label files hold instances of the classes 7, 9. Name them in "
        "this order: --classes NAME7,NAME9, or name a file that lists them: --classes FILE.",
        tmp_path,
    )
    refused(
        f"{tmp_path}: --classes has 1 name, but the label files hold instances of 2 classes: 7, 9. Name these in "
        "their order.",
        tmp_path,
        *named("car"),
    )
    settings = dataset(tmp_path, *named("road", "car"))
    assert settings["encoding"] == "thousands"
    assert settings["label_map"] == {"7": "road", "9": "car", "default": "background"}
    (tmp_path / "classes.txt").write_text("7: road\n8: car\n")
    refused(
        f"{tmp_path}: the label files hold segments of the classes 9, but {tmp_path}/classes.txt lists 7, 8. Name "
        "another list: --classes FILE.",
        tmp_path,
    )


def test_things_and_stuff_of_values_that_are_thousands(tmp_path):
    labeled(tmp_path, [0, 7, 26001, 26002], dtype=np.uint16)
    refused(
        f"{tmp_path}: there is no class list, and the label files hold segments of the classes 7, 26. Name them in "
        "this order: --classes NAME7,NAME26, or name a file that lists them: --classes FILE.",
        tmp_path,
        None,
        Wishes("panoptic"),
    )
    refused(
        f"{tmp_path}: --classes has 1 name, but the label files hold segments of 2 classes: 7, 26. Name these in "
        "their order.",
        tmp_path,
        *named("car", task="panoptic"),
    )
    assert look_at(tmp_path, *named("car")).proposal.tasks == ["instance", "panoptic"]
    expected = {"things": ["car"], "label_map": {"7": "road", "26": "car"}}
    for settings in (
        dataset(tmp_path, *named("road", "car", task="panoptic")),
        dataset(tmp_path, "instance_folder", Wishes("panoptic", ["road", "car"])),
    ):
        assert expected.items() <= settings.items()
    (tmp_path / "classes.txt").write_text("7: road\n26: car\n")
    settings = dataset(tmp_path, None, Wishes("panoptic"))
    assert (settings["classes"], settings["things"]) == (f"{tmp_path}/classes.txt", ["car"])
    (tmp_path / "classes.txt").write_text("26: car\n27: bus\n")
    refused(
        f"{tmp_path}: the label files hold segments of the classes 7, but {tmp_path}/classes.txt lists 26, 27. Name "
        "another list: --classes FILE.",
        tmp_path,
        None,
        Wishes("panoptic"),
    )


def test_values_of_things_alone_do_not_tell_stuff(tmp_path):
    labeled(tmp_path, [0, 26001], dtype=np.uint16)
    refused(
        f"{tmp_path}: these annotations do not tell what --task panoptic needs. Use --task instance.",
        tmp_path,
        *named("car", task="panoptic"),
    )


def test_paths_have_no_parents(tmp_path, monkeypatch):
    labeled(tmp_path / "mine", [0, 1])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    findings = look_at("../mine", *named("sky", "sea"))
    assert findings.proposal.train["images"] == f"{tmp_path}/mine/images"
    refused(
        f"{tmp_path}/other: there is no such folder. Name the folder of images and annotations.",
        tmp_path / "here/../other",
    )


def test_one_image_cannot_be_divided(tmp_path):
    labeled(tmp_path, [0, 1], count=1)
    refused(
        f"{tmp_path}/images: 1 image cannot be divided into a part for training and one for validation. Add images.",
        tmp_path,
        *named("sky", "sea"),
    )


def test_several_sets_of_label_files(tmp_path):
    labeled(tmp_path, [0, 1])
    shutil.copytree(tmp_path / "masks", tmp_path / "masks_of_another")
    refused(
        f"{tmp_path}: the images have several sets of label files: {tmp_path}/masks, {tmp_path}/masks_of_another. Move "
        "those that are not meant to another folder.",
        tmp_path,
        *named("a", "b"),
    )


@pytest.mark.parametrize(
    "layout", ["{kind}/{part}/{name}", "{part}/{kind}/{name}", "{part}_{kind}/{name}", "data/{part}/{kind}/town/{name}"]
)
def test_folders_for_training_and_validation(tmp_path, layout):
    for part, count in (("training", 3), ("validation", 2)):
        for number in range(count):
            photo(tmp_path / layout.format(kind="images", part=part, name=f"{part}{number}.png"))
            save(tmp_path / layout.format(kind="labels", part=part, name=f"{part}{number}.png"), stripes([0, 1]))
    findings = look_at(tmp_path, *named("a", "b"))
    assert (findings.train.length, findings.val.length) == (3, 2)
    assert not findings.proposal.notes


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images/{}", "labels/{}"),
        ("{}/images", "{}/labels"),
        ("{}_images", "{}_labels"),
        ("{}", "{}_labels"),
        ("images/{}", "{}/labels"),
        ("leftImg8bit/{}/town", "gtFine/{}/town"),
    ],
)
@pytest.mark.parametrize("task", ["semantic", "instance"])
def test_names_that_repeat_for_training_and_validation(tmp_path, images, labels, task):
    segments = {"train": 1, "val": 2}
    for part, most in segments.items():
        for number in range(3):
            photo(tmp_path / images.format(part) / f"{number}.jpg")
            save(tmp_path / labels.format(part) / f"{number}.png", stripes([0, 0, 1, most]))
    classes = ["sky", "a", "b"] if task == "semantic" else ["cat"]
    findings = look_at(tmp_path, *named(*classes, task=task))
    for part in segments:
        settings = getattr(findings.proposal, part)
        assert settings["type"] == {"semantic": "mask_folder", "instance": "instance_folder"}[task]
        for sample in build_part(DATASETS, settings):
            of_objects = len(sample.target.labels) - (task == "semantic")
            assert of_objects == segments[part]


def test_a_label_file_for_training_and_validation(tmp_path):
    for part in ("train", "val"):
        for number in range(2):
            photo(tmp_path / f"images/{part}/{number}.jpg")
            save(tmp_path / f"labels/{number}.png", stripes([0, 1]))
    refused(
        f"{tmp_path}/labels/0.png: this label file may belong to images/train/0.jpg and images/val/0.jpg. Put the "
        f"label files for training and for validation into folders of their own, such as {tmp_path}/labels/train and "
        f"{tmp_path}/labels/val.",
        tmp_path,
        *named("a", "b"),
    )


def test_lists_of_names(tmp_path):
    labeled(tmp_path, [0, 1], count=5)
    (tmp_path / "classes.txt").write_text("a\nb\n")
    for name, numbers in (("train", "0 1 3"), ("val", "2 4")):
        (tmp_path / "splits").mkdir(exist_ok=True)
        (tmp_path / f"splits/{name}.txt").write_text(numbers.replace(" ", "\n"))
    findings = look_at(tmp_path)
    assert findings.proposal.train["split"] == f"{tmp_path}/splits/train.txt"
    assert (findings.train.length, findings.val.length) == (3, 2)


def test_half_prepared_data_name_what_is_missing(tmp_path):
    labeled(tmp_path, [0, 1], count=4)
    for number in (1, 2):
        (tmp_path / f"masks/{number}.png").unlink()
    refused(
        f"{tmp_path}/masks: there is no label file for 2.png of {tmp_path}/images. Add label files of the same names, "
        f"such as 2.png, or remove these images.\n{tmp_path}/masks: there is no label file for 1.png of "
        f"{tmp_path}/images. Add label files of the same names, such as 1.png, or remove these images.",
        tmp_path,
        *named("a", "b"),
    )


def test_images_without_any_annotation(tmp_path):
    labeled(tmp_path, [0, 0])
    with pytest.raises(DataError, match=re.escape("the images for training have no annotations: there is no")):
        look_at(tmp_path, *named("person", task="instance"))


def panoptic_for_training(tmp_path, folder="images"):
    """Writes a panoptic JSON file without one for validation."""
    images, annotations = [], []
    for number in range(5):
        photo(tmp_path / f"{folder}/{number}.png")
        save(tmp_path / f"mine_train/{number}.png", np.full((40, 40, 3), (number + 1, 0, 0), dtype=np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "height": 40, "width": 40})
        segment = {"id": number + 1, "category_id": 1 + number % 2}
        annotations.append({"image_id": number, "file_name": f"{number}.png", "segments_info": [segment]})
    categories = [{"id": 1, "name": "sky", "isthing": 0}, {"id": 2, "name": "cat", "isthing": 1}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    Path(tmp_path, "mine_train.json").write_text(json.dumps(content))


def test_panoptic_files_for_training_alone(tmp_path):
    panoptic_for_training(tmp_path)
    findings = look_at(tmp_path)
    assert findings.proposal.train["type"] == "coco_panoptic"
    assert findings.proposal.notes[-1].startswith(
        "No JSON file lists images for validation beside those of mine_train.json: a fifth of them is drawn by name."
    )
    divided(findings, set(range(5)))
    for dataset in findings_datasets(findings):
        for sample in dataset:
            assert sample.target.labels.tolist() == [sample.image_id % 2]
            assert (sample.target.segment_map == 0).all()


def test_label_maps_for_validation_beside_a_panoptic_file_for_training_alone(tmp_path):
    panoptic_for_training(tmp_path, "images/training")
    for number in range(5):
        photo(tmp_path / f"images/validation/{number}.png")
        for part in ("training", "validation"):
            save(tmp_path / f"annotations/{part}/{number}.png", stripes([0, 1]))
    (tmp_path / "classes.txt").write_text("sky\ncat\n")
    panoptic, semantic = (look_at(tmp_path, None, Wishes(task)).proposal for task in (None, "semantic"))
    assert panoptic.train["type"] == "coco_panoptic"
    assert panoptic.notes[-1] == (
        "coco_panoptic was taken. The folder has label maps for training and validation, too: with --type mask_folder, "
        "these annotations are read instead."
    )
    assert semantic.tasks == ["semantic"]
    assert (semantic.train["type"], semantic.val["type"]) == ("mask_folder", "mask_folder")
    assert semantic.val["labels"] == f"{tmp_path}/annotations/validation"
    assert semantic.notes[-1] == (
        "mask_folder was taken. The folder has the marks of coco_panoptic, too: with --type coco_panoptic, these "
        "annotations are read instead."
    )


def test_a_file_that_is_no_class_list_is_told(tmp_path):
    labeled(tmp_path, [0, 1, 0, 1])
    (tmp_path / "classes.txt").write_text("road\nsky # blue\n")
    message = rf"^not taken as a class list: {re.escape(str(tmp_path))}/classes\.txt: line 2, 'sky # blue', is no class"
    with pytest.warns(UserWarning, match=message), pytest.raises(DataError, match="there is no class list"):
        look_at(tmp_path)
