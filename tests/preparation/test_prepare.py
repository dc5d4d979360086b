"""`segkit prepare` on tiny made folders in the official layouts: what it writes is what the datasets read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image

from segkit.build import build_dataset
from segkit.cli.main import main
from segkit.config import load_config
from segkit.config.sections import Split
from segkit.data.class_list import read_classes
from segkit.errors import DataError
from segkit.preparation import ade20k_full, ade20k_panoptic, cityscapes_panoptic
from segkit.results.cityscapes import cityscapes_id

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT.parent / "shared/data/ade20k_sample"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_DATASETS", str(tmp_path))
    return tmp_path


def save(path, values, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values), mode).save(path)


def photo(path, size=(4, 6)):
    save(path, np.full((*size, 3), 90, dtype=np.uint8))


def dataset_of(base, split="val"):
    """The dataset of a base config, as a training builds it."""
    config = load_config({"extends": ["segkit://base/mask_former.yaml", f"segkit://base/{base}.yaml"]})
    part = config["data"][split]["dataset"]
    return build_dataset(Split(dataset=part))


def ade20k(root):
    for folder in ("training", "validation"):
        base = root / "ADEChallengeData2016"
        name = f"ADE_{folder[:5]}_00000001"
        photo(base / "images" / folder / f"{name}.jpg")
        labels = np.ones((4, 6), dtype=np.uint8)  # wall
        labels[2:] = 13  # person
        things = np.zeros((4, 6, 3), dtype=np.uint8)
        things[2:, :3] = (4, 1, 0)
        things[2:, 3:5] = (4, 2, 0)
        save(base / "annotations" / folder / f"{name}.png", labels)
        save(base / "annotations_instance" / folder / f"{name}.png", things)


def cityscapes(root):
    for split in ("train", "val"):
        stem = "aachen_000000_000019"
        photo(root / "cityscapes/leftImg8bit" / split / "aachen" / f"{stem}_leftImg8bit.png")
        ids = np.full((4, 6), 7, dtype=np.uint16)
        ids[0], ids[1], ids[2], ids[3, 0] = 26000, 26001, 26, 3
        save(root / "cityscapes/gtFine" / split / "aachen" / f"{stem}_gtFine_instanceIds.png", ids)
        labels = np.where(ids >= 1000, ids // 1000, ids).astype(np.uint8)
        save(root / "cityscapes/gtFine" / split / "aachen" / f"{stem}_gtFine_labelIds.png", labels)


def ade20k_full_files(root):
    for folder in ("training", "validation"):
        file = root / "ADE20K_2021_17_01/images/ADE" / folder / "urban/street" / f"ADE_{folder}_1.jpg"
        photo(file, size=(600, 800))
        seg = np.zeros((600, 800, 3), dtype=np.uint8)
        for column, number in ((slice(0, 400), 2978), (slice(400, 800), 3)):  # wall, and an object that is no class
            seg[:, column, 0], seg[:, column, 1] = number // 256 * 10, number % 256
        save(file.with_name(f"{file.stem}_seg.png"), seg)


def stuff(root):
    base = root / "coco/coco_stuff_10k"
    for split, stem in (("train", "COCO_train2014_1"), ("test", "COCO_train2014_2")):
        photo(base / "images" / f"{stem}.jpg")
        (base / "imageLists").mkdir(exist_ok=True)
        (base / "imageLists" / f"{split}.txt").write_text(f"{stem}\n")
        (base / "annotations").mkdir(exist_ok=True)
        matrix = np.full((4, 6), 2, dtype=np.uint8)
        matrix[0], matrix[1] = 1, 172
        scipy.io.savemat(base / "annotations" / f"{stem}.mat", {"S": matrix})


def names_and_pixels(dataset):
    target = dataset[0].target
    names = [dataset.classes.names[label] for label in target.labels]
    return sorted(zip(names, target.masks.sum((1, 2)).tolist(), strict=True))


def test_ade20k_panoptic(root, capsys):
    ade20k(root)
    assert main(["prepare", "ade20k_panoptic"]) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "train: 1 image of the 20210 published: 20209 missing",
        "val: 1 image of the 2000 published: 1999 missing",
        "written: 2 files, 0 were there",
        "ade20k_panoptic: prepared in part. Unpack the missing images and prepare it again; until then, a training "
        "uses the others.",
    ]
    dataset = dataset_of("ade20k_panoptic")
    assert len(dataset.classes) == 150
    assert sum(dataset.classes.things) == 100
    assert dataset.classes.colors[0] == (120, 120, 120)
    # The last column is of a person, but of no instance: void.
    found = [(name.partition(",")[0], pixels) for name, pixels in names_and_pixels(dataset)]
    assert found == [("person", 4), ("person", 6), ("wall", 12)]
    assert int((~dataset[0].target.valid).sum()) == 2


def test_cityscapes_panoptic(root):
    cityscapes(root)
    assert main(["prepare", "cityscapes_panoptic"]) == 0
    dataset = dataset_of("cityscapes_panoptic")
    assert len(dataset.classes) == 19
    assert names_and_pixels(dataset) == [("car", 6), ("car", 6), ("car", 6), ("road", 5)]
    assert dataset[0].target.is_crowd.tolist().count(True) == 1
    # Both the official evaluation and segkit's result files find an image by this id.
    assert dataset[0].image_id == cityscapes_id(dataset[0].file) == "aachen_000000_000019"


def test_ade20k_full(root):
    ade20k_full_files(root)
    assert main(["prepare", "ade20k_full"]) == 0
    dataset = dataset_of("ade20k_full")
    assert len(dataset.classes) == 847
    sample = dataset[0]
    assert sample.size == (512, 683)
    assert [dataset.classes.names[label] for label in sample.target.labels] == ["wall"]
    assert 0.49 < float(sample.target.valid.float().mean()) < 0.51


def test_coco_stuff_10k(root):
    stuff(root)
    assert main(["prepare", "coco_stuff_10k"]) == 0
    dataset = dataset_of("coco_stuff_10k", "train")
    assert len(dataset) == 1
    assert names_and_pixels(dataset) == [("person", 12), ("wood", 6)]
    assert int((~dataset[0].target.valid).sum()) == 6


def test_cityscapes_semantic_needs_no_preparation(root):
    cityscapes(root)
    dataset = dataset_of("cityscapes_semantic")
    assert names_and_pixels(dataset) == [("car", 18), ("road", 5)]
    assert int((~dataset[0].target.valid).sum()) == 1


def test_an_interrupted_preparation_goes_on(root, capsys):
    ade20k(root)
    base = root / "ADEChallengeData2016"
    assert main(["prepare", "ade20k_panoptic"]) == 0
    before = json.loads((base / "ade20k_panoptic_val.json").read_text())
    shutil.rmtree(base / "ade20k_panoptic_val")
    (base / "ade20k_panoptic_val.json").unlink()
    (base / "ade20k_panoptic_train.json").unlink()
    capsys.readouterr()
    assert main(["prepare", "ade20k_panoptic"]) == 0
    assert capsys.readouterr().out.splitlines()[-2] == "written: 1 file, 1 were there"
    assert json.loads((base / "ade20k_panoptic_val.json").read_text()) == before


def test_what_another_program_has_prepared_is_left(root):
    ade20k(root)
    file = root / "ADEChallengeData2016/ade20k_panoptic_train.json"
    file.with_suffix("").mkdir()
    file.with_suffix("").joinpath("other.png").touch()
    text = '{"images": [{"id": "ADE_train_00000001"}], "annotations": [{"file_name": "other.png"}]}'
    file.write_text(text)
    assert main(["prepare", "ade20k_panoptic"]) == 0
    assert file.read_text() == text
    assert [png.name for png in file.with_suffix("").iterdir()] == ["other.png"]


def test_panoptic_files_of_the_official_cityscapes_script_are_read(root):
    """It names images after the label files, without the folder of the city."""
    cityscapes(root)
    stem = "aachen_000000_000019"
    segments = np.array([[7, 7, 7, 26000 % 256, 26000 % 256, 0]] * 4, dtype=np.uint8)
    png = np.zeros((4, 6, 3), dtype=np.uint8)
    png[..., 0], png[:, 3:5, 1] = segments, 26000 // 256
    for split in ("train", "val"):
        file = root / f"cityscapes/gtFine/cityscapes_panoptic_{split}.json"
        save(file.with_suffix("") / f"{stem}_gtFine_panoptic.png", png)
        segments_info = [
            {"id": 7, "category_id": 7, "area": 12, "bbox": [0, 0, 3, 4], "iscrowd": 0},
            {"id": 26000, "category_id": 26, "area": 8, "bbox": [3, 0, 2, 4], "iscrowd": 0},
        ]
        categories = [{"id": 7, "name": "road", "isthing": 0}, {"id": 26, "name": "car", "isthing": 1}]
        image = {"id": stem, "width": 6, "height": 4, "file_name": f"{stem}_gtFine_leftImg8bit.png"}
        annotation = {"image_id": stem, "file_name": f"{stem}_gtFine_panoptic.png", "segments_info": segments_info}
        file.write_text(json.dumps({"images": [image], "annotations": [annotation], "categories": categories}))
    before = file.read_text()
    assert main(["prepare", "cityscapes_panoptic"]) == 0
    assert file.read_text() == before
    dataset = dataset_of("cityscapes_panoptic")
    image = root / "cityscapes/leftImg8bit/val/aachen" / f"{stem}_leftImg8bit.png"
    assert dataset[0].file == str(image)
    assert names_and_pixels(dataset) == [("car", 8), ("road", 12)]
    image.unlink()
    with pytest.raises(DataError) as error:
        dataset_of("cityscapes_panoptic")
    assert str(error.value) == (
        f"{file}: images[0] (id \"{stem}\"): 'file_name': there is no file {image}. Restore it or correct the name."
    )


def test_what_another_program_has_prepared_of_fewer_images_is_named(root, capsys):
    ade20k(root)
    file = root / "ADEChallengeData2016/ade20k_panoptic_train.json"
    file.write_text('{"images": [], "annotations": []}')
    assert main(["prepare", "ade20k_panoptic"]) == 1
    assert capsys.readouterr().err == (
        f"error: {file}: of the 1 image found, it does not list 1, such as ADE_train_00000001.jpg. Remove this file "
        f"and the folder {file.with_suffix('')}, and prepare the dataset again.\n"
    )


@pytest.mark.parametrize("name", ["ade20k_panoptic", "cityscapes_panoptic"])
def test_images_unpacked_later_are_prepared_too(root, capsys, name):
    """Each later image is a copy: of ADE20K's, and of another city."""
    make, old, new = {"ade20k_panoptic": (ade20k, "_00000001", "_00000002")}.get(name, (cityscapes, "aachen", "bochum"))
    make(root)
    assert main(["prepare", name]) == 0
    for file in sorted(file for file in root.rglob(f"*{old}*.*") if "panoptic" not in str(file)):
        later = Path(str(file).replace(old, new))
        later.parent.mkdir(exist_ok=True)
        shutil.copy(file, later)
    capsys.readouterr()
    assert main(["prepare", name]) == 0
    assert capsys.readouterr().out.splitlines()[-2] == "written: 2 files, 2 were there"
    assert [len(dataset_of(name, split)) for split in ("train", "val")] == [2, 2]
    assert main(["prepare", name]) == 0
    assert capsys.readouterr().out.splitlines()[-2] == "written: 0 files, 4 were there"


@pytest.mark.parametrize("damage", ["missing PNG", "cut JSON", "other JSON"])
def test_what_is_prepared_but_not_whole_is_named(root, capsys, damage):
    cityscapes(root)
    assert main(["prepare", "cityscapes_panoptic"]) == 0
    file = root / "cityscapes/gtFine/cityscapes_panoptic_val.json"
    if damage == "missing PNG":
        shutil.rmtree(file.with_suffix(""))
    else:
        file.write_text(file.read_text()[:100] if damage == "cut JSON" else "{}")
    capsys.readouterr()
    assert main(["prepare", "cityscapes_panoptic"]) == 1
    error = capsys.readouterr().err
    assert ("of its 1 PNGs, 1 are missing" if damage == "missing PNG" else "it is no whole JSON") in error
    assert f"Remove this file and the folder {file.with_suffix('')}, and prepare the dataset again." in error
    file.unlink()
    shutil.rmtree(file.with_suffix(""), ignore_errors=True)
    assert main(["prepare", "cityscapes_panoptic"]) == 0
    assert "written: 1 file, 1 were there" in capsys.readouterr().out


def test_a_missing_archive_is_named(root, capsys):
    assert main(["prepare", "ade20k_panoptic"]) == 1
    assert capsys.readouterr().err == (
        f"error: {root}/ADEChallengeData2016: there is no such file or folder. It comes from ADEChallengeData2016.zip "
        "of the scene parsing challenge (sceneparsing.csail.mit.edu). Relative paths are looked up in the folder that "
        "the environment variable SEGKIT_DATASETS names. Set SEGKIT_DATASETS to the folder that holds your datasets, "
        "or give an absolute path.\n"
    )


def test_half_unpacked_archives_are_named(root, capsys):
    ade20k(root)
    missing = root / "ADEChallengeData2016/annotations_instance/validation/ADE_valid_00000001.png"
    missing.unlink()
    assert main(["prepare", "ade20k_panoptic"]) == 1
    image = root / "ADEChallengeData2016/images/validation/ADE_valid_00000001.jpg"
    assert capsys.readouterr().err == (
        f"error: {missing}: there is no such file, but an image {image}. Unpack the published archive again.\n"
    )
    shutil.rmtree(image.parent)
    image.parent.mkdir()
    assert main(["prepare", "ade20k_panoptic"]) == 1
    assert capsys.readouterr().err == (
        f"error: {image.parent}: there is no file with a name that ends in '.jpg'. Unpack the published archive "
        "again.\n"
    )


def test_missing_files_are_named_together_before_anything_is_written(root, capsys):
    cityscapes(root)
    images = [
        root / f"cityscapes/leftImg8bit/train/bochum/bochum_000000_{number:06}_leftImg8bit.png" for number in range(12)
    ]
    for image in images:
        photo(image)
    assert main(["prepare", "cityscapes_panoptic"]) == 1
    lines = capsys.readouterr().err.splitlines()
    labels = root / "cityscapes/gtFine/train/bochum/bochum_000000_000001_gtFine_instanceIds.png"
    assert len(lines) == 11
    assert lines[1] == (
        f"{labels}: there is no such file, but an image {images[1]}. Unpack the published archive again."
    )
    assert lines[10] == "cityscapes_panoptic: and 2 more."
    assert not list(root.rglob("*panoptic*"))


def test_damaged_files_are_named_together_after_all_others_are_prepared(root, capsys):
    ade20k(root)
    base = root / "ADEChallengeData2016"
    for number in (2, 3):
        for file in sorted(base.rglob("ADE_train_00000001.*")):
            shutil.copy(file, Path(str(file).replace("00000001", f"0000000{number}")))
    damaged = [base / f"annotations/training/ADE_train_0000000{number}.png" for number in (1, 2)]
    for file in damaged:
        file.write_bytes(b"damaged")
    assert main(["prepare", "ade20k_panoptic"]) == 1
    error = capsys.readouterr().err
    assert all(str(file) in error for file in damaged)
    written = sorted(file.name for file in base.glob("ade20k_panoptic_*/*"))
    assert written == ["ADE_train_00000003.png", "ADE_valid_00000001.png"]
    assert not list(base.glob("*.json"))


def test_missing_images_of_coco_stuff_are_named(root, capsys):
    stuff(root)
    base = root / "coco/coco_stuff_10k"
    image = base / "images/COCO_train2014_1.jpg"
    image.unlink()
    assert main(["prepare", "coco_stuff_10k"]) == 1
    assert capsys.readouterr().err == (
        f"error: {image}: there is no such file, but {base}/imageLists/train.txt lists it. Unpack the published "
        "archive again.\n"
    )


def test_names_of_coco_stuff_that_lead_out_are_named(root, capsys):
    stuff(root)
    file = root / "coco/coco_stuff_10k/imageLists/train.txt"
    file.write_text("../../other\nCOCO_train2014_1\n")
    assert main(["prepare", "coco_stuff_10k"]) == 1
    assert capsys.readouterr().err == (
        f"error: {file}: '../../other' must be the name of an image without a folder. Unpack the published archive "
        "again.\n"
    )


def test_label_files_of_ade20k_full_as_tiff_are_left(root, capsys):
    ade20k_full_files(root)
    assert main(["prepare", "ade20k_full"]) == 0
    base = root / "ADE20K_2021_17_01/annotations_detectron2"
    for png in sorted(base.rglob("*.png")):
        with Image.open(png) as image:
            image.save(png.with_suffix(".tif"))
        png.unlink()
    capsys.readouterr()
    assert main(["prepare", "ade20k_full"]) == 0
    assert capsys.readouterr().out.splitlines()[-2] == "written: 0 files, 4 were there"
    sample = dataset_of("ade20k_full")[0]
    assert not list(base.rglob("*.png"))
    assert 0.49 < float(sample.target.valid.float().mean()) < 0.51


def test_a_mat_file_without_labels_is_named(root, capsys):
    stuff(root)
    mat = root / "coco/coco_stuff_10k/annotations/COCO_train2014_1.mat"
    scipy.io.savemat(mat, {"other": np.zeros((4, 6))})
    assert main(["prepare", "coco_stuff_10k"]) == 1
    assert capsys.readouterr().err == (
        f"error: {mat}: it holds no matrix 'S', the labels. Unpack the published archive again.\n"
    )


def test_instances_of_another_size_are_named(root, capsys):
    ade20k(root)
    things = root / "ADEChallengeData2016/annotations_instance/training/ADE_train_00000001.png"
    save(things, np.zeros((2, 2, 3), dtype=np.uint8))
    assert main(["prepare", "ade20k_panoptic"]) == 1
    labels = root / "ADEChallengeData2016/annotations/training/ADE_train_00000001.png"
    assert capsys.readouterr().err == (
        f"error: {things}: it has another size than {labels}. Unpack the published archives again.\n"
    )


def test_a_damaged_mat_file_is_named(root, capsys):
    stuff(root)
    mat = root / "coco/coco_stuff_10k/annotations/COCO_train2014_1.mat"
    mat.write_bytes(b"no matrix")
    assert main(["prepare", "coco_stuff_10k"]) == 1
    assert capsys.readouterr().err.startswith(f"error: {mat}: cannot be read (")


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs ../shared/data/ade20k_sample")
def test_real_ade20k_segments_are_those_of_the_published_preparation():
    base = SAMPLE / "ADEChallengeData2016"
    classes = read_classes(ROOT / "configs/classes/ade20k_150.csv")
    annotations = json.loads((base / "ade20k_panoptic_train.json").read_text())["annotations"]
    for annotation in annotations:
        labels = np.asarray(Image.open(base / "annotations/training" / annotation["file_name"]), dtype=np.int32)
        things = np.asarray(
            Image.open(base / "annotations_instance/training" / annotation["file_name"]), dtype=np.int32
        )
        ours = ade20k_panoptic.segments_of(classes, labels, things[..., 0], things[..., 1])
        rgb = np.asarray(Image.open(base / "ade20k_panoptic_train" / annotation["file_name"]), dtype=np.int32)
        theirs = rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]
        for segment in annotation["segments_info"]:
            mask = theirs == segment["id"]
            assert len(np.unique(ours[mask])) == 1, segment
            assert ours[mask][0] // 1000 == segment["category_id"] + 1
            assert np.array_equal(ours == ours[mask][0], mask)
        assert np.array_equal(ours == 0, theirs == 0)


def test_the_table_of_ade20k_full():
    table = ade20k_full.label_table()
    assert (table != 65535).sum() == 847
    assert sorted(table[table != 65535].tolist()) == list(range(847))


def test_crowds_of_cityscapes_are_no_instances():
    classes = read_classes(ROOT / "configs/classes/cityscapes.csv")
    found = cityscapes_panoptic.segments_of(classes, np.array([[24, 24000, 11, 29000, 33005]], dtype=np.int32))
    assert torch.from_numpy(found).tolist() == [[24999, 24001, 11000, 0, 33006]]
